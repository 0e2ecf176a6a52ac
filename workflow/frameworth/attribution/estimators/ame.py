"""The average marginal effect over a grid of inclusion probabilities."""

from __future__ import annotations

import numpy as np

from frameworth.attribution.estimators._sparse import lasso_over_clusters
from frameworth.attribution.sample import Estimate, Sample, columns_by_missing_rows, scale_of


def estimate(sample: Sample, *, with_errors: bool = True) -> Estimate:
    """LASSO of the scores on x_si = 1/(√v p) if i is in subset s, else −1/(√v (1−p)); AME_i = √v · coefficient.

    p is the share of frames in the subset and v = E[1/(p(1−p))], so that x has variance 1 and E[x_i u] is the effect
    of i averaged over the grid of p. Only the intercept is unpenalised, as in the paper, so a change of the score with
    size is noise here. The penalty is chosen by cross-validation over clusters. The value is n/(n−1) · (effect − mean
    effect of the frames). Assumes S ~ Bernoulli(p) with p from a grid. The target's own inclusion is not adjusted for.
    There are no standard errors. Cost: as `lasso`. Source: Lin et al. 2022, arXiv 2206.10013.

    Returns an Estimate [N, T] whose standard errors are NaN; NaN values for frames in every or in no subset.
    """
    value, clusters = sample.unknown(), sample.clusters
    for rows, columns in columns_by_missing_rows(sample.scores):
        included = sample.inclusion[rows]
        varies = included.any(axis=0) & ~included.all(axis=0)
        share = included[:, varies].mean(axis=1)
        inside = (share > 0) & (share < 1)
        rows, included, share = rows[inside], included[inside][:, varies], share[inside]
        if len(rows) < 2:
            continue
        x, root = marginal_effect_regressors(included, share)
        for target in columns:
            u = sample.scores[rows, target].astype(float)
            effects = root * lasso_over_clusters(x, u, clusters[rows], lambda part, fit: part - part[fit].mean(axis=0))
            value[varies, target] = scale_of(len(effects), False) * (effects - effects.mean())
    return Estimate(value, sample.unknown(), len(np.unique(clusters)), own_errors=False)


def marginal_effect_regressors(included: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, float]:
    """x [S, n] of the paper for inclusion `included` drawn with probabilities `share` [S], and √v."""
    root = float(np.sqrt(np.mean(1 / (share * (1 - share)))))
    p = share[:, None]
    return np.where(included, 1 / (root * p), -1 / (root * (1 - p))), root
