"""Warm values and regression together: what subsets say of each frame beyond what warm influence foretells.

Numpy in, numpy out.
"""

from __future__ import annotations

import numpy as np

from frameworth.estimators import regression
from frameworth.estimators._estimate import centred, scale_of


def combined_value(
    warm: np.ndarray, inclusion: np.ndarray, score: np.ndarray, percents: np.ndarray, clusters: np.ndarray
) -> np.ndarray:
    """Relative value of each frame [N] under b_i = γ·warm_i + δ_i.

    γ is the slope of the scores on Σ_i z_i warm_i, both centred within percents, shrunk by its own precision
    (max(0, 1 − (s/γ)²), s its standard error; James and Stein 1961) and not below 0; δ is the ridge of what is left
    (`estimators.regression`), so that each part weighs as much as its precision allows.

    Args:
        warm: [N] warm value, NaN where there is none (counted as the average frame's).
        inclusion: bool [S, N]. score: [S]. percents, clusters: [S].
    """
    z, u = centred(inclusion, percents), centred(score, percents)
    known = np.isfinite(warm)
    w = np.where(known, warm - warm[known].mean(), 0)
    x = z @ w
    slope = max(0.0, float(x @ u) / max(float(x @ x), np.finfo(float).tiny))
    if slope > 0:
        left = u - slope * x
        error = np.sqrt(left @ left / (len(u) - len(np.unique(percents)) - 1) / (x @ x))
        slope *= max(0.0, 1 - (error / slope) ** 2)
    found = regression.estimate(
        inclusion, (score - slope * x)[:, None], percents=percents, clusters=clusters, self_frame=np.array([-1])
    ).value[:, 0]
    return found + slope * w * scale_of(int(inclusion.any(axis=0).sum()), False)
