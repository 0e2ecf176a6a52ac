"""How far networks that did not see a frame miss its labels on average: what finds errors that any method would."""

from __future__ import annotations

import numpy as np

from frameworth.attribution.inference.tails import tail_probability
from frameworth.attribution.inference.values import mean_of_known, subset_level
from frameworth.attribution.suspicion.deviations import LEAST_FRAMES, robust_spread


def error_probability(log_error: np.ndarray, inclusion: np.ndarray) -> np.ndarray:
    """The share of right frames that have any label as far off as each one, by its mean error; [N, K].

    The most deviating label of a frame counts and not the mean over its keypoints, so that one wrong keypoint is not
    outvoted by those that are right. NaN without a label, or where every network saw it.

    Args:
        log_error: [S, N, K], log(1 + distance) in any unit; NaN where not labelled.
        inclusion: bool [S, N]. A held-out frame is in no subset, so that all of them count.
    """
    return tail_probability(robust_deviation(*mean_out_of_bag(log_error, inclusion)))


def mean_out_of_bag(log_error: np.ndarray, inclusion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean log error [N, K] over the subsets that do not hold the frame, less their levels, and its variance [N, K].

    Each keypoint has its own levels, because more frames do not help all keypoints alike. The variance is that of the
    mean over so many networks, from the typical spread between networks at a label of the keypoint; it is 0 where it
    cannot be told. Both are NaN where no subset lacks the frame.

    Args:
        log_error: [S, N, K], NaN where not labelled. inclusion: bool [S, N].
    """
    keypoints = log_error.shape[2]
    levels = np.stack([subset_level(log_error[:, :, [k]], inclusion) for k in range(keypoints)], axis=1)
    levelled = log_error - levels[:, None, :]
    known = np.isfinite(levelled) & ~inclusion[:, :, None]
    count = known.sum(axis=0)
    mean = mean_of_known(np.where(known, levelled, np.nan), 0)
    squares = np.where(known, (levelled - mean) ** 2, 0).sum(axis=0)
    spread = np.where(count > 1, squares / np.maximum(count - 1, 1), np.nan)
    typical = [np.median(column[np.isfinite(column)]) if np.isfinite(column).any() else 0.0 for column in spread.T]
    return mean, np.array(typical) / np.where(count > 0, count, np.nan)


def robust_deviation(values: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """(value − median) / standard deviation of each column of [N, K]; NaN stays NaN.

    The standard deviation is 1.4826 · median deviation, with the mean `noise` of the column replaced by the value's
    own. So a mean over few networks has to lie farther off. A column of fewer than `LEAST_FRAMES` values is measured
    against all columns together. Where the median deviation is 0, the mean deviation takes its place (times 1.2533, for
    the same scale). Where all values are equal, none deviates.

    Args:
        values: [N, K]. noise: [N, K], the part of each value's variance that comes from how few networks it rests on.

    Source: Iglewicz and Hoaglin 1993, How to detect and handle outliers.
    """
    deviation = np.full(values.shape, np.nan)
    for column in range(values.shape[1]):
        here = values[:, column]
        enough = np.isfinite(here).sum() >= LEAST_FRAMES
        others, of_others = (here, noise[:, column]) if enough else (values, noise)
        known = np.isfinite(others)
        others, of_others = others[known], of_others[known]
        if len(others):
            centre = np.median(others)
            between = max(robust_spread(np.abs(others - centre)) ** 2 - of_others.mean(), 0)
            spread = np.sqrt(between + noise[:, column])
            deviation[:, column] = np.where(spread > 0, (here - centre) / np.where(spread > 0, spread, 1), 0 * here)
    return deviation
