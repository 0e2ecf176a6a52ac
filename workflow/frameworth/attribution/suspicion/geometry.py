"""Which labels fit their own animal worst: from the labels alone, before any network. Numpy in, numpy out."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from frameworth.attribution.inference.tails import tail_probability
from frameworth.attribution.suspicion.body_axes import mean_shape, median_point
from frameworth.attribution.suspicion.deviations import (
    at_each_place,
    best_exchange,
    exchange_gain,
    given_others,
    robust_z,
    size_deviation,
    typical_size,
)

LEAST_KEYPOINTS = 4  # three points are always a triangle: nothing tells which of them is off
LEAST_FRAMES = 8  # fewer animals do not tell how they differ
_EXCHANGED = 3.0  # log likelihood ratio from which labels are said to be exchanged: 20 to 1
_REFITS = 4  # of the mean shape, to animals brought to it
_ROUNDS = 10  # of the fit of an animal to the mean shape, reweighted
_LEAST_SPREAD = 1e-3  # of the shape's size: keypoints of a rigid object do not vary


@dataclass(frozen=True)
class GeometrySuspects:
    """Which labels of N frames of K keypoints fit their own animal worst.

    Attributes:
        suspicion: [N] −log10 of the share of frames that have a label as far off; NaN where too few are labelled.
        flagged: bool [N], so few that about `expected_false_flags` right frames are among them.
        keypoint: int [N], the label that fits worst; −1 where nothing is known.
        partner: int [N], the keypoint that its label looks exchanged with; −1 for none.
    """

    suspicion: np.ndarray
    flagged: np.ndarray
    keypoint: np.ndarray
    partner: np.ndarray


def suspect_geometry(labels: np.ndarray, *, expected_false_flags: float = 1.0) -> GeometrySuspects:
    """Rank frames by how badly one of their labels fits the others.

    Each animal is brought to a common size. A label's deviation is the mean of two deviations. The first is that of its
    log distances to the other keypoints, each in its own robust spread. The second is that of its position in the
    animal's own axes, given those of the others; this one knows an animal from its mirror image. How seldom a right
    frame has one as large comes from the data's own tails. This is only a first look: rare poses are suspicious, too,
    and labels that are wrong together are not.

    Args:
        labels: [N, K, 2] px, NaN where not labelled. Nothing is said of frames with fewer than four labels or all in
            one place, nor of any where fewer than eight are left.
        expected_false_flags: how many right frames of so many may be flagged on average.

    Raises ValueError for an array that is not [frames, keypoints, 2].
    """
    labels = np.asarray(labels, float)
    if labels.ndim != 3 or labels.shape[2] != 2:
        raise ValueError(f"labels of shape {labels.shape} are not [frames, keypoints, 2]")
    points = labels[..., 0] + 1j * labels[..., 1]
    enough = enough_labels(points)
    nothing = np.full(len(points), -1)
    suspicion = np.full(len(points), np.nan)
    if not enough.any():
        return GeometrySuspects(suspicion, np.zeros(len(points), bool), nothing, nothing)
    fit = fit_to_animal(points[enough])
    p = tail_probability(fit.deviation)
    filled = np.where(np.isfinite(p), p, np.inf)
    least, worst = filled.min(axis=1), filled.argmin(axis=1)
    rows = np.arange(len(worst))
    partner, of_partner = (each[rows, worst] for each in best_exchange(exchange_gain(fit.unlikely)))
    suspicion[enough] = -np.log10(least)
    keypoint, exchanged, flagged = nothing.copy(), nothing.copy(), np.zeros(len(points), bool)
    keypoint[enough] = worst
    exchanged[enough] = np.where(of_partner > _EXCHANGED, partner, -1)
    flagged[enough] = least * enough.sum() <= expected_false_flags
    return GeometrySuspects(suspicion, flagged, keypoint, exchanged)


def enough_labels(points: np.ndarray) -> np.ndarray:
    """Bool [N], of which frames of complex labels [N, K] geometry says anything."""
    known = np.isfinite(points)
    first = points[np.arange(len(points)), known.argmax(axis=1)]
    in_one_place = ~(known & (points != first[:, None])).any(axis=1)
    enough = (known.sum(axis=1) >= LEAST_KEYPOINTS) & ~in_one_place
    return enough & (enough.sum() >= LEAST_FRAMES)


@dataclass(frozen=True)
class Fit:
    """How the labels of N frames fit their own animals.

    Attributes:
        deviation: [N, K], robust z; NaN where not labelled.
        unlikely: [N, label, place], as `at_each_place` gives it.
    """

    deviation: np.ndarray
    unlikely: np.ndarray


def fit_to_animal(points: np.ndarray) -> Fit:
    """Compare complex labels [N, K] of frames with enough of them (`enough_labels`) with those of other frames."""
    off, shape, spread = _in_own_axes(points)
    shapes, spreads = (np.broadcast_to(values, off.shape) for values in (shape, spread))
    return Fit(
        deviation=robust_z((_distances(points) + size_deviation(np.abs(given_others(off)))) / 2),
        unlikely=at_each_place(shapes + off * spreads, shapes, spreads),
    )


def _distances(points: np.ndarray) -> np.ndarray:
    """Robust z [N, K] of the median over other keypoints of how unusual the log distance to them is."""
    first, second = np.triu_indices(points.shape[1], 1)
    with np.errstate(divide="ignore"):
        log = np.log(np.abs(points[:, first] - points[:, second]))
    # Two labels in one place say nothing by their distance, whose logarithm is infinite.
    log[~np.isfinite(log)] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no frame has both, or a frame no two: stays NaN
        log -= np.nanmedian(log, axis=0)
        log -= np.nanmedian(log, axis=1, keepdims=True)  # the animal's size
        unusual = np.abs(robust_z(log))
        of_keypoint = [np.nanmedian(unusual[:, (first == k) | (second == k)], axis=1) for k in range(points.shape[1])]
    of_label = np.stack(of_keypoint, axis=1)
    return size_deviation(np.where(np.isfinite(points), of_label, np.nan))


def _in_own_axes(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Differences from the mean shape in standard deviations [N, K], the mean shape [K], and these [K].

    Animals are moved, turned and scaled to the shape by a fit in which a keypoint that is off hardly counts.
    """
    known = np.isfinite(points)
    shape, spread = mean_shape(points), np.ones(points.shape[1])
    for _ in range(_REFITS):
        weight = known.astype(float)
        # One spread for all: each its own would end in two keypoints that every animal fits exactly.
        common = np.median(spread)
        for _ in range(_ROUNDS):
            share = weight / weight.sum(axis=1, keepdims=True)
            middle = np.where(known, share * points, 0).sum(axis=1, keepdims=True)
            of_shape = share @ shape
            centred = np.where(known, points - middle, 0)
            to = shape - of_shape[:, None]
            extent, size = (np.sqrt((share * np.abs(of) ** 2).sum(axis=1)) for of in (to, centred))
            scale = np.where((extent > 0) & (size > 0), size, 1) / np.where(extent > 0, extent, 1)
            fit = (share * centred * to.conj()).sum(axis=1) / np.where(extent > 0, extent, 1) ** 2
            # Nothing like the shape: brought to its size alone.
            fit = np.where(np.abs(fit) > _LEAST_SPREAD * scale, fit, scale)
            brought = np.where(known, centred / fit[:, None] + of_shape[:, None], np.nan)
            weight = np.where(known, 1 / (1 + np.abs(brought - shape) ** 2 / (2 * common**2)), 0)
        shape = np.array([median_point(of_keypoint[np.isfinite(of_keypoint)]) for of_keypoint in brought.T])
        spread = np.maximum(typical_size(np.abs(brought - shape)), _LEAST_SPREAD)
    return (brought - shape) / spread, shape, spread
