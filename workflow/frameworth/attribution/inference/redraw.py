"""Tests that redraw the known design: the statistics' distribution if scores do not depend on the frames in a subset.

Numpy in, numpy out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from frameworth.attribution.estimators import size_centred
from frameworth.attribution.sample import Study, centred, comparable


def redrawn(
    inclusion: np.ndarray,
    percents: np.ndarray,
    clusters: np.ndarray,
    designs: np.ndarray,
    pool: np.ndarray,
    rng: np.random.Generator,
    fixed: Sequence[int] = (),
) -> np.ndarray:
    """One draw of the design under the null that scores do not depend on which frames are in a subset.

    Nested and paired rows get one random relabelling of the pool per cluster, so that what a cluster's rows share
    stays shared. Independent rows get one each. Balanced rows are permuted among the scores of their percent, so that
    the design stays balanced. Source: the design of `frameworth.plan.designs`, which is known exactly.

    Args:
        inclusion: bool [S, N]. designs: [S] names. pool: int, the columns that may be relabelled.
        fixed: frames whose inclusion stays as it is. Balanced rows are then permuted among rows with the same inclusion
            of the first of these frames, and of as many more as leave about eight such rows. (If some fixed frames are
            not among these, a redrawn row may have a frame more or less than its percent.)

    Returns bool [S, N].
    """
    out = inclusion.copy()
    fixed_frames = np.array(fixed, int)
    columns = np.setdiff1d(pool, fixed_frames)
    before = inclusion[:, columns]
    after = before.copy()
    _, which, counts = np.unique(clusters, return_inverse=True, return_counts=True)
    single = counts[which] == 1
    alone = (designs != "balanced") & single
    if alone.any():
        after[alone] = rng.permuted(before[alone], axis=1)
    for cluster in np.unique(clusters[(designs != "balanced") & ~single]):
        rows = np.flatnonzero(clusters == cluster)
        after[rows] = before[rows[:, None], rng.permutation(len(columns))]
    for percent in np.unique(percents[designs == "balanced"]):
        of_percent = np.flatnonzero((designs == "balanced") & (percents == percent))
        like = inclusion[np.ix_(of_percent, fixed_frames[: max(1, int(np.log2(max(len(of_percent), 8) / 8)))])]
        for pattern in np.unique(like, axis=0):
            rows = of_percent[(like == pattern).all(axis=1)]
            after[rows] = before[rng.permutation(rows)]
    out[:, columns] = after
    return out


def largest_statistics(
    study: Study, fixed: Sequence[Sequence[int]], resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """The largest studentised statistic over the frames in each redraw, for each target: [resamples, T].

    The statistic is the size-centred difference over its CR3 error.

    Args:
        fixed: for each target, the frames whose inclusion is kept and that are not tested: the target's own frame,
            and the frames that are already decided.

    Source: Westfall and Young 1993, chapter 2 (single step max-T).
    """
    pool = np.flatnonzero(study.inclusion.any(axis=0))
    out = np.full((resamples, study.scores.shape[1]), np.nan)
    for rows, columns in comparable(study):
        of_rows, inclusion = (study.percents[rows], study.clusters[rows]), study.inclusion[rows]
        blocks, weights = size_centred.ClusterBlocks(*of_rows), study.roots[rows, None]
        by_fixed: dict[tuple[int, ...], list[int]] = {}
        for target in columns:
            by_fixed.setdefault(tuple(frame for frame in fixed[target] if frame in pool), []).append(target)
        for fixed_frames, targets in by_fixed.items():
            u = centred(study.scores[np.ix_(rows, np.array(targets))], of_rows[0]) * weights
            places = np.searchsorted(pool, fixed_frames).tolist()
            for resample in range(resamples):
                drawn = redrawn(inclusion, *of_rows, study.designs[rows], pool, rng, fixed_frames)[:, pool]
                value, error = size_centred.slopes(centred(drawn, of_rows[0]) * weights, u, blocks, places, True)
                with np.errstate(divide="ignore", invalid="ignore"):
                    t = np.abs(value / error)
                t[~np.isfinite(t)] = -np.inf
                t[places] = -np.inf
                out[resample, targets] = t.max(axis=0)
    return out


def family_wise(statistic: np.ndarray, largest: np.ndarray) -> np.ndarray:
    """Family-wise p of |statistic| [N, T] against `largest` [resamples, T]; at least 1/(resamples + 1)."""
    pairs = zip(largest.T, np.abs(statistic).T, strict=True)
    reached = np.stack([(column[:, None] >= t - 1e-12).sum(axis=0) for column, t in pairs], axis=1)
    return np.where(np.isfinite(statistic), (1 + reached) / (len(largest) + 1), np.nan)
