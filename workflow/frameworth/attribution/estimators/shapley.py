"""The Shapley value from subsets of several sizes."""

from __future__ import annotations

import numpy as np

from frameworth.attribution.estimators._strata import semivalue
from frameworth.attribution.sample import Estimate, Sample


def estimate(sample: Sample, *, with_errors: bool = True) -> Estimate:
    """All sizes have the same weight: value_i = 1/(n−1) Σ_{s=1}^{n−1} (E[u | i∈S, |S|=s] − E[u | i∉S, |S|=s]).

    It is n/(n−1) (φ_i − φ̄) of the Shapley values φ. Assumes that within a size every subset is equally likely. A size
    that was not drawn takes the nearest drawn size; a SamplingWarning says so if much weight is beyond the drawn sizes.
    Standard errors are the delete-one-cluster jackknife. Cost: O(S·N·T), times the number of clusters with errors.
    Source: Shapley 1953; Ghorbani and Zou 2019, arXiv 1904.02868; by strata of size, arXiv 2410.23808.
    """
    return semivalue("shapley", lambda n: np.full(n, 1 / n), sample, with_errors)
