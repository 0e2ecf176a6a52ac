"""`estimate_influence`: the effect of each training frame on any scores, with uncertainty. Numpy in, numpy out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from frameworth.attribution.estimators import estimator as estimator_by_name
from frameworth.attribution.estimators import estimator_names, size_centred
from frameworth.attribution.inference import values
from frameworth.attribution.inference.called import interval_if_called
from frameworth.attribution.inference.step_down import decide
from frameworth.attribution.sample import Sample, Study, precisions
from frameworth.plan.designs import DESIGNS, subset_size

VERDICTS = ("harmful", "helpful", "worse than average", "better than average", "undecided")
_LEAST_FOR_OWN_ERRORS = 16  # subsets; with 10, Welch's errors decided a frame in .12 of studies without effects


class UndecidableFrameWarning(UserWarning):
    """Warns of frames that are in every subset or in no subset: their influence cannot be estimated."""


class FewClustersWarning(UserWarning):
    """Warns that there are too few clusters for standard errors."""


@dataclass(frozen=True)
class Influence:
    """Influence of N frames on T targets: how a score changes with the frame. For errors, negative is good.

    Attributes:
        value: [N, T] relative value by the estimator: the expected change when frame i replaces an average frame.
        absolute: [N, T] (n−1)/n · value + the slope of the score per added frame at the percent of most subsets;
            NaN with one size. For estimators with errors of their own it is `tested_absolute`.
        tested_value: [N, T] the unshrunken estimate of the same quantity, which is tested. It is the size-centred
            difference adjusted for the decided frames (see `step_down`). It is `value` if the estimator has errors of
            its own and the subsets are independent and of one size.
        tested_absolute: [N, T] (n−1)/n · tested_value + slope.
        standard_error, ci_low, ci_high, p_value: [N, T] of `tested_value`, with t(clusters − 1); p_value is for no
            influence, one cell at a time.
        called_ci_low, called_ci_high: [N, T] interval of `tested_value`, conditional on being decided by `p_adjusted`,
            which the plain interval ignores. NaN where the value is not decided (see `inference.called`).
        p_adjusted: [N, T] family-wise over the frames, by redrawing the design (see `redraw`) in steps (see
            `step_down`); NaN for a target's own frame.
        absolute_p_adjusted: [N, T] the same for an absolute value of 0, with the errors of both value and slope and
            Satterthwaite's degrees of freedom.
        verdict: str [N, T], one of `VERDICTS`, by `tested_absolute` if that is decided, else by `tested_value`.
        critical: [T] the studentised statistic that a frame not yet decided must reach to be decided at 1 − level.
        n_with, n_without: int [N], the number of subsets with and without the frame.
        slopes: the change of the score per added frame, [T], for each pair of neighbouring percents.
    """

    value: np.ndarray
    absolute: np.ndarray
    tested_value: np.ndarray
    tested_absolute: np.ndarray
    standard_error: np.ndarray
    ci_low: np.ndarray
    ci_high: np.ndarray
    called_ci_low: np.ndarray
    called_ci_high: np.ndarray
    p_value: np.ndarray
    p_adjusted: np.ndarray
    absolute_p_adjusted: np.ndarray
    verdict: np.ndarray
    critical: np.ndarray
    n_with: np.ndarray
    n_without: np.ndarray
    slopes: tuple[values.Slope, ...]


def estimate_influence(
    inclusion: np.ndarray,
    scores: np.ndarray,
    *,
    percents: np.ndarray,
    clusters: np.ndarray,
    design: str | Sequence[str],
    estimator: str = "regression",
    self_frame: np.ndarray | None = None,
    level: float = 0.95,
    resamples: int = 999,
    random_state: int | np.random.Generator | None = None,
) -> Influence:
    """Estimate what each frame's presence in the training set does to each score.

    Args:
        inclusion: bool [S, N], frame i is in subset s. Frames outside the pool are columns of False.
        scores: float [S, T], NaN where not scored.
        percents: int [S], the nominal size of each subset in percent of the pool.
        clusters: [S], equal for subsets that are not independent of each other.
        design: `balanced`, `nested`, `independent` or `paired`, for all subsets or one per subset.
        estimator: see `frameworth.attribution.estimators`; each module states formula, assumptions, cost, source.
        self_frame: int [T], the training frame that a target is, −1 for none (the default).
        level: coverage of the intervals.
        resamples: number of redraws of the design for `p_adjusted`; 0 gives point estimates only, uncertainty NaN.
        random_state: seed or generator of the redraws.

    Raises ValueError for arrays that do not fit each other, an unknown design or estimator, or an inclusion row
    whose size is not that of its percent. Warns of frames that cannot be decided (UndecidableFrameWarning), of
    too few clusters (FewClustersWarning) and of subsets that were not drawn as an estimator assumes
    (SamplingWarning).

    Source: the mathematics in docs/mathematics.md.
    """
    inclusion, scores = np.asarray(inclusion, bool), np.asarray(scores, float)
    # Clusters are compared in every redraw, which is faster with numbers than with names.
    percents, clusters = np.asarray(percents), np.unique(np.asarray(clusters), return_inverse=True)[1]
    own_frame = np.full(scores.shape[1:], -1) if self_frame is None else np.asarray(self_frame)
    designs = np.broadcast_to(np.asarray(design), len(inclusion)) if np.ndim(design) <= 1 else np.asarray(design)
    _check(inclusion, scores, percents, clusters, designs, own_frame, estimator)
    n_with = inclusion.sum(axis=0)
    n_without = len(inclusion) - n_with
    undecidable = np.count_nonzero((n_with > 0) & (n_without == 0))
    never = np.count_nonzero(n_with == 0)
    if undecidable or never:
        warnings.warn(
            f"{undecidable} frames are in every subset and {never} in none: their influence is NaN",
            UndecidableFrameWarning,
            stacklevel=2,
        )
    with_errors = resamples > 0
    sample = Sample(inclusion, scores, percents, clusters, own_frame)
    point = estimator_by_name(estimator)(sample, with_errors=with_errors)
    nothing = np.full_like(point.value, np.nan)
    error, p_value, adjusted, absolute, tested_absolute, absolute_adjusted, called_low, called_high = (nothing,) * 8
    critical = np.full(scores.shape[1], np.nan)
    known, statistic_error = 0, nothing
    if with_errors:
        roots = precisions(scores, percents, clusters)
        study = Study(inclusion, scores, percents, clusters, own_frame, roots=roots, designs=designs)
        tests = decide(study, level, resamples, np.random.default_rng(random_state))
        tested, error, p_value, adjusted = tests.value, tests.standard_error, tests.p_value, tests.p_adjusted
        critical, known, statistic_error = tests.critical, tests.clusters, tests.jackknife_error
        if known < size_centred.LEAST_CLUSTERS:
            warnings.warn(
                f"{known} clusters are too few for standard errors; at least {size_centred.LEAST_CLUSTERS} are needed",
                FewClustersWarning,
                stacklevel=2,
            )
    else:
        tested = size_centred.estimate(sample, with_errors=False).value
    # An estimator's own errors may ignore that frames are confounded with size, and that the subsets of a cluster
    # depend on each other: in a complementary pair, each subset has the frames that the other lacks, and balanced
    # subsets together have each frame equally often. With few subsets they are too uncertain for these tests.
    independent = len(np.unique(clusters)) == len(clusters) and "balanced" not in designs
    enough = len(clusters) >= _LEAST_FOR_OWN_ERRORS
    if point.own_errors and enough and independent and len(np.unique(percents)) == 1:
        tested = point.value
        if with_errors:
            error, known = point.standard_error, point.clusters
            p_value, statistic_error = values.p_values(tested, error, known), error
            # These values are not adjusted for decided frames, so only the first step judges them.
            tests = tests.first_step(level, error)
            adjusted, critical = tests.family_wise(tested, statistic_error, known - 1), tests.critical
    low, high = values.confidence_interval(tested, error, known, level)
    if with_errors:
        reach = np.where(adjusted < 1 - level, tests.reach, np.inf)
        called_low, called_high = interval_if_called(tested, error, known - 1, tests.null, reach, level)
    sizes = inclusion.sum(axis=1)
    main = values.slope_at_main_size(scores, sizes, percents, clusters)
    if main is not None:
        taking_part = np.count_nonzero(n_with)
        shrink = (taking_part - 1) / max(int(taking_part), 1)
        tested_absolute = shrink * tested + main.per_frame
        absolute = tested_absolute if point.own_errors else shrink * point.value + main.per_frame
        if with_errors:
            variances = (shrink * statistic_error) ** 2, np.broadcast_to(main.standard_error**2, tested.shape)
            freedom = values.satterthwaite(variances, (known - 1, main.freedom))
            absolute_adjusted = tests.family_wise(tested_absolute, np.sqrt(sum(variances)), freedom)
    return Influence(
        value=point.value,
        absolute=absolute,
        tested_value=tested,
        tested_absolute=tested_absolute,
        standard_error=error,
        ci_low=low,
        ci_high=high,
        called_ci_low=called_low,
        called_ci_high=called_high,
        p_value=p_value,
        p_adjusted=adjusted,
        absolute_p_adjusted=absolute_adjusted,
        verdict=_verdict(tested, adjusted, tested_absolute, absolute_adjusted, 1 - level),
        critical=critical,
        n_with=n_with,
        n_without=n_without,
        slopes=values.slopes(scores, sizes, percents, clusters),
    )


def _verdict(
    value: np.ndarray, p: np.ndarray, absolute: np.ndarray, absolute_p: np.ndarray, alpha: float
) -> np.ndarray:
    """Verdicts [N, T] by the signs of the tested values; the sign of a shrunken value near 0 may differ."""
    decided, absolutely = p < alpha, absolute_p < alpha
    cases = [absolutely & (absolute > 0), absolutely & (absolute < 0), decided & (value > 0), decided & (value < 0)]
    return np.select(cases, VERDICTS[:-1], default=VERDICTS[-1])


def _check(
    inclusion: np.ndarray,
    scores: np.ndarray,
    percents: np.ndarray,
    clusters: np.ndarray,
    designs: np.ndarray,
    own_frame: np.ndarray,
    estimator: str,
) -> None:
    if inclusion.ndim != 2 or scores.ndim != 2:
        raise ValueError(f"inclusion and scores must be matrices, not {inclusion.shape} and {scores.shape}")
    subsets, frames = inclusion.shape
    for name, array in (("scores", scores), ("percents", percents), ("clusters", clusters), ("design", designs)):
        if len(array) != subsets:
            raise ValueError(f"{name}: {len(array)} rows for {subsets} subsets")
    if own_frame.shape != scores.shape[1:]:
        raise ValueError(f"self_frame: {own_frame.shape[0]} entries for {scores.shape[1]} targets")
    if len(own_frame) and not (own_frame.min() >= -1 and own_frame.max() < frames):
        raise ValueError(f"self_frame: entries must be −1 or a frame's number below {frames}")
    if unknown := set(designs.tolist()) - set(DESIGNS):
        raise ValueError(f"design: there is no {sorted(unknown)[0]!r}; known are {', '.join(DESIGNS)}")
    if estimator not in estimator_names():
        raise ValueError(f"estimator: there is no {estimator!r}; known are {', '.join(estimator_names())}")
    _check_sizes(inclusion, percents, designs)


def _check_sizes(inclusion: np.ndarray, percents: np.ndarray, designs: np.ndarray) -> None:
    """Raise ValueError for the first row that does not fit its percent, in a pool of the size that fits most rows."""
    sizes = inclusion.sum(axis=1)
    best = None
    for pool in range(max(1, int(np.count_nonzero(inclusion.any(axis=0)))), inclusion.shape[1] + 1):
        expected = np.array([subset_size(int(percent), pool) for percent in percents])
        complement = pool - np.array([subset_size(100 - int(percent), pool) for percent in percents])
        fits = (sizes == expected) | ((designs == "paired") & (percents >= 50) & (sizes == complement))
        if best is None or fits.sum() > best[1].sum():
            best = (pool, fits, expected)
        if fits.all():
            return
    if best is not None:
        pool, fits, expected = best
        row = int(np.flatnonzero(~fits)[0])
        raise ValueError(
            f"inclusion: row {row} holds {sizes[row]} frames, but {percents[row]} % of {pool} are {expected[row]}; "
            "does its percent belong to another row?"
        )
