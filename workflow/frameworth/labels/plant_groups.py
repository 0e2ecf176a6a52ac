"""Errors over several frames, planted into labels [N, K, 2] in place: a biased video, and runs of neighbours.

Both move one keypoint by a distance drawn from `moved_by` times the animal's typical length, and keep it inside the
image. They return the rows that they changed; these are fewer than `count` if not enough frames are free.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from frameworth.labels.label_errors import animal_length, farthest_keypoints

RUN = 3  # neighbouring frames that share an error
_MARGIN = 1  # px from the image's edge


@dataclass(frozen=True)
class Planting:
    """Labels to change in place, and the options and generator of the random errors.

    Attributes:
        xy: [N, K, 2] px, NaN where not labelled. sizes: [N, 2], width and height in px. videos: [N].
        moved_by: smallest and largest distance, as multiples of the animal's length.
    """

    xy: np.ndarray
    sizes: np.ndarray
    videos: np.ndarray
    moved_by: Sequence[float]
    rng: np.random.Generator

    def common_keypoint(self, rows: np.ndarray) -> int:
        """A random one of the keypoints that are labelled in most of these frames."""
        labelled = np.isfinite(self.xy[rows]).all(axis=2).sum(axis=0)
        return int(self.rng.choice(np.flatnonzero(labelled == labelled.max())))

    def vector(self) -> complex:
        """A vector of random length in px and random direction, as x + iy."""
        pairs = zip(self.xy, self.sizes, strict=True)
        lengths = [animal_length(labels, size) for labels, size in pairs if np.isfinite(labels).any()]
        distance = float(self.rng.uniform(self.moved_by[0], self.moved_by[1]) * np.median(lengths))
        return distance * np.exp(2j * np.pi * self.rng.random())

    def move(self, rows: np.ndarray, keypoint: int, by: complex | np.ndarray) -> None:
        """Move a keypoint in these frames by `by` px (x + iy), and keep it inside the image."""
        moved = self.xy[rows, keypoint] + np.stack([np.real(by), np.imag(by)], axis=-1)
        self.xy[rows, keypoint] = np.clip(moved, _MARGIN, self.sizes[rows] - _MARGIN)


def plant_bias(planting: Planting, free: np.ndarray, count: int) -> np.ndarray:
    """Move a keypoint in `count` frames of one video by the same vector in the animal's own axes.

    Args:
        free: bool [N], frames that may be spoilt.
    """
    xy, names, rng = planting.xy, planting.videos, planting.rng
    axis = _axis(xy)
    usable = free & np.isfinite(axis)
    if not usable.any():
        return np.zeros(0, int)
    each = {name: np.flatnonzero(usable & (names == name)) for name in dict.fromkeys(names[usable])}
    enough = [rows for rows in each.values() if len(rows) >= count] or [max(each.values(), key=len)]
    rows = enough[int(rng.integers(len(enough)))]
    keypoint = planting.common_keypoint(rows)
    rows = rng.permutation(rows[np.isfinite(xy[rows, keypoint]).all(axis=1)])[:count]
    planting.move(rows, keypoint, planting.vector() * axis[rows])
    return np.sort(rows)


def plant_runs(planting: Planting, free: np.ndarray, count: int) -> np.ndarray:
    """Move a keypoint by the same px in up to three neighbouring frames; repeat until `count` frames have an error.

    Neighbouring means next to each other among the free frames; other frames, such as held-out ones, may lie between.

    Args:
        free: bool [N], frames that may be spoilt.
    """
    names, free = planting.videos, free.copy()
    spoilt: list[int] = []
    while count - len(spoilt) >= 2:
        rows = np.flatnonzero(free)
        length = min(RUN, count - len(spoilt))
        starts = [at for at in range(len(rows) - length + 1) if names[rows[at]] == names[rows[at + length - 1]]]
        if not starts:
            break
        at = starts[int(planting.rng.integers(len(starts)))]
        run = rows[at : at + length]
        keypoint = planting.common_keypoint(run)
        free[run] = False
        run = run[np.isfinite(planting.xy[run, keypoint]).all(axis=1)]
        planting.move(run, keypoint, planting.vector())
        spoilt.extend(run)
    return np.sort(np.array(spoilt, int))


def _axis(xy: np.ndarray) -> np.ndarray:
    """The animal's direction, complex [N] of length 1, between the two keypoints farthest apart; NaN if unknown."""
    points = xy[..., 0] + 1j * xy[..., 1]
    first, last = farthest_keypoints(xy)
    line = points[:, last] - points[:, first]
    length = np.abs(line)
    return np.where(length > 0, line / np.where(length > 0, length, 1), np.nan)
