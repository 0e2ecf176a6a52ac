"""What the networks learned: more than a constant guess, and whether more frames would teach them more.

Numpy in, numpy out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from scipy import stats

# An interval that stays within this share of the error on both sides of 0 is called hardly any change.
HARDLY = 0.05

Outcome = Literal["help", "hardly", "harm", "unknown"]


@dataclass(frozen=True)
class Step:
    """The change of an error (px) from subsets of one percent to those of the next, with its interval.

    Attributes:
        low, high: the percents.
        change, ci_low, ci_high: px; the interval is NaN where nothing says how sure the change is.
        clusters: how many clusters (seeds) were compared with themselves; 0 where the subsets of the two percents
            belong to different clusters.
    """

    low: int
    high: int
    change: float
    ci_low: float
    ci_high: float
    clusters: int


def constant_guess_rmse(label: np.ndarray, pool: np.ndarray) -> float:
    """RMSE (px) over the held-out labels of a guess that sees no image: each keypoint's mean position in the pool.

    Args:
        label: [N, K, 2] px, NaN where not labelled. pool: bool [N].

    NaN where no held-out keypoint has a label in the pool.
    """
    known = np.isfinite(label).all(axis=2)
    in_pool = known & pool[:, None]
    count = in_pool.sum(axis=0)[:, None]
    total = np.where(in_pool[:, :, None], label, 0).sum(axis=0)
    guess = total / np.where(count > 0, count, np.nan)
    squared = ((label - guess) ** 2).sum(axis=2)[known & ~pool[:, None]]
    squared = squared[np.isfinite(squared)]
    return float(np.sqrt(squared.mean())) if squared.size else float("nan")


def trained_and_other_error(error: np.ndarray, inclusion: np.ndarray, pool: np.ndarray) -> tuple[float, float]:
    """Median error (px) at the pool's labels that a network was trained on, and at those that it was not.

    Where the first is hardly smaller, the networks have not learned what they were shown.

    Args:
        error: [S, N, K] px, NaN where not labelled. inclusion: bool [S, N]. pool: bool [N].

    NaN where there is no such label.
    """
    groups = (error[inclusion & pool], error[~inclusion & pool])
    known = [group[np.isfinite(group)] for group in groups]
    trained, other = (float(np.median(group)) if len(group) else float("nan") for group in known)
    return trained, other


def steps(error: np.ndarray, percents: np.ndarray, clusters: np.ndarray, level: float) -> list[Step]:
    """The changes of the mean error between adjacent percents, ascending.

    Where two or more clusters have subsets of both percents (seeds of a nested design), the change is the mean
    over these clusters of their own change, with a t interval on clusters − 1; else the difference of the means
    over clusters, with Welch's interval.

    Args:
        error: [S] px; subsets with NaN (a network diverged) are left out.
    """
    known = np.isfinite(error)
    means = {
        int(percent): _by_cluster(error, clusters, known & (percents == percent)) for percent in np.unique(percents)
    }
    percents_known = [percent for percent, of_clusters in means.items() if of_clusters]
    return [_step(low, high, means[low], means[high], level) for low, high in pairwise(percents_known)]


def _by_cluster(error: np.ndarray, clusters: np.ndarray, rows: np.ndarray) -> dict[object, float]:
    return {cluster: float(error[rows & (clusters == cluster)].mean()) for cluster in np.unique(clusters[rows])}


def _step(low: int, high: int, first: dict[object, float], last: dict[object, float], level: float) -> Step:
    common = sorted(first.keys() & last.keys(), key=str)
    if len(common) > 1:
        change = np.array([last[cluster] - first[cluster] for cluster in common])
        error, freedom = change.std(ddof=1) / np.sqrt(len(change)), len(change) - 1.0
        middle = float(change.mean())
    else:
        a, b = np.array(list(first.values())), np.array(list(last.values()))
        middle = float(b.mean() - a.mean())
        error, freedom = _welch(a, b)
    half = stats.t.ppf((1 + level) / 2, freedom) * error
    return Step(low, high, middle, middle - half, middle + half, len(common) if len(common) > 1 else 0)


def _welch(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Standard error and degrees of freedom of the difference of two means; NaN where one has no spread to go by."""
    if min(len(a), len(b)) < 2:
        return float("nan"), 1.0
    of_a, of_b = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    if of_a + of_b == 0:
        return 0.0, 1.0
    freedom = (of_a + of_b) ** 2 / (of_a**2 / (len(a) - 1) + of_b**2 / (len(b) - 1))
    return float(np.sqrt(of_a + of_b)), float(freedom)


def more_frames_would(step: Step, error: float) -> Outcome:
    """What a further step like the last one would do; `error` (px) is what the step is measured against.

    `hardly` only if the whole interval lies within `HARDLY` of the error: an interval that is merely wide is
    `unknown`.
    """
    if not np.isfinite([step.ci_low, step.ci_high]).all():
        return "unknown"
    if max(abs(step.ci_low), abs(step.ci_high)) <= HARDLY * error:
        return "hardly"
    if step.ci_high < 0:
        return "help"
    return "harm" if step.ci_low > 0 else "unknown"
