"""The only folder that imports DeepLabCut or reads its configuration of networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from frameworth.config.training import Training
    from frameworth.engine.base import Engine


def engine(training: Training, keypoints: Sequence[str]) -> Engine:
    """DeepLabCut as an engine; raises UserError if it cannot build the network."""
    from frameworth.engine.deeplabcut.framework import DeepLabCut  # slow: it imports PyTorch and DeepLabCut

    return DeepLabCut(training, keypoints)
