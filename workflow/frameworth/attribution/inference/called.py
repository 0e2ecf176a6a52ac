"""Confidence intervals of values that were called, conditional on the call. Numpy in, numpy out."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import stdtr


def interval_if_called(
    value: np.ndarray, error: np.ndarray, freedom: int, null: np.ndarray, reach: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Intervals, conditional on the call, of values that were called because they lie more than `reach` from `null`.

    A value that was selected because it is many errors large is too large on average, and its error is too small. So
    its plain interval covers the truth too rarely. For a true value θ, the sum freedom · error² + (value − θ)² is a
    sufficient statistic for the unknown variance. Given that sum, the value has a known distribution. It is truncated
    to the values that would have been called, and the interval inverts it (Fithian, Sun and Taylor 2014, on selection
    by a t-test; Benjamini and Yekutieli 2005 on why). NaN where `value` was not called.

    Args:
        value, error, null, reach: arrays of one shape, whichever; `reach` is a multiple of the observed error.
        freedom: degrees of freedom behind `error`. level: of the intervals, 0 to 1.
    """
    ends = np.full((2, *value.shape), np.nan)
    for place in zip(*np.nonzero(np.abs(value - null) > reach), strict=True):
        sign, spread = np.sign(value[place] - null[place]), error[place]
        observed, limit = sign * (value[place] - null[place]) / spread, reach[place] / spread
        for end, share in enumerate(((1 - level) / 2, (1 + level) / 2)):
            shift = _where(share, observed, limit, freedom)
            ends[(end, *place)] = null[place] + sign * spread * shift
    return ends.min(axis=0), ends.max(axis=0)


def _where(share: float, observed: float, limit: float, freedom: int) -> float:
    """The true value, in errors, for which `share` of the called values lie at least as far out as `observed`."""

    def less(shift: float) -> float:
        return _beyond(shift, observed, limit, freedom) - share

    low, high = observed - 8, observed + 8
    while less(low) > 0:
        low -= observed - low
    while less(high) < 0:
        high += high - observed
    return float(brentq(less, low, high))


def _beyond(shift: float, observed: float, limit: float, freedom: int) -> float:
    """P(value ≥ `observed` | it is called, the sum of squares) for a true value of `shift`, all in observed errors.

    Given the sum, value − θ and the error are the root of the sum times sin φ and cos φ / √freedom. Here
    √freedom · tan φ has Student's t distribution.
    """
    root = np.sqrt(freedom + (observed - shift) ** 2)
    seen = np.arctan((observed - shift) / np.sqrt(freedom))
    slant = np.arctan(limit / np.sqrt(freedom))
    above, below = _called(-shift / root, slant), _called(shift / root, slant)  # mirrored, which has the same mass
    called = sum(_mass(start, end, freedom) for start, end in (*above, *below))
    return sum(_mass(max(start, seen), end, freedom) for start, end in above) / called


def _called(bound: float, slant: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """The angles φ in ±π/2 with sin φ − tan(slant) · cos φ > bound, as two arcs; an arc with end < start is empty."""
    turn = np.arcsin(np.clip(bound * np.cos(slant), -1, 1))
    return (max(turn + slant, -np.pi / 2), np.pi / 2), (-np.pi / 2, -np.pi - turn + slant)


def _mass(start: float, end: float, freedom: int) -> float:
    """P(start < φ < end)."""
    if end <= start:
        return 0.0
    first, last = np.sqrt(freedom) * np.tan([start, end])
    if first > 0:  # in the lower tail, where small shares are exact
        first, last = -last, -first
    return float(stdtr(freedom, last) - stdtr(freedom, first))
