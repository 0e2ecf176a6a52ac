"""The Banzhaf value by maximum sample reuse, which is the pooled difference of means."""

from __future__ import annotations

import warnings

import numpy as np

from frameworth.attribution.estimators import difference_of_means
from frameworth.attribution.sample import Estimate, Sample, SamplingWarning


def estimate(sample: Sample, *, with_errors: bool = True) -> Estimate:
    """Mean of the scores over subsets with a frame minus the mean over those without it.

    value_it = mean_{s∋i} u_st − mean_{s∌i} u_st estimates the Banzhaf value Σ_{S∌i} (u(S∪i) − u(S)) / 2^{n−1} if S is
    uniform on the power set; it is then an absolute value. Subsets of one fixed size give the relative value
    instead. Several sizes are confounded with the frame, of which a SamplingWarning warns.
    Cost: O(S·N·T). Source: Wang and Jia 2023, arXiv 2205.15466.

    Returns an Estimate [N, T] as `difference_of_means` does.
    """
    if len(np.unique(sample.percents)) > 1:
        warnings.warn(
            "banzhaf: subsets of several sizes are no uniform draw from all subsets; frames are confounded with size",
            SamplingWarning,
            stacklevel=2,
        )
    return difference_of_means.estimate(sample, with_errors=with_errors)
