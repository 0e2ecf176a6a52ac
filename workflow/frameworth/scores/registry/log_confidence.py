"""The negative logarithm of the confidence at the label."""

from __future__ import annotations

import numpy as np

from frameworth.scores.members import LEAST_CONFIDENCE
from frameworth.scores.registry.base import AtLabels, Score


def of(said: AtLabels) -> np.ndarray:
    """−log of the confidence, or of `LEAST_CONFIDENCE` where it is lower: finite where it is exactly 0."""
    return -np.log(np.maximum(said.confidence.astype(float), LEAST_CONFIDENCE))


SCORE = Score("−log(confidence)", 1, of)
