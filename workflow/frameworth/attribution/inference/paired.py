"""Paired differences: their mean, its standard error over clusters, t interval and p."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

from frameworth.attribution.inference.values import satterthwaite


class Paired(NamedTuple):
    """A mean paired difference; all but `difference` are NaN with fewer than two clusters."""

    difference: float
    standard_error: float
    t: float
    p: float
    ci_low: float
    ci_high: float
    pairs: int
    clusters: int


def paired_difference(differences: np.ndarray, clusters: np.ndarray, level: float) -> Paired:
    """The mean of `differences` [n], with t(G − 1) and the jackknife's error over G independent clusters.

    Differences that are NaN are left out; they are NaN where a network diverged, for instance.
    """
    known = np.isfinite(differences)
    differences, clusters = differences[known], np.asarray(clusters)[known]
    names, member = np.unique(clusters, return_inverse=True)
    pairs, groups = len(differences), len(names)
    mean = float(differences.mean()) if pairs else float("nan")
    if groups < 2:
        return Paired(mean, *(float("nan"),) * 5, pairs, groups)
    # Leave out each cluster in turn: a large cluster moves the mean more than its own residuals show.
    without = (differences.sum() - np.bincount(member, differences)) / (pairs - np.bincount(member))
    error = float(np.sqrt((groups - 1) / groups * ((without - without.mean()) ** 2).sum()))
    half = float(stats.t.ppf((1 + level) / 2, groups - 1)) * error
    t = mean / error if error > 0 else float("nan")
    p = float(2 * stats.t.sf(abs(t), groups - 1))
    return Paired(mean, error, t, p, mean - half, mean + half, pairs, groups)


def welch(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float]:
    """The difference of means (second minus first) of two samples, its standard error, and its degrees of freedom.

    The error and the degrees of freedom are NaN with a single value in a sample. Source: Welch 1947, Biometrika 34.
    """
    variances = [np.array(part.var(ddof=1) / len(part) if len(part) > 1 else np.nan) for part in (first, second)]
    freedom = satterthwaite(variances, (len(first) - 1, len(second) - 1))
    return float(second.mean() - first.mean()), float(np.sqrt(sum(variances))), float(freedom)


def two_way_error(differences: np.ndarray) -> float:
    """Standard error of the mean difference [pairs, frames, keypoints] over new pairs and new frames, without NaN.

    Its square is the variance over pairs plus the variance over frames, minus the part that both include, but at least
    the larger of the two. The error is NaN with fewer than two pairs or frames.

    Source: Cameron, Gelbach and Miller 2011, J. Bus. Econ. Stat. 29(2), equation 2.11.
    """
    known = np.isfinite(differences)
    pairs, frames = known.any(axis=(1, 2)).sum(), known.any(axis=(0, 2)).sum()
    if min(pairs, frames) < 2:
        return float("nan")
    rest = np.where(known, differences - differences[known].mean(), 0)
    by_pair = (rest.sum(axis=(1, 2)) ** 2).sum() * pairs / (pairs - 1)
    by_frame = (rest.sum(axis=(0, 2)) ** 2).sum() * frames / (frames - 1)
    both = (rest.sum(axis=2) ** 2).sum()
    return float(np.sqrt(max(by_pair + by_frame - both, by_pair, by_frame)) / known.sum())
