"""Why do rightly labelled frames of the mouse between mirrors harm? Frames of one phase of the gait, and of the other.

make findings-harmful
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from findings.drawing import intervals_by_project
from findings.questions.harmful import GROUPS, LEVEL, STUDIES
from findings.reading import finished
from frameworth.attribution.inference.paired import paired_difference
from frameworth.labels.labels import distance
from frameworth.plan.names import subset_path
from frameworth.plan.requests import TOGGLE_PERCENT
from frameworth.results.results import Results
from frameworth.storage.hdf5 import read_hdf5

PROJECT = "mirrors"
FRONT_PAWS = ("paw2LF_bot", "paw3RF_bot")  # left and right, seen from below, where neither paw hides the other
PHASES = {True: "left paw ahead", False: "right paw ahead"}


def collect() -> pd.DataFrame:
    """A row per group, pair, phase of the held-out frames, and kind of keypoints; see `errors_of`."""
    folders = finished(STUDIES)
    return pd.DataFrame(errors_of(folders[PROJECT])) if PROJECT in folders else pd.DataFrame()


def errors_of(folder: Path) -> Iterator[dict[str, object]]:
    """The change of mean log(1 + px) from each group of frames, at paws and at other keypoints, by held-out phase.

    `ahead_px` is the median over the group's frames of how far the left front paw is ahead of the right one.
    """
    results = Results(folder)
    toggled, labels = results.experiment("toggle"), results.labels
    assert toggled is not None
    left, right = (labels.keypoints.index(name) for name in FRONT_PAWS)
    ahead = labels.xy[:, left, 0] - labels.xy[:, right, 0]  # the mouse looks to the right
    paw = np.array(["paw" in name for name in labels.keypoints])
    pairs = range(1, int(toggled["pairs"].max()) + 1)
    without = {pair: _log_error(folder, "without", pair, labels.xy) for pair in pairs}
    for row in toggled.itertuples():
        group = np.array(str(row.frames).split(), int)
        for pair in pairs:
            change = _log_error(folder, row.arm, pair, labels.xy) - without[pair]
            for phase, name in PHASES.items():
                of_phase = ~results.pool & ((ahead > 0) if phase else (ahead < 0))
                for keypoints, of_kind in (("paws", paw), ("others", ~paw)):
                    yield {
                        "project": PROJECT, "group": GROUPS[row.arm], "ahead_px": float(np.median(ahead[group])),
                        "pair": pair, "phase": name, "frames": int(of_phase.sum()), "keypoints": keypoints,
                        "change": float(np.nanmean(change[of_phase][:, of_kind])),
                    }  # fmt: skip


def _log_error(folder: Path, side: str, pair: int, xy: np.ndarray) -> np.ndarray:
    file = folder / "toggle" / side / subset_path(TOGGLE_PERCENT, pair) / "predictions.h5"
    return np.log1p(distance(read_hdf5(file, ["pose"])["pose"], xy)).mean(axis=0)


def answer(table: pd.DataFrame) -> pd.DataFrame:
    """A row per group, phase and kind of keypoints: mean change from training without the frames, and t interval."""
    rows = []
    for names, part in table.groupby(["group", "phase", "keypoints"], sort=False):
        mean = paired_difference(part["change"].to_numpy(), part["pair"].to_numpy(), LEVEL)
        row = dict(zip(("group", "phase", "keypoints"), names, strict=True))
        row |= {"ahead_px": part["ahead_px"].iloc[0], "frames": part["frames"].iloc[0], "pairs": mean.pairs}
        rows.append(row | {"change": mean.difference, "ci_low": mean.ci_low, "ci_high": mean.ci_high})
    return pd.DataFrame(rows).round(4)


def draw(table: pd.DataFrame) -> Figure:
    """The change at the paws, for each group and phase."""
    rows = answer(table[(table["keypoints"] == "paws") & (table["group"] != "all")])
    about = rows["group"] + " frames, where the " + rows["phase"].str.replace("ahead", "is ahead")
    rows = rows.assign(project=PROJECT, about=about)
    label = "change of mean log(1 + px) at held-out paws, 95 % intervals"
    return intervals_by_project(rows, "about", "change", ("ci_low", "ci_high"), label)
