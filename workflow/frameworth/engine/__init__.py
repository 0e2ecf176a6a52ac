"""Pose frameworks with one protocol, `base.Engine`: each has a folder with a function `engine` in its `__init__.py`.

To add an engine, add a folder here; `training.engine` in the config may then name it. Only `deeplabcut` imports
DeepLabCut; the config calls it `fast`, or `stock` if DeepLabCut's own loop trains.
Importing this package does not import PyTorch, because the config needs only the names.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from frameworth.config.training import Training
    from frameworth.engine.base import Engine

_DEEPLABCUT = ["fast", "stock"]


def engine_names() -> list[str]:
    """The names that `training.engine` in the config may have."""
    folders = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)
    return _DEEPLABCUT + [name for name in folders if name != "deeplabcut"]


def engine_of(training: Training, keypoints: Sequence[str]) -> Engine:
    """The engine that the config's `training` names, with its options; raises UserError if these do not fit."""
    name = "deeplabcut" if training.engine in _DEEPLABCUT else training.engine
    return import_module(f"{__name__}.{name}").engine(training, keypoints)
