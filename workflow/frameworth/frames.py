"""`frames.csv`: the labelled frames of a study, and which of them are held out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from frameworth.errors import UserError
from frameworth.files import digest_of_file, write_csv
from frameworth.images import image_size, read_image
from frameworth.labels import Labels, write_labels
from frameworth.project import LabelledProject, read_project

THUMBNAIL = 64
NEAR_IDENTICAL = 1.0  # RMS difference of two grey thumbnails, in grey levels of 255


def hold_out(videos: Sequence[str], images: Sequence[str], *, fraction: float, by: str, seed: int) -> np.ndarray:
    """Which frames are held out, bool [N].

    Frames (`by="frame"`) or videos (`by="video"`) are put in the order of a hash of (seed, their name), and
    the first `fraction` of the frames is taken, so that frames added later hardly move the others. By video,
    whole videos are taken until the fraction is reached, at least one and never all.

    Raises UserError if no frame, or no pool, would remain.
    """
    names = [f"{video}/{image}" for video, image in zip(videos, images, strict=True)]
    wanted = int(np.floor(fraction * len(names) + 0.5))
    if by == "frame":
        order = sorted(range(len(names)), key=lambda index: _hash(seed, names[index]))
        held_out = np.zeros(len(names), bool)
        held_out[order[:wanted]] = True
    else:
        order = sorted(set(videos), key=lambda video: _hash(seed, video))
        if len(order) < 2:
            raise UserError("held_out.by: 'video' needs at least two videos with labels; use by: frame")
        chosen: set[str] = {order[0]}
        for video in order[1:-1]:
            if sum(name in chosen for name in videos) >= wanted:
                break
            chosen.add(video)
        held_out = np.array([video in chosen for video in videos])
    if not held_out.any() or held_out.all():
        raise UserError(
            f"held_out.fraction: {fraction} of {len(names)} frames leaves "
            f"{held_out.sum()} held out and {(~held_out).sum()} to train on; both must be at least 1"
        )
    return held_out


def collect_frames(
    folder: Path, held_out: dict[str, object], seed: int, frames_csv: Path, labels_h5: Path
) -> list[str]:
    """Read the project in `folder`, write `frames.csv` and `labels.h5`; returns warnings.

    Args:
        held_out: `{"fraction": float, "by": "frame" | "video"}`.
    """
    project = read_project(folder)
    labels = Labels(
        xy=project.xy,
        keypoints=project.keypoints,
        skeleton=_skeleton_indices(project),
        paths=tuple(str(path) for path in project.paths),
        digests=tuple(digest_of_file(path) for path in project.paths),
        sizes=np.array([image_size(path) for path in project.paths]),
    )
    split = hold_out(project.videos, project.images, seed=seed, **held_out)  # type: ignore[arg-type]
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
    planted_csv = folder / "planted.csv"
    if planted_csv.exists():
        planted = pd.read_csv(planted_csv, dtype=str)
        table = table.merge(planted, how="left", on=["video", "image"], validate="one_to_one")
    write_csv(frames_csv, table)
    write_labels(labels_h5, labels)
    return leaks(labels, split, [f"{v}/{i}" for v, i in zip(project.videos, project.images, strict=True)])


def read_frames(path: Path | str) -> pd.DataFrame:
    """Read `frames.csv`: a row per frame, in the order of `frame`; `planted` is NaN where nothing was."""
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path}: there is no such file; run the workflow to make it")
    return pd.read_csv(path, dtype={"video": str, "image": str, "planted": str}, keep_default_na=False,
                       na_values={"planted": [""]})  # fmt: skip


def leaks(labels: Labels, held_out: np.ndarray, names: Sequence[str]) -> list[str]:
    """Warnings about held-out frames that are all but identical to a pool frame (they flatter the error)."""
    thumbnails = np.stack([_thumbnail(path) for path in labels.paths])
    pool = np.flatnonzero(~held_out)
    found = []
    for index in np.flatnonzero(held_out):
        distance = np.sqrt(((thumbnails[pool] - thumbnails[index]) ** 2).mean(axis=1))
        nearest = int(distance.argmin())
        if distance[nearest] < NEAR_IDENTICAL:
            found.append(f"{names[index]} (held out) and {names[pool[nearest]]} (pool)")
    if not found:
        return []
    shown = "; ".join(found[:3]) + (f"; and {len(found) - 3} more" if len(found) > 3 else "")
    return [
        f"{len(found)} held-out frames are nearly identical to pool frames, so held-out errors will look "
        f"better than they are: {shown}. Consider held_out: {{by: video}} or removing one of each."
    ]


def _thumbnail(path: str) -> np.ndarray:
    grey = cv2.cvtColor(read_image(path), cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()


def _skeleton_indices(project: LabelledProject) -> np.ndarray:
    position = {name: index for index, name in enumerate(project.keypoints)}
    pairs = [(position[a], position[b]) for a, b in project.skeleton]
    return np.array(pairs, dtype=int).reshape(-1, 2)


def _hash(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{name}".encode()).digest()
