"""The logarithm of the error, which a few far misses do not rule."""

from __future__ import annotations

import numpy as np

from frameworth.labels.labels import distance
from frameworth.scores.registry.base import AtLabels, Score


def of(said: AtLabels) -> np.ndarray:
    """log(1 + ‖ŷ − y‖)."""
    return np.log1p(distance(said.pose, said.label))


SCORE = Score("log(1 + px)", 1, of)
