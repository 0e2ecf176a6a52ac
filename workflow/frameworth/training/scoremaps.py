"""Confidence maps: their value at a position, their distractors, and the consensus of several maps.

Maps are float [..., h, w] in [0, 1]; cell (row, column) lies at ((column, row) + ½) · stride px of the
network's image, so position y lies at cell (y − ½ · stride) / stride. Positions are (x, y) in px.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import maximum_filter

_LEAST = 1e-6  # confidences are kept at least this far from 0 and 1, where the logit is infinite


def at_position(maps: np.ndarray, xy: np.ndarray, stride: float) -> np.ndarray:
    """Interpolate maps [..., h, w] bilinearly at xy [..., 2] px; NaN where xy is NaN.

    Beyond the outermost cells it takes their value. Returns an array of the common leading shape.
    """
    height, width = maps.shape[-2:]
    missing = ~np.isfinite(xy).all(axis=-1)
    column, row = np.moveaxis((np.where(missing[..., None], 0, xy) - stride / 2) / stride, -1, 0)
    column = np.clip(column, 0, width - 1)
    row = np.clip(row, 0, height - 1)
    left = np.minimum(np.floor(column).astype(int), max(width - 2, 0))
    top = np.minimum(np.floor(row).astype(int), max(height - 2, 0))
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    across, down = column - left, row - top
    flat = maps.reshape(*maps.shape[:-2], height * width)

    def pick(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        return np.take_along_axis(flat, (rows * width + columns)[..., None], axis=-1)[..., 0]

    upper = pick(top, left) * (1 - across) + pick(top, right) * across
    lower = pick(bottom, left) * (1 - across) + pick(bottom, right) * across
    return np.where(missing, np.nan, upper * (1 - down) + lower * down)


def probability_maps(maps: np.ndarray) -> np.ndarray:
    """Maps divided by their sum; a map that is 0 everywhere becomes uniform."""
    total = maps.sum(axis=(-2, -1), keepdims=True, dtype=np.float64)
    uniform = 1 / (maps.shape[-2] * maps.shape[-1])
    return np.where(total > 0, maps / np.where(total > 0, total, 1), uniform)


def distractors(
    maps: np.ndarray, xy: np.ndarray, stride: float, radius: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """The highest peak of each map [..., h, w] farther than `radius` px from `xy` [..., 2].

    A peak is a cell above 0 and not lower than its eight neighbours, so the slope of the peak at the label has
    no peak. Returns position [..., 2] (px of the peak's cell) and height [...], NaN without such a peak or without xy.
    """
    height, width = maps.shape[-2:]
    size = (1,) * (maps.ndim - 2) + (3, 3)
    peaks = (maps >= maximum_filter(maps, size=size, mode="nearest")) & (maps > 0)
    columns = (np.arange(width) + 0.5) * stride
    rows = (np.arange(height) + 0.5) * stride
    distance = np.hypot(
        columns[None, :] - xy[..., 0, None, None], rows[:, None] - xy[..., 1, None, None]
    )  # comparisons with NaN are false, so a missing label has no distractor
    candidates = np.where(peaks & (distance > np.asarray(radius)[..., None, None]), maps, -1.0)
    flat = candidates.reshape(*maps.shape[:-2], height * width)
    best = flat.argmax(axis=-1)
    value = np.take_along_axis(flat, best[..., None], axis=-1)[..., 0]
    is_peak = value > 0
    position = np.stack([columns[best % width], rows[best // width]], axis=-1)
    return np.where(is_peak[..., None], position, np.nan), np.where(is_peak, value, np.nan)


def consensus_softmax(maps: np.ndarray, poses: np.ndarray, offsets: np.ndarray, stride: float) -> np.ndarray:
    """The paper's rule: mean map → logit → softmax over the map → expected position; returns [F, K, 2] px.

    Args:
        maps: [R, F, K, h, w] of the R members.
        poses: [R, F, K, 3], the members' positions (px) and confidences.
        offsets: [R, F, K, h, w, 2], location refinement in px.
    """
    return _expectation(np.clip(maps.mean(axis=0, dtype=np.float64), _LEAST, 1 - _LEAST), stride)


def consensus_median(maps: np.ndarray, poses: np.ndarray, offsets: np.ndarray, stride: float) -> np.ndarray:
    """Like `consensus_softmax`, but of the median map, so that a single member that is far off has no effect."""
    return _expectation(np.clip(np.median(maps, axis=0).astype(np.float64), _LEAST, 1 - _LEAST), stride)


def consensus_weighted_mean(maps: np.ndarray, poses: np.ndarray, offsets: np.ndarray, stride: float) -> np.ndarray:
    """Mean of the members' positions, weighted by their confidences (equally where all are 0); [F, K, 2]."""
    weight = np.maximum(poses[..., 2].astype(np.float64), 1e-12)
    return (poses[..., :2] * weight[..., None]).sum(axis=0) / weight.sum(axis=0)[..., None]


def consensus_argmax(maps: np.ndarray, poses: np.ndarray, offsets: np.ndarray, stride: float) -> np.ndarray:
    """The best cell of the mean map plus the members' mean location refinement there; [F, K, 2]."""
    mean = maps.mean(axis=0)
    frames, keypoints, height, width = mean.shape
    best = mean.reshape(frames, keypoints, -1).argmax(axis=-1)
    refinement = offsets.mean(axis=0).reshape(frames, keypoints, height * width, 2)
    refinement = np.take_along_axis(refinement, best[..., None, None], axis=2)[:, :, 0]
    cells = np.stack([best % width, best // width], axis=-1)
    return (cells + 0.5) * stride + refinement


CONSENSUS_FORMS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray, float], np.ndarray]] = {
    "softmax": consensus_softmax,
    "median": consensus_median,
    "weighted_mean": consensus_weighted_mean,
    "argmax": consensus_argmax,
}


def _expectation(confidence: np.ndarray, stride: float) -> np.ndarray:
    # softmax(logit p) = odds / sum of odds.
    odds = confidence / (1 - confidence)
    weight = odds / odds.sum(axis=(-2, -1), keepdims=True)
    columns = (np.arange(weight.shape[-1]) + 0.5) * stride
    rows = (np.arange(weight.shape[-2]) + 0.5) * stride
    return np.stack([(weight.sum(axis=-2) * columns).sum(-1), (weight.sum(axis=-1) * rows).sum(-1)], axis=-1)
