"""`errors_over_frames.csv`: videos and labellers that put a keypoint off in one direction, and repeated errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from frameworth.attribution.suspicion.biases import biased_groups
from frameworth.attribution.suspicion.runs import repeated_errors
from frameworth.results.results import Results
from frameworth.storage.files import read_table, write_csv
from frameworth.text import readable

FILE = "errors_over_frames.csv"
_CALLED = 0.05  # p_adjusted below which a video or run is named
_MOST_NAMED = 3
_COLUMNS = ["kind", "video", "labeller", "first_image", "last_image", "frames", "keypoint", "distance_px", "along_px",
            "across_px", "p", "p_adjusted", "unseen", "called"]  # fmt: skip


def errors_over_frames(results: Results) -> pd.DataFrame:
    """The table; the file formats explain its columns. If the networks have not learned, no row is `called`."""
    poses, labels = results.scores["consensus_pose"], results.labels
    percents = results.percents
    numbers, names = pd.factorize(results.frames["video"])
    images = results.frames["image"].tolist()
    rows = _biased(results, "video")
    if "labeller" in results.frames:
        rows += _biased(results, "labeller")
    for run in repeated_errors(poses, labels.xy, results.inclusion, numbers, percents):
        first, last = run.frames[[0, -1]]
        rows.append(
            {"kind": "run", "video": names[numbers[first]], "first_image": images[first], "last_image": images[last]}
            | {"frames": len(run.frames), "keypoint": labels.keypoints[run.keypoint], "distance_px": run.distance}
            | {"p": run.p, "p_adjusted": run.p_adjusted, "unseen": True}
        )
    table = pd.DataFrame(rows, columns=_COLUMNS)
    table["called"] = (table["p_adjusted"] < _CALLED) & results.learning.learned
    return table


def _biased(results: Results, by: str) -> list[dict[str, Any]]:
    """A row per group and keypoint; frames of a group share a value in the column `by` of `frames.csv`."""
    frames, labels = results.frames, results.labels
    known = np.flatnonzero(frames[by].notna())
    numbers, names = pd.factorize(frames[by].iloc[known])
    of_known = results.scores["consensus_pose"][:, known], labels.xy[known], results.inclusion[:, known]
    rows = []
    for bias in biased_groups(*of_known, numbers, results.percents):
        images = frames["image"].iloc[known[numbers == bias.group]]
        ends = {"first_image": images.iloc[0], "last_image": images.iloc[-1]} if by == "video" else {}
        rows.append(
            {"kind": "biased" if by == "video" else "biased labeller", by: names[bias.group]}
            | ends
            | {"frames": bias.frames, "keypoint": labels.keypoints[bias.keypoint]}
            | {"distance_px": float(np.hypot(*bias.offset)), "along_px": bias.offset[0], "across_px": bias.offset[1]}
            | {"p": bias.p, "p_adjusted": bias.p_adjusted, "unseen": bias.unseen}
        )
    return rows


def write_errors_over_frames(results: Results) -> None:
    """Write `errors_over_frames.csv`."""
    write_csv(results.folder / FILE, errors_over_frames(results))


def sentences_over_frames(study: Path) -> list[str]:
    """A sentence for each of the first called errors of each kind; empty if the study has no such table.

    If only two videos or labellers differ, nobody can know which of them is off, so they share a sentence.
    """
    path = study / FILE
    if not path.exists():
        return []
    table = read_table(path, text=("video", "labeller", "first_image", "last_image", "keypoint"))
    table["name"] = table["labeller"].fillna(table["video"])
    of_keypoint = table.groupby(["kind", "keypoint"])
    alone = (of_keypoint["kind"].transform("size") != 2) | (table["kind"] == "run")
    table["both"] = of_keypoint["name"].transform(lambda names: " and ".join(sorted(names))).mask(alone)
    called = table[table["called"].astype(bool)]
    once = called["both"].isna() | ~called.duplicated(["kind", "keypoint"])
    called = called[once].groupby("kind", sort=False).head(_MOST_NAMED)
    return [_sentence(row) for row in called.to_dict("records")]


def _sentence(row: dict[str, Any]) -> str:
    p = f"p {'< 0.0001' if row['p_adjusted'] < 1e-4 else '= ' + readable(row['p_adjusted'])} over all"
    off = f"the labels of {row['keypoint']} are off in one direction: by {row['distance_px']:.1f} px against the other"
    if isinstance(row["both"], str):
        return (
            f"The labels of {row['keypoint']} differ in one direction between {row['both']}, by "
            f"{row['distance_px']:.1f} px ({p}): which of the two is off is unknown."
        )
    if row["kind"] == "biased":
        return (
            f"In {row['video']} {off} videos ({p}). A labeller may mean another place there, or networks may miss the "
            "keypoint differently."
        )
    if row["kind"] == "biased labeller":
        return f"Where {row['labeller']} labelled, {off} labellers ({p})."
    return (
        f"In {row['video']} the labels of {row['keypoint']} in {row['frames']} frames that look the same, "
        f"{row['first_image']} to {row['last_image']}, are off together: by {row['distance_px']:.1f} px ({p})."
    )
