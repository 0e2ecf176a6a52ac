"""How often a right frame would have a label as far off as one that is seen: p from the labels' own tails.

Errors spread differently, and with heavier or lighter tails, from keypoint to keypoint. The upper half of each
keypoint's deviations is fitted by a t distribution with its own scale and degrees of freedom. The labels of one
keypoint tell too little, so it is also fitted how both are distributed over keypoints (empirical Bayes). p is averaged
over what remains uncertain. Shapes may have any distribution, because one study may have keypoints with heavy and with
light tails (Laird 1978). Logarithms of scales are normal. The most deviating fifth of the frames only counts as lying
beyond, so that wrong labels among them do not make the tails.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

UNTRUSTED = 0.2  # of the frames, the most deviating: how far they lie is not fitted
_SHAPES = np.arange(0.0, 0.46, 0.05)  # 1 / degrees of freedom; 0 is the normal distribution
_SCALES = np.geomspace(0.6, 1.7, 21)
_GRID = np.linspace(0.0, 6.0, 1500)  # log(1 + deviation / scale)
_ROUNDS = 60
_BEFORE = 0.2  # keypoints that the first guess of shapes and scales counts for
_NORMAL = 1e-4  # in place of 0, for SciPy's t

_FREEDOM = 1 / np.maximum(_SHAPES, _NORMAL)[:, None]
_LOG_DENSITY = stats.t.logpdf(np.expm1(_GRID), _FREEDOM)
_LOG_TAIL = np.maximum(stats.t.logsf(np.expm1(_GRID), _FREEDOM), -1e5)  # finite, where SciPy says that it is 0


def tail_probability(deviation: np.ndarray) -> np.ndarray:
    """The share of right frames whose most deviating label deviates as much as each of these, [N, K].

    The least value of a frame is the frame's p. Šidák's formula brings the chance of one label to that of a frame. But
    labels of a frame depend on each other. So the logarithm is rescaled, such that the frames' own values fall off as
    they must, from the median to the most deviating fifth.

    Args:
        deviation: [N, K], in robust standard deviations of the keypoint; NaN where not known, and stays so.
    """
    known = np.isfinite(deviation)
    some = known.any(axis=1)
    if not some.any():
        return np.full(deviation.shape, np.nan)
    # Of very few frames even the most deviating may lie below their middle: then there is no upper half to fit.
    limit = max(np.quantile(np.where(known, deviation, -np.inf).max(axis=1)[some], 1 - UNTRUSTED), 0.0)
    p = np.full(deviation.shape, np.nan)
    for keypoint, weight in enumerate(_weights(deviation, limit)):
        of_keypoint = deviation[:, keypoint]
        tail = np.tensordot(np.exp(_at(_LOG_TAIL, np.abs(of_keypoint[known[:, keypoint]]))), weight, 2)
        p[known[:, keypoint], keypoint] = np.where(of_keypoint[known[:, keypoint]] > 0, tail, 1 - tail)
    # Neither 0 nor 1, whose logarithms are infinite.
    p = np.clip(p, np.finfo(float).tiny, 1 - np.finfo(float).epsneg)
    among = -np.expm1(known.sum(axis=1)[:, None] * np.log1p(-p))
    return as_frames_fall_off(among, np.where(known, among, 1).min(axis=1)[some])


def _weights(deviation: np.ndarray, limit: float) -> np.ndarray:
    """How likely each shape and scale is for each keypoint, [K, shapes, scales], summing to 1 for each keypoint."""
    log = np.empty((deviation.shape[1], len(_SHAPES), len(_SCALES)))
    beyond = _at(_LOG_TAIL, np.array([limit]))[0]
    for keypoint, of_keypoint in enumerate(deviation.T):
        inner = of_keypoint[(of_keypoint > 0) & (of_keypoint <= limit)]
        log[keypoint] = (_at(_LOG_DENSITY, inner) - np.log(_SCALES)).sum(axis=0) + (of_keypoint > limit).sum() * beyond
    likelihood = np.exp(log - log.max(axis=(1, 2), keepdims=True))
    shape = first_shape = _normal(_SHAPES, 0.05, 0.15)
    scale = first_scale = _normal(np.log(_SCALES), 0.0, 0.2)
    for _ in range(_ROUNDS):
        weight = _normalised(likelihood * shape[:, None] * scale)
        # As if a fifth of a keypoint more had been seen, of whose shape and scale nothing is known.
        shape = (weight.sum(axis=(0, 2)) + _BEFORE * first_shape) / (len(weight) + _BEFORE)
        scale = _fitted(np.log(_SCALES), weight.sum(axis=(0, 1)) + _BEFORE * first_scale)
    return _normalised(likelihood * shape[:, None] * scale)


def as_frames_fall_off(p: np.ndarray, of_frames: np.ndarray) -> np.ndarray:
    """p with −log p rescaled: the exponential rate of the frames' own above their median, the last fifth censored."""
    depth = -np.log(of_frames)
    middle, end = np.quantile(depth, [0.5, 1 - UNTRUSTED])
    inner = depth[(depth > middle) & (depth <= end)]
    if not len(inner):
        return p
    mean = ((inner - middle).sum() + (depth > end).sum() * (end - middle)) / len(inner)
    return np.clip(0.5 * np.exp(np.minimum((np.log(p) + middle) / mean, 1)), np.finfo(float).tiny, 1)


def _at(table: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """A table [shapes, grid] at deviations [n] ≥ 0 by scale, [n, shapes, scales]."""
    place = np.log1p(deviation[:, None] / _SCALES) / _GRID[1]
    left = np.minimum(place.astype(int), len(_GRID) - 2)
    share = np.minimum(place - left, 1)
    return np.moveaxis(table[:, left] * (1 - share) + table[:, left + 1] * share, 0, 1)


def _fitted(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    share = weight / weight.sum()
    mean = share @ values
    return _normal(values, mean, max(np.sqrt(share @ (values - mean) ** 2), 0.025))


def _normal(values: np.ndarray, mean: float, spread: float) -> np.ndarray:
    weight = np.exp(-0.5 * ((values - mean) / spread) ** 2)
    return weight / weight.sum()


def _normalised(weight: np.ndarray) -> np.ndarray:
    return weight / weight.sum(axis=(1, 2), keepdims=True)
