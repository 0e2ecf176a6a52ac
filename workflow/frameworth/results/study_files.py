"""Checks that a study can be read: its files are there, are undamaged, and were made from each other.

If labels were changed and the run was then stopped, the folder has the new labels but the scores of the old ones. These
checks raise a one-line error before arrays that do not belong together are combined.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from frameworth.attribution.inference.values import out_of_bag_error
from frameworth.config.model import Influence
from frameworth.errors import UserError
from frameworth.labels.frames import read_frames
from frameworth.labels.labels import read_labels
from frameworth.labels.subsets import read_subsets
from frameworth.storage.digests import verified
from frameworth.storage.files import read_json, read_table
from frameworth.storage.hdf5 import is_made_from, read_hdf5

SCORED = ("frames.csv", "labels.h5", "subsets.csv", "subsets.h5", "scores.h5")
ESTIMATED = (*SCORED, "influence.h5", "frame_values.csv")
RUN_FIRST = "run `frameworth run` with the study's config first"


def estimated_otherwise(folder: Path, influence: Influence) -> str:
    """A sentence on what changed in a config's `influence` since the study was estimated; empty if nothing did."""
    was = read_json(folder / "summary.json")
    for key in ("score", "estimator", "level"):
        now = getattr(influence, key)
        if was[key] != now:
            return f"config: influence.{key}: is {now}, and {folder} was estimated with {was[key]}"
    return ""


@contextmanager
def being_read(folder: Path) -> Iterator[None]:
    """Raise UserError if a file vanishes before it is read: a run may be replacing it, or somebody removed it."""
    try:
        yield
    except FileNotFoundError as gone:
        path = gone.filename or folder
        raise UserError(f"{path}: is gone; if the study is being run, wait for its end, else {RUN_FIRST}") from None


def require(folder: Path, names: Sequence[str], todo: str = RUN_FIRST) -> None:
    """Raise UserError if a file of a study is missing or damaged.

    Args:
        folder: `results/{study}`. todo: what the user can do to get the file.
    """
    for name in names:
        if not verified(path := folder / name).exists():
            why = "the study has not come so far" if (folder / "frames.csv").exists() else "nothing has been run"
            raise UserError(f"{path}: there is no such file, as {why}; {todo}")


def require_one_study(folder: Path, todo: str = RUN_FIRST) -> None:
    """Raise UserError if the files of a study that are listed in `ESTIMATED` were not made from each other."""

    def refuse_unless(fits: bool, name: str, what: str, source: str) -> None:
        if not fits:
            raise UserError(f"{folder / name}: was made from other {what} than {folder / source} holds; {todo}")

    frames, (subsets, inclusion) = read_frames(folder / "frames.csv"), read_subsets(folder)
    pool = (frames["split"] == "pool").to_numpy()
    refuse_unless(len(frames) == len(read_labels(folder / "labels.h5").xy), "labels.h5", "frames", "frames.csv")
    fits = inclusion.shape == (len(subsets), len(frames)) and not inclusion[:, ~pool].any()
    refuse_unless(fits, "subsets.h5", "frames", "frames.csv")
    for name, what, source in (
        ("scores.h5", "subsets", "subsets.h5"),
        ("scores.h5", "labels", "labels.h5"),
        ("influence.h5", "scores", "scores.h5"),
    ):
        refuse_unless(is_made_from(folder / name, folder / source), name, what, source)
    values = read_table(folder / "frame_values.csv", text=("video", "image")).sort_values("frame")
    names = ["frame", "video", "image"]
    same = values[names].to_numpy().tolist() == frames.loc[pool, names].to_numpy().tolist()
    refuse_unless(same, "frame_values.csv", "frames", "frames.csv")
    expected = out_of_bag_error(read_hdf5(folder / "scores.h5", ["error"])["error"], inclusion)[pool]
    same = np.allclose(values["out_of_bag_error"], expected, rtol=1e-3, atol=1e-2, equal_nan=True)
    refuse_unless(same, "frame_values.csv", "scores", "scores.h5")
