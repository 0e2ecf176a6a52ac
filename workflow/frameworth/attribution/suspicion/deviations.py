"""How far labels are from where they should be, relative to what is usual. Differences are complex, x + iy."""

from __future__ import annotations

import numpy as np

LEAST_FRAMES = 8  # a column with fewer values has no spread of its own; all columns together give it
FREEDOM = 4.0  # of the t distribution of differences that the likelihoods assume
_RAYLEIGH = 1.1774  # the median length of a difference that has standard deviation 1 on each axis; the mean is 1.2533
_BOUND = 2.5  # standard deviations: longer differences are cut to this
_SHRINKS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)  # of correlations towards 0; 1 is no regression on other keypoints
_FOLDS = 5


def column(values: np.ndarray, number: int) -> np.ndarray:
    """The finite values of a column of [N, C], or of all columns if the column has fewer than `LEAST_FRAMES`."""
    of_column = values[:, number]
    of_column = of_column[np.isfinite(of_column)]
    return of_column if len(of_column) >= LEAST_FRAMES else values[np.isfinite(values)]


def typical_size(size: np.ndarray) -> np.ndarray:
    """The standard deviation on each axis of normal differences with these lengths [N, K], by column [K]; 0 if none."""
    typical = np.zeros(size.shape[1])
    for k in range(len(typical)):
        of_keypoint = column(size, k)
        if len(of_keypoint):
            typical[k] = np.median(of_keypoint) / _RAYLEIGH or of_keypoint.mean() / 1.2533
    return typical


def robust_spread(away: np.ndarray) -> float:
    """The standard deviation of normal values with these absolute deviations [N], estimated from their median.

    Where the median is 0, the mean is used instead.
    """
    return float(1.4826 * np.median(away) or 1.2533 * away.mean())


def robust_z(values: np.ndarray) -> np.ndarray:
    """(value − median) / `robust_spread` by column of [N, C]; NaN stays NaN, and equal values have deviation 0."""
    deviation = np.full(values.shape, np.nan)
    for c in range(values.shape[1]):
        others = column(values, c)
        if len(others):
            middle = np.median(others)
            spread = robust_spread(np.abs(others - middle))
            deviation[:, c] = (values[:, c] - middle) / spread if spread > 0 else 0 * values[:, c]
    return deviation


def size_deviation(size: np.ndarray) -> np.ndarray:
    """Robust z by column of log(1 + length / median length), for lengths [N, C] in any unit."""
    unit = np.ones(size.shape[1])
    for c in range(len(unit)):
        of_column = column(size, c)
        if len(of_column):
            unit[c] = np.median(of_column) or of_column.mean() or 1
    return robust_z(np.log1p(size / unit))


def given_others(off: np.ndarray) -> np.ndarray:
    """The part of each keypoint's difference that the other keypoints of its frame do not predict, complex [N, K].

    Both axes of a keypoint are regressed on both axes of all other keypoints in the frame, by correlations over frames
    (cross-fitted: those of the other four fifths of the frames). The correlations are shrunk towards 0 by the share
    that predicts best. Differences are bounded, so that a wrong label changes neither the correlations nor the
    predictions much.

    Args:
        off: complex [N, K], in robust standard deviations; NaN where not known, where the result is NaN, too.

    Source: Raymaekers and Rousseeuw 2021, Fast robust correlation for high-dimensional data, for the bounds.
    """
    candidates = [_remainder(off, shrink) for shrink in _SHRINKS]
    costs = [np.log(np.maximum(typical_size(np.abs(rest)), 1e-12)).mean() for rest in candidates]
    return candidates[int(np.argmin(np.round(costs, 9)))]


def bounded(off: np.ndarray) -> np.ndarray:
    """Differences in standard deviations, cut to the length `_BOUND` where they are longer; NaN stays NaN."""
    return off * np.minimum(1, _BOUND / np.maximum(np.abs(off), _BOUND))


def _remainder(off: np.ndarray, shrink: float) -> np.ndarray:
    known = np.isfinite(off)
    filled = np.where(known, off, 0)
    inner = bounded(filled)
    axes = np.concatenate([inner.real, inner.imag], axis=1)
    rest = np.full(off.shape, np.nan, complex)
    fold = np.arange(len(off)) % _FOLDS
    for part in range(_FOLDS):
        spread, correlation = _shrunken(axes[fold != part], known[fold != part], shrink)
        tested = np.flatnonzero(fold == part)
        patterns, which = np.unique(known[tested], axis=0, return_inverse=True)
        for number, pattern in enumerate(patterns):
            rows, there = tested[which.reshape(-1) == number], np.flatnonzero(pattern)
            both = np.concatenate([there, there + off.shape[1]])
            precision = np.linalg.inv(correlation[np.ix_(both, both)])
            weighted = (axes[np.ix_(rows, both)] / spread[both]) @ precision
            # The remainder of a Gaussian given the rest is its part of the precision-weighted vector, unweighted.
            pair = np.stack([np.arange(len(there)), np.arange(len(there)) + len(there)], axis=1)
            block = np.linalg.inv(precision[pair[:, :, None], pair[:, None, :]])
            x, y = np.moveaxis(np.einsum("nka,kab->nkb", weighted[:, pair], block), -1, 0)
            beyond = (filled - inner)[np.ix_(rows, there)]
            rest[np.ix_(rows, there)] = x * spread[there] + 1j * y * spread[there + off.shape[1]] + beyond
    return rest


def _shrunken(axes: np.ndarray, known: np.ndarray, shrink: float) -> tuple[np.ndarray, np.ndarray]:
    """Root mean squares [2K] and correlations [2K, 2K] of values [N, 2K], over the frames with both keypoints."""
    seen = np.concatenate([known, known], axis=1).astype(float)
    covariance = axes.T @ axes / np.maximum(seen.T @ seen, 1)
    spread = np.sqrt(np.diag(covariance))
    spread = np.where(spread > 0, spread, 1)
    correlation = (1 - shrink) * covariance / np.outer(spread, spread)
    np.fill_diagonal(correlation, 1)
    # Each correlation is over other frames, so the matrix may have eigenvalues below 0.
    value, vector = np.linalg.eigh(correlation)
    return spread, (vector * np.maximum(value, shrink / 2)) @ vector.T


def unlikelihood(size: np.ndarray) -> np.ndarray:
    """−log density of t distributed differences in a plane minus that at 0, for lengths in standard deviations."""
    return (FREEDOM / 2 + 1) * np.log1p(size**2 / FREEDOM)


def at_each_place(label: np.ndarray, place: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """How unlikely each label of a frame is at the place of each of its keypoints, [N, label, place].

    Args:
        label, place: complex [N, K]; NaN where not known. scale: [N, K], a keypoint's standard deviation on each axis.
    """
    return unlikelihood(np.abs(label[:, :, None] - place[:, None, :]) / scale[:, None, :])


def exchange_gain(unlikely: np.ndarray) -> np.ndarray:
    """The log likelihood of each two labels if exchanged, minus that without exchange, [N, K, K]; −∞ where not known.

    Args:
        unlikely: [N, label, place], as `at_each_place` gives it.
    """
    alone = np.einsum("nkk->nk", unlikely)
    gain = alone[:, :, None] + alone[:, None, :] - unlikely - np.swapaxes(unlikely, 1, 2)
    return np.where(np.isfinite(gain) & ~np.eye(alone.shape[1], dtype=bool), gain, -np.inf)


def best_exchange(gain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The keypoint that each label is most likely exchanged with, int [N, K], and the gain of this exchange [N, K]."""
    partner = gain.argmax(axis=2)
    return partner, np.take_along_axis(gain, partner[..., None], axis=2)[..., 0]
