"""What a score is: a number for each network, frame and keypoint, from what the networks say at the labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


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
