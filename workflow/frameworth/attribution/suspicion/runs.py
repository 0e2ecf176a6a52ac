"""Errors that repeat over almost identical neighbouring frames, such as a copied label. Numpy in, numpy out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from frameworth.attribution.inference.tails import tail_probability
from frameworth.attribution.inference.values import holm
from frameworth.attribution.suspicion.body_axes import centred, direction, mean_shape
from frameworth.attribution.suspicion.deviations import size_deviation
from frameworth.attribution.suspicion.suspects import where_seen

_ALIKE = 0.25  # of the animal's size: neighbours count as alike if their keypoints move less on average
_MOST = 8  # frames in a run; if runs were longer, almost every network would have seen a frame of them
_LEAST_NETWORKS = 3  # that judge a run: the median of two is off if one of them lost the keypoint


@dataclass(frozen=True)
class Run:
    """Neighbouring frames that look the same, and how far their labels are off together.

    Attributes:
        frames: int [n], n ≥ 2, in their order.
        keypoint: the keypoint that is off most.
        distance: px, the length of the mean difference between its labels and the networks' positions, each
            difference shortened to the shortest of them.
        p: the share of correctly labelled runs and single frames with any keypoint as far off.
        p_adjusted: the same for any of the runs (Holm).
        networks: number of networks that saw none of the frames.
    """

    frames: np.ndarray
    keypoint: int
    distance: float
    p: float
    p_adjusted: float
    networks: int


def repeated_errors(
    poses: np.ndarray, labels: np.ndarray, inclusion: np.ndarray, videos: np.ndarray, percents: np.ndarray | None = None
) -> list[Run]:
    """Test each run of at least two frames that three or more networks have not seen; the least likely run comes first.

    A network that was trained on a frame's neighbour with the same wrong label repeats the error, so its error at the
    frame is small. So only networks that saw no frame of the run are used. Differences are averaged over the run, in
    the animal's own axes, after they are shortened to the shortest of them: otherwise one wrong label would make its
    neighbours look wrong. All runs and single frames together show how rarely a correct one has a mean as long. The
    fewer networks, the longer are these means, so a single frame is judged by as many networks as one of the runs.

    Args:
        poses: [S, N, K, 2] px. labels: [N, K, 2] px. inclusion: bool [S, N]. percents: [S]. As for `suspect_labels`.
        videos: int [N]; the frames of each are in the order in which they were filmed.
    """
    place = where_seen(poses, labels, inclusion, percents)[0]
    units = runs(place[..., 0] + 1j * place[..., 1], videos)
    percent = np.zeros(len(inclusion)) if percents is None else np.asarray(percents)
    unseen = [np.logical_not(inclusion[:, frames].any(axis=1)) for frames in units]
    of_runs = [by for frames, by in zip(units, unseen, strict=True) if len(frames) > 1 and by.sum() >= _LEAST_NETWORKS]
    if not of_runs:
        return []
    rng = np.random.default_rng(0)
    networks = np.zeros(len(units), int)
    for number, frames in enumerate(units):
        by = unseen[number]
        if len(frames) == 1:
            by = _as_many(by, of_runs[rng.integers(len(of_runs))], percent, rng)
        elif by.sum() < _LEAST_NETWORKS:
            continue
        networks[number] = by.sum()
        if networks[number]:
            nothing = np.zeros((networks[number], len(frames)), bool)
            place[frames] = where_seen(poses[by][:, frames], labels[frames], nothing, percent[by])[0]
    at, label = (points[..., 0] + 1j * points[..., 1] for points in (place, labels))
    off = (label - at) / direction(at, mean_shape(at))[:, None]
    mean = np.full((len(units), labels.shape[1]), np.nan, complex)
    for number, frames in enumerate(units):
        if networks[number]:
            mean[number] = _in_common(off[frames])
    p = tail_probability(size_deviation(np.abs(mean)))
    judged = [number for number, frames in enumerate(units) if len(frames) > 1 and np.isfinite(p[number]).any()]
    of_run = np.array([np.nanmin(p[number]) for number in judged])
    adjusted = holm(of_run)
    errors = []
    for index in np.argsort(of_run, kind="stable"):
        number = judged[index]
        keypoint = int(np.nanargmin(p[number]))
        errors.append(
            Run(
                frames=units[number],
                keypoint=keypoint,
                distance=float(np.abs(mean[number, keypoint])),
                p=float(of_run[index]),
                p_adjusted=float(adjusted[index]),
                networks=int(networks[number]),
            )
        )
    return errors


def _as_many(unseen: np.ndarray, of_run: np.ndarray, percent: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random ones of the networks `unseen`, as many of each percent as judge a run if there are so many; bool [S]."""
    chosen = np.zeros(len(unseen), bool)
    for size in np.unique(percent[of_run]):
        of_size = rng.permutation(np.flatnonzero(unseen & (percent == size)))
        chosen[of_size[: np.count_nonzero(of_run & (percent == size))]] = True
    return chosen


def _in_common(off: np.ndarray) -> np.ndarray:
    """The mean difference [K] of a run's frames [n, K], each shortened to the shortest; NaN unless two are known.

    Of a single frame it is the frame's difference.
    """
    known = np.isfinite(off)
    length = np.where(known, np.abs(off), np.inf)
    has_direction = known & (length > 0)
    direction = np.where(has_direction, off, 0) / np.where(has_direction, length, 1)
    count = known.sum(axis=0)
    enough = count >= min(2, len(off))
    shortest = np.where(enough, length.min(axis=0), 0)
    return np.where(enough, shortest * direction.sum(axis=0) / np.maximum(count, 1), np.nan)


def runs(place: np.ndarray, videos: np.ndarray) -> list[np.ndarray]:
    """All frames in runs of almost identical neighbours, each int [n]; n is 1 for a frame unlike its neighbours.

    Args:
        place: complex [N, K] px, NaN where not known. videos: int [N].
    """
    shape = centred(place)
    known = np.isfinite(shape)
    squares = np.where(known, np.abs(np.where(known, shape, 0)) ** 2, 0).sum(axis=1)
    size = np.sqrt(squares / np.maximum(known.sum(axis=1), 1))
    size = np.median(size[size > 0]) if (size > 0).any() else 0.0
    step = np.abs(np.diff(place, axis=0))
    both = np.isfinite(step)
    moved = np.where(both, step, 0).sum(axis=1) / np.maximum(both.sum(axis=1), 1)
    alike = (np.diff(videos) == 0) & both.any(axis=1) & (moved < _ALIKE * size)
    parts = np.split(np.arange(len(videos)), np.flatnonzero(~alike) + 1)
    return [part[start : start + _MOST] for part in parts for start in range(0, len(part), _MOST)]
