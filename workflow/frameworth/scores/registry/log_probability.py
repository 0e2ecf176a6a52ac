"""The negative logarithm of the probability at the label."""

from __future__ import annotations

import numpy as np

from frameworth.scores.registry.base import AtLabels, Score

# Below this a probability is background, as a confidence below `LEAST_CONFIDENCE` over a map that sums to a thousand.
LEAST_PROBABILITY = 1e-6


def of(said: AtLabels) -> np.ndarray:
    """−log of the probability, or of `LEAST_PROBABILITY` where it is lower: finite where it is exactly 0."""
    return -np.log(np.maximum(said.probability.astype(float), LEAST_PROBABILITY))


SCORE = Score("−log(probability)", 1, of)
