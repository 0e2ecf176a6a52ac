"""Videos in which a keypoint's labels are off in one direction, which no single frame shows. Numpy in, numpy out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import softmax
from scipy.stats import f

from frameworth.attribution.inference.values import holm
from frameworth.attribution.suspicion.body_axes import direction, mean_shape, median_point
from frameworth.attribution.suspicion.deviations import bounded, typical_size
from frameworth.attribution.suspicion.suspects import where_seen

LEAST_FRAMES = 5  # with the keypoint, both in the video and in the other videos
_LEAST_NETWORKS = 2  # if at least this many were not trained on a video, only they judge it
_WRONG = 0.05  # a group with p_adjusted below this is left out when others are compared
# How much the spreads between groups may differ from keypoint to keypoint: as if each had been estimated with so many
# degrees of freedom, around a typical spread. What the keypoints' own spreads make likely is weighed, not chosen.
_FREEDOM, _TYPICAL = (grid.ravel() for grid in np.meshgrid([1, 2, 4, 8, 16, 32, 128], np.geomspace(0.02, 50, 41)))


@dataclass(frozen=True)
class Bias:
    """How far the labels of a keypoint in a group of frames are off, compared with the other groups.

    Attributes:
        group, keypoint: the numbers of the group and of the keypoint.
        offset: [2] px in the animal's own axes, along and across its body; the group's median minus the others' median.
        frames: number of frames in the group that have the keypoint.
        p: how often one keypoint of a group differs as much where no label is wrong.
        p_adjusted: the same for any keypoint of any group (Holm).
        unseen: the networks used were not trained on the group. Otherwise they may have learned part of the bias.
    """

    group: int
    keypoint: int
    offset: np.ndarray
    frames: int
    p: float
    p_adjusted: float
    unseen: bool


def biased_groups(
    poses: np.ndarray, labels: np.ndarray, inclusion: np.ndarray, groups: np.ndarray, percents: np.ndarray | None = None
) -> list[Bias]:
    """Test each keypoint of each group of frames, such as a video or a labeller's frames, the least likely first.

    The difference of each label from the networks' position is turned into the animal's own axes, divided by the
    keypoint's spread, bounded, and averaged over the group. Networks miss each video differently even where all labels
    are right, some keypoints more so than others. So a group has to stand out against the spread of the same keypoint
    between the other groups. Few groups say little about a spread, so the spreads of the other keypoints count, too:
    the more, the more alike they are. If only two groups are compared, these alone count. Then nobody can know which
    group is off, so both are called.

    Args:
        poses: [S, N, K, 2] px. labels: [N, K, 2] px. inclusion: bool [S, N]. percents: [S]. As for `suspect_labels`.
        groups: int [N], the group of each frame.

    Returns an empty list for a single group. Leaves out keypoints with fewer than five frames in or outside a group.

    Source: Smyth 2004, Linear models and empirical Bayes methods, for spreads that borrow from each other, with the
    prior's own uncertainty averaged over; Paule and Mandel 1982 for the spread between groups.
    """
    at, unseen = _places(poses, labels, inclusion, groups, percents)
    label = labels[..., 0] + 1j * labels[..., 1]
    off = (label - at) / direction(at, mean_shape(at))[:, None]
    middle = np.array([median_point(of_keypoint[np.isfinite(of_keypoint)]) for of_keypoint in off.T])
    scale = typical_size(np.abs(off - middle))
    standard = bounded((off - middle) / np.where(scale > 0, scale, 1))
    names, number = np.unique(groups, return_inverse=True)
    compared = _Means.of(standard, number, len(names))
    wrong = np.zeros(compared.frames.shape, bool)
    while True:
        p = np.stack([compared.probabilities(group, wrong) for group in range(len(names))])
        adjusted = _adjusted(p)
        further = np.where((adjusted < _WRONG) & ~wrong, p, np.inf)
        if np.isinf(further).all():
            break
        # A biased group must not make the others look biased: leave out the least likely pair, and test again.
        wrong[np.unravel_index(np.argmin(further), wrong.shape)] = True
    biases = []
    for group, keypoint in np.argwhere(np.isfinite(p)):
        known = np.isfinite(standard[:, keypoint])
        inside = known & (number == group)
        others = known & compared.others(group, wrong)[number, keypoint]
        offset = median_point(off[inside, keypoint]) - median_point(off[others, keypoint])
        biases.append(
            Bias(
                group=int(names[group]),
                keypoint=int(keypoint),
                offset=np.array([offset.real, offset.imag]),
                frames=int(inside.sum()),
                p=float(p[group, keypoint]),
                p_adjusted=float(adjusted[group, keypoint]),
                unseen=bool(unseen[inside].all()),
            )
        )
    return sorted(biases, key=lambda bias: bias.p)


@dataclass(frozen=True)
class _Means:
    """The mean difference of each keypoint in each group.

    Attributes:
        frames: int [G, K], the number of frames. mean: complex [G, K], 0 without frames.
        noise: [G, K], the mean's variance on each axis by the sampling of frames; infinite without frames.
    """

    frames: np.ndarray
    mean: np.ndarray
    noise: np.ndarray

    @classmethod
    def of(cls, standard: np.ndarray, number: np.ndarray, groups: int) -> _Means:
        """Of differences, complex [N, K], in groups with these numbers [N]."""
        known = np.isfinite(standard)
        member = (number == np.arange(groups)[:, None]).astype(float)
        frames = (member @ known).astype(int)
        value = np.where(known, standard, 0)
        mean = (member @ value) / np.maximum(frames, 1)
        squares = member @ (np.abs(value - mean[number]) ** 2 * known) / 2
        freedom = np.maximum(frames - 1, 0)
        common = squares.sum(axis=0) / np.maximum(freedom.sum(axis=0), 1)
        variance = (squares + LEAST_FRAMES * common) / (freedom + LEAST_FRAMES)  # a few frames show no variance
        return cls(frames, mean, np.where(frames > 0, variance / np.maximum(frames, 1), np.inf))

    def others(self, group: int, wrong: np.ndarray) -> np.ndarray:
        """The groups that one is compared with, bool [G, K]: of three or more with the keypoint, the unbiased ones."""
        several = (self.frames > 0).sum(axis=0) > 2
        others = (self.frames > 0) & ~(wrong & several)
        others[group] = False
        return others

    def probabilities(self, group: int, wrong: np.ndarray) -> np.ndarray:
        """p of each keypoint of a group [K]; NaN where there are too few frames."""
        others = self.others(group, wrong)
        tested = (self.frames[group] >= LEAST_FRAMES) & ((self.frames * others).sum(axis=0) >= LEAST_FRAMES)
        if not tested.any():
            return np.full(len(tested), np.nan)
        alone = others.sum(axis=0) == 1
        known = others & tested
        spread_over = known.copy()
        spread_over[group] = alone & tested  # a single other group has no spread, only its distance from this one
        between = self._between(spread_over)
        spread, _, _ = self._spread(spread_over, between)
        freedom = np.where(tested, 2 * (spread_over.sum(axis=0) - 1), 0)
        log_likelihood = np.zeros((len(tested), len(_FREEDOM)))
        counts = freedom > 0
        log_likelihood[counts] = f.logpdf(spread[counts, None] / _TYPICAL, freedom[counts, None], _FREEDOM)
        log_likelihood[counts] -= np.log(_TYPICAL)
        # The distance that is tested says nothing about its own spread.
        weight = softmax(log_likelihood.sum(axis=0) - log_likelihood * alone[:, None], axis=1)
        own = np.where(alone, 0, freedom)[:, None]
        total = own + _FREEDOM
        scale = (_FREEDOM * _TYPICAL + own * spread[:, None]) / total
        _, middle, error = self._spread(known, between)
        _, _, sampling = self._spread(known, 0.0)
        variance = np.maximum(
            scale * (between + self.noise[group] + error)[:, None], (self.noise[group] + sampling)[:, None]
        )
        size = np.abs(self.mean[group] - middle)[:, None] ** 2
        p = (weight * (1 + size / variance / total) ** (-total / 2)).sum(axis=1)
        return np.where(tested, p, np.nan)

    def _spread(self, over: np.ndarray, between: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """By keypoint [K]: the variance of means over groups, relative to that expected; the mean of means; its error.

        Args:
            over: bool [G, K], the groups. between: the expected variance of right groups on each axis.
        """
        weight = over / (between + self.noise)
        total = weight.sum(axis=0)
        total = np.where(total > 0, total, np.inf)
        middle = (weight * self.mean).sum(axis=0) / total
        squares = (weight * np.abs(self.mean - middle) ** 2).sum(axis=0) / 2
        return squares / np.maximum(over.sum(axis=0) - 1, 1), middle, 1 / total

    def _between(self, over: np.ndarray) -> float:
        """The variance on each axis between right groups, the same for all keypoints; at least 0."""
        freedom = np.maximum(over.sum(axis=0) - 1, 0)

        def excess(between: float) -> float:
            return float((freedom * (self._spread(over, between)[0] - 1)).sum())

        high = 1.0
        while excess(high) > 0:
            high *= 4
        return brentq(excess, 0, high, xtol=1e-6) if excess(0) > 0 else 0.0


def _adjusted(p: np.ndarray) -> np.ndarray:
    """p for all groups and keypoints [G, K] (Holm). Two groups have the same distance, which counts once."""
    once = p[:1] if len(p) == 2 else p
    return np.broadcast_to(holm(once.ravel()).reshape(once.shape), p.shape)


def _places(
    poses: np.ndarray, labels: np.ndarray, inclusion: np.ndarray, groups: np.ndarray, percents: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """The networks' position of each keypoint, complex [N, K]; whether they were not trained on the group, bool [N]."""
    place, unseen = where_seen(poses, labels, inclusion, percents)[0], np.zeros(len(labels), bool)
    for group in np.unique(groups):
        here = groups == group
        without = ~inclusion[:, here].any(axis=1)
        if without.sum() >= _LEAST_NETWORKS:
            of_those = None if percents is None else np.asarray(percents)[without]
            place[here] = where_seen(poses[without][:, here], labels[here], inclusion[without][:, here], of_those)[0]
            unseen[here] = True
    return place[..., 0] + 1j * place[..., 1], unseen
