"""The paper's influence: mean score of the subsets with a frame minus that of the subsets without it."""

from __future__ import annotations

import numpy as np

from frameworth.attribution.sample import Estimate, Sample, columns_by_missing_rows, in_portions


def estimate(sample: Sample, *, with_errors: bool = True) -> Estimate:
    """Mean of `scores` over subsets with a frame minus the mean over subsets without it.

    value_it = mean_{s∋i} u_st − mean_{s∌i} u_st. The standard error is that of two independent means,
    √(v₁/n₁ + v₀/n₀) (Welch 1947), which ignores clusters. Over several percents the difference is confounded with
    size: if the error falls with size, every frame seems to help. Members are averaged before, and the target's own
    inclusion is not adjusted for. Assumes subsets of one size, or S uniform on the power set. Cost: two matrix
    products, O(S·N·T).
    Source: Feldman and Zhang 2020, arXiv 2008.03703. With S uniform on the power set, this is the
    maximum-sample-reuse estimator of the Banzhaf value (Wang and Jia 2023, arXiv 2205.15466).

    Returns an Estimate [N, T]; values are NaN for frames in every or in no subset, standard errors NaN where a side
    has fewer than two subsets.
    """
    value, error = sample.unknown(), sample.unknown()
    groups = columns_by_missing_rows(sample.scores)
    for rows, columns in ((rows, some) for rows, every in groups for some in in_portions(every)):
        u = sample.scores[np.ix_(rows, columns)].astype(float)
        u -= u.mean(axis=0)  # sums of squares lose digits far from 0
        included = sample.inclusion[rows].T.astype(float)
        count = included.sum(axis=1)[:, None]
        others = len(rows) - count
        total = included @ u  # the sum over the other side is its negative
        with np.errstate(divide="ignore", invalid="ignore"):
            mean, other_mean = total / count, -total / others
            value[:, columns] = np.where((count > 0) & (others > 0), mean - other_mean, np.nan)
            if not with_errors:
                continue
            squares = included @ u**2
            other_squares = (u**2).sum(axis=0) - squares
            variance = np.maximum(squares - count * mean**2, 0) / (count - 1) / count
            variance += np.maximum(other_squares - others * other_mean**2, 0) / (others - 1) / others
            error[:, columns] = np.where((count > 1) & (others > 1), np.sqrt(variance), np.nan)
    return Estimate(value, error, len(np.unique(sample.clusters)), own_errors=True)
