"""Semivalues from differences within sizes, for Shapley and Beta-Shapley."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from frameworth.attribution.estimators.size_centred import LEAST_CLUSTERS
from frameworth.attribution.sample import (
    Estimate,
    Sample,
    SamplingWarning,
    centred,
    decidable,
    without_own,
)

_EXTRAPOLATED = 0.25  # the share of the weight on sizes outside the drawn ones above which there is a warning


def semivalue(
    name: str,
    marginal_weights: Callable[[int], np.ndarray],
    sample: Sample,
    with_errors: bool,
) -> Estimate:
    """The relative part of φ_i = Σ_{s=1}^{n} ω_s (E[u | i∈S, |S|=s] − E[u | i∉S, |S|=s−1]).

    Let D_s be the difference with and without i within size s. The mean score of each size is common to all frames, so
    φ_i − φ̄ = Σ_{s=1}^{n−1} D_s (ω_s (1 − s/n) + ω_{s+1} s/n). Multiplied by n/(n−1), it has the scale of all
    estimators. A size that was not drawn takes the difference of the nearest drawn size.

    Args:
        marginal_weights: ω_1…ω_n for n frames.
    """
    value, error, counted = sample.unknown(), sample.unknown(), 0
    for rows, columns, varies in decidable(sample):
        included, of_rows = sample.inclusion[rows][:, varies], sample.percents[rows]
        weights = _weights_of_percents(name, marginal_weights, included, of_rows)
        groups = sample.clusters[rows]
        names = np.unique(groups)
        counted = max(counted, len(names))
        for frame in np.unique(sample.frame_of_target[columns]):
            some = columns[sample.frame_of_target[columns] == frame]
            own_frame = int(np.flatnonzero(np.flatnonzero(varies) == frame)[0]) if frame >= 0 and varies[frame] else -1
            u = sample.scores[np.ix_(rows, some)].astype(float)
            whole = _differences(included, u, of_rows, weights, own_frame)
            value[np.ix_(varies, some)] = whole
            if not with_errors or len(names) < LEAST_CLUSTERS:
                continue
            squares = np.zeros_like(whole)
            for left_out in names:
                keep = groups != left_out
                squares += (_differences(included[keep], u[keep], of_rows[keep], weights, own_frame) - whole) ** 2
            error[np.ix_(varies, some)] = np.sqrt((len(names) - 1) / len(names) * squares)
    return Estimate(value, error, counted, own_errors=True)


def _differences(
    included: np.ndarray, u: np.ndarray, percents: np.ndarray, weights: dict[int, float], own_frame: int
) -> np.ndarray:
    """Σ_p w_p D_p [n, t]; a percent with a frame in all or none of its subsets leaves its weight to the others."""
    total = np.zeros((included.shape[1], u.shape[1]))
    counted = np.zeros(included.shape[1])
    for percent, weight in weights.items():
        rows = percents == percent
        z, scores = centred(included[rows], percents[rows]), centred(u[rows], percents[rows])
        squared = (z**2).sum(axis=0)
        slope_own = None
        if own_frame >= 0 and squared[own_frame] > 1e-9:
            slope_own = z[:, own_frame] @ scores / squared[own_frame]
            z, scores = without_own(z, z[:, own_frame]), without_own(scores, z[:, own_frame])
            squared = (z**2).sum(axis=0)
        slopes = (z.T @ scores) / np.where(squared > 1e-9, squared, np.nan)[:, None]
        if slope_own is not None:
            slopes[own_frame] = slope_own
        known = np.isfinite(slopes).all(axis=1)
        total += weight * np.where(known[:, None], slopes, 0)
        counted += weight * known
    return total * (sum(weights.values()) / np.where(counted > 0, counted, np.nan))[:, None]


def _weights_of_percents(
    name: str, marginal_weights: Callable[[int], np.ndarray], included: np.ndarray, percents: np.ndarray
) -> dict[int, float]:
    frames = included.shape[1]
    size_of = {int(p): float(included[percents == p].sum(axis=1).mean()) for p in np.unique(percents)}
    sizes = np.arange(1, frames)
    omega = marginal_weights(frames)
    weights = frames / (frames - 1) * (omega[:-1] * (1 - sizes / frames) + omega[1:] * sizes / frames)
    drawn = np.array(list(size_of.values()))
    nearest = np.abs(sizes[:, None] - drawn).argmin(axis=1)
    outside = weights[(sizes < drawn.min()) | (sizes > drawn.max())].sum() / weights.sum()
    if outside > _EXTRAPOLATED:
        warnings.warn(
            f"{name}: {outside:.0%} of the weight lies on sizes below {drawn.min():.0f} or above {drawn.max():.0f} of "
            f"{frames} frames, where no subset was drawn; the nearest size stands in for them",
            SamplingWarning,
            stacklevel=3,
        )
    return {percent: float(weights[nearest == index].sum()) for index, percent in enumerate(size_of)}
