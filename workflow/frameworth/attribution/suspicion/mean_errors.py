"""How far networks that did not see a frame miss its labels on average, which finds the obvious errors."""

from __future__ import annotations

import numpy as np

from frameworth.attribution.inference.tails import tail_probability
from frameworth.attribution.inference.values import mean_of_known, subset_level
from frameworth.attribution.suspicion.deviations import LEAST_FRAMES, robust_spread


def error_probability(log_error: np.ndarray, inclusion: np.ndarray) -> np.ndarray:
    """The share of correctly labelled frames that have any label as far off as each label, by mean error; [N, K].

    The most deviating label of a frame counts, not the mean over its keypoints, so that the correct keypoints do not
    hide a wrong one. NaN without a label, or where every network was trained on the frame.

    Args:
        log_error: [S, N, K], log(1 + distance) in any unit; NaN where not labelled.
        inclusion: bool [S, N]. A held-out frame is in no subset, so all subsets count.
    """
    return tail_probability(robust_deviation(*mean_out_of_bag(log_error, inclusion)))


def mean_out_of_bag(log_error: np.ndarray, inclusion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean log error [N, K] over the subsets without the frame, minus their levels, and the mean's variance [N, K].

    Each keypoint has its own levels, because more frames do not help all keypoints alike. The variance is the median
    variance between subsets at a label of the keypoint, divided by the number of subsets without the frame; it is 0
    where it is unknown. Both are NaN where no subset lacks the frame.

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

    The variance is (1.4826 · median deviation)² of the column, with the column's mean `noise` replaced by the value's
    own `noise`. So a mean over few networks has to be farther off. A column with fewer than `LEAST_FRAMES` values is
    compared with all columns together. Where the median deviation is 0, 1.2533 times the mean deviation is used instead
    of 1.4826 times the median. If all values are equal, the deviations are 0.

    Args:
        values: [N, K]. noise: [N, K], the part of each value's variance that comes from its finite number of networks.

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
