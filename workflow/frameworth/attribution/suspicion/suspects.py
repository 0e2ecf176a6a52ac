"""Which labels look wrong to networks that did not see them: four kinds of errors side by side. Numpy in, numpy out.

A label is compared with the position that networks not trained on its frame predict for the keypoint. The differences
of the same keypoint in other frames, and those of the frame's other keypoints, show what is usual. The tails of the
data's own deviations (`tails`) show how rarely a correctly labelled frame deviates as much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from frameworth.attribution.inference.tails import as_frames_fall_off, tail_probability
from frameworth.attribution.suspicion.body_axes import direction, mean_shape, median_point
from frameworth.attribution.suspicion.deviations import (
    FREEDOM,
    LEAST_FRAMES,
    at_each_place,
    best_exchange,
    column,
    exchange_gain,
    given_others,
    robust_spread,
    robust_z,
    size_deviation,
    typical_size,
    unlikelihood,
)
from frameworth.attribution.suspicion.geometry import enough_labels, fit_to_animal
from frameworth.attribution.suspicion.mean_errors import error_probability

KINDS = ("alone", "together", "exchanged", "overlooked")
_PRIOR = np.array([0.5, 0.3, 0.15, 0.05])  # the prior probability of each kind
_MEAN_ERROR = 0.2  # the weight of the mean error in a frame's suspicion; the kinds have the rest
_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of a difference's variance that scales with the networks' disagreement
_LEAST_RATIO = 0.1  # networks that agree by chance do not count as more than ten times as exact
_UNUSUAL = 0.05  # a kind with p up to this can be named
_ROUNDS = 15  # of the reweighted rigid fit


@dataclass(frozen=True)
class Suspects:
    """How suspicious the labels of N frames with K keypoints are, and in which way.

    Attributes:
        suspicion: [N] −log10 of the share of correctly labelled frames that are as suspicious, all kinds together. NaN
            where it is unknown: there is no label, or every network was trained on the frame.
        flagged: bool [N], by a threshold that flags about `expected_false_flags` correctly labelled frames.
        keypoint: int [N], the keypoint that is off most; −1 for the whole pose, or where nothing is known.
        partner: int [N], the keypoint that the label of `keypoint` looks exchanged with; −1 for other kinds.
        kind: str [N], the most fitting of `KINDS`, whether flagged or not; empty where nothing is known.
        place: [N, K, 2] px, each keypoint's position by networks that did not see the frame; NaN where there is none.
        p_alone, p_together, p_exchanged, p_overlooked: [N], the share of correctly labelled frames that are as far off
            in this way; NaN where it is unknown.
    """

    suspicion: np.ndarray
    flagged: np.ndarray
    keypoint: np.ndarray
    partner: np.ndarray
    kind: np.ndarray
    place: np.ndarray
    p_alone: np.ndarray
    p_together: np.ndarray
    p_exchanged: np.ndarray
    p_overlooked: np.ndarray


def suspect_labels(
    poses: np.ndarray,
    labels: np.ndarray,
    inclusion: np.ndarray,
    *,
    percents: np.ndarray | None = None,
    expected_false_flags: float = 1.0,
) -> Suspects:
    """Rank frames by how wrong their labels look, and name the kind of error.

    There are four kinds, found from each label's difference from the position by networks that did not see the frame.
    `alone`: one keypoint is off, given the frame's other keypoints, or fits its own animal badly. `together`: all are
    displaced or turned. `exchanged`: two labels fit each other's position better. `overlooked`: there is no label, and
    the networks agree on a position more than at other keypoints without a label. All is measured in the animal's own
    axes and in the data's own spreads, so moving, scaling or mirroring all coordinates changes nothing. A frame's
    suspicion is that of its least likely kind; the kinds share the chance of a false flag as .5, .3, .15 and .05. Two
    tenths of it come from the frame's mean error (`mean_errors`), which changes little if one of few networks fails.

    Args:
        poses: [S, N, K, 2] px, the poses by the networks of each subset; NaN where there is no prediction.
        labels: [N, K, 2] px, NaN where not labelled.
        inclusion: bool [S, N], whether a subset's networks were trained on a frame; there their poses are not used.
        percents: [S], sizes of the subsets. Networks of each size are weighted by their typical exactness; without
            percents, all have the same weight.
        expected_false_flags: how many correctly labelled frames may be flagged on average.

    Raises ValueError for arrays that do not fit each other.

    Source: the mathematics in docs/mathematics.md.
    """
    poses, labels, inclusion = np.asarray(poses, float), np.asarray(labels, float), np.asarray(inclusion, bool)
    if poses.ndim != 4 or poses.shape[1:] != labels.shape or inclusion.shape != poses.shape[:2] or labels.shape[2] != 2:
        shapes = f"{poses.shape}, {labels.shape} and {inclusion.shape}"
        raise ValueError(
            f"poses, labels and inclusion of shapes {shapes} do not fit [subsets, frames, keypoints, 2], [frames, "
            "keypoints, 2] and [subsets, frames]"
        )
    if percents is not None and np.shape(percents) != (len(poses),):
        raise ValueError(f"percents of shape {np.shape(percents)} are not one for each of {len(poses)} subsets")
    place, spread, networks = where_seen(poses, labels, inclusion, percents)
    at, label = (points[..., 0] + 1j * points[..., 1] for points in (place, labels))
    axes = direction(at, mean_shape(at))[:, None]
    at, label = at / axes, label / axes
    off, scale = _standardised(label - at, spread)
    together, rest = _together(off * scale, at, scale)
    unlikely = at_each_place(at + off * scale, at, scale)
    exchanged, partner = _exchanged(off * scale, at, scale, exchange_gain(unlikely))
    p = {
        "alone": tail_probability(_alone(off, label)),
        "together": together,
        "exchanged": exchanged,
        "overlooked": _overlooked(np.isfinite(label), spread, networks),
    }
    far = _far(poses, labels, inclusion)
    alone = wrong_one(p["alone"], unlikely)
    return _combined(p, far, _left_unexplained(unlikely, rest), alone, partner, place, expected_false_flags)


def where_seen(
    poses: np.ndarray, labels: np.ndarray, inclusion: np.ndarray, percents: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keypoint positions by networks that did not see the frame [N, K, 2], networks' spread and number, each [N, K].

    The position is a weighted median. The spread is the mean distance from it, NaN with fewer than two networks.
    """
    known = np.isfinite(poses).all(axis=-1) & ~inclusion[:, :, None]
    weight = known.astype(float)
    error = np.where(known, np.linalg.norm(poses - labels, axis=-1), np.nan)
    for percent in np.unique([] if percents is None else percents):
        of_percent = np.asarray(percents) == percent
        of_labels = error[of_percent][np.isfinite(error[of_percent])]
        weight[of_percent] /= (np.median(of_labels) ** 2 if len(of_labels) else 0) or 1
    place = _weighted_median(poses, weight)
    count = known.sum(axis=0)
    away = np.where(known, np.linalg.norm(poses - place, axis=-1), 0)
    # The count is one less, as for a variance: networks are nearer to their own median than to that of new networks.
    total = weight.sum(axis=0) * (1 - 1 / np.maximum(count, 2))
    spread = np.where(count > 1, (weight * away).sum(axis=0) / np.where(total > 0, total, 1), np.nan)
    return place, spread, count


def _weighted_median(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Median over the first axis of [S, ..., 2] with weights [S, ...]; NaN where all weights are 0."""
    weight = np.broadcast_to(weight[..., None], values.shape)
    order = np.argsort(np.where(weight > 0, values, np.inf), axis=0, kind="stable")
    ordered = np.take_along_axis(values, order, axis=0)
    below = np.cumsum(np.take_along_axis(weight, order, axis=0), axis=0)
    half = below[-1] / 2
    # With an even number of equal weights, take the two values in the middle.
    middle = [(below >= half * (1 - 1e-9)).argmax(axis=0), (below > half * (1 + 1e-9)).argmax(axis=0)]
    low, high = (np.take_along_axis(ordered, index[None], axis=0)[0] for index in middle)
    return np.where(half > 0, (low + high) / 2, np.nan)


def _standardised(difference: np.ndarray, spread: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Differences [N, K] minus their median, in standard deviations, and the standard deviations [N, K], px.

    One share of a keypoint's variance scales with the networks' disagreement, the rest is the same in all frames. The
    share is the most likely one for t distributed differences.
    """
    middle = np.zeros(difference.shape[1], complex)
    for k, of_keypoint in enumerate(difference.T):
        of_keypoint = of_keypoint[np.isfinite(of_keypoint)]
        if len(of_keypoint) >= LEAST_FRAMES:
            middle[k] = median_point(of_keypoint)
    difference = difference - middle
    size, usual = np.abs(difference), typical_size(spread)
    ratio = np.where(np.isfinite(spread) & (usual > 0), spread / np.where(usual > 0, usual, 1), 1)
    scales, costs = [], []
    for share in _SHARES:
        factor = np.sqrt(1 - share + share * np.maximum(ratio, _LEAST_RATIO) ** 2)
        of_keypoint = typical_size(size / factor)
        scales.append(np.where(of_keypoint > 0, of_keypoint, 1) * factor)
        cost = 2 * np.log(scales[-1]) + (FREEDOM / 2 + 1) * np.log1p((size / scales[-1]) ** 2 / FREEDOM)
        costs.append(np.where(np.isfinite(cost), cost, 0).sum())
    scale = scales[int(np.argmin(np.round(np.array(costs) - costs[0], 9)))]
    return difference / scale, scale


def _alone(off: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Robust z [N, K] of the part of a label's difference that the frame's other keypoints do not predict.

    Where enough keypoints are labelled, this is averaged with the deviation of the label from its own animal
    (`geometry`). The errors of the two have little in common: one comes from networks, the other from labels alone.
    """
    deviation = size_deviation(np.abs(given_others(off)))
    label = np.where(np.isfinite(off), label, np.nan)
    enough = enough_labels(label)
    if enough.any():
        deviation[enough] = (deviation[enough] + fit_to_animal(label[enough]).deviation) / 2
    return robust_z(deviation)


def _together(difference: np.ndarray, place: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """p [N, 2] of a frame's displacement and of its turn, and the differences left [N, K], in standard deviations.

    They come from a rigid fit that weights keypoints by their exactness; a keypoint that is off has little weight.
    """
    known = np.isfinite(difference)
    exact = np.where(known, 1 / scale**2, 0)
    difference, place = np.where(known, difference, 0), np.where(known, place, 0)
    weight = exact
    for _ in range(_ROUNDS):
        share = weight / np.maximum(weight.sum(axis=1), np.finfo(float).tiny)[:, None]
        shift = (share * difference).sum(axis=1)
        centred = np.where(known, place - (share * place).sum(axis=1)[:, None], 0)
        moved = np.where(known, centred + difference - shift[:, None], 0)
        turn = np.angle((weight * moved * centred.conj()).sum(axis=1))
        rest = np.abs(moved - centred * np.exp(1j * turn)[:, None]) / scale
        weight = exact / (1 + rest**2 / 2)
    several = known.sum(axis=1) > 1
    radius = np.sqrt((exact * np.abs(centred) ** 2).sum(axis=1))
    size = np.stack([np.abs(shift) * np.sqrt(exact.sum(axis=1)), np.abs(turn) * radius], axis=1)
    p = tail_probability(size_deviation(np.where(several[:, None], size, np.nan)))
    return p, np.where(known & several[:, None], rest, np.nan)


def _exchanged(
    difference: np.ndarray, place: np.ndarray, scale: np.ndarray, gain: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """p [N, K] of each label's exchange with its most likely partner, and this partner, int [N, K].

    Two exchanged labels are off in opposite directions along the line between their positions. p is that of such a
    difference, but at least the inverse of the likelihood ratio. By Markov's inequality, correct labels reach a ratio
    no more often than its inverse.
    """
    partner, gain = best_exchange(gain)
    of_partner = [np.take_along_axis(values, partner, axis=1) for values in (difference, place, scale)]
    line = of_partner[1] - place
    apart = np.where(np.abs(line) > 0, np.abs(line), np.inf)
    along = ((difference - of_partner[0]) * line.conj()).real / apart / np.hypot(scale, of_partner[2])
    p = tail_probability(robust_z(np.where(np.isfinite(gain), along, np.nan)))
    return np.maximum(p, np.exp(-np.maximum(gain, 0))), partner


def _overlooked(labelled: np.ndarray, spread: np.ndarray, networks: np.ndarray) -> np.ndarray:
    """p [N, K] of keypoints without a label in frames with at least one label; NaN elsewhere.

    The networks' disagreement is compared with that at other keypoints without a label; if these are too few, with
    labelled ones, where an overlooked one is average at best. p is 1 where networks disagree more than usual at labels.
    """
    missing = ~labelled & labelled.any(axis=1, keepdims=True) & (spread > 0)
    log = np.log(np.where(spread > 0, spread, np.nan))
    of_labelled = np.where(labelled, log, np.nan)
    p = np.full(spread.shape, np.nan)
    if not missing.any() or not np.isfinite(of_labelled).any():
        return p
    usual = np.array([np.median(column(of_labelled, k)) for k in range(spread.shape[1])])
    relative = log - usual
    if missing.sum() >= LEAST_FRAMES:
        # A few networks may agree by chance: this is about the variance of the log of their spread in a plane.
        noise = 1 / (4 * np.maximum(networks - 1, 1))
        middle = np.median(relative[missing])
        total = robust_spread(np.abs(relative[missing] - middle)) ** 2
        between = max(total - noise[missing].mean(), 0)
        p = tail_probability(np.where(missing, (middle - relative) / np.sqrt(between + noise), np.nan))
    else:
        others = np.sort((of_labelled - usual)[np.isfinite(of_labelled)])
        share = (1 + np.searchsorted(others, relative, side="right")) / (1 + len(others))
        p[missing] = (1 - (1 - share) ** missing.sum(axis=1, keepdims=True))[missing]
    return np.where(missing & (relative > 0), 1, p)


def _left_unexplained(unlikely: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """How unlikely a frame's labels remain after an error of each of the first three of `KINDS` is undone, [N, 3].

    The frame's most unlikely label is left out; or the frame is moved and turned as a whole; or its labels are assigned
    to keypoints in the best way. The number of parameters that this takes is added, as in Akaike's criterion.
    """
    single = np.nan_to_num(np.einsum("nkk->nk", unlikely))
    alone = single.sum(axis=1) - single.max(axis=1) + 2
    together = np.nansum(unlikelihood(rest), axis=1) + 3
    exchanged = np.full(len(single), np.inf)
    for frame, costs in enumerate(unlikely):
        known = np.isfinite(np.diag(costs))
        of_known = costs[np.ix_(known, known)]
        label, keypoint = linear_sum_assignment(of_known)
        if (label != keypoint).any():
            exchanged[frame] = of_known[label, keypoint].sum() + 1
    return np.stack([alone, together, exchanged], axis=1)


def wrong_one(p: np.ndarray, unlikely: np.ndarray) -> np.ndarray:
    """The keypoint whose label is wrong if only one is, int [N], by the p of `alone` [N, K] and its own difference.

    By p alone it could be a correct keypoint that is predicted from the one that is off. How unlikely a label is at its
    own position counts half, because both rest on the same difference.
    """
    at_own_place = np.nan_to_num(np.einsum("nkk->nk", unlikely))
    with np.errstate(divide="ignore", invalid="ignore"):
        evidence = np.where(np.isfinite(p), at_own_place / 2 - np.log(p), -np.inf)
    return np.round(evidence, 12).argmax(axis=1)


def _far(poses: np.ndarray, labels: np.ndarray, inclusion: np.ndarray) -> np.ndarray:
    """p [N] of the distance by which networks miss a frame's labels on average; NaN where it is not known."""
    error = np.linalg.norm(poses - labels, axis=-1)
    unseen = np.where(inclusion[:, :, None], np.nan, error).reshape(-1, error.shape[2])
    unit = typical_size(unseen)
    p = error_probability(np.log1p(error / np.where(unit > 0, unit, 1)), inclusion)
    least = np.where(np.isfinite(p), p, np.inf).min(axis=1)
    return np.where(np.isfinite(least), least, np.nan)


def _combined(
    p: dict[str, np.ndarray],
    far: np.ndarray,
    unexplained: np.ndarray,
    alone: np.ndarray,
    partner: np.ndarray,
    place: np.ndarray,
    expected: float,
) -> Suspects:
    filled = {kind: np.where(np.isfinite(of_kind), of_kind, np.inf) for kind, of_kind in p.items()}
    least = np.stack([filled[kind].min(axis=1) for kind in KINDS], axis=1)
    known = np.isfinite(least)
    some = known.any(axis=1)
    share = known * _PRIOR / np.where(some, (known * _PRIOR).sum(axis=1), 1)[:, None]
    weighted = np.where(known, least / np.where(known, share, 1), np.inf)
    # An error of one kind lowers p of other kinds, too: of all kinds with low p, take the one that explains most.
    kind = weighted.argmin(axis=1)
    likely = least[:, :3] <= np.maximum(least.min(axis=1, keepdims=True), _UNUSUAL)
    explains = np.where(likely, unexplained, np.inf).argmin(axis=1)
    kind = np.where(kind == KINDS.index("overlooked"), kind, explains)
    of_frame = np.full(len(some), np.nan)
    of_frame[some] = np.maximum(-np.expm1(-weighted[some].min(axis=1)), np.finfo(float).tiny)
    if some.any():
        of_frame[some] = as_frames_fall_off(of_frame[some], of_frame[some])
        both = of_frame ** (1 - _MEAN_ERROR) * np.where(np.isfinite(far), far, of_frame) ** _MEAN_ERROR
        of_frame[some] = as_frames_fall_off(both[some], both[some])
    # Two exchanged keypoints have the same p: rounding makes the first of them the choice, whatever the last bit.
    first = [alone if name == "alone" else np.round(filled[name], 12).argmin(axis=1) for name in KINDS]
    which = np.stack(first, axis=1)[np.arange(len(kind)), kind]
    keypoint = np.where(some & (kind != KINDS.index("together")), which, -1)
    exchanged = some & (kind == KINDS.index("exchanged"))
    return Suspects(
        suspicion=-np.log10(np.maximum(of_frame, np.finfo(float).tiny)),
        flagged=of_frame * some.sum() <= expected,
        keypoint=keypoint,
        partner=np.where(exchanged, partner[np.arange(len(kind)), which * exchanged], -1),
        kind=np.where(some, np.array(KINDS)[kind], ""),
        place=place,
        **{f"p_{name}": np.where(known[:, column], least[:, column], np.nan) for column, name in enumerate(KINDS)},
    )
