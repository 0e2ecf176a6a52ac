"""The learning curve, at measured sizes and beyond: one model of all subsets' scores. Numpy in, numpy out.

A subset's score is a + b·g(n) for n frames, plus noise. The shape g of the curve is not known, so all shapes of a
library are fitted, and each is weighted by its likelihood. Small subsets may have more noise, subsets of a cluster
share some of it, and a mean over several networks has less. These unknown amounts are averaged over, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, product

import numpy as np

from frameworth.text import counted

LEAST_SIZES, LEAST_SUBSETS = 3, 8
DRAWS = 4000
_EXPONENTS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
_MIDPOINTS = (0.1, 0.25, 0.5, 1.0)  # shares of the pool at which half of the fall is done; near 0, it is a power law
_DECAYS = (0.1, 0.15, 0.25, 0.35, 0.5, 0.7, 1.0)  # shares of the pool after which an exponential is down to 1/e
_TURNS = (0.4, 0.6, 0.8)  # shares of the pool from which on more frames harm
_PRIOR = {"power": 0.6, "exponential": 0.3, "turn": 0.1}  # divided equally among the shapes of a kind
_NOISE_FALLS = (-0.5, 0.0, 0.5, 1.0)  # c, where the noise's standard deviation is ∝ n^−c
_CLUSTER_SHARES = (0.0, 0.4, 0.8)  # shares of the noise's variance that a cluster has in common
_SUBSET_SHARES = (0.25, 0.5, 0.75)  # shares of a network's noise variance that come from its subset, not its training

_Shape = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class LearningCurve:
    """Expected scores at some numbers of frames, and the changes from the pool's size, with intervals.

    Attributes:
        frames: [T]. value, low, high: [T], median and interval.
        change, change_low, change_high: [T], from the score at the pool's size.
        reason: why no curve can be fitted; all numbers are then NaN. Empty if there is a curve.
    """

    frames: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    change: np.ndarray
    change_low: np.ndarray
    change_high: np.ndarray
    reason: str = ""


def learning_curve(
    score: np.ndarray,
    frames: np.ndarray,
    clusters: np.ndarray,
    networks: np.ndarray,
    pool: int,
    asked: Sequence[float] | np.ndarray,
    level: float,
) -> LearningCurve:
    """The curve of a study, by Bayesian model averaging (Hoeting et al. 1999) over shapes and kinds of noise.

    In each of these models a and b have flat priors and the noise's variance has Jeffreys's prior, so everything is
    known in closed form. The scores asked for are then drawn from the mixture. A flat prior of b is a flat prior of the
    curve's change over the measured sizes, the same for all shapes.

    Args:
        score: [S], means over the networks of a subset. frames: int [S], size of each subset. clusters: [S].
        networks: int [S]. pool: frames in the pool. asked: numbers of frames wanted. level: of the intervals.
    """
    known = np.isfinite(score)
    score, frames, clusters, networks = score[known], frames[known], clusters[known], networks[known]
    asked = np.asarray(asked, float)
    if reason := _too_few(frames):
        return LearningCurve(asked, *(np.full(len(asked), np.nan),) * 6, reason)
    size = frames / pool
    at = np.concatenate([[1.0], asked / pool])
    shapes, prior = _library()
    span = np.geomspace(size.min(), size.max(), 50)
    scale = np.array([np.ptp(shape(span)) for shape in shapes])
    measured = np.stack([shape(size) for shape in shapes], axis=1) / scale
    wanted = np.stack([shape(at) for shape in shapes]) / scale[:, None]

    rng, freedom = np.random.default_rng(0), len(score) - 2
    fits = [_fit(score, measured, *noise) for noise in _noises(size, clusters, networks)]
    weight = np.stack([fit.log_likelihood for fit in fits]) + np.log(prior)
    weight = np.exp(weight - weight.max())
    which = rng.choice(weight.size, DRAWS, p=weight.ravel() / weight.sum())
    shape = which % len(shapes)

    def drawn(name: str) -> np.ndarray:
        return np.stack([getattr(fit, name) for fit in fits]).ravel()[which]

    deviation = drawn("deviation") * np.sqrt(freedom / rng.chisquare(freedom, DRAWS))
    slope = drawn("slope") + deviation * drawn("slope_error") * rng.standard_normal(DRAWS)
    middle = drawn("middle") + deviation * drawn("middle_error") * rng.standard_normal(DRAWS)
    curves = middle[:, None] + slope[:, None] * (wanted[shape] - drawn("centre")[:, None])
    ends = [(1 - level) / 2, 0.5, (1 + level) / 2]
    low, value, high = np.quantile(curves[:, 1:], ends, axis=0)
    change_low, change, change_high = np.quantile(curves[:, 1:] - curves[:, :1], ends, axis=0)
    return LearningCurve(asked, value, low, high, change, change_low, change_high)


def _too_few(frames: np.ndarray) -> str:
    sizes = len(np.unique(frames))
    if not sizes:
        return "no held-out frame has such a label"
    if sizes < LEAST_SIZES:
        return f"{counted(sizes, 'size')} of subsets, where a curve needs {LEAST_SIZES}"
    least = max(LEAST_SUBSETS, sizes + 1)
    return f"{len(frames)} subsets of {sizes} sizes, where the noise needs {least}" if len(frames) < least else ""


def _library() -> tuple[list[_Shape], np.ndarray]:
    """Shapes of the curve as functions of the share of the pool, and their prior probabilities [J].

    The kind `power` has n^−c, −log n, and 1 / (1 + (n/m)^c), which is flat at both ends. `exponential` has e^(−n/d).
    `turn` has (log n/m)², which is lowest at m.
    """
    powers: list[_Shape] = [lambda n: -np.log(n)]
    powers += [partial(lambda c, n: n**-c, c) for c in _EXPONENTS]
    powers += [partial(lambda c, m, n: 1 / (1 + (n / m) ** c), c, m) for m in _MIDPOINTS for c in _EXPONENTS]
    kinds: dict[str, list[_Shape]] = {
        "power": powers,
        "exponential": [partial(lambda d, n: np.exp(-n / d), d) for d in _DECAYS],
        "turn": [partial(lambda m, n: np.log(n / m) ** 2, m) for m in _TURNS],
    }
    prior = [np.full(len(shapes), _PRIOR[kind] / len(shapes)) for kind, shapes in kinds.items()]
    return list(chain.from_iterable(kinds.values())), np.concatenate(prior)


@dataclass(frozen=True)
class _Fit:
    """A separate regression on each of J shapes, with one kind of noise; all arrays are [J].

    Attributes:
        log_likelihood: with a, b and the variance integrated out. slope: estimate of b. middle: estimate of the score
            where the shape is `centre`. deviation: of the noise. slope_error, middle_error: standard errors over it.
    """

    log_likelihood: np.ndarray
    slope: np.ndarray
    slope_error: np.ndarray
    middle: np.ndarray
    middle_error: np.ndarray
    centre: np.ndarray
    deviation: np.ndarray


def _noises(
    size: np.ndarray, clusters: np.ndarray, networks: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
    """The kinds of noise: relative deviations [S], cluster numbers [S], and the share that a cluster has in common."""
    which = np.unique(clusters, return_inverse=True)[1]
    shares = _SUBSET_SHARES if np.ptp(networks) else _SUBSET_SHARES[:1]  # with equal numbers it changes nothing
    for fall, cluster_share, share in product(_NOISE_FALLS, _CLUSTER_SHARES, shares):
        yield size**-fall * np.sqrt(share + (1 - share) / networks), which, cluster_share


def _fit(score: np.ndarray, shapes: np.ndarray, deviation: np.ndarray, which: np.ndarray, share: float) -> _Fit:
    """Generalised least squares of scores [S] on each of the shapes [S, J], and their marginal likelihoods.

    Rows are divided by their deviation. Then a share of the cluster's mean is subtracted, so that rows are uncorrelated
    (the transformation of random-intercept models).
    """
    count = np.bincount(which)
    rows = np.column_stack([np.ones(len(score)), score, shapes]) / deviation[:, None]
    means = np.stack([np.bincount(which, column) for column in rows.T], axis=1) / count[:, None]
    taken = 1 - np.sqrt((1 - share) / (1 - share + count * share))
    rows = (rows - (taken[:, None] * means)[which]) / np.sqrt(1 - share)
    constant, score, shapes = rows[:, 0], rows[:, 1], rows[:, 2:]
    ones = constant @ constant
    centre, middle = constant @ shapes / ones, constant @ score / ones
    shapes, score = shapes - np.outer(constant, centre), score - constant * middle
    squares = (shapes**2).sum(axis=0)
    slope = shapes.T @ score / squares
    rest = np.maximum(score @ score - slope**2 * squares, np.finfo(float).tiny)
    freedom = len(score) - 2
    log_determinant = 2 * np.log(deviation).sum()
    log_determinant += ((count - 1) * np.log(1 - share) + np.log(1 - share + count * share)).sum()
    return _Fit(
        log_likelihood=-(log_determinant + np.log(ones) + np.log(squares) + freedom * np.log(rest)) / 2,
        slope=slope,
        slope_error=1 / np.sqrt(squares),
        middle=np.full(len(slope), middle),
        middle_error=np.full(len(slope), 1 / np.sqrt(ones)),
        centre=centre,
        deviation=np.sqrt(rest / freedom),
    )
