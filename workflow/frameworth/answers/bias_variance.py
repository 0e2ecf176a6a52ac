"""The error that networks share, and how much they differ, for each frame and keypoint. Numpy in, numpy out.

The model within one percent is ŷ(s, r) = y + c + a(s) + e(s, r). Networks on subsets of this pool share c, a subset
adds a, and a network adds e. Squares are sums over x and y, px². c contains the learner's bias, the label's own error,
and the chance of which frames are in the pool: subsets of one pool overlap, so they vary less than fresh training sets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from frameworth.attribution.estimators.size_centred import LEAST_CLUSTERS
from frameworth.attribution.inference import values

MOSTLY_BIAS = 0.5  # above this share of the mean squared error, a label's error is called bias


@dataclass(frozen=True)
class Parts:
    """Mean squared error of single networks and its parts, px² [N, K]; NaN where they are not known.

    Attributes:
        mean_squared_error: of the networks that did not see the frame.
        shared_squared: unbiased estimate of ‖c‖²: ‖mean over subsets − y‖² less the variance of that mean. May be < 0.
        subset_variance, member_variance: unbiased estimates of E‖a‖² and E‖e‖²; NaN where no subset has two members.
            The three add up to the mean squared error.
        network_variance: the sum of both variances. It is also known with one member per subset.
        bias_squared: `shared_squared` less what the chance choice of the pool adds to it. To first order this is the
            squared error of the mean over fresh training sets of the subsets' size; otherwise it is less. It includes
            the label's own error. It is NaN where `subset_variance` is.
        shared_share, bias_share: shares of the mean squared error. `…_low` and `…_high` are the ends of the intervals,
            from the jackknife over clusters with t(G − 1); NaN below 8 clusters.
        bias_share_q: q value over all labels (false discovery rate); the null is that bias is at most `MOSTLY_BIAS`.
        subsets: int [N, K], number of subsets that do not contain the frame.
    """

    subsets: np.ndarray
    mean_squared_error: np.ndarray
    shared_squared: np.ndarray
    subset_variance: np.ndarray
    member_variance: np.ndarray
    network_variance: np.ndarray
    shared_share: np.ndarray
    shared_share_low: np.ndarray
    shared_share_high: np.ndarray
    bias_squared: np.ndarray
    bias_share: np.ndarray
    bias_share_low: np.ndarray
    bias_share_high: np.ndarray
    bias_share_q: np.ndarray


def parts(
    offset: np.ndarray,
    within: np.ndarray,
    members: np.ndarray,
    unseen: np.ndarray,
    fraction: np.ndarray,
    clusters: np.ndarray,
    level: float,
) -> Parts:
    """Split the mean squared error of the networks of one percent.

    Args:
        offset: [S, N, K, 2] px, mean pose of a subset's members less the label, NaN where not labelled.
        within: [S, N, K] px², mean‖ŷ − mean ŷ‖² over a subset's members (divided by R, not R − 1).
        members: int [S], R. unseen: bool [S, N], the frame is not in the subset. clusters: [S].
        fraction: [N], size of a subset over the number of frames it is drawn from, without the frame itself.
        level: coverage of the intervals.
    """
    which = np.unique(clusters, return_inverse=True)[1]
    # One keypoint at a time, so that the sums fit into memory.
    summed = [_sums(offset[:, :, k], within[:, :, k], members, unseen) for k in range(offset.shape[2])]
    total = np.stack([rows.sum(axis=0) for rows in summed], axis=1)
    jackknifed = [_jackknife(rows, which, fraction) for rows in summed]
    error, groups = (np.stack(arrays, axis=-1) for arrays in zip(*jackknifed, strict=True))
    share = np.stack([_shares(rows.sum(axis=0), fraction) for rows in summed], axis=-1)  # shared and bias, [2, N, K]
    freedom = np.maximum(groups - 1, 1)
    half = stats.t.ppf((1 + level) / 2, freedom) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        p = stats.t.sf((share[1] - MOSTLY_BIAS) / error[1], freedom[1])
    squared_error, shared, subset, member = _split(total)
    shared_share, bias_share = zip(share, share - half, share + half, strict=True)
    return Parts(
        subsets=total[..., 0].astype(int),
        mean_squared_error=squared_error,
        shared_squared=shared,
        subset_variance=subset,
        member_variance=member,
        network_variance=squared_error - shared,
        shared_share=shared_share[0],
        shared_share_low=shared_share[1],
        shared_share_high=shared_share[2],
        bias_squared=shared - _accident(fraction[:, None], subset),
        bias_share=bias_share[0],
        bias_share_low=bias_share[1],
        bias_share_high=bias_share[2],
        bias_share_q=values.false_discovery(p),
    )


def _sums(offset: np.ndarray, within: np.ndarray, members: np.ndarray, unseen: np.ndarray) -> np.ndarray:
    """The terms that are summed over subsets, [S, N, 6]: 1, 1/R, within, offset (x, y), ‖offset‖²; 0 if not known."""
    known = np.isfinite(offset).all(axis=2) & unseen
    inverse = np.broadcast_to((1 / np.maximum(members, 1))[:, None], known.shape)  # with no members nothing is known
    parts = [np.ones(known.shape), inverse, within, offset[..., 0], offset[..., 1], (offset**2).sum(axis=2)]
    return np.stack([np.where(known, part, 0) for part in parts], axis=2)


def _jackknife(rows: np.ndarray, which: np.ndarray, fraction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standard errors of both shares over clusters (NaN below 8 clusters), and numbers of clusters; [2, N] each."""
    total = rows.sum(axis=0)
    share = _shares(total, fraction)
    groups, mean, square = (np.zeros(share.shape) for _ in range(3))
    for cluster in range(which.max() + 1):
        of_cluster = rows[which == cluster].sum(axis=0)
        takes_part = (of_cluster[:, 0] > 0) & np.isfinite(share)
        without = np.where(takes_part, _shares(total - of_cluster, fraction) - share, 0)
        groups += takes_part
        mean += without
        square += without**2
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = (groups - 1) / groups * (square - mean**2 / groups)
        return np.where(groups >= LEAST_CLUSTERS, np.sqrt(np.maximum(variance, 0)), np.nan), groups


def _split(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean squared error, its shared part, variance of subsets and of members, from the sums in `parts`.

    With m subsets, v their mean `within` and h the mean of 1/R: E v = σ_e² (1 − h), so σ_e² = v / (1 − h); the variance
    S² of the subsets' means (over m − 1) has expectation σ_a² + h σ_e², and ‖mean − y‖² has ‖c‖² + S²/m. Then
    ‖c‖² + σ_a² + σ_e² = mean ‖offset‖² + v, the mean squared error, exactly.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        count = np.where(sums[..., 0] > 1, sums[..., 0], np.nan)
        h, within, square = (sums[..., index] / count for index in (1, 2, 5))
        of_mean = ((sums[..., 3:5] / count[..., None]) ** 2).sum(axis=-1)
        spread = (square - of_mean) * count / (count - 1)
        member = np.where(h < 1 - 1e-9, within / np.where(h < 1 - 1e-9, 1 - h, 1), np.nan)
        return square + within, of_mean - spread / count, spread - h * member, member


def _accident(fraction: np.ndarray, subset_variance: np.ndarray) -> np.ndarray:
    """What the chance choice of the frames in the pool adds to the squared error that subsets share, px².

    To first order a subset's effect is a sum over its frames. σ² is its variance over fresh training sets of that size.
    Among subsets that are drawn without replacement, each a fraction f of one pool, the variance is (1 − f) σ² (finite
    population correction; Cochran 1977, theorem 2.2). The other f σ² = f/(1 − f) · `subset_variance` is common to all
    subsets of the pool. Of an effect that k frames have together only f^k is common, so this is an upper bound. NaN
    where f = 1, because then there is only one subset to draw.
    """
    return fraction / np.where(fraction < 1, 1 - fraction, np.nan) * subset_variance


def _shares(sums: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    """The shared squared error and the squared bias, each over the mean squared error: [2, N]."""
    squared_error, shared, subset, _ = _split(sums)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.stack([shared, shared - _accident(fraction, subset)]) / squared_error


def error_of_mean_pose(bias_squared: np.ndarray, variance: np.ndarray, members: int, asked: float) -> np.ndarray:
    """Expected squared error of the mean pose of `asked` networks, from an ensemble of `members`; px², as both arrays.

    The mean over all choices of r among R members is exactly B + V (R − r) / (r (R − 1)). B is the squared error of the
    mean of all members, V is their mean squared distance from that mean. With `asked` infinite it is B − V/(R − 1),
    which is unbiased and may be negative for single labels.
    """
    if members == 1:
        return bias_squared
    return bias_squared + variance * (members / asked - 1) / (members - 1)


@dataclass(frozen=True)
class Curve:
    """Mean squared error of the mean pose of r networks, for several r, px², and its standard error over clusters.

    Attributes:
        asked: numbers r of networks; inf for infinitely many.
        squared_error, standard_error: float, one per r. gain: by what share of one network's squared error the error
            is lower; `gain_error` is its standard error.
        clusters: number of clusters that the standard errors rest on.
    """

    asked: tuple[float, ...]
    squared_error: np.ndarray
    standard_error: np.ndarray
    gain: np.ndarray
    gain_error: np.ndarray
    clusters: int


def curve_of_members(bias_squared: np.ndarray, variance: np.ndarray, members: int, clusters: np.ndarray) -> Curve:
    """The curve for 1 to R members of one subset, and for infinitely many.

    Args:
        bias_squared, variance: [S] px², means over labels, of subsets with R = `members` members. clusters: [S].
    """
    asked = (*map(float, range(1, members + 1)), np.inf)
    of_subsets = np.stack([error_of_mean_pose(bias_squared, variance, members, r) for r in asked], axis=1)
    names = np.unique(clusters)
    kept = np.stack([of_subsets[clusters != name].mean(axis=0) for name in names]) if len(names) > 1 else None
    return _curve(asked, of_subsets.mean(axis=0), kept)


def curve_across_subsets(
    offset: np.ndarray, within: np.ndarray, members: np.ndarray, clusters: np.ndarray, asked: tuple[float, ...]
) -> Curve:
    """The curve for r networks of r different subsets of one percent: ‖c‖² + (σ_a² + σ_e²) / r, mean over labels.

    Args:
        offset: [S, M, 2] px of M held-out labels. within: [S, M] px². members: [S]. clusters: [S].
    """
    rows = _sums(offset, within, members, np.ones(offset.shape[:2], bool))

    def error(sums: np.ndarray) -> np.ndarray:
        squared_error, shared, _, _ = _split(sums)
        known = np.isfinite(shared)
        shared, variance = shared[known].mean(), (squared_error - shared)[known].mean()
        return np.array([shared + variance / r for r in asked])

    total, names = rows.sum(axis=0), np.unique(clusters)
    kept = None
    if len(names) > 2:
        kept = np.stack([error(total - rows[clusters == name].sum(axis=0)) for name in names])
    return _curve(asked, error(total), kept)


def _curve(asked: tuple[float, ...], whole: np.ndarray, kept: np.ndarray | None) -> Curve:
    """The curve from estimates of all clusters and without each [G, len(asked)]; errors are NaN below 8 clusters."""
    gain = 1 - whole / whole[0]
    nothing = np.full(len(whole), np.nan)
    groups = 0 if kept is None else len(kept)
    if kept is None or groups < LEAST_CLUSTERS:
        return Curve(asked, whole, nothing, gain, nothing, groups)
    factor = (groups - 1) / groups
    error, gain_error = (np.sqrt(factor * ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0))
                         for left_out in (kept, 1 - kept / kept[:, :1]))  # fmt: skip
    return Curve(asked, whole, error, gain, gain_error, groups)
