"""`estimate_influence`: what each training frame does to any scores, with its uncertainty. Numpy in, numpy out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from frameworth import values
from frameworth.designs import DESIGNS, subset_size
from frameworth.estimators import estimator as estimator_by_name
from frameworth.estimators import estimator_names, size_centred
from frameworth.redraw import family_wise, largest_statistics

OWN_ERRORS = ("difference-of-means", "banzhaf", "shapley", "beta-shapley", "size-centred")


class UndecidableFrameWarning(UserWarning):
    """Frames that every or no subset holds: nothing can be said of them."""


class FewClustersWarning(UserWarning):
    """Too few clusters for standard errors."""


@dataclass(frozen=True)
class Influence:
    """Influence of N frames on T targets; a score's change with the frame, so for errors negative is good.

    Attributes:
        value: [N, T] relative: the expected change when frame i takes the place of an average frame.
        absolute: [N, T] (n−1)/n · value + the slope of the score per added frame at the percent of most subsets;
            NaN with one size.
        standard_error, ci_low, ci_high, p_value: [N, T]. Of the estimator where it has errors of its own, else of
            the size-centred difference, the unshrunken estimate of the same quantity; intervals are then about
            that. With t(clusters − 1); p_value is for no influence, one cell at a time.
        p_adjusted: [N, T] family-wise over the frames, by redrawing the design (see `frameworth.redraw`); NaN for
            a target's own frame.
        absolute_p_adjusted: [N, T] the same for the absolute value being 0, its error that of value and slope.
        critical: [T] the studentised statistic that a frame must reach to be decided at 1 − level.
        n_with, n_without: int [N], subsets with and without the frame.
        slopes: per pair of neighbouring percents the change of the score per frame added, [T] each.
    """

    value: np.ndarray
    absolute: np.ndarray
    standard_error: np.ndarray
    ci_low: np.ndarray
    ci_high: np.ndarray
    p_value: np.ndarray
    p_adjusted: np.ndarray
    absolute_p_adjusted: np.ndarray
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
        inclusion: bool [S, N], subset s holds frame i. Frames outside the pool are columns of False.
        scores: float [S, T], NaN where not scored.
        percents: int [S], the nominal size of each subset in percent of the pool.
        clusters: [S], equal for subsets that are not independent of each other.
        design: `balanced`, `nested`, `independent` or `paired`, for all subsets or one per subset.
        estimator: see `frameworth.estimators`; each module's docstring has formula, assumptions, cost, reference.
        self_frame: int [T], the training frame that a target is, −1 for none (the default).
        level: coverage of the intervals.
        resamples: redraws of the design for `p_adjusted`; 0 gives point estimates only, uncertainty NaN.
        random_state: seed or generator of the redraws.

    Raises ValueError for arrays that do not fit each other, an unknown design or estimator, or an inclusion row
    whose size is not that of its percent. Warns of frames that cannot be decided (UndecidableFrameWarning), of
    too few clusters (FewClustersWarning) and of subsets that were not drawn as an estimator assumes
    (SamplingWarning).

    Source: the mathematics in docs/mathematics.md.
    """
    inclusion, scores = np.asarray(inclusion, bool), np.asarray(scores, float)
    percents, clusters = np.asarray(percents), np.asarray(clusters)
    own = np.full(scores.shape[1:], -1) if self_frame is None else np.asarray(self_frame)
    designs = np.broadcast_to(np.asarray(design), len(inclusion)) if np.ndim(design) <= 1 else np.asarray(design)
    _check(inclusion, scores, percents, clusters, designs, own, estimator)
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
    arguments = {"percents": percents, "clusters": clusters, "self_frame": own}
    of_errors = point = estimator_by_name(estimator)(inclusion, scores, **arguments, with_errors=with_errors)
    if with_errors and estimator not in OWN_ERRORS:
        of_errors = size_centred.estimate(inclusion, scores, **arguments)
    if with_errors and of_errors.clusters < size_centred.LEAST_CLUSTERS:
        warnings.warn(
            f"{of_errors.clusters} clusters are too few for standard errors; at least "
            f"{size_centred.LEAST_CLUSTERS} are needed",
            FewClustersWarning,
            stacklevel=2,
        )
    low, high = values.confidence_interval(of_errors.value, of_errors.standard_error, of_errors.clusters, level)
    sizes = inclusion.sum(axis=1)
    main = values.slope_at_main_size(scores, sizes, percents, clusters)
    shrink = (np.count_nonzero(n_with) - 1) / max(np.count_nonzero(n_with), 1)
    absolute = absolute_error = absolute_unshrunk = np.full_like(point.value, np.nan)
    if main is not None:
        absolute = shrink * point.value + main.per_frame
        absolute_unshrunk = shrink * of_errors.value + main.per_frame
        absolute_error = np.hypot(shrink * of_errors.standard_error, main.standard_error)
    adjusted = absolute_adjusted = np.full_like(point.value, np.nan)
    critical = np.full(scores.shape[1], np.nan)
    if with_errors and of_errors.clusters >= size_centred.LEAST_CLUSTERS:
        rng = np.random.default_rng(random_state)
        largest = largest_statistics(inclusion, scores, percents, clusters, designs, own, resamples, rng)
        statistic = of_errors.value / of_errors.standard_error
        mine = np.flatnonzero(own >= 0)
        statistic[own[mine], mine] = np.nan
        adjusted = family_wise(statistic, largest)
        of_absolute = np.where(np.isfinite(statistic), absolute_unshrunk / absolute_error, np.nan)
        absolute_adjusted = family_wise(of_absolute, largest)
        critical = np.quantile(largest, level, axis=0)
    return Influence(
        value=point.value,
        absolute=absolute,
        standard_error=of_errors.standard_error,
        ci_low=low,
        ci_high=high,
        p_value=values.p_values(of_errors.value, of_errors.standard_error, of_errors.clusters),
        p_adjusted=adjusted,
        absolute_p_adjusted=absolute_adjusted,
        critical=critical,
        n_with=n_with,
        n_without=n_without,
        slopes=values.slopes(scores, sizes, percents, clusters),
    )


def _check(
    inclusion: np.ndarray,
    scores: np.ndarray,
    percents: np.ndarray,
    clusters: np.ndarray,
    designs: np.ndarray,
    own: np.ndarray,
    estimator: str,
) -> None:
    if inclusion.ndim != 2 or scores.ndim != 2:
        raise ValueError(f"inclusion and scores must be matrices, not {inclusion.shape} and {scores.shape}")
    subsets, frames = inclusion.shape
    for name, array in (("scores", scores), ("percents", percents), ("clusters", clusters), ("design", designs)):
        if len(array) != subsets:
            raise ValueError(f"{name}: {len(array)} rows for {subsets} subsets")
    if own.shape != scores.shape[1:]:
        raise ValueError(f"self_frame: {own.shape[0]} entries for {scores.shape[1]} targets")
    if len(own) and not (own.min() >= -1 and own.max() < frames):
        raise ValueError(f"self_frame: entries must be −1 or a frame's number below {frames}")
    if unknown := set(designs.tolist()) - set(DESIGNS):
        raise ValueError(f"design: there is no {sorted(unknown)[0]!r}; known are {', '.join(DESIGNS)}")
    if estimator not in estimator_names():
        raise ValueError(f"estimator: there is no {estimator!r}; known are {', '.join(estimator_names())}")
    _check_sizes(inclusion, percents, designs)


def _check_sizes(inclusion: np.ndarray, percents: np.ndarray, designs: np.ndarray) -> None:
    """Raise ValueError for the first row that fits its percent in no pool that fits most rows."""
    sizes = inclusion.sum(axis=1)
    best = None
    for pool in range(max(1, np.count_nonzero(inclusion.any(axis=0))), inclusion.shape[1] + 1):
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
