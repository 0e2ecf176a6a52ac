"""Which frames are decided: max-T over frames in steps, each adjusted for the frames that are already decided.

Numpy in, numpy out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from frameworth.attribution.estimators import size_centred
from frameworth.attribution.inference import values
from frameworth.attribution.inference.balance import variance_factor
from frameworth.attribution.inference.redraw import family_wise, largest_statistics
from frameworth.attribution.sample import Study, centred, comparable, scale_of

_CLUSTERS_PER_DECIDED = 5  # if more frames than a fifth of the clusters were fixed, too little data would be left
_MOST_STEPS = 8  # each step fixes half of the frames that pass, and costs as much as the first


@dataclass(frozen=True)
class Tests:
    """The decisions on N frames and T targets, with the unshrunken values that they rest on.

    Attributes:
        value, standard_error: [N, T] the size-centred difference, adjusted for the decided frames, and its error.
        jackknife_error: [N, T] its CR3 error, which max-T uses.
        p_value: [N, T] for no influence, adjusted for the decided frames, each cell by itself.
        p_adjusted: [N, T] family-wise; NaN for a target's own frame.
        largest, largest_left: [resamples, T] the largest statistics of the first step, and of the last.
        decided: bool [N, T] by `p_adjusted`.
        null, reach: [N, T] a value is decided if it lies more than `reach` from `null`, in the step that judged it.
        critical: [T] the statistic that a frame not yet decided must reach.
        clusters: int; with fewer than 8 nothing is decided, and errors and p-values are NaN.
    """

    value: np.ndarray
    standard_error: np.ndarray
    jackknife_error: np.ndarray
    p_value: np.ndarray
    p_adjusted: np.ndarray
    largest: np.ndarray
    largest_left: np.ndarray
    decided: np.ndarray
    null: np.ndarray
    reach: np.ndarray
    critical: np.ndarray
    clusters: int

    def family_wise(self, value: np.ndarray, error: np.ndarray, freedom: np.ndarray | int) -> np.ndarray:
        """Family-wise p [N, T] of other values of the frames: decided frames by the first step, others by the last.

        Args:
            freedom: degrees of freedom behind `error`. Where they are not clusters − 1, as in the redraws, the
                statistic is replaced by the one with the same tail probability at clusters − 1.
        """
        statistic = np.where(np.isfinite(self.p_adjusted), np.abs(_ratio(value, error)), np.nan)
        tail = np.maximum(stats.t.sf(statistic, freedom), np.finfo(float).tiny)
        statistic = np.where(freedom == self.clusters - 1, statistic, stats.t.isf(tail, self.clusters - 1))
        first, last = family_wise(statistic, self.largest), family_wise(statistic, self.largest_left)
        return np.where(self.decided, first, last)

    def first_step(self, level: float, error: np.ndarray) -> Tests:
        """The tests of the first step only, for values with `error` [N, T] that are not adjusted for decided frames."""
        if not len(self.largest):
            return self
        critical = np.quantile(self.largest, level, axis=0)
        null, reach = np.zeros_like(error), error * critical
        return replace(self, largest_left=self.largest, critical=critical, null=null, reach=reach)


def decide(study: Study, level: float, resamples: int, rng: np.random.Generator) -> Tests:
    """Test all frames, fix the surer half of those that pass, adjust the others for them, and repeat until none passes.

    The statistic of max-T is the size-centred difference over its CR3 error; it is compared with redraws of the design
    (`redraw`). The inclusion of decided frames is projected out of scores and inclusion (Frisch and Waugh 1933), so
    they add no noise to the others. Later p-values are never below earlier ones (Westfall and Young 1993, chapter
    2.8). With balanced rows the errors are corrected for the design (`balance`).

    Adjusted for decided frames D, the slope of frame i is m/(m−1)·(b_i − b̄ of the m frames left). With the slopes γ of
    D, `value` is n/(n−1)·((m−1)/m · slope_i − Σγ/n), which is again relative to the average of all n frames.
    """
    fixed = [[int(frame)] if frame >= 0 else [] for frame in study.self_frame]
    plain = size_centred.estimate(study)
    if plain.clusters < size_centred.LEAST_CLUSTERS:
        nothing = np.full_like(plain.value, np.nan)
        none = np.zeros((0, study.scores.shape[1]))
        return Tests(
            plain.value, nothing, nothing, nothing, nothing, none, none, np.zeros(nothing.shape, bool), nothing,
            nothing, np.full(study.scores.shape[1], np.nan), plain.clusters,
        )  # fmt: skip
    largest = largest_statistics(study, fixed, resamples, rng)
    statistic = _ratio(plain.value, plain.standard_error)
    targets = np.flatnonzero(study.self_frame >= 0)
    statistic[study.self_frame[targets], targets] = np.nan
    adjusted = family_wise(statistic, largest)
    value, jackknife = plain.value.copy(), plain.standard_error.copy()
    error = jackknife * _balance(study, fixed)
    p_value = values.p_values(value, error, plain.clusters)
    left = largest.copy()
    null, reach = np.zeros_like(value), jackknife * np.quantile(largest, level, axis=0)
    for target in np.flatnonzero((adjusted < 1 - level).any(axis=0)):
        single = replace(study, scores=study.scores[:, [target]], self_frame=study.self_frame[[target]])
        decided: list[int] = []
        t, p = np.abs(statistic[:, target]), adjusted[:, target].copy()
        for _ in range(_MOST_STEPS):
            others = np.isfinite(p) & ~np.isin(np.arange(len(p)), decided)
            passed = np.flatnonzero(others & (p < 1 - level))
            # Only the surer half: a frame may pass only by a strong frame's noise, and is judged again without it.
            new = passed[np.argsort(-t[passed], kind="stable")][: max(1, len(passed) // 2)]
            new = new[: plain.clusters // _CLUSTERS_PER_DECIDED - len(decided)]
            if not len(new) or np.count_nonzero(others) - len(new) < 2:
                break
            decided += new.tolist()
            others[new] = False
            floor = p[new].max()
            slope, relative, cr3 = _beside(single, fixed[target], decided)
            beside = [*fixed[target], *decided]
            left[:, target] = largest_statistics(single, [beside], resamples, rng)[:, 0]
            t = np.abs(_ratio(slope, cr3))
            p[others] = np.maximum(family_wise(t[:, None], left[:, [target]])[:, 0], floor)[others]
            value[others, target] = relative[others]
            jackknife[others, target] = cr3[others]
            null[others, target] = (relative - slope)[others]
            reach[others, target] = (cr3 * np.quantile(left[:, target], level))[others]
            spread = cr3 * _balance(single, [beside])[:, 0]
            error[others, target] = spread[others]
            p_value[others, target] = values.p_values(slope, spread, plain.clusters)[others]
        adjusted[:, target] = p
    critical = np.quantile(left, level, axis=0)
    decided_at_all = adjusted < 1 - level
    return Tests(
        value, error, jackknife, p_value, adjusted, largest, left, decided_at_all, null, reach, critical, plain.clusters
    )


def _ratio(value: np.ndarray, error: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return value / error


def _beside(study: Study, fixed: list[int], decided: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Slopes of one target adjusted for decided frames, the same relative to the average frame, and CR3 errors; [N]."""
    ((rows, _),) = comparable(study)
    z, u = _centred(study, rows, [0])
    blocks = size_centred.ClusterBlocks(study.percents[rows], study.clusters[rows])
    slope, error = size_centred.slopes(z, u, blocks, [*fixed, *decided], True)
    all_frames = int(np.count_nonzero(study.inclusion[rows].any(axis=0))) - len(fixed)
    others = all_frames - len(decided)
    joint = np.linalg.lstsq(z[:, [*decided, *fixed]], u[:, 0], rcond=None)[0][: len(decided)]
    relative = (slope[:, 0] / scale_of(others, False) - joint.sum() / all_frames) * scale_of(all_frames, False)
    return slope[:, 0], relative, error[:, 0]


def _balance(study: Study, fixed: list[list[int]]) -> np.ndarray:
    """The factor [N, T] by which CR3 errors are multiplied; 1 where no row is balanced."""
    out = np.ones((study.inclusion.shape[1], len(fixed)))
    if not (study.designs == "balanced").any():
        return out
    for rows, columns in comparable(study):
        for beside in {tuple(fixed[target]) for target in columns}:
            targets = [target for target in columns if tuple(fixed[target]) == beside]
            z, u = _centred(study, rows, targets)
            basis = size_centred.basis_of(z, beside)
            if basis is not None:
                z, u = size_centred.without(z, basis), size_centred.without(u, basis)
            factor = variance_factor(z, u, study.percents[rows], study.clusters[rows])
            out[:, targets] = np.sqrt(factor)
    return out


def _centred(study: Study, rows: np.ndarray, targets: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """The centred and weighted inclusion and scores of `rows`, for these targets."""
    percents, roots = study.percents[rows], study.roots[rows, None]
    parts = study.inclusion[rows], study.scores[np.ix_(rows, np.array(targets))]
    z, u = (centred(part, percents) * roots for part in parts)
    return z, u
