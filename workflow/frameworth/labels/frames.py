"""`frames.csv`: the labelled frames of a study, and which of them are held out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from frameworth.errors import Problem, UserError, refuse_errors, warning
from frameworth.labels.deeplabcut import LabelledProject, read_project
from frameworth.labels.labellers import read_labellers
from frameworth.labels.labels import Labels, write_labels
from frameworth.labels.pictures import inspect_pictures
from frameworth.plan.split import hold_out
from frameworth.storage.digests import digest_of_file
from frameworth.storage.files import read_table, write_csv

NEAR_IDENTICAL = 1.0  # RMS difference of two grey thumbnails, in grey levels of 255


def collect_frames(
    folder: Path, held_out: dict[str, Any], seed: int, frames_csv: Path, labels_h5: Path
) -> list[Problem]:
    """Read the project in `folder`, decode its images, and write `frames.csv` and `labels.h5`; returns warnings.

    Raises RefusedError with all errors of the labels or of the images.

    Args:
        held_out: `{"fraction": float, "by": "frame" | "video"}`.
    """
    project = read_project(folder)
    pictures, problems = inspect_pictures(project, decode=True, thumbnails=True)
    refuse_errors(problems)
    labels = Labels(
        xy=project.xy,
        keypoints=project.keypoints,
        skeleton=_skeleton_indices(project),
        paths=tuple(str(path) for path in project.paths),
        digests=tuple(digest_of_file(path) for path in project.paths),
        sizes=pictures.sizes,
    )
    split = hold_out(project.videos, project.images, seed=seed, pictures=pictures.digests, **held_out)
    table = pd.DataFrame(
        {
            "frame": np.arange(len(split)),
            "video": project.videos,
            "image": project.images,
            "width": labels.sizes[:, 0],
            "height": labels.sizes[:, 1],
            "labelled_keypoints": np.isfinite(project.xy).all(axis=2).sum(axis=1),
            "split": np.where(split, "held-out", "pool"),
        }
    )
    labellers = read_labellers(folder)
    if len(labellers):
        table = table.merge(labellers, how="left", on=["video", "image"], validate="one_to_one")
    planted_csv = folder / "planted.csv"
    if planted_csv.exists():
        planted = read_table(planted_csv, text=("video", "image", "planted"))
        table = table.merge(planted, how="left", on=["video", "image"], validate="one_to_one")
    write_csv(frames_csv, table)
    write_labels(labels_h5, labels)
    assert pictures.thumbnails is not None
    names = [f"{video}/{image}" for video, image in zip(project.videos, project.images, strict=True)]
    return problems + leaks(pictures.thumbnails, split, names)


def read_frames(path: Path | str) -> pd.DataFrame:
    """Read `frames.csv`: a row per frame, in the order of `frame`; raises UserError if it is missing or damaged.

    `planted` is NaN for frames without a planted error, and `labeller` where it is not known who placed the labels.
    """
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path}: there is no such file; run the workflow to make it")
    return read_table(path, text=("video", "image", "labeller", "planted"))


def leaks(thumbnails: np.ndarray, held_out: np.ndarray, names: Sequence[str]) -> list[Problem]:
    """A warning about held-out frames that are nearly identical to a pool frame: they make the error look too small.

    Args:
        thumbnails: [N, px] grey levels; names: [N] `video/image`.
    """
    pool = np.flatnonzero(~held_out)
    pairs = []
    for index in np.flatnonzero(held_out).tolist():
        distance = np.sqrt(((thumbnails[pool] - thumbnails[index]) ** 2).mean(axis=1))
        nearest = int(distance.argmin())
        if distance[nearest] < NEAR_IDENTICAL:
            pairs.append(f"{names[index]} (held out) and {names[int(pool[nearest])]} (pool)")
    if not pairs:
        return []
    shown = "; ".join(pairs[:3]) + (f"; and {len(pairs) - 3} more" if len(pairs) > 3 else "")
    what = f"{len(pairs)} are nearly identical to pool frames, which flatters the held-out errors: {shown}"
    return [warning("held-out frames", what, "consider held_out: {by: video}, or remove one of each")]


def _skeleton_indices(project: LabelledProject) -> np.ndarray:
    position = {name: index for index, name in enumerate(project.keypoints)}
    pairs = [(position[a], position[b]) for a, b in project.skeleton]
    return np.array(pairs, dtype=int).reshape(-1, 2)
