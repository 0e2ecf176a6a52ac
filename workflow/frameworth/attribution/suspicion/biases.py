"""Videos in which a keypoint's labels are off in one direction, which no single frame shows. Numpy in, numpy out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from frameworth.attribution.inference.values import holm
from frameworth.attribution.suspicion.body_axes import direction, mean_shape, median_point
from frameworth.attribution.suspicion.deviations import bounded, typical_size
from frameworth.attribution.suspicion.suspects import where_seen

LEAST_FRAMES = 5  # with the keypoint, both in the video and in the other videos
_LEAST_NETWORKS = 2  # if at least this many were not trained on a video, only they judge it
_WRONG = 0.05  # a group with p_adjusted below this is left out when others are compared
_MEDIAN = 2 * np.log(2)  # of the squared length of standard normal vectors in a plane

_Pair = tuple[int, int, complex, float]  # group, keypoint, difference, its variance


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
    are right, so these averages vary more than by sampling of frames. This extra variance is estimated by the median
    over all keypoints and groups, and a group has to stand out against it. If only two groups are compared, nobody can
    know which one is off, so both are called.

    Args:
        poses: [S, N, K, 2] px. labels: [N, K, 2] px. inclusion: bool [S, N]. percents: [S]. As for `suspect_labels`.
        groups: int [N], the group of each frame.

    Returns an empty list for a single group. Leaves out keypoints with fewer than five frames in or outside a group.
    """
    at, unseen = _places(poses, labels, inclusion, groups, percents)
    label = labels[..., 0] + 1j * labels[..., 1]
    off = (label - at) / direction(at, mean_shape(at))[:, None]
    middle = np.array([median_point(of_keypoint[np.isfinite(of_keypoint)]) for of_keypoint in off.T])
    scale = typical_size(np.abs(off - middle))
    standard = bounded((off - middle) / np.where(scale > 0, scale, 1))
    wrong: set[tuple[int, int]] = set()
    while True:
        pairs = list(_pairs(standard, groups, wrong))
        p, adjusted = _probabilities(pairs, len(np.unique(groups)))
        further = {pair[:2] for pair, adjusted_p in zip(pairs, adjusted, strict=True) if adjusted_p < _WRONG} - wrong
        if not further:
            break
        # A biased group must not make the others look biased: leave out the least likely pair, and test again.
        wrong.add(min(further, key=lambda name: p[[pair[:2] for pair in pairs].index(name)]))
    biases = []
    for number in np.argsort(p, kind="stable"):
        group, keypoint, *_ = pairs[number]
        inside, others = _frames(standard, groups, group, keypoint, wrong)
        offset = median_point(off[inside, keypoint]) - median_point(off[others, keypoint])
        biases.append(
            Bias(
                group=group,
                keypoint=keypoint,
                offset=np.array([offset.real, offset.imag]),
                frames=len(inside),
                p=float(p[number]),
                p_adjusted=float(adjusted[number]),
                unseen=bool(unseen[inside].all()),
            )
        )
    return biases


def _probabilities(pairs: list[_Pair], groups: int) -> tuple[np.ndarray, np.ndarray]:
    """p of each pair, and p adjusted for all pairs (Holm)."""
    if not pairs:
        return np.zeros(0), np.zeros(0)
    size = np.array([abs(difference) ** 2 for *_, difference, _ in pairs])
    noise = np.array([variance for *_, variance in pairs])
    # Each group is compared with the others, so one group fewer is free.
    freedom = max(2.0, len(pairs) * (1 - 1 / groups))
    p = (1 + size / (_between(size, noise) + noise) / freedom) ** (-freedom / 2)
    return p, holm(p)


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


def _pairs(standard: np.ndarray, groups: np.ndarray, wrong: set[tuple[int, int]]) -> Iterator[_Pair]:
    """Group, keypoint, its mean minus that of the other groups, and the variance of this difference on each axis."""
    for group in map(int, np.unique(groups)):
        for keypoint in range(standard.shape[1]):
            parts = [standard[rows, keypoint] for rows in _frames(standard, groups, group, keypoint, wrong)]
            if min(map(len, parts)) >= LEAST_FRAMES:
                squares = [(np.abs(part - part.mean()) ** 2).sum() / 2 / (len(part) - 1) for part in parts]
                variance = squares[0] / len(parts[0]) + squares[1] / len(parts[1])
                yield group, keypoint, complex(parts[0].mean() - parts[1].mean()), float(variance)


def _frames(
    standard: np.ndarray, groups: np.ndarray, group: int, keypoint: int, wrong: set[tuple[int, int]]
) -> tuple[np.ndarray, np.ndarray]:
    """The frames of a group with a keypoint, and those of the others; with three or more groups, of unbiased ones."""
    known = np.isfinite(standard[:, keypoint])
    several = (np.unique(groups[known], return_counts=True)[1] >= LEAST_FRAMES).sum() > 2
    biased = np.isin(groups, [other for other, of_keypoint in wrong if several and of_keypoint == keypoint])
    return np.flatnonzero(known & (groups == group)), np.flatnonzero(known & (groups != group) & ~biased)


def _between(size: np.ndarray, noise: np.ndarray) -> float:
    """The variance on each axis between correct groups, from the median of the squared differences [M]; at least 0."""
    low, high = 0.0, float(size.max())
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if np.median(size / (middle + noise)) > _MEDIAN else (low, middle)
    return low
