"""How often a correctly labelled frame has a label as far off as an observed one: p from the tails of the data.

Keypoints differ in the spread of their errors and in the weight of the tails. The upper half of each keypoint's
deviations is fitted by a t distribution with its own scale and degrees of freedom. The labels of one keypoint are too
few for this, so the distribution of both over keypoints is fitted, too (empirical Bayes), and p is averaged over their
posterior. Degrees of freedom may have any distribution, because one study may have keypoints with heavy and with light
tails (Laird 1978). The logarithms of scales are normal. The fifth of the frames that deviates most is censored: it only
counts as lying beyond a limit, so that wrong labels in it do not shape the tails.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

UNTRUSTED = 0.2  # the share of frames, the most deviating ones, that is censored
_SHAPES = np.arange(0.0, 0.46, 0.05)  # 1 / degrees of freedom; 0 is the normal distribution
_SCALES = np.geomspace(0.6, 1.7, 21)
_GRID = np.linspace(0.0, 6.0, 1500)  # log(1 + deviation / scale)
_ROUNDS = 60
_BEFORE = 0.2  # the weight of the prior of shapes and scales, in keypoints
_NORMAL = 1e-4  # stands for 0, which SciPy's t does not take

_FREEDOM = 1 / np.maximum(_SHAPES, _NORMAL)[:, None]
_LOG_DENSITY = stats.t.logpdf(np.expm1(_GRID), _FREEDOM)
_LOG_TAIL = np.maximum(stats.t.logsf(np.expm1(_GRID), _FREEDOM), -1e5)  # kept finite where SciPy's tail is 0


def tail_probability(deviation: np.ndarray) -> np.ndarray:
    """The share of correctly labelled frames whose most deviating label deviates as much as each label, [N, K].

    A frame's p is its smallest value. Šidák's formula turns the p of one label into that of a frame, but it assumes
    that the labels of a frame are independent. They are not. So −log p is rescaled until the p of the frames between
    the median and the most deviating fifth are as frequent as they should be.

    Args:
        deviation: [N, K], in robust standard deviations of the keypoint; NaN where not known, where p is NaN, too.
    """
    known = np.isfinite(deviation)
    some = known.any(axis=1)
    if not some.any():
        return np.full(deviation.shape, np.nan)
    # With very few frames even the largest deviations may be below 0: then there is no upper half to fit.
    limit = max(np.quantile(np.where(known, deviation, -np.inf).max(axis=1)[some], 1 - UNTRUSTED), 0.0)
    p = np.full(deviation.shape, np.nan)
    for keypoint, weight in enumerate(_weights(deviation, limit)):
        of_keypoint = deviation[:, keypoint]
        tail = np.tensordot(np.exp(_at(_LOG_TAIL, np.abs(of_keypoint[known[:, keypoint]]))), weight, 2)
        p[known[:, keypoint], keypoint] = np.where(of_keypoint[known[:, keypoint]] > 0, tail, 1 - tail)
    # p may be neither 0 nor 1, because logarithms follow.
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
        # The prior has the weight of a fifth of a keypoint.
        shape = (weight.sum(axis=(0, 2)) + _BEFORE * first_shape) / (len(weight) + _BEFORE)
        scale = _fitted(np.log(_SCALES), weight.sum(axis=(0, 1)) + _BEFORE * first_scale)
    return _normalised(likelihood * shape[:, None] * scale)


def as_frames_fall_off(p: np.ndarray, of_frames: np.ndarray) -> np.ndarray:
    """p with −log p rescaled by the exponential rate of `of_frames` above its median, with the last fifth censored."""
    depth = -np.log(of_frames)
    middle, end = np.quantile(depth, [0.5, 1 - UNTRUSTED])
    inner = depth[(depth > middle) & (depth <= end)]
    if not len(inner):
        return p
    mean = ((inner - middle).sum() + (depth > end).sum() * (end - middle)) / len(inner)
    return np.clip(0.5 * np.exp(np.minimum((np.log(p) + middle) / mean, 1)), np.finfo(float).tiny, 1)


def _at(table: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """A table [shapes, grid] interpolated at deviations [n] ≥ 0 divided by each scale, [n, shapes, scales]."""
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
