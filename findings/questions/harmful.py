"""Does a rightly labelled frame ever harm? The frames judged worst, best and others, in and out of common subsets.

make findings-harmful
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from findings.drawing import intervals_by_project
from findings.reading import finished
from frameworth.attribution.inference.paired import paired_difference
from frameworth.labels.labels import distance
from frameworth.plan.names import subset_path, toggle_sides
from frameworth.plan.requests import TOGGLE_PERCENT
from frameworth.results.results import Results
from frameworth.storage.hdf5 import read_hdf5

STUDIES = "harmful"
GROUPS = {"without": "none", "with": "all", "part-1": "worst", "part-2": "best", "part-3": "random"}
WORDS = {
    "worst": "the six judged worst, against none",
    "random": "six random ones, against none",
    "best": "the six judged best, against none",
    "worst - random": "the worst against random ones",
    "best - random": "the best against random ones",
}
LEVEL = 0.95


def collect() -> pd.DataFrame:
    """A row per project, pair, and group that was added to the subset; see `pairs_of`."""
    parts = [pairs_of(folder).assign(project=project) for project, folder in finished(STUDIES).items()]
    return pd.concat(parts)[["project", *parts[0].columns[:-1]]]


def pairs_of(folder: Path) -> pd.DataFrame:
    """A row per group and pair: mean log(1 + px) and median px over held-out labels, and the frames added."""
    results = Results(folder)
    toggled = results.experiment("toggle")
    assert toggled is not None
    frames = toggled.set_index("arm")["frames"]
    rows = []
    for side in toggle_sides(len(GROUPS) - 2):
        for pair in range(1, int(toggled["pairs"].max()) + 1):
            file = folder / "toggle" / side / subset_path(TOGGLE_PERCENT, pair) / "predictions.h5"
            away = distance(read_hdf5(file, ["pose"])["pose"], results.labels.xy)[:, ~results.pool]
            row = {"group": GROUPS[side], "pair": pair, "log_error": np.nanmean(np.log1p(away))}
            rows.append(row | {"median_px": np.nanmedian(away), "frames": frames.get(side, "")})
    return pd.DataFrame(rows)


def answer(table: pd.DataFrame) -> pd.DataFrame:
    """A row per project and comparison: mean change of log(1 + px), its t interval over pairs, and change of px."""
    rows = []
    for project, part in table.groupby("project", sort=False):
        wide = part.pivot_table(index="pair", columns="group", values=["log_error", "median_px"])
        for name, words in WORDS.items():
            group, _, against = name.partition(" - ")
            change = {
                score: wide[score, group] - wide[score, against or "none"] for score in ("log_error", "median_px")
            }
            mean = paired_difference(change["log_error"].to_numpy(), change["log_error"].index.to_numpy(), LEVEL)
            row = {"project": project, "comparison": words, "pairs": mean.pairs, "change": mean.difference}
            row |= {"ci_low": mean.ci_low, "ci_high": mean.ci_high, "p": mean.p}
            rows.append(row | {"median_px": float(change["median_px"].mean())})
    return pd.DataFrame(rows).round(4)


def draw(table: pd.DataFrame) -> Figure:
    """The change for each comparison in each project, with its interval."""
    label = "change of the held-out mean log(1 + px), 95 % intervals"
    return intervals_by_project(answer(table), "comparison", "change", ("ci_low", "ci_high"), label)
