"""The paper's influence: mean score of the subsets with a frame minus that of the subsets without it."""

from __future__ import annotations

import numpy as np

from frameworth.estimators._estimate import Estimate, columns_by_missing_rows


def estimate(
    inclusion: np.ndarray,
    scores: np.ndarray,
    *,
    percents: np.ndarray,
    clusters: np.ndarray,
    self_frame: np.ndarray,
) -> Estimate:
    """Mean of `scores` over subsets with a frame minus the mean over subsets without it.

    value_it = mean_{s∋i} u_st − mean_{s∌i} u_st, and the standard error of two independent means,
    √(v₁/n₁ + v₀/n₀) (Welch 1947), which knows nothing of clusters. Over several percents the difference is
    confounded with size: where the error falls with size every frame seems to help. Members are averaged
    beforehand; the target's own inclusion is not adjusted for. Cost: two matrix products, O(S·N·T).
    Source: Feldman and Zhang 2020, arXiv 2008.03703; with S uniform on the power set the Banzhaf value's
    maximum-sample-reuse estimator (Wang and Jia 2023, arXiv 2205.15466).

    Returns an Estimate [N, T]; NaN for frames in every or in no subset, standard errors NaN where a side has
    fewer than two subsets.
    """
    frames, targets = inclusion.shape[1], scores.shape[1]
    value = np.full((frames, targets), np.nan)
    error = np.full((frames, targets), np.nan)
    for rows, columns in columns_by_missing_rows(scores):
        u = scores[np.ix_(rows, columns)].astype(float)
        center = u.mean(axis=0)  # sums of squares lose digits far from 0
        with_frame, without = (_side(side, u - center) for side in (inclusion[rows], ~inclusion[rows]))
        value[:, columns] = with_frame[0] - without[0]
        error[:, columns] = np.sqrt(with_frame[1] + without[1])
    return Estimate(value, error, len(np.unique(clusters)))


def _side(held: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of u over the rows that each frame holds, and that mean's variance; [N, T]."""
    weight = held.T.astype(float)
    count = weight.sum(axis=1)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (weight @ u) / np.where(count > 0, count, np.nan)
        squares = np.maximum(weight @ u**2 - count * mean**2, 0)
        return mean, squares / np.where(count > 1, count - 1, np.nan) / count
