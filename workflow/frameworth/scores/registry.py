"""The scores of networks: a number for each network, frame and keypoint, from the network's outputs at the labels.

To add a score, add a line to `SCORES`: `scores.h5` and `rmse.csv` then have it. If a higher score is worse, the config
may name it in `influence.score`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# Values below these are background. Their logarithms would outweigh all others, and 0 has no logarithm.
LEAST_CONFIDENCE = 1e-3
LEAST_PROBABILITY = 1e-6  # LEAST_CONFIDENCE on a map whose sum is 1000


@dataclass(frozen=True)
class AtLabels:
    """The outputs of R networks at the labels of N frames and K keypoints.

    Attributes:
        pose: [R, N, K, 2], px of the original image.
        confidence, probability: [R, N, K], the confidence map at the label, before and after it is divided by its sum;
            NaN where not labelled, and all NaN if only a pose is known.
        label: [N, K, 2] px, NaN where not labelled.
    """

    pose: np.ndarray
    confidence: np.ndarray
    probability: np.ndarray
    label: np.ndarray

    @property
    def error(self) -> np.ndarray:
        """‖ŷ − y‖ [R, N, K] in px of the original image."""
        from frameworth.labels.labels import distance  # slow (it imports h5py); reading a config needs only the names

        return distance(self.pose, self.label)


@dataclass(frozen=True)
class Score:
    """A score of networks.

    Attributes:
        unit: its unit; "" if it has none.
        sign: 1 if a higher score is worse, −1 if a lower score is worse.
        of: returns the score [R, N, K]; NaN where there is no label.
    """

    unit: str
    sign: int
    of: Callable[[AtLabels], np.ndarray]


def negative_log(values: np.ndarray, least: float) -> np.ndarray:
    """−log of the values, or of `least` where a value is lower, so that 0 gives a finite result."""
    return -np.log(np.maximum(values.astype(float), least))


SCORES = {
    "confidence": Score("", -1, lambda outputs: outputs.confidence),
    "error": Score("px", 1, lambda outputs: outputs.error),
    "log_confidence": Score("−log(confidence)", 1, lambda outputs: negative_log(outputs.confidence, LEAST_CONFIDENCE)),
    "log_error": Score("log(1 + px)", 1, lambda outputs: np.log1p(outputs.error)),  # large errors do not dominate it
    "log_probability": Score(
        "−log(probability)", 1, lambda outputs: negative_log(outputs.probability, LEAST_PROBABILITY)
    ),
    "probability": Score("", -1, lambda outputs: outputs.probability),
}


def unit_of(name: str) -> str:
    """The unit of a score."""
    return SCORES[name].unit


def loss_names() -> list[str]:
    """The names of the scores that frames may be judged by: those whose higher values are worse."""
    return [name for name, score in SCORES.items() if score.sign > 0]
