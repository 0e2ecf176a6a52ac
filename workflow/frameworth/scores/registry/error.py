"""The distance of the predicted position from the label."""

from __future__ import annotations

import numpy as np

from frameworth.labels.labels import distance
from frameworth.scores.registry.base import AtLabels, Score


def of(said: AtLabels) -> np.ndarray:
    """‖ŷ − y‖ in px of the original image."""
    return distance(said.pose, said.label)


SCORE = Score("px", 1, of)
