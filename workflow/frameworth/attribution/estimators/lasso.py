"""Datamodels: the LASSO of the scores on inclusion, within sizes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from frameworth.attribution.estimators._sparse import lasso_over_clusters
from frameworth.attribution.sample import Estimate, Sample, decidable, scale_of, without_own


def estimate(sample: Sample, *, with_errors: bool = True) -> Estimate:
    """min_b ‖u − μ_p − Zb‖² / 2S + λ‖b‖₁ for each target, λ by cross-validation over clusters.

    The means of the sizes are fitted again in each fold, from the other clusters. If a target is a training frame, its
    own inclusion is regressed out first. Effects are centred to sum to zero. Assumes that few frames matter. There are
    no standard errors. Cost: a path of penalties per target, O(T·S·N·folds): for hundreds of targets, not thousands.
    Source: Ilyas et al. 2022, arXiv 2202.00622; the path is scikit-learn's.

    Returns an Estimate [N, T] whose standard errors are NaN; NaN values for frames in every or in no subset.
    """
    value, counted = sample.unknown(), 0
    for rows, columns, varies in decidable(sample):
        counted = max(counted, len(np.unique(sample.clusters[rows])))
        centre = _size_means(sample.percents[rows])
        everything = np.ones(len(rows), bool)
        for target in columns:
            x, u = sample.inclusion[rows][:, varies].astype(float), sample.scores[rows, target].astype(float)
            frame = sample.frame_of_target[target]
            own_varies = frame >= 0 and varies[frame]
            if own_varies:
                place = np.count_nonzero(varies[:frame])
                x, u = centre(x, everything), centre(u[:, None], everything)[:, 0]
                z_own = x[:, place]
                slope = z_own @ u / (z_own @ z_own)
                x, u = without_own(x, z_own), without_own(u, z_own)
            effects = lasso_over_clusters(x, u, sample.clusters[rows], centre)
            effects -= (np.delete(effects, place) if own_varies else effects).mean()
            effects *= scale_of(len(effects), own_varies)
            if own_varies:
                effects[place] = slope
            value[varies, target] = effects
    return Estimate(value, sample.unknown(), counted, own_errors=False)


def _size_means(percents: np.ndarray) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    def centre(values: np.ndarray, fit_rows: np.ndarray) -> np.ndarray:
        out = values.astype(float)
        for percent in np.unique(percents):
            rows = percents == percent
            learned = rows & fit_rows
            out[rows] -= out[learned if learned.any() else rows].mean(axis=0)
        return out

    return centre
