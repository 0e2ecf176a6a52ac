"""How much subsets and networks each add to the spread of scores within one percent. Numpy in, numpy out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Components:
    """Unbiased variances of u(s, r) = μ + a(s) + e(s, r) over the subsets s of one percent and their networks r.

    Attributes:
        subset, member: variances of a and e; NaN where no subset has two networks. `subset` may be below 0.
        network: their sum, the variance of one network on a new subset.
        subsets: the number of subsets. pairs: degrees of freedom behind `member`.
    """

    subset: float
    member: float
    network: float
    subsets: int
    pairs: int

    @property
    def share_of_subset(self) -> float:
        """The share of one network's variance that comes from its subset, clipped to 0…1; NaN where it is unknown."""
        return float(np.clip(self.subset / self.network, 0, 1)) if self.network > 0 else np.nan


def components(score: np.ndarray, subset: np.ndarray) -> Components:
    """Estimate the variances from scores [networks] and the subset of each network [networks].

    The expected variance of the means of m subsets (divisor m − 1) is σ_a² + σ_e² · mean of 1/R, for R networks each.
    """
    names, which, count = np.unique(subset, return_inverse=True, return_counts=True)
    mean = np.bincount(which, score) / count
    pairs = int((count - 1).sum())
    member = float(((score - mean[which]) ** 2).sum() / pairs) if pairs else np.nan
    if len(names) < 2:
        return Components(np.nan, member, np.nan, len(names), pairs)
    between, inverse = float(mean.var(ddof=1)), float((1 / count).mean())
    if not pairs:
        return Components(np.nan, np.nan, between, len(names), pairs)
    of_subset = between - inverse * member
    return Components(of_subset, member, of_subset + member, len(names), pairs)
