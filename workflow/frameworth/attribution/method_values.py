"""The value of each frame by methods that examine networks, with tests over frames. Numpy in, numpy out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.optimize import brentq
from scipy.special import digamma, polygamma

from frameworth.attribution.inference.values import holm, mean_of_known

LEVEL = 0.05  # family-wise
# The median absolute deviation of n normal values is as exact as the standard deviation of 0.37 n values.
_EFFICIENCY = 0.37


@dataclass(frozen=True)
class MethodValues:
    """Value of N frames by a method over B base networks.

    Attributes:
        value: [N] in the method's unit, the mean over the networks that have a value for the frame; above 0 is worse
            than the average frame. NaN where no network has one.
        standard_error: [N] of the value, used in its test; NaN where fewer than two networks have a value.
        p_adjusted: [N] family-wise, one-sided for harm. A frame with p < .05 is singled out: by these networks it harms
            more than most frames. This does not decide the frame: only retraining on subsets can.
        stands_out: bool [N], the frame is singled out, and its value is an outlier among all values, too (`outlying`).
            Frames differ, so many good ones are surely worse than average, and are singled out.
    """

    value: np.ndarray
    standard_error: np.ndarray
    p_adjusted: np.ndarray
    stands_out: np.ndarray


def method_values(per_network: np.ndarray, resamples: int, rng: np.random.Generator) -> MethodValues:
    """Average the networks' values of each frame, and test whether single frames are worse than the others.

    The statistic is the mean over networks divided by its moderated error: each frame's variance between networks is
    shrunk towards the variance common to all frames (Smyth 2004, limma), because four or five networks alone give heavy
    tails. Two tests have to agree; p is the larger one. The first permutes each network's values among its frames, as
    frames do not differ under the null. p compares with the largest statistic (max-T) in steps: a frame that is singled
    out is left out of later steps (Westfall and Young 1993). This takes all frames to be equally noisy. The second does
    not: it compares the statistic with the t distribution of the moderated error, with Holm's rule over frames.

    Args:
        per_network: [B, N], above 0 harms; NaN where a network has no value. `Method.harm` returns it.
    """
    networks = np.isfinite(per_network).sum(axis=0)
    value = mean_of_known(per_network, 0)
    error, adjusted = (np.full(len(value), np.nan) for _ in range(2))
    left = networks > 0
    error[left] = np.where(networks[left] > 1, _moderated_error(per_network[:, left])[0], np.nan)
    while left.any():
        some = per_network[:, left]
        observed = _moderated(some)
        largest = np.array([_moderated(_relabelled(some, rng)).max() for _ in range(resamples)])
        p = family_wise_one_sided(observed, largest)
        places = np.flatnonzero(left)
        singled = p < LEVEL
        if adjusted[left].size and np.isfinite(adjusted).any():
            p = np.maximum(p, np.nanmax(adjusted[~left]))  # p of later steps are never below earlier ones
        adjusted[places] = p
        if not singled.any() or singled.all():
            break
        left[places[singled]] = False
    adjusted = np.maximum(adjusted, holm(_moderated_p(per_network)))
    with np.errstate(invalid="ignore"):
        stands_out = (adjusted < LEVEL) & outlying(value)
    return MethodValues(value, error, adjusted, stands_out)


def outlying(value: np.ndarray) -> np.ndarray:
    """Which values [N] are above the level that the highest of N normal values exceeds in 1 of 20 studies.

    Their centre and spread are the median and median absolute deviation, which a few harmful frames hardly change.
    """
    known = value[np.isfinite(value)]
    if not known.size:
        return np.zeros(len(value), bool)
    spread = stats.median_abs_deviation(known, scale="normal")
    limit = stats.t.isf(LEVEL / known.size, max(1.0, _EFFICIENCY * known.size))
    with np.errstate(invalid="ignore"):
        return value > np.median(known) + limit * spread


def family_wise_one_sided(statistic: np.ndarray, largest: np.ndarray) -> np.ndarray:
    """The share of `largest` [resamples] that reach each statistic [N]; the statistic itself counts as one of them."""
    return (1 + (largest[:, None] >= statistic - 1e-12).sum(axis=0)) / (len(largest) + 1)


def _relabelled(per_network: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    out = per_network.copy()
    for row in out:
        known = np.flatnonzero(np.isfinite(row))
        row[known] = row[rng.permutation(known)]
    return out


def _moderated(per_network: np.ndarray) -> np.ndarray:
    """Mean over networks / its moderated error, [n]."""
    return mean_of_known(per_network, 0) / _moderated_error(per_network)[0]


def _moderated_p(per_network: np.ndarray) -> np.ndarray:
    """One-sided p of this statistic by the t distribution, [N]; NaN where no network has a value."""
    p, known = np.full(per_network.shape[1], np.nan), np.isfinite(per_network).any(axis=0)
    if known.any():
        error, freedom = _moderated_error(per_network[:, known])
        p[known] = stats.t.sf(mean_of_known(per_network[:, known], 0) / error, freedom)
    return p


def _moderated_error(per_network: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The moderated standard deviation between networks / √networks, [n], and its degrees of freedom, [n]."""
    known = np.isfinite(per_network)
    count = known.sum(axis=0)
    mean = np.where(known, per_network, 0).sum(axis=0) / count
    squares = np.where(known, (per_network - mean) ** 2, 0).sum(axis=0)
    freedom = count - 1
    prior, weight = _prior_variance(squares / np.maximum(freedom, 1), freedom)
    moderated = (weight * prior + squares) / (weight + freedom)
    return np.sqrt(moderated / count), weight + freedom


def _prior_variance(variance: np.ndarray, freedom: np.ndarray) -> tuple[float, float]:
    """The frames' common variance and its weight in degrees of freedom, from the moments of log variances."""
    usable = (freedom > 0) & (variance > 0)
    if usable.sum() < 3:
        return float(variance[freedom > 0].mean()) if (freedom > 0).any() else 1.0, 4.0
    half = freedom[usable] / 2
    logs = np.log(variance[usable]) - digamma(half) + np.log(half)
    excess = logs.var(ddof=1) - polygamma(1, half).mean()
    if excess <= 1e-3:
        return float(np.exp(logs.mean())), 1e3
    weight = 2 * brentq(lambda x: polygamma(1, x) - excess, 1e-3, 1e4)
    return float(np.exp(logs.mean() + digamma(weight / 2) - np.log(weight / 2))), float(weight)
