"""Which labels fit their own animal worst, from the labels alone, without any network. Numpy in, numpy out."""

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

LEAST_KEYPOINTS = 4  # three points are always a triangle: nothing shows which of them is off
LEAST_FRAMES = 8  # fewer animals do not show how much animals differ
_EXCHANGED = 3.0  # log likelihood ratio from which labels are called exchanged: 20 to 1
_REFITS = 4  # of the mean shape, each to the animals aligned with it
_ROUNDS = 10  # of the reweighted fit of an animal to the mean shape
_LEAST_SPREAD = 1e-3  # of the shape's size: keypoints of a rigid object do not vary


@dataclass(frozen=True)
class GeometrySuspects:
    """Which labels of N frames of K keypoints fit their own animal worst.

    Attributes:
        suspicion: [N] −log10 of the share of frames with a label as far off; NaN where too few are labelled.
        flagged: bool [N], by a threshold that flags about `expected_false_flags` correctly labelled frames.
        keypoint: int [N], the keypoint whose label fits worst; −1 where nothing is known.
        partner: int [N], the keypoint that this label looks exchanged with; −1 for none.
    """

    suspicion: np.ndarray
    flagged: np.ndarray
    keypoint: np.ndarray
    partner: np.ndarray


def suspect_geometry(labels: np.ndarray, *, expected_false_flags: float = 1.0) -> GeometrySuspects:
    """Rank frames by how badly one of their labels fits the others.

    Each animal is scaled to a common size. A label's deviation is the mean of two deviations. The first is that of its
    log distances to the other keypoints, each divided by its robust spread. The second is that of its position in the
    animal's own axes, given the other positions; only this one tells an animal from its mirror image. The tails of the
    data show how rarely a correctly labelled frame has a deviation as large. This is only a first look: rare poses are
    suspicious, too, and labels that are wrong together are not.

    Args:
        labels: [N, K, 2] px, NaN where not labelled. Frames with fewer than four labels, or with all labels in one
            place, get no result; nor does any frame if fewer than eight frames are left.
        expected_false_flags: how many correctly labelled frames may be flagged on average.

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
    """Bool [N], the frames with enough of the complex labels [N, K] to be judged by geometry."""
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
    # The distance of two labels in one place tells nothing, and its logarithm is infinite.
    log[~np.isfinite(log)] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no frame has both labels, or a frame has not two: stays NaN
        log -= np.nanmedian(log, axis=0)
        log -= np.nanmedian(log, axis=1, keepdims=True)  # the animal's size
        unusual = np.abs(robust_z(log))
        of_keypoint = [np.nanmedian(unusual[:, (first == k) | (second == k)], axis=1) for k in range(points.shape[1])]
    of_label = np.stack(of_keypoint, axis=1)
    return size_deviation(np.where(np.isfinite(points), of_label, np.nan))


def _in_own_axes(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Differences from the mean shape in standard deviations [N, K], the mean shape [K], the standard deviations [K].

    Animals are moved, turned and scaled to the shape by a fit in which a keypoint that is off has little weight.
    """
    known = np.isfinite(points)
    shape, spread = mean_shape(points), np.ones(points.shape[1])
    for _ in range(_REFITS):
        weight = known.astype(float)
        # One spread for all keypoints: with one each, the fit would end with two keypoints that always fit exactly.
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
            # An animal that is not at all like the shape is only scaled to its size.
            fit = np.where(np.abs(fit) > _LEAST_SPREAD * scale, fit, scale)
            brought = np.where(known, centred / fit[:, None] + of_shape[:, None], np.nan)
            weight = np.where(known, 1 / (1 + np.abs(brought - shape) ** 2 / (2 * common**2)), 0)
        shape = np.array([median_point(of_keypoint[np.isfinite(of_keypoint)]) for of_keypoint in brought.T])
        spread = np.maximum(typical_size(np.abs(brought - shape)), _LEAST_SPREAD)
    return (brought - shape) / spread, shape, spread
