"""Metagradients of single labels: which labels harm, and in which direction each would have to move.

Numpy in, numpy out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from frameworth.attribution.inference.values import mean_of_known
from frameworth.attribution.method_values import method_values


@dataclass(frozen=True)
class LabelMetagradients:
    """The metagradients of the K labels of N frames, over B networks.

    Attributes:
        value: [N, K], the mean over networks of the derivative by the label's weight, minus the network's mean over the
            keypoint's labels, divided by the mean absolute difference. Above 0 harms, and 1 is the usual size. NaN
            where no network has a derivative, or where there is no label.
        standard_error: [N, K], of the value, used in its test; NaN where fewer than two networks have a derivative.
        p_adjusted: [N, K] family-wise over all labels, one-sided for harm, as in `method_values`.
        harmful: bool [N, K], `stands_out` of `method_values`, among all labels.
        direction: [N, K, 2], unit vectors (x, y): where the label would have to move for a lower held-out score. The
            derivative does not show how far.
        agreement: [N, K], 0…1, the length of the mean of the networks' own unit vectors. With few networks it is high
            by chance, about 1/√B without any agreement.
        networks: int [N, K], number of networks with a derivative for the label.
    """

    value: np.ndarray
    standard_error: np.ndarray
    p_adjusted: np.ndarray
    harmful: np.ndarray
    direction: np.ndarray
    agreement: np.ndarray
    networks: np.ndarray


def label_metagradients(
    change: np.ndarray, position: np.ndarray, labelled: np.ndarray, resamples: int, rng: np.random.Generator
) -> LabelMetagradients:
    """Test single labels by the derivatives from each network.

    Args:
        change, position: [B, N, K] and [B, N, K, 2] of `metagradients.h5`. labelled: bool [N, K].
        resamples, rng: as for `method_values`.
    """
    derivative = np.where(labelled, change, np.nan)
    known = np.isfinite(derivative)
    derivative = derivative - mean_of_known(derivative, 1)[:, None]
    # Keypoints differ in how much they matter, so labels are compared in units of their own keypoint's spread.
    spread = mean_of_known(np.abs(derivative), 1)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = np.where(spread > 0, derivative / spread, np.nan)
        towards = np.where(known[..., None], -position / np.linalg.norm(position, axis=-1, keepdims=True), np.nan)
    tested = method_values(relative.reshape(len(relative), -1), resamples, rng)
    mean = np.stack([mean_of_known(towards[..., axis], 0) for axis in (0, 1)], axis=-1)
    agreement = np.linalg.norm(mean, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        direction = mean / agreement[..., None]
    value, error, p, harmful = (
        column.reshape(labelled.shape)
        for column in (tested.value, tested.standard_error, tested.p_adjusted, tested.stands_out)
    )
    return LabelMetagradients(value, error, p, harmful, direction, agreement, known.sum(axis=0))
