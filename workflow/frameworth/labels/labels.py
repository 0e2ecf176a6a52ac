"""`labels.h5`: the hand labels of all frames as arrays, with the path and digest of each image.

Image paths in the file are relative to its folder, so that a study and its project can be moved together.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from frameworth.storage.hdf5 import Array, pose_scales, read_hdf5, write_hdf5


@dataclass(frozen=True)
class Labels:
    """Hand labels of N frames and K keypoints.

    Attributes:
        xy: float64 [N, K, 2], px of the original image, NaN where not labelled.
        keypoints: K names.
        skeleton: pairs of indices into `keypoints`, [L, 2].
        paths: [N] absolute path of each image.
        digests: [N] SHA-256 of each image file.
        sizes: int [N, 2], width and height in px.
    """

    xy: np.ndarray
    keypoints: tuple[str, ...]
    skeleton: np.ndarray
    paths: tuple[str, ...]
    digests: tuple[str, ...]
    sizes: np.ndarray


def write_labels(path: Path | str, labels: Labels) -> None:
    """Write `labels` to `path` atomically."""
    folder = Path(path).parent.resolve()
    write_hdf5(
        path,
        {
            "label": Array(labels.xy, ("frame", "keypoint", "xy"), "px"),
            "size": Array(labels.sizes, ("frame", "width_height"), "px"),
            "path": Array(np.array([os.path.relpath(image, folder) for image in labels.paths]), ("frame",)),
            "digest": Array(np.array(labels.digests), ("frame",)),
            "skeleton": Array(labels.skeleton, ("bone", "end")),
        },
        pose_scales(len(labels.xy), labels.keypoints),
    )


def read_labels(path: Path | str) -> Labels:
    """Read the file that `write_labels` wrote; raises UserError if it is missing or damaged."""
    arrays = read_hdf5(path)
    folder = Path(path).parent.resolve()
    return Labels(
        xy=arrays["label"],
        keypoints=tuple(arrays["keypoint"].tolist()),
        skeleton=arrays["skeleton"].reshape(-1, 2),
        paths=tuple(os.path.normpath(folder / image) for image in arrays["path"].tolist()),
        digests=tuple(arrays["digest"].tolist()),
        sizes=arrays["size"],
    )


def distance(pose: np.ndarray, label: np.ndarray) -> np.ndarray:
    """‖pose − label‖₂ of positions [..., 2], px; NaN where not labelled."""
    return np.sqrt(((pose - label) ** 2).sum(axis=-1))


def labels_as_lists(xy: np.ndarray) -> list[list[list[float] | None]]:
    """Labels [N, K, 2] px for JSON: [x, y], or None where x or y is NaN."""
    return [[[float(x), float(y)] if np.isfinite([x, y]).all() else None for x, y in frame] for frame in xy]


def labels_from_lists(lists: Iterable[Sequence[Sequence[float] | None]]) -> np.ndarray:
    """The labels [N, K, 2] px, NaN where not labelled, that `labels_as_lists` made into lists."""
    return np.array([[[np.nan, np.nan] if xy is None else xy for xy in frame] for frame in lists], float)
