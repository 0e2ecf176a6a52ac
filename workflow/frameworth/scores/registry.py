"""The scores of networks: a number for each network, frame and keypoint, from what the networks say at the labels.

A line in `SCORES` is a score more: `scores.h5` and `rmse.csv` hold it, and if what raises it harms, `influence.score`
in the config may name it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# Below these a map is background. Its logarithm would outweigh all that is seen, and of 0 there is none.
LEAST_CONFIDENCE = 1e-3
LEAST_PROBABILITY = 1e-6  # as of the least confidence over a map that sums to a thousand


@dataclass(frozen=True)
class AtLabels:
    """What R networks say at the labels of N frames and K keypoints.

    Attributes:
        pose: [R, N, K, 2], px of the original image.
        confidence, probability: [R, N, K], the confidence map at the label, before and after it is divided by its sum;
            NaN where not labelled, and throughout where only a pose is known.
        label: [N, K, 2] px, NaN where not labelled.
    """

    pose: np.ndarray
    confidence: np.ndarray
    probability: np.ndarray
    label: np.ndarray

    @property
    def error(self) -> np.ndarray:
        """‖ŷ − y‖ [R, N, K] in px of the original image."""
        from frameworth.labels.labels import distance  # slow: it imports h5py, and a config asks for names alone

        return distance(self.pose, self.label)


@dataclass(frozen=True)
class Score:
    """A score of networks.

    Attributes:
        unit: in which it is told; "" where it has none.
        sign: 1 if what raises it harms, −1 if what lowers it does.
        of: the score [R, N, K]; NaN where there is no label.
    """

    unit: str
    sign: int
    of: Callable[[AtLabels], np.ndarray]


def negative_log(values: np.ndarray, least: float) -> np.ndarray:
    """−log of the values, or of `least` where they are lower: finite where a value is exactly 0."""
    return -np.log(np.maximum(values.astype(float), least))


SCORES = {
    "confidence": Score("", -1, lambda outputs: outputs.confidence),
    "error": Score("px", 1, lambda outputs: outputs.error),
    "log_confidence": Score("−log(confidence)", 1, lambda outputs: negative_log(outputs.confidence, LEAST_CONFIDENCE)),
    "log_error": Score("log(1 + px)", 1, lambda outputs: np.log1p(outputs.error)),  # a few far misses do not rule it
    "log_probability": Score(
        "−log(probability)", 1, lambda outputs: negative_log(outputs.probability, LEAST_PROBABILITY)
    ),
    "probability": Score("", -1, lambda outputs: outputs.probability),
}


def unit_of(name: str) -> str:
    """The unit of a score."""
    return SCORES[name].unit


def loss_names() -> list[str]:
    """The names of the scores that frames may be judged by: those of which more is worse."""
    return [name for name, score in SCORES.items() if score.sign > 0]
