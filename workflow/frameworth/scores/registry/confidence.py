"""The confidence map at the label."""

from __future__ import annotations

from frameworth.scores.registry.base import Score

SCORE = Score("", -1, lambda said: said.confidence)
