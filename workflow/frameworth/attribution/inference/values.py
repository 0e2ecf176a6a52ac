"""The value of each frame of the pool, with its uncertainty. Numpy in, numpy out.

A value is the change of a score with the frame, so for errors negative is good.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests

from frameworth.plan.designs import main_percent


def mean_of_known(values: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    """The mean of the finite values along `axis`; NaN where there are none."""
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    return np.where(known, values, 0).sum(axis=axis, dtype=float) / np.where(count > 0, count, np.nan)


def subset_score(score: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    """Mean of a score [S, N, K] over held-out frames and their labelled keypoints, [S]; NaN-aware."""
    return mean_of_known(score[:, held_out].reshape(len(score), -1), 1)


def subset_level(log_error: np.ndarray, inclusion: np.ndarray) -> np.ndarray:
    """How much higher the log error of a subset's networks is than the average subset's, at the same labels, [S].

    It is the least-squares fit of log error = label + subset over the labels that a subset's networks were not trained
    on. A frame of the pool is out of bag mostly for small subsets, a held-out frame for all subsets. So the mean errors
    of frames can be compared only after these levels are subtracted.

    Args:
        log_error: [S, N, K], log(1 + px); NaN where not labelled. inclusion: bool [S, N].
    """
    known = np.isfinite(log_error) & ~inclusion[:, :, None]
    seen = known.reshape(len(known), -1).astype(float)
    score = np.where(known, log_error, 0).reshape(len(known), -1).astype(float)
    share = seen / np.maximum(seen.sum(axis=0), 1)
    # The labels' own means are eliminated; the least norm among solutions makes the levels' mean 0.
    normal = np.diag(seen.sum(axis=1)) - share @ seen.T
    return np.linalg.lstsq(normal, score.sum(axis=1) - share @ score.sum(axis=0), rcond=None)[0]


def out_of_bag_error(error: np.ndarray, inclusion: np.ndarray) -> np.ndarray:
    """Mean error at each frame over its keypoints and the subsets without it, px [N].

    Each subset's errors are first divided by their ratio to those of the average subset (`subset_level`). So the result
    is the error of the study's average network, and does not depend on which subsets lack the frame.

    Args:
        error: [S, N, K], NaN where not labelled.
        inclusion: bool [S, N].

    Source: Kwon and Zou 2023 (data-OOB). NaN for a frame that is in every subset.
    """
    times_average = np.exp(subset_level(np.log1p(error), inclusion))
    times_average /= times_average.mean()
    return mean_of_known(np.where(inclusion, np.nan, mean_of_known(error, 2) / times_average[:, None]), 0)


def out_of_bag_consensus(consensus: np.ndarray, inclusion: np.ndarray) -> np.ndarray:
    """The median of the consensus at each frame over the subsets without the frame.

    The median is used because a few networks that are far off do not change it where the others agree.

    Args:
        consensus: [S, N, K, ...], poses or confidences. inclusion: bool [S, N].

    Returns:
        float [N, K, ...]; NaN where no subset without the frame has a consensus.
    """
    made = np.full(consensus.shape[1:], np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all NaN: stays NaN
        for frame in np.flatnonzero(~inclusion.all(axis=0)):
            made[frame] = np.nanmedian(consensus[~inclusion[:, frame], frame].astype(float), axis=0)
    return made


def confidence_interval(
    value: np.ndarray, standard_error: np.ndarray, clusters: int, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Two-sided intervals value ± t(clusters − 1) · standard error, of arrays of one shape."""
    half = stats.t.ppf((1 + level) / 2, max(clusters - 1, 1)) * standard_error
    return value - half, value + half


def p_values(value: np.ndarray, standard_error: np.ndarray, clusters: int) -> np.ndarray:
    """Two-sided p of value = 0 by t(clusters − 1), of arrays of one shape; NaN where there is no standard error."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return 2 * stats.t.sf(np.abs(value / standard_error), max(clusters - 1, 1))


def false_discovery(p: np.ndarray) -> np.ndarray:
    """Benjamini and Hochberg's q (1995) over all p but NaN; for matrices, where family-wise p is too strict."""
    out = np.full_like(p, np.nan)
    known = np.isfinite(p)
    if known.any():
        out[known] = multipletests(p[known], method="fdr_bh")[1]
    return out


def holm(p: np.ndarray) -> np.ndarray:
    """p-values [M] adjusted by Holm's step-down over those that are not NaN (Holm 1979)."""
    # statsmodels runs Python's garbage collector in each call, which takes a hundred times as long as the rest.
    adjusted, known = np.full(len(p), np.nan), np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)))
    return adjusted


@dataclass(frozen=True)
class Slope:
    """Change of the mean score per frame added, from the subsets of one percent to those of another.

    Attributes:
        percent: the percent that the slope is for: that of most subsets, or the lower of two neighbours.
        per_frame, standard_error: float [T], or one number for a single score.
        freedom: degrees of freedom behind the standard error, of the same shape.
    """

    percent: int
    low: int
    high: int
    per_frame: np.ndarray
    standard_error: np.ndarray
    freedom: np.ndarray


def slope_at_main_size(
    score: np.ndarray, sizes: np.ndarray, percents: np.ndarray, clusters: np.ndarray
) -> Slope | None:
    """Slope at the percent of most subsets, between the next smaller and the next larger size; None with one size.

    At the smallest or largest size it is one-sided. In a small pool two percents may be the same size in frames.

    Args:
        score: [S] or [S, T]. sizes: frames in each subset [S].
    """
    main, size = main_percent(percents), _mean_sizes(sizes, percents)
    smaller = [name for name in size if size[name] < size[main]]
    larger = [name for name in size if size[name] > size[main]]
    if not smaller and not larger:
        return None
    low, high = max(smaller, default=main), min(larger, default=main)
    return _slope(score, sizes, percents, clusters, main, low, high)


def slopes(score: np.ndarray, sizes: np.ndarray, percents: np.ndarray, clusters: np.ndarray) -> tuple[Slope, ...]:
    """Slopes between all neighbouring percents, ascending; of percents with the same number of frames, the first."""
    first: dict[float, int] = {}
    for name, size in _mean_sizes(sizes, percents).items():
        first.setdefault(size, name)
    return tuple(_slope(score, sizes, percents, clusters, low, low, high) for low, high in pairwise(first.values()))


def _mean_sizes(sizes: np.ndarray, percents: np.ndarray) -> dict[int, float]:
    """The mean number of frames in the subsets of each percent, ascending."""
    return {int(percent): float(sizes[percents == percent].mean()) for percent in np.unique(percents)}


def _slope(
    score: np.ndarray, sizes: np.ndarray, percents: np.ndarray, clusters: np.ndarray, percent: int, low: int, high: int
) -> Slope:
    """Slope with a cluster-robust error, which is NaN where a side has only one cluster.

    Residuals of a cluster are summed within a side and divided by √(1 − the cluster's share of the side) (CR2, Bell and
    McCaffrey 2002). If each cluster has one row, this is Welch's error; if each has a row on both sides, it is that of
    paired differences. Degrees of freedom are Satterthwaite's (1946), from clusters on both sides, on the high side
    only, and on the low side only.
    """
    scores = score.reshape(len(score), -1)
    known = np.isfinite(scores)
    added = sizes[percents == high].mean() - sizes[percents == low].mean()
    names, which = np.unique(clusters, return_inverse=True)
    rise = np.zeros(scores.shape[1])
    residual = np.zeros((len(names), scores.shape[1]))
    shares = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for sign, name in ((1, high), (-1, low)):
            side = (percents == name)[:, None] & known
            count = side.sum(axis=0)
            mean = np.where(side, scores, 0).sum(axis=0) / count
            rise += sign * mean
            share, sums = np.zeros_like(residual), np.zeros_like(residual)
            np.add.at(share, which, side)
            share /= count
            np.add.at(sums, which, np.where(side, scores - mean, 0) / count)
            residual += sign * sums / np.sqrt(1 - share)
            shares.append(share)
        in_high, in_low = (share > 0 for share in shares)
        parts = (in_high & in_low, in_high & ~in_low, ~in_high & in_low)
        squares = [np.where(part, residual**2, 0).sum(axis=0) for part in parts]
        left = [np.where(part, 1 - np.maximum(*shares), 0).sum(axis=0) for part in parts]
    shape = score.shape[1:]
    estimated = rise / added, np.sqrt(sum(squares)) / added, satterthwaite(squares, left)
    per_frame, error, freedom = (array.reshape(shape)[()] for array in estimated)
    return Slope(percent, low, high, per_frame, error, freedom)


def satterthwaite(variances: Sequence[np.ndarray], freedom: Sequence[np.ndarray | int]) -> np.ndarray:
    """Degrees of freedom of a sum of independent estimated variances (Satterthwaite 1946); infinite where all are 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(part == 0, 0, part**2 / left) for part, left in zip(variances, freedom, strict=True)]
        total = sum(variances)
        return np.where(total == 0, np.inf, total**2 / sum(parts))


def group_is_worse(
    value: np.ndarray, group: np.ndarray, resamples: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Test that the frames in `group`, bool [N], have higher (worse) values [N] than the rest, by relabelling frames.

    One relabelling of the frames is common to all subsets, so the dependence between subsets is kept. Under the null
    that values do not depend on the group, all relabellings are equally likely.

    Returns (mean value of the group − mean of the rest, one-sided p, at least 1/(resamples + 1)); NaN if there
    is no group or no rest.
    """
    known = np.isfinite(value)
    value, group = value[known], group[known]
    size = int(group.sum())
    if size in (0, len(value)):
        return float("nan"), float("nan")
    total = value.sum()

    def difference(group_sum: np.ndarray | float) -> np.ndarray | float:
        return group_sum / size - (total - group_sum) / (len(value) - size)

    observed = difference(value[group].sum())
    drawn = np.array([value[rng.permutation(len(value))[:size]].sum() for _ in range(resamples)])
    at_least = np.count_nonzero(difference(drawn) >= observed - 1e-12)
    return float(observed), (1 + at_least) / (resamples + 1)
