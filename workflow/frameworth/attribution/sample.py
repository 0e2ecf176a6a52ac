"""Input, output and shared steps of estimators: missing scores, size means, and the frames that can be estimated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

_TARGETS_AT_ONCE = 2048
_FREEDOM_BEFORE = 4  # weight, in degrees of freedom, of the prior that the noise is equal at all percents


class SamplingWarning(UserWarning):
    """Warns that the subsets were not drawn as the estimator assumes."""


@dataclass(frozen=True)
class Sample:
    """Subsets and their scores: the input of an estimator.

    Attributes:
        inclusion: bool [S, N], the frame is in the subset.
        scores: float [S, T], NaN where not scored.
        percents: int [S], the nominal size of each subset in percent of the pool.
        clusters: [S], equal for subsets that are not independent of each other.
        self_frame: int [T], the training frame that a target is, −1 for none, or one number for all (−1 by default).
    """

    inclusion: np.ndarray
    scores: np.ndarray
    percents: np.ndarray
    clusters: np.ndarray
    self_frame: np.ndarray = field(default_factory=lambda: np.array(-1))

    @property
    def frame_of_target(self) -> np.ndarray:
        """`self_frame` for each target, int [T]."""
        return np.broadcast_to(self.self_frame, self.scores.shape[1:])

    def unknown(self) -> np.ndarray:
        """NaN for each frame and target, float [N, T]."""
        return np.full((self.inclusion.shape[1], self.scores.shape[1]), np.nan)


@dataclass(frozen=True, kw_only=True)
class Study(Sample):
    """A sample with the weights and designs that its tests need for redraws.

    Attributes:
        roots: the roots of the rows' weights, [S], see `precisions`.
        designs: the name of each subset's design, [S].
    """

    roots: np.ndarray
    designs: np.ndarray


@dataclass(frozen=True)
class Estimate:
    """Influence of N frames on T targets.

    Attributes:
        value: float [N, T], the expected change of the score when the frame takes the place of an average frame;
            NaN where it cannot be estimated.
        standard_error: float [N, T], NaN where it cannot be estimated, was not requested, or the estimator has none.
        clusters: number of independent clusters behind the standard error.
        own_errors: if True, intervals and tests use `value` and `standard_error` where subsets are independent and of
            one size. Otherwise they use the size-centred difference.
    """

    value: np.ndarray
    standard_error: np.ndarray
    clusters: int
    own_errors: bool


def columns_by_missing_rows(scores: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Groups of targets with scores in the same rows: yields (rows with scores, targets), both as indices.

    Targets without any score are left out.
    """
    known = np.isfinite(scores)
    if known.all():
        yield np.arange(len(scores)), np.arange(scores.shape[1])
        return
    packed = np.ascontiguousarray(np.packbits(known, axis=0).T)
    _, first, which = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    for index, column in enumerate(first):
        if known[:, column].any():
            yield np.flatnonzero(known[:, column]), np.flatnonzero(which.ravel() == index)


def comparable(sample: Sample) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """As `columns_by_missing_rows`, without the rows of a percent with one cluster only, which cannot be compared."""
    for rows, columns in columns_by_missing_rows(sample.scores):
        drawn, clusters = sample.percents[rows], sample.clusters[rows]
        several = [percent for percent in np.unique(drawn) if len(np.unique(clusters[drawn == percent])) > 1]
        rows = rows[np.isin(drawn, several)]
        if len(rows):
            yield rows, columns


def decidable(sample: Sample) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """As `comparable`, and also yields the frames that are in some but not all of these rows, bool [N]."""
    for rows, columns in comparable(sample):
        included = sample.inclusion[rows]
        varies = included.any(axis=0) & ~included.all(axis=0)
        if varies.any():
            yield rows, columns, varies


def in_portions(columns: np.ndarray) -> Iterator[np.ndarray]:
    """`columns` in portions that are small enough for the memory of what is computed from them."""
    for start in range(0, len(columns), _TARGETS_AT_ONCE):
        yield columns[start : start + _TARGETS_AT_ONCE]


def centred(values: np.ndarray, percents: np.ndarray) -> np.ndarray:
    """`values` [S, …] minus the mean of each percent."""
    out = values.astype(float)
    for percent in np.unique(percents):
        rows = percents == percent
        out[rows] -= out[rows].mean(axis=0)
    return out


def precisions(scores: np.ndarray, percents: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Root of each row's weight [S]: 1 over the standard deviation of scores [S, T] between subsets of its percent.

    The variance of a percent is divided by that of all percents and averaged over targets, r, so that the values of
    parts still add up to the value of their sum. It is then shrunk towards 1, more so with fewer clusters of the
    percent: (d₀ + d·r)/(d₀ + d), with d one less than its clusters (Smyth 2004, with d₀ given). A weight does not
    depend on the frames in a subset, and all weights of a percent are equal. With one percent they are 1.
    """
    known = np.isfinite(scores)
    groups = [percents == percent for percent in np.unique(percents)]
    with np.errstate(divide="ignore", invalid="ignore"):
        squares, freedom = [], []
        for rows in groups:
            count = known[rows].sum(axis=0)
            u = np.where(known[rows], scores[rows], 0)
            squares.append((np.where(known[rows], scores[rows] - u.sum(axis=0) / count, 0) ** 2).sum(axis=0))
            freedom.append(np.maximum(count - 1, 0))
        pooled = np.sum(squares, axis=0) / np.sum(freedom, axis=0)
        out = np.ones(len(scores))
        for rows, square, left in zip(groups, squares, freedom, strict=True):
            relative = square / left / pooled
            relative = relative[np.isfinite(relative)]
            ratio = relative.mean() if len(relative) else 1.0
            drawn = len(np.unique(clusters[rows])) - 1
            out[rows] = ((_FREEDOM_BEFORE + drawn) / (_FREEDOM_BEFORE + drawn * ratio)) ** 0.5
    return out


def scale_of(frames: int, one_is_fixed: bool) -> float:
    """The factor that turns effects that sum to zero over `frames` frames into changes by replacing an average other.

    It is n/(n−1). If the target's own inclusion is fixed, n is one less.
    """
    taking_part = frames - one_is_fixed
    return taking_part / max(taking_part - 1, 1)


def without_own(values: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """`values` [S, …] minus their regression on the centred inclusion `fixed` [S] (Frisch and Waugh 1933)."""
    return without(values, fixed[:, None] / np.sqrt(fixed @ fixed))


def without(values: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """`values` [S, …] minus their projection on the orthonormal columns of `basis` [S, d]."""
    return values - basis @ (basis.T @ values)
