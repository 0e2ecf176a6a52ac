"""The LASSO with a penalty chosen by cross-validation over clusters, for `lasso` and `ame`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.linear_model import lasso_path
from sklearn.model_selection import GroupKFold

_FOLDS = 5
_PENALTIES = 50


def lasso_over_clusters(
    x: np.ndarray, u: np.ndarray, clusters: np.ndarray, centre: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> np.ndarray:
    """Coefficients [n] of the LASSO of u [S] on x [S, n] at the penalty that predicts left-out clusters best.

    Args:
        centre: removes the part that is not penalised. `centre(values, fit_rows)` takes [S, …] and a mask of the rows
            that it may use, so that a left-out cluster does not leak into its own prediction.
    """
    everything = np.ones(len(u), bool)
    whole_x, whole_u = centre(x, everything), centre(u[:, None], everything)[:, 0]
    largest = np.abs(whole_x.T @ whole_u).max() / len(u)
    if largest == 0:
        return np.zeros(x.shape[1])
    penalties = largest * np.logspace(0, -3, _PENALTIES)
    loss = np.zeros(_PENALTIES)
    folds = GroupKFold(min(_FOLDS, len(np.unique(clusters))))
    for train, test in folds.split(x, groups=clusters):
        fit_rows = np.zeros(len(u), bool)
        fit_rows[train] = True
        fold_x, fold_u = centre(x, fit_rows), centre(u[:, None], fit_rows)[:, 0]
        _, paths, _ = lasso_path(fold_x[train], fold_u[train], alphas=penalties)
        loss += ((fold_u[test, None] - fold_x[test] @ paths) ** 2).sum(axis=0)
    _, paths, _ = lasso_path(whole_x, whole_u, alphas=penalties)
    return paths[:, loss.argmin()]
