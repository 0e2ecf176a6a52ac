"""Which frames do methods that ask networks call harmful, and how well do they rank the planted ones?

make findings-methods
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import binomtest

from findings.drawing import intervals_by_project
from findings.reading import finished
from frameworth.answers.validation import auroc
from frameworth.attribution.method_values import LEVEL as SINGLED_OUT
from frameworth.attribution.method_values import outlying
from frameworth.attribution.methods import method
from frameworth.results.results import Results
from frameworth.storage.files import read_json
from frameworth.storage.hdf5 import read_hdf5

STUDIES = "methods"
PLANTINGS = (1, 2, 3, 4)
METHODS = {"warm": "warm influence", "metagradient": "metagradients"}
DRAWS = 999
LEVEL = 0.95


def collect() -> pd.DataFrame:
    """A row per project, planting, method and frame of the pool; see `frames_of`."""
    parts = [
        frames_of(folder, name).assign(project=project, planting=planting)
        for planting in PLANTINGS
        for project, folder in finished(f"{STUDIES}-{planting}").items()
        for name in METHODS
    ]
    return pd.concat(parts)[["project", "planting", *parts[0].columns[:-2]]]


def frames_of(folder: Path, name: str) -> pd.DataFrame:
    """What a method says of each frame of the pool, and what it cost in trainings (of as many samples).

    `singled_out`: the value is above the others' beyond chance (max-T); `called`: it also stands out of what frames
    are like.
    """
    results = Results(folder)
    table = results.frame_values.set_index("frame").sort_index()
    asked = read_hdf5(folder / method(name).artefact, ["inclusion", "steps_taken"])
    training = read_json(folder / "config.json")["training"]
    further = asked["steps_taken"].sum() / (training["steps"] * training["batch_size"])
    singled_out = (table[f"{name}_p_adjusted"] < SINGLED_OUT).to_numpy()
    return pd.DataFrame({
        "method": name,
        "frame": table.index,
        "planted": results.frames["planted"].notna().to_numpy()[table.index],
        "value": table[f"{name}_value"].to_numpy(),
        "singled_out": singled_out,
        "called": singled_out & outlying(table[f"{name}_value"].to_numpy()),
        "cost": round(len(asked["inclusion"]) + further, 1),
    })  # fmt: skip


def answer(table: pd.DataFrame) -> pd.DataFrame:
    """A row per project and method, over its plantings, and `difference`s of the first method from the second.

    `auroc` of planted frames among the pool's, the mean over plantings, with an interval by drawing planted and good
    frames again within each planting, for the same networks; `called` and `singled_out` frames, of them `_good`;
    `plantings_wrong`, in which a good frame is called, with the share's 95 % interval (Clopper and Pearson 1934).
    """
    rows = []
    for project, of_project in table.groupby("project", sort=False):
        drawn = {name: aurocs(part) for name, part in of_project.groupby("method", sort=False)}
        for name, part in of_project.groupby("method", sort=False):
            row = {"project": project, "method": name, "plantings": part["planting"].nunique()}
            row |= {"cost": part.groupby("planting")["cost"].first().mean(), **interval(drawn[name])}
            for calls in ("called", "singled_out"):
                row |= {calls: part[calls].sum(), f"{calls}_good": (part[calls] & ~part["planted"]).sum()}
            wrong = part[part["called"] & ~part["planted"]]["planting"].nunique()
            share = binomtest(wrong, row["plantings"]).proportion_ci()
            rows.append(row | {"plantings_wrong": wrong, "wrong_low": share.low, "wrong_high": share.high})
        first, second = METHODS
        rows.append({"project": project, "method": "difference", **interval(drawn[second] - drawn[first])})
    return pd.DataFrame(rows).round(3)


def aurocs(part: pd.DataFrame) -> np.ndarray:
    """AUROC of a method, the mean over its plantings, then the same with frames drawn again: [1 + DRAWS]."""
    return np.mean([_auroc_draws(rows) for _, rows in part.groupby("planting")], axis=0)


def _auroc_draws(rows: pd.DataFrame) -> np.ndarray:
    known = rows.dropna(subset="value").sort_values("frame")
    kinds = [known["value"].to_numpy()[known["planted"] == planted] for planted in (True, False)]
    rng = np.random.default_rng(rows["planting"].iloc[0])  # the same frames for each method
    drawn = [[rng.choice(kind, len(kind)) for kind in kinds] for _ in range(DRAWS)]
    truth = np.arange(len(known)) < len(kinds[0])
    return np.array([auroc(truth, np.concatenate(pair)) for pair in [kinds, *drawn]])


def interval(draws: np.ndarray) -> dict[str, float]:
    """What was measured, first of the draws, and the interval of the others."""
    low, high = np.quantile(draws[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return {"auroc": float(draws[0]), "auroc_low": float(low), "auroc_high": float(high)}


def draw(table: pd.DataFrame) -> Figure:
    """AUROC of each method in each project, with its interval."""
    rows = answer(table)
    rows = rows[rows["method"] != "difference"].assign(method=rows["method"].map(METHODS))
    label = "AUROC of the planted frames, mean over plantings, 95 % intervals"
    return intervals_by_project(rows, "method", "auroc", ("auroc_low", "auroc_high"), label, chance=0.5)
