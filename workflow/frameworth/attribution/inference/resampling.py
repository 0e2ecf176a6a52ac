"""Bootstrap intervals over frames, subsets or clusters. Numpy in, numpy out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import rankdata

RESAMPLES = 400


def interval(
    statistic: Callable[[np.ndarray], float], draw: Callable[[np.random.Generator], np.ndarray], level: float
) -> tuple[float, float]:
    """Percentile bootstrap interval of `statistic` over the rows that `draw` returns."""
    rng = np.random.default_rng(0)
    drawn = np.array([statistic(draw(rng)) for _ in range(RESAMPLES)])
    low, high = np.nanquantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def rank_correlation(pair: np.ndarray, level: float) -> tuple[float, float, float]:
    """Spearman's correlation of two quantities of n frames, [2, n], and its bootstrap interval over frames."""
    count = pair.shape[1]

    def correlation(rows: np.ndarray) -> float:
        ranks = rankdata(pair[:, rows], axis=1)
        return float(np.corrcoef(ranks)[0, 1]) if (np.ptp(ranks, axis=1) > 0).all() else np.nan

    ends = interval(correlation, lambda rng: rng.integers(0, count, (count,)), level)
    return correlation(np.arange(count)), *ends


def resampled_clusters(clusters: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows of clusters drawn with replacement, as indices."""
    names, which = np.unique(clusters, return_inverse=True)
    rows = [np.flatnonzero(which == index) for index in range(len(names))]
    return np.concatenate([rows[index] for index in rng.integers(0, len(names), len(names))])
