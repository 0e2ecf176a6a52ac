"""Which frames are decided: max-T over frames, stepping down beside the frames that are decided already.

Numpy in, numpy out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from frameworth.attribution.estimators import size_centred
from frameworth.attribution.estimators._estimate import Study, centred, comparable, scale_of
from frameworth.attribution.inference import values
from frameworth.attribution.inference.balance import variance_factor
from frameworth.attribution.inference.redraw import family_wise, largest_statistics

_CLUSTERS_PER_DECIDED = 5  # more frames held fixed than a fifth of the clusters would leave too little to judge by
_MOST_STEPS = 8  # each halves the frames that pass, and costs as much as the first


@dataclass(frozen=True)
class Tests:
    """What is decided of N frames on T targets, with the unshrunken values that it is decided by.

    Attributes:
        value, standard_error: [N, T] the size-centred difference beside the decided frames, and its error.
        jackknife_error: [N, T] its CR3 error, which max-T judges by.
        p_value: [N, T] for no influence beside that of the decided frames, one cell at a time.
        p_adjusted: [N, T] family-wise; NaN for a target's own frame.
        largest: [resamples, T] the largest statistics of the first step; `largest_left` of the last.
        decided: bool [N, T] by `p_adjusted`.
        null, reach: [N, T] a value is decided if it lies more than `reach` from `null`, at the step it was judged in.
        critical: [T] the statistic that a frame not yet decided must reach.
        clusters: int; with fewer than 8 all else is NaN.
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
        """Family-wise p [N, T] of other values of the same frames, at the step that each was judged in.

        Args:
            freedom: degrees of freedom behind `error`; where they are not those of the redraws, clusters − 1, the
                statistic counts as the one that is as rare with these.
        """
        statistic = np.where(np.isfinite(self.p_adjusted), np.abs(_ratio(value, error)), np.nan)
        tail = np.maximum(stats.t.sf(statistic, freedom), np.finfo(float).tiny)
        statistic = np.where(freedom == self.clusters - 1, statistic, stats.t.isf(tail, self.clusters - 1))
        first, last = family_wise(statistic, self.largest), family_wise(statistic, self.largest_left)
        return np.where(self.decided, first, last)

    def first_step(self, level: float, error: np.ndarray) -> Tests:
        """The same without stepping down, for values of the errors [N, T] that are not taken beside decided frames."""
        if not len(self.largest):
            return self
        critical = np.quantile(self.largest, level, axis=0)
        null, reach = np.zeros_like(error), error * critical
        return replace(self, largest_left=self.largest, critical=critical, null=null, reach=reach)


def decide(study: Study, level: float, resamples: int, rng: np.random.Generator) -> Tests:
    """Test all frames, take the surer half of the decided as given, and test the others beside them, until none passes.

    The statistic of max-T is the size-centred difference over its CR3 error, against redraws of the design
    (`redraw`). A decided frame adds no more noise to the others: its inclusion is projected out of scores and
    inclusion (Frisch and Waugh 1933), and later p-values are never below earlier ones (Westfall and Young 1993,
    chapter 2.8). Errors of studies with balanced rows are those that the design leaves (`balance`).

    Beside decided frames D the slope of frame i is m/(m−1)·(b_i − b̄ of the m frames left); with the slopes γ of D,
    n/(n−1)·((m−1)/m · slope_i − Σγ/n) is again relative to the average of all n frames, which `value` is.
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
            # The surer half: what only looks decided beside a strong frame's noise is judged again without it.
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
    """Of the one target: slopes beside the decided frames, these relative to the average of all, CR3 errors; [N]."""
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
    """Factor on the CR3 errors [N, T]; 1 where no row is balanced."""
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
    """Of rows that count for these targets: their centred inclusion and scores, weighted."""
    percents, roots = study.percents[rows], study.roots[rows, None]
    parts = study.inclusion[rows], study.scores[np.ix_(rows, np.array(targets))]
    z, u = (centred(part, percents) * roots for part in parts)
    return z, u
