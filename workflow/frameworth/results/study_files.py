"""Whether a study can be read: its files are there, hold what they should, and were made from each other.

A run that was stopped after labels had changed leaves scores of the labels as they were beside the new labels, and what
an earlier version made may lack what this one reads. Told in one line, before arrays that do not go together are mixed.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from frameworth.errors import UserError
from frameworth.attribution.inference.values import out_of_bag_error
from frameworth.storage.hdf5 import read_hdf5
from frameworth.labels.frames import read_frames
from frameworth.labels.labels import Labels, distance, read_labels
from frameworth.storage.made_from import is_made_from
from frameworth.labels.subsets import read_subsets

SCORED = ("frames.csv", "labels.h5", "subsets.csv", "subsets.h5", "scores.h5")
ESTIMATED = (*SCORED, "influence.h5", "frame_values.csv")
RUN_FIRST = "run `frameworth run` with the study's config first"

_SAME_PX = 1e-2  # errors are kept in single precision
_HOLDS = {
    "frames.csv": ("frame", "video", "image", "width", "height", "split"),
    "labels.h5": ("label", "size", "path", "digest", "skeleton", "keypoint"),
    "subsets.csv": ("subset", "percent", "seed", "design", "cluster"),
    "subsets.h5": ("inclusion",),
    "scores.h5": (
        "error", "log_error", "log_probability", "consensus_pose", "consensus_error", "consensus_confidence",
    ),
    "influence.h5": (),
    "rmse.csv": ("subset", "percent", "kind", "member", "mean_error", "mean_log_error", "mean_log_probability"),
    "frame_values.csv": (
        "frame", "video", "image", "check_priority", "out_of_bag_error", "value", "tested_value",
        "standard_error", "ci_low", "ci_high", "called_ci_low", "called_ci_high", "p_adjusted",
        "tested_absolute_value", "networks_factor", "memorization", "verdict", "value_px",
    ),
    "summary.json": ("check_first_names", "verdicts", "statement", "further_frames"),
}  # fmt: skip


@contextmanager
def being_read(folder: Path) -> Iterator[None]:
    """Raise UserError, in place of what Python raises, for a file that goes away while it is read: a run makes it anew.

    Also for a table that lacks what is read of it, without being among those that `require` knows.
    """
    try:
        yield
    except FileNotFoundError as gone:
        path = gone.filename or folder
        raise UserError(f"{path}: went away while it was read, as the study is being run; wait for its end") from None
    except (KeyError, AttributeError, pd.errors.EmptyDataError) as lacking:
        what = f"one of its tables lacks {lacking}, as if an earlier version had made it"
        raise UserError(f"{folder}: {what}; {RUN_FIRST}") from None


def require(folder: Path, names: Sequence[str], todo: str = RUN_FIRST) -> None:
    """Raise UserError if a file of a study is not there, or does not hold what is read of it.

    Args:
        folder: `results/{study}`. todo: what makes the file.
    """
    for name in names:
        path = folder / name
        if not path.exists():
            why = "the study has not come so far" if (folder / "frames.csv").exists() else "nothing has been run"
            raise UserError(f"{path}: there is no such file, as {why}; {todo}")
        try:
            there = _contents(path)
        except (OSError, ValueError, csv.Error) as problem:
            what = " ".join(str(problem).split())
            raise UserError(f"{path}: cannot be read ({what}); delete it, then {todo}") from None
        if missing := [key for key in _HOLDS[name] if key not in there]:
            what = f"holds no '{missing[0]}', as if an earlier version had made it"
            raise UserError(f"{path}: {what}; delete it, then {todo}")


def require_one_study(folder: Path, todo: str = RUN_FIRST) -> None:
    """Raise UserError if the files of a study that `ESTIMATED` names were not made from each other."""
    labels, frames = read_labels(folder / "labels.h5"), read_frames(folder / "frames.csv")
    subsets, inclusion = read_subsets(folder)
    scores, influence = read_hdf5(folder / "scores.h5"), folder / "influence.h5"
    pool = (frames["split"] == "pool").to_numpy()
    shape = scores["error"].shape

    def refuse_unless(fits: bool, name: str, what: str, source: str) -> None:
        if not fits:
            raise UserError(f"{folder / name}: was made from other {what} than {folder / source} holds; {todo}")

    refuse_unless(len(frames) == len(labels.xy), "labels.h5", "frames", "frames.csv")
    refuse_unless(inclusion.shape == (len(subsets), len(frames)), "subsets.h5", "frames", "frames.csv")
    refuse_unless(not inclusion[:, ~pool].any(), "subsets.h5", "frames", "frames.csv")
    refuse_unless(shape[0] == len(subsets), "scores.h5", "subsets", "subsets.csv")
    refuse_unless(_same(scores.get("subset"), subsets["subset"]), "scores.h5", "subsets", "subsets.csv")
    refuse_unless(is_made_from(folder / "scores.h5", folder / "subsets.h5"), "scores.h5", "subsets", "subsets.h5")
    refuse_unless(shape[1:] == labels.xy.shape[:2], "scores.h5", "labels", "labels.h5")
    refuse_unless(_same(scores.get("keypoint"), labels.keypoints), "scores.h5", "labels", "labels.h5")
    refuse_unless(_are_of_labels(scores, labels), "scores.h5", "labels", "labels.h5")
    refuse_unless(is_made_from(folder / "scores.h5", folder / "labels.h5"), "scores.h5", "labels", "labels.h5")
    refuse_unless(_influence_fits(influence, inclusion, labels), "influence.h5", "subsets", "subsets.h5")
    refuse_unless(is_made_from(influence, folder / "scores.h5"), "influence.h5", "scores", "scores.h5")
    values = pd.read_csv(folder / "frame_values.csv", dtype={"video": str, "image": str}).sort_values("frame")
    names = ["frame", "video", "image"]
    same = values[names].to_numpy().tolist() == frames.loc[pool, names].to_numpy().tolist()
    refuse_unless(same, "frame_values.csv", "frames", "frames.csv")
    expected = out_of_bag_error(scores["error"], inclusion)[pool]
    same = np.allclose(values["out_of_bag_error"], expected, rtol=1e-3, atol=_SAME_PX, equal_nan=True)
    refuse_unless(same, "frame_values.csv", "scores", "scores.h5")


def _contents(path: Path) -> set[str]:
    """The columns, datasets or keys of a file."""
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return set(next(csv.reader(file), ()))
    if path.suffix == ".json":
        content = json.loads(path.read_text())
        return set(content) if isinstance(content, dict) else set()
    with h5py.File(path, "r") as file:
        return set(file)


def _same(there: np.ndarray | None, wanted: Sequence[str] | pd.Series) -> bool:
    """Whether names that a file gives are these; a file without names gives none."""
    return there is None or list(there) == list(wanted)


def _are_of_labels(scores: dict[str, np.ndarray], labels: Labels) -> bool:
    """Whether each consensus lies as far from these labels as the scores say."""
    return all(
        np.allclose(error, distance(pose, labels.xy), rtol=1e-4, atol=_SAME_PX, equal_nan=True)
        for error, pose in zip(scores["consensus_error"], scores["consensus_pose"], strict=True)
    )


def _influence_fits(path: Path, inclusion: np.ndarray, labels: Labels) -> bool:
    """Whether all estimates are of so many frames, and each frame was in as many subsets."""
    shape = (inclusion.shape[1], *labels.xy.shape[:2])
    wrong: list[str] = []

    def look(name: str, item: h5py.Dataset | h5py.Group) -> None:
        unlike_values = name.endswith("/value") and item.shape != shape
        if unlike_values or (name.endswith("/all/n_with") and item[()].tolist() != inclusion.sum(axis=0).tolist()):
            wrong.append(name)

    with h5py.File(path, "r") as file:
        file.visititems(look)
    return not wrong
