"""The difference with and without a frame within sizes: scores and inclusion centred within each percent."""

from __future__ import annotations

import numpy as np

from frameworth.estimators._estimate import Estimate, columns_by_missing_rows

LEAST_CLUSTERS = 8  # with fewer the jackknife's coverage is not to be trusted, and no interval is given


def estimate(
    inclusion: np.ndarray,
    scores: np.ndarray,
    *,
    percents: np.ndarray,
    clusters: np.ndarray,
    self_frame: np.ndarray,
) -> Estimate:
    """Slope of the scores on inclusion, both centred within each percent, with cluster-robust errors.

    value_it = Σ_p Σ_s (z_si − z̄_pi)(u_st − ū_pt) / Σ_p Σ_s (z_si − z̄_pi)². Where the target is a training
    frame itself its own centred inclusion is a second regressor (Frisch and Waugh 1933), so that the value is
    the effect of i on j at given presence of j; on the diagonal it is memorization. For additive effects b the
    expectation is n/(n−1)·(b_i − b̄) at every size.

    Standard errors are CR3, the jackknife over clusters (Bell and McCaffrey 2002; MacKinnon, Nielsen and Webb
    2023), computed without refitting; use with t(clusters − 1). They are NaN below 8 clusters. Percents drawn
    by one cluster only say nothing and are left out. Cost: O(S·N·T), and O(S·N·m) per target that is a training
    frame, m the largest cluster.

    Returns an Estimate [N, T]; NaN for frames in every or in no subset of all percents.
    """
    frames, targets = inclusion.shape[1], scores.shape[1]
    value = np.full((frames, targets), np.nan)
    error = np.full((frames, targets), np.nan)
    counted = 0
    for rows, columns in columns_by_missing_rows(scores):
        rows = rows[_in_percents_of_several_clusters(percents[rows], clusters[rows])]
        if not len(rows):
            continue
        fit = _Fit(inclusion[rows], percents[rows], clusters[rows])
        counted = max(counted, fit.clusters)
        own = self_frame[columns]
        u = _centred(scores[np.ix_(rows, columns)].astype(float), percents[rows])
        for frame in np.unique(own):
            of_frame = own == frame
            value[:, columns[of_frame]], error[:, columns[of_frame]] = fit.slopes(u[:, of_frame], int(frame))
    return Estimate(value, error, counted)


class _Fit:
    """All that does not depend on the scores: centred inclusion, and clusters padded to one size."""

    def __init__(self, inclusion: np.ndarray, percents: np.ndarray, clusters: np.ndarray) -> None:
        self._z = _centred(inclusion.astype(float), percents)
        names, which = np.unique(clusters, return_inverse=True)
        self.clusters = len(names)
        members = [np.flatnonzero(which == index) for index in range(len(names))]
        size = max(len(rows) for rows in members)
        self._rows = np.array([np.pad(rows, (0, size - len(rows))) for rows in members])
        self._real = np.array([np.arange(size) < len(rows) for rows in members])
        # I − the leverage of the percents' means, block by block.
        counts = {percent: np.count_nonzero(percents == percent) for percent in np.unique(percents)}
        same = percents[self._rows][:, :, None] == percents[self._rows][:, None, :]
        share = np.array([counts[percent] for percent in percents])[self._rows][:, :, None]
        both = self._real[:, :, None] & self._real[:, None, :]
        self._block = np.eye(size) - np.where(same & both, 1 / share, 0)

    def slopes(self, u: np.ndarray, own: int) -> tuple[np.ndarray, np.ndarray]:
        """Values and standard errors [N, t] for centred scores u [S, t] of frame `own`'s targets (−1: no frame)."""
        varies = (self._z**2).sum(axis=0) > 1e-9
        if own < 0 or not varies[own]:
            return self._simple(self._z, u, self._block)
        z_own = self._z[:, own]
        total = z_own @ z_own
        z = self._z - np.outer(z_own, z_own @ self._z / total)
        u_rest = u - np.outer(z_own, z_own @ u / total)
        z_own_padded = z_own[self._rows] * self._real
        block = self._block - z_own_padded[:, :, None] * z_own_padded[:, None, :] / total
        value, error = self._simple(z, u_rest, block)
        memorization, memorization_error = self._simple(z_own[:, None], u, self._block)
        value[own], error[own] = memorization[0], memorization_error[0]
        return value, error

    def _simple(self, z: np.ndarray, u: np.ndarray, block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Slope of u [S, t] on each column of z [S, n], both centred, and its CR3 error.

        With A = `block`, w = A⁻¹z and q = zᵀw of a cluster, leaving the cluster out changes the slope β by
        (wᵀu − βq) / (zᵀz − q); the squares of (wᵀu) are summed over pairs of a cluster's rows, so that all is
        matrix products.
        """
        total = (z**2).sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            value = (z.T @ u) / np.where(total > 1e-9, total, np.nan)[:, None]
        if self.clusters < LEAST_CLUSTERS:
            return value, np.full_like(value, np.nan)
        padded = z[self._rows] * self._real[:, :, None]
        w = np.linalg.pinv(block, rcond=1e-9, hermitian=True) @ padded
        q = (padded * w).sum(axis=1)
        left = total - q
        weight = np.where(left > 1e-9 * np.maximum(total, 1), 1 / np.where(left == 0, 1, left), np.nan)
        u_padded = u[self._rows] * self._real[:, :, None]
        flat = (self.clusters * self._rows.shape[1], -1)
        linear = ((weight**2 * q)[:, None, :] * w).reshape(flat).T @ u_padded.reshape(flat)
        square = np.zeros_like(value)
        for first in range(self._rows.shape[1]):
            for second in range(first, self._rows.shape[1]):
                twice = 1 if first == second else 2
                of_z = twice * weight**2 * w[:, first] * w[:, second]
                square += of_z.T @ (u_padded[:, first] * u_padded[:, second])
        changes = square - 2 * value * linear + value**2 * (weight**2 * q**2).sum(axis=0)[:, None]
        jackknife = (self.clusters - 1) / self.clusters * np.maximum(changes, 0)
        return value, np.sqrt(jackknife)


def _centred(values: np.ndarray, percents: np.ndarray) -> np.ndarray:
    """`values` [S, …] less the mean of each percent."""
    out = values.copy()
    for percent in np.unique(percents):
        rows = percents == percent
        out[rows] -= values[rows].mean(axis=0)
    return out


def _in_percents_of_several_clusters(percents: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    several = [p for p in np.unique(percents) if len(np.unique(clusters[percents == p])) > 1]
    return np.isin(percents, several)
