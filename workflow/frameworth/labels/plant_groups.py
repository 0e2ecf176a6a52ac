"""Errors over more than one frame, planted into labels [N, K, 2] in place: a biased video, and runs of neighbours.

Both move one keypoint by a distance drawn from `moved_by` times the animal's typical length, and keep it inside the
image. They return the rows that they spoilt, fewer than asked for where there are not enough.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from frameworth.labels.label_errors import animal_length

RUN = 3  # neighbouring frames that share an error
_MARGIN = 1  # px from the image's edge


def plant_bias(
    xy: np.ndarray,
    sizes: np.ndarray,
    videos: Sequence[str],
    free: np.ndarray,
    count: int,
    moved_by: Sequence[float],
    rng: np.random.Generator,
) -> np.ndarray:
    """Move a keypoint in `count` frames of one video by the same vector in the animal's own axes.

    Args:
        sizes: [N, 2], width and height. free: bool [N], frames that may be spoilt.
    """
    axis = _axis(xy)
    names = np.asarray(videos)
    told = free & np.isfinite(axis)
    if not told.any():
        return np.zeros(0, int)
    each = {name: np.flatnonzero(told & (names == name)) for name in dict.fromkeys(names[told])}
    enough = [rows for rows in each.values() if len(rows) >= count] or [max(each.values(), key=len)]
    rows = enough[int(rng.integers(len(enough)))]
    keypoint = _common_keypoint(xy[rows], rng)
    rows = rng.permutation(rows[np.isfinite(xy[rows, keypoint]).all(axis=1)])[:count]
    off = _distance(xy, sizes, moved_by, rng) * np.exp(2j * np.pi * rng.random()) * axis[rows]
    _move(xy, sizes, rows, keypoint, np.stack([off.real, off.imag], axis=1))
    return np.sort(rows)


def plant_runs(
    xy: np.ndarray,
    sizes: np.ndarray,
    videos: Sequence[str],
    free: np.ndarray,
    count: int,
    moved_by: Sequence[float],
    rng: np.random.Generator,
) -> np.ndarray:
    """Move a keypoint by the same px in frames that follow each other, `count` in all, three at a time.

    Frames that may not be spoilt lie between them at times, as a held-out frame does.

    Args:
        sizes: [N, 2], width and height. free: bool [N], frames that may be spoilt.
    """
    names, free = np.asarray(videos), free.copy()
    spoilt: list[int] = []
    while count - len(spoilt) >= 2:
        rows = np.flatnonzero(free)
        length = min(RUN, count - len(spoilt))
        starts = [at for at in range(len(rows) - length + 1) if names[rows[at]] == names[rows[at + length - 1]]]
        if not starts:
            break
        at = starts[int(rng.integers(len(starts)))]
        run = rows[at : at + length]
        keypoint = _common_keypoint(xy[run], rng)
        free[run] = False
        run = run[np.isfinite(xy[run, keypoint]).all(axis=1)]
        off = _distance(xy, sizes, moved_by, rng) * np.exp(2j * np.pi * rng.random())
        _move(xy, sizes, run, keypoint, np.array([off.real, off.imag]))
        spoilt.extend(run)
    return np.sort(np.array(spoilt, int))


def _axis(xy: np.ndarray) -> np.ndarray:
    """Which way the animal lies, complex [N] of length 1: from one to the other of the keypoints farthest apart."""
    points = xy[..., 0] + 1j * xy[..., 1]
    apart = np.nanmedian(np.abs(points[:, :, None] - points[:, None]), axis=0)
    one, other = np.unravel_index(np.nanargmax(apart), apart.shape)
    line = points[:, other] - points[:, one]
    length = np.abs(line)
    return np.where(length > 0, line / np.where(length > 0, length, 1), np.nan)


def _common_keypoint(xy: np.ndarray, rng: np.random.Generator) -> int:
    """One of the keypoints that most of these frames have."""
    labelled = np.isfinite(xy).all(axis=2).sum(axis=0)
    return int(rng.choice(np.flatnonzero(labelled == labelled.max())))


def _distance(xy: np.ndarray, sizes: np.ndarray, moved_by: Sequence[float], rng: np.random.Generator) -> float:
    lengths = [animal_length(own, size) for own, size in zip(xy, sizes, strict=True) if np.isfinite(own).any()]
    return float(rng.uniform(moved_by[0], moved_by[1]) * np.median(lengths))


def _move(xy: np.ndarray, sizes: np.ndarray, rows: np.ndarray, keypoint: int, by: np.ndarray) -> None:
    xy[rows, keypoint] = np.clip(xy[rows, keypoint] + by, _MARGIN, sizes[rows] - _MARGIN)
