"""The Beta(4, 1)-Shapley value, which gives small subsets more weight."""

from __future__ import annotations

import numpy as np
from scipy.special import betaln, gammaln

from frameworth.attribution.estimators._strata import semivalue
from frameworth.attribution.sample import Estimate, Sample

ALPHA, BETA = 4.0, 1.0


def estimate(sample: Sample, *, with_errors: bool = True) -> Estimate:
    """As `shapley`, with ω_s = C(n−1, s−1) B(s + β − 1, n − s + α) / B(α, β), α = 4 and β = 1.

    The effect of a frame on a small subset has more weight, because noise is smaller there and a frame matters more.
    Assumptions, errors and cost are those of `shapley`. Source: Kwon and Zou 2022, arXiv 2110.14049 (equation 3).
    """
    return semivalue("beta-shapley", beta_weights, sample, with_errors)


def beta_weights(frames: int) -> np.ndarray:
    """ω_1…ω_n; they sum to 1."""
    s = np.arange(1, frames + 1)
    choose = gammaln(frames) - gammaln(s) - gammaln(frames - s + 1)
    return np.exp(choose + betaln(s + BETA - 1, frames - s + ALPHA) - betaln(ALPHA, BETA))
