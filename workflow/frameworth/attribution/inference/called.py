"""Intervals of frames that were called, given that they were. Numpy in, numpy out."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import stdtr


def interval_if_called(
    value: np.ndarray, error: np.ndarray, freedom: int, null: np.ndarray, reach: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Intervals of values that were called because they lie more than `reach` from `null`, given that they do.

    Suppose a value is looked at because it is many errors large. Then it is too large on average, and its error is too
    small. So its plain interval misses the truth more often than it says. For a true value θ, the sum freedom · error²
    + (value − θ)² says all that there is to know of the unknown variance. Given that sum, the value has a known
    distribution. This is cut off where nothing would have been called, and what is left is inverted (Fithian, Sun and
    Taylor 2014, on selection by a t-test; Benjamini and Yekutieli 2005 on why). NaN where `value` was not called.

    Args:
        value, error, null, reach: of one shape; `reach` is a multiple of the error that was seen.
        freedom: degrees of freedom behind `error`.
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
    """The true value, in errors, for which a share of all that is called lies at least as far out as `observed`."""

    def less(shift: float) -> float:
        return _beyond(shift, observed, limit, freedom) - share

    low, high = observed - 8, observed + 8
    while less(low) > 0:
        low -= observed - low
    while less(high) < 0:
        high += high - observed
    return float(brentq(less, low, high))


def _beyond(shift: float, observed: float, limit: float, freedom: int) -> float:
    """P(at least as far out | called, and the sum of squares) for a true value of `shift`, all in observed errors.

    Given the sum, value − θ and the error are its root times sin φ and cos φ / √freedom, with √freedom · tan φ
    distributed as Student's t.
    """
    root = np.sqrt(freedom + (observed - shift) ** 2)
    seen = np.arctan((observed - shift) / np.sqrt(freedom))
    slant = np.arctan(limit / np.sqrt(freedom))
    above, below = _called(-shift / root, slant), _called(shift / root, slant)  # mirrored, which has the same mass
    called = sum(_mass(start, end, freedom) for start, end in (*above, *below))
    return sum(_mass(max(start, seen), end, freedom) for start, end in above) / called


def _called(bound: float, slant: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """The angles φ within ±π/2 for which sin φ − tan(slant) · cos φ > bound, as two arcs; an empty one ends early."""
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
