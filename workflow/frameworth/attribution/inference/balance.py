"""By how much a balanced design makes the error of a difference smaller than the jackknife over subsets estimates.

Numpy in, numpy out.
"""

from __future__ import annotations

import numpy as np

_SHARES = (np.arange(40) + 0.5) / 40  # possible shares of the scores' variance that frames cause; the prior is flat


def variance_factor(z: np.ndarray, u: np.ndarray, percents: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """The variance of each frame's size-centred difference under the design, divided by what CR3 expects, [N, T].

    The effect of frame j leaks into the difference of frame i by r_ij = z_i·z_j / z_i·z_i. CR3 assumes independent
    subsets and expects a leaked variance of Σ_j Σ_c (z_ci·(z_cj − r_ij z_ci))² / (z_i·z_i)². In a balanced design most
    of it cancels, and Σ_j (r_ij − r̄_i)² is left. Both sums are known. The share of the scores' variance that frames
    cause is not known. Its posterior comes from the restricted likelihood of a random effects model (as in
    `estimators.regression`) with a flat prior. With fewer subsets than frames the share is hardly known, and the
    posterior mean of the factor errs towards 1.

    Args:
        z: [S, N] inclusion, u: [S, T] scores, both centred within percents.
        clusters: [S].

    Cost: O(S³ + S·N² + S²·T).
    """
    size = (z**2).sum(axis=0)
    usable = size > 1e-9
    z, size = z[:, usable], size[usable]
    freedom = len(z) - len(np.unique(percents))
    out = np.ones((len(usable), u.shape[1]))
    if freedom < 2 or len(size) < 3:
        return out
    posterior, variance = _share_of_frames(z, u, freedom)
    given, expected = _leak(z, size, clusters)
    frames, noise = np.multiply.outer(_SHARES / variance, np.ones_like(size)), np.multiply.outer(1 - _SHARES, 1 / size)
    out[usable] = ((frames * given + noise) / (frames * expected + noise)).T @ posterior
    return out


def _share_of_frames(z: np.ndarray, u: np.ndarray, freedom: int) -> tuple[np.ndarray, float]:
    """Posterior of the share of variance that frames cause [40, T]; the scores' variance if effects have variance 1."""
    squared, left = np.linalg.eigh(z @ z.T)
    kept = squared > 1e-9 * squared[-1]
    squared, along = squared[kept], (left[:, kept].T @ u) ** 2
    outside = np.maximum((u**2).sum(axis=0) - along.sum(axis=0), 0)
    variance = squared.sum() / freedom
    spread = _SHARES[:, None] * squared / variance + 1 - _SHARES[:, None]
    quadratic = (1 / spread) @ along + outside / (1 - _SHARES[:, None])
    determinant = np.log(spread).sum(axis=1) + (freedom - len(squared)) * np.log(1 - _SHARES)
    log_likelihood = -0.5 * (freedom * np.log(np.maximum(quadratic, np.finfo(float).tiny)) + determinant[:, None])
    weight = np.exp(log_likelihood - log_likelihood.max(axis=0))
    return weight / weight.sum(axis=0), float(variance)


def _leak(z: np.ndarray, size: np.ndarray, clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Variance that other frames, with effects of variance 1, add to a difference: under the design, by CR3; [n]."""
    frames = len(size)
    others = ~np.eye(frames, dtype=bool)
    r = (z.T @ z) / size[:, None]
    mean = np.where(others, r, 0).sum(axis=1) / (frames - 1)
    given = np.where(others, (r - mean[:, None]) ** 2, 0).sum(axis=1)
    _, which, counts = np.unique(clusters, return_inverse=True, return_counts=True)
    alone = z[counts[which] == 1]
    expected = (alone**2).T @ alone**2 - 2 * r * ((alone**3).T @ alone) + r**2 * (alone**4).sum(axis=0)[:, None]
    for cluster in np.flatnonzero(counts > 1):
        of_cluster = z[which == cluster]
        product = of_cluster.T @ of_cluster
        expected += (product - r * np.diag(product)[:, None]) ** 2
    expected = np.where(others, expected, 0).sum(axis=1) / size**2
    return given, expected * len(counts) / max(len(counts) - 2, 1)
