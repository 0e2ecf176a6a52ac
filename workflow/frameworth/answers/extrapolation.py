"""The learning curve beyond the frames there are: a + b·n^−c with its uncertainty. Numpy in, numpy out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import digamma, polygamma

LEAST_SIZES, LEAST_SUBSETS = 3, 8
DRAWS = 2000
_EXPONENTS = np.geomspace(0.1, 2, 40)
_PRIOR_FREEDOM = 4.0  # what the sizes' common variance counts for beside each one's own


@dataclass(frozen=True)
class Extrapolated:
    """Expected score at some numbers of frames, and the change from the pool to them.

    Attributes:
        frames: [T]. value, low, high: [T], with intervals.
        change, change_low, change_high: [T], from the score at `pool`.
        fall, fall_low, fall_high: change from the smallest to the largest size measured.
        reason: why nothing can be told; then all numbers are NaN. Otherwise it is empty.
    """

    frames: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    change: np.ndarray
    change_low: np.ndarray
    change_high: np.ndarray
    fall: float
    fall_low: float
    fall_high: float
    reason: str = ""

    @property
    def changes(self) -> bool:
        """Whether the error is known to fall, or to rise, over the sizes measured."""
        return self.fall_high < 0 or self.fall_low > 0


@dataclass(frozen=True)
class Means:
    """Mean scores of P sizes: frames, mean and degrees of freedom [P], and the means' covariance [P, P]."""

    frames: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    freedom: np.ndarray


def size_means(score: np.ndarray, frames: np.ndarray, clusters: np.ndarray) -> Means:
    """Means of the sizes and what sampling does to them.

    A size's variance is its own, shrunk by four degrees of freedom to the trend of variances over sizes (Smyth 2004;
    Law et al. 2014), because there may be only two subsets of it. Subsets of one cluster share noise. Their common
    correlation (between sizes) is estimated from all such pairs, and kept within 0…1.

    Args:
        score: [S]. frames: int [S], size of each subset. clusters: [S].
    """
    names, which, count = np.unique(frames, return_inverse=True, return_counts=True)
    mean = np.bincount(which, score) / count
    residual = score - mean[which]
    squares, own = np.bincount(which, residual**2), count - 1
    variance = (_PRIOR_FREEDOM * _trend(names, squares, own) + squares) / (_PRIOR_FREEDOM + own)
    together = np.zeros((len(names), len(names)))  # pairs of subsets of one cluster, by their sizes
    product, pairs = 0.0, 0
    # Residuals of few subsets are smaller than what they estimate.
    standard = residual / np.sqrt(variance * np.maximum(own, 1) / count)[which]
    for cluster in np.unique(clusters):
        rows = np.flatnonzero(clusters == cluster)
        if len(rows) < 2:
            continue
        places, values = which[rows], standard[rows]
        np.add.at(together, (places[:, None], places[None, :]), 1)
        product += (values.sum() ** 2 - (values**2).sum()) / 2
        pairs += len(rows) * (len(rows) - 1) // 2
        together[places, places] -= 1  # a subset is no pair with itself; of one cluster sizes are different
    correlation = float(np.clip(product / pairs, 0, 1)) if pairs else 0.0
    deviation = np.sqrt(variance)
    covariance = correlation * together / np.outer(count, count) * np.outer(deviation, deviation)
    covariance[np.diag_indices(len(names))] += variance / count
    return Means(names.astype(float), mean, covariance, _PRIOR_FREEDOM + own)


def _trend(frames: np.ndarray, squares: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Variance of each size [P] by a line through the logarithms of variance and size, weighted by their freedom."""
    told = (own > 0) & (squares > 0)
    if not told.any():
        return np.zeros(len(frames))
    if np.count_nonzero(told) < 3:
        return np.full(len(frames), squares.sum() / own.sum())
    half = own[told] / 2
    # The logarithm of an estimated variance is lower than that of the variance by log(d/2) − ψ(d/2) on average.
    logs = np.log(squares[told] / own[told]) + np.log(half) - digamma(half)
    slope, level = np.polyfit(np.log(frames[told]), logs, 1, w=1 / np.sqrt(polygamma(1, half)))
    return np.exp(level + slope * np.log(frames))


def fitted(frames: np.ndarray, means: np.ndarray, weights: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Least-squares a + b·n^−c through means [D, P] of sizes [P], evaluated at `asked` [T]: [D, T].

    c is taken from 0.1 to 2 (an inverse power law with 40 exponents); a and b are free, so a curve may rise.
    """
    best = np.full(len(means), np.inf)
    out = np.zeros((len(means), len(asked)))
    root = np.sqrt(weights)
    for exponent in _EXPONENTS:
        design = np.stack([np.ones_like(frames), frames**-exponent], axis=1)
        solve = np.linalg.pinv(design * root[:, None])
        coefficients = (means * root) @ solve.T
        misfit = (((coefficients @ design.T - means) * root) ** 2).sum(axis=1)
        better = misfit < best - 1e-15
        best[better] = misfit[better]
        there = np.stack([np.ones_like(asked), asked**-exponent], axis=1)
        out[better] = (coefficients @ there.T)[better]
    return out


def extrapolate(
    score: np.ndarray,
    frames: np.ndarray,
    clusters: np.ndarray,
    pool: int,
    asked: Sequence[float] | np.ndarray,
    level: float,
    rng: np.random.Generator,
) -> Extrapolated:
    """Fit the learning curve to subsets' scores and extrapolate it.

    For its uncertainty, the sizes' means are drawn again from a multivariate t with the covariance of `size_means`, and
    the curve is fitted to each draw (a parametric bootstrap, because with three seeds on a size there is nothing to
    resample).

    Args:
        score: [S]. frames: int [S]. clusters: [S]. pool: frames there are. asked: frames to look at.
    """
    known = np.isfinite(score)
    score, frames, clusters = score[known], frames[known], clusters[known]
    asked = np.asarray(asked, float)
    sizes = len(np.unique(frames))
    if sizes < LEAST_SIZES or len(score) < LEAST_SUBSETS or len(score) == sizes:
        nothing = np.full(len(asked), np.nan)
        reason = (
            f"{sizes} size{'' if sizes == 1 else 's'} of subsets, where a curve needs {LEAST_SIZES}"
            if sizes < LEAST_SIZES
            else f"{len(score)} subsets of {sizes} sizes, where the noise needs {max(LEAST_SUBSETS, sizes + 1)}"
        )
        return Extrapolated(asked, *(nothing,) * 6, np.nan, np.nan, np.nan, reason)
    means = size_means(score, frames, clusters)
    weights = 1 / np.diag(means.covariance)
    noise = rng.multivariate_normal(np.zeros(sizes), means.covariance, DRAWS, method="eigh")
    noise *= np.sqrt(means.freedom / rng.chisquare(means.freedom, (DRAWS, sizes)))
    everywhere = np.concatenate([[pool, means.frames[0], means.frames[-1]], asked])
    whole = fitted(means.frames, means.mean[None], weights, everywhere)[0]
    drawn = fitted(means.frames, means.mean + noise, weights, everywhere)
    ends = [(1 - level) / 2, (1 + level) / 2]
    low, high = np.quantile(drawn[:, 3:], ends, axis=0)
    change_low, change_high = np.quantile(drawn[:, 3:] - drawn[:, :1], ends, axis=0)
    # Of the means, not of the curve: whether it falls must not be known from its form.
    fall = means.mean[-1] - means.mean[0]
    fall_low, fall_high = np.quantile(fall + noise[:, -1] - noise[:, 0], ends)
    return Extrapolated(
        asked, whole[3:], low, high, whole[3:] - whole[0], change_low, change_high,
        float(fall), float(fall_low), float(fall_high),
    )  # fmt: skip
