"""The probability at the label: the confidence map there, divided by the map's sum."""

from __future__ import annotations

from frameworth.scores.registry.base import Score

SCORE = Score("", -1, lambda said: said.probability)
