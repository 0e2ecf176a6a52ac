"""What estimators return, and how they meet missing scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Estimate:
    """Influence of N frames on T targets.

    Attributes:
        value: float [N, T], the change of the score with the frame; NaN where it cannot be told.
        standard_error: float [N, T], NaN where it cannot be told.
        clusters: number of independent clusters behind the standard error.
    """

    value: np.ndarray
    standard_error: np.ndarray
    clusters: int


def columns_by_missing_rows(scores: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Groups of targets that lack the same rows: yields (rows that are scored, targets), both as indices.

    Targets without any score are left out.
    """
    known = np.isfinite(scores)
    patterns, which = np.unique(known, axis=1, return_inverse=True)
    for index, pattern in enumerate(patterns.T):
        if pattern.any():
            yield np.flatnonzero(pattern), np.flatnonzero(which.ravel() == index)
