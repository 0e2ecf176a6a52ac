"""The difference with and without a frame within sizes: scores and inclusion centred within each percent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from frameworth.attribution.sample import Estimate, Sample, centred, comparable, precisions, without

LEAST_CLUSTERS = 8  # with fewer the jackknife's coverage is not to be trusted, and no interval is given


def estimate(sample: Sample, *, with_errors: bool = True) -> Estimate:
    """Slope of the scores on inclusion, both centred within each percent, with cluster-robust errors.

    value_it = Σ_p w_p Σ_s (z_si − z̄_pi)(u_st − ū_pt) / Σ_p w_p Σ_s (z_si − z̄_pi)². The weights w_p are the precisions
    of the percents' scores (see `precisions`). If the target is itself a training frame j, its own centred inclusion is
    a second regressor (Frisch and Waugh 1933). So the value is the effect of i on j, adjusted for the presence of j; on
    the diagonal it is memorization. For additive effects b the expectation is n/(n−1)·(b_i − b̄) at every size.

    Standard errors are CR3, the jackknife over clusters (Bell and McCaffrey 2002; MacKinnon, Nielsen and Webb
    2023), computed without refitting; use them with t(clusters − 1). They are NaN below 8 clusters. Percents with only
    one cluster carry no information and are left out. Assumes that clusters are independent of each other; within a
    cluster, subsets may depend on each other in any way. Cost: O(S·N·T), and O(S·N·m) per target that is a training
    frame, with m the size of the largest cluster.

    Returns an Estimate [N, T]; NaN for frames in every or in no subset of all percents.
    """
    percents, clusters = sample.percents, sample.clusters
    value, error, counted = sample.unknown(), sample.unknown(), 0
    roots = precisions(sample.scores, percents, clusters)[:, None]
    for rows, columns in comparable(sample):
        blocks = ClusterBlocks(percents[rows], clusters[rows])
        counted = max(counted, blocks.clusters)
        z = centred(sample.inclusion[rows], percents[rows]) * roots[rows]
        own_frame = sample.frame_of_target[columns]
        for frame in np.unique(own_frame):
            some = columns[own_frame == frame]
            u = centred(sample.scores[np.ix_(rows, some)], percents[rows]) * roots[rows]
            fixed = [int(frame)] if frame >= 0 else []
            enough = with_errors and blocks.clusters >= LEAST_CLUSTERS
            value[:, some], error[:, some] = slopes(z, u, blocks, fixed, enough)
    return Estimate(value, error, counted, own_errors=False)


class ClusterBlocks:
    """The rows of each cluster, and the inverse of its block of I − leverage of the percents' means.

    This part of CR3 does not depend on inclusion, nor on weights that are equal within percents. Clusters with the same
    number of rows are stacked, so that small clusters are not padded.
    """

    def __init__(self, percents: np.ndarray, clusters: np.ndarray) -> None:
        _, which, counts = np.unique(clusters, return_inverse=True, return_counts=True)
        self.clusters = len(counts)
        by_cluster = np.split(np.argsort(which, kind="stable"), np.cumsum(counts)[:-1])
        of_percent = dict(zip(*np.unique(percents, return_counts=True), strict=True))
        share = 1 / np.array([of_percent[percent] for percent in percents])
        self.rows = [np.array([r for r in by_cluster if len(r) == size]) for size in np.unique(counts)]
        self._whole = []
        for rows in self.rows:
            same = percents[rows][:, :, None] == percents[rows][:, None, :]
            self._whole.append(np.eye(rows.shape[1]) - same * share[rows][:, :, None])
        self._inverse = [_inverse(block) for block in self._whole]

    def inverses(self, basis: np.ndarray | None) -> list[np.ndarray]:
        """Inverse blocks [clusters, m, m] per size m, after subtracting the leverage of orthonormal `basis` [S, d]."""
        if basis is None:
            return self._inverse
        pairs = zip(self._whole, self.rows, strict=True)
        return [_inverse(block - basis[rows] @ basis[rows].transpose(0, 2, 1)) for block, rows in pairs]


def _inverse(blocks: np.ndarray) -> np.ndarray:
    if blocks.shape[1] == 1:
        return np.where(np.abs(blocks) > 1e-9, 1 / np.where(np.abs(blocks) > 1e-9, blocks, 1), 0)
    return np.linalg.pinv(blocks, rcond=1e-9, hermitian=True)


def slopes(
    z: np.ndarray, u: np.ndarray, blocks: ClusterBlocks, fixed: Sequence[int], with_errors: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Values and standard errors [N, t] for centred scores u [S, t], adjusted for the presence of the frames `fixed`.

    Both `z` and `u` are multiplied by the roots of the rows' weights. For the frames `fixed` themselves, the values and
    errors are those of each frame without adjustment.
    """
    basis = basis_of(z, fixed)
    if basis is None:
        return _simple(z, u, blocks, None, with_errors)
    value, error = _simple(without(z, basis), without(u, basis), blocks, basis, with_errors)
    alone = _simple(z[:, list(fixed)], u, blocks, None, with_errors)
    value[list(fixed)], error[list(fixed)] = alone
    return value, error


def basis_of(z: np.ndarray, fixed: Sequence[int]) -> np.ndarray | None:
    """Orthonormal columns [S, d] that span the centred inclusion of the frames `fixed`; None if they do not vary."""
    varying = [frame for frame in fixed if z[:, frame] @ z[:, frame] > 1e-9]
    if not varying:
        return None
    left, size, _ = np.linalg.svd(z[:, varying], full_matrices=False)
    return left[:, size > 1e-6 * size[0]]


def _simple(
    z: np.ndarray, u: np.ndarray, blocks: ClusterBlocks, basis: np.ndarray | None, with_errors: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Slope of u [S, t] on each column of z [S, n], both centred, and its CR3 error.

    Let A⁻¹ be a cluster's inverse block, w = A⁻¹z and q = zᵀw. Leaving the cluster out changes the slope β by
    (wᵀu − βq) / (zᵀz − q). The squares of (wᵀu) are summed over pairs of a cluster's rows, so that only matrix
    products are needed.
    """
    total = (z**2).sum(axis=0)
    value = (z.T @ u) / np.where(total > 1e-9, total, np.nan)[:, None]
    if not with_errors:
        return value, np.full_like(value, np.nan)
    linear, square, own_square = np.zeros_like(value), np.zeros_like(value), np.zeros(z.shape[1])
    for rows, inverse in zip(blocks.rows, blocks.inverses(basis), strict=True):
        size = rows.shape[1]
        parts = [z[rows[:, index]] for index in range(size)]
        w = [sum(inverse[:, i, j, None] * parts[j] for j in range(size)) for i in range(size)]
        q = sum(z_i * w_i for z_i, w_i in zip(parts, w, strict=True))
        left = total - q
        usable = left > 1e-9 * np.maximum(total, 1)
        weight = np.where(usable, 1 / np.where(usable, left, 1), np.nan)
        scores = [u[rows[:, index]] for index in range(size)]
        weight *= weight
        weighted = weight * q
        own_square += (weighted * q).sum(axis=0)
        for first in range(size):
            linear += (weighted * w[first]).T @ scores[first]
            for second in range(first, size):
                twice = 1 if first == second else 2
                square += twice * (weight * w[first] * w[second]).T @ (scores[first] * scores[second])
    changes = square - 2 * value * linear + value**2 * own_square[:, None]
    return value, np.sqrt((blocks.clusters - 1) / blocks.clusters * np.maximum(changes, 0))
