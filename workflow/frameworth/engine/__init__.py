"""Pose frameworks behind one protocol, `base.Engine`: a folder each, whose `__init__.py` has a function `engine`.

A folder added here is an engine more: `training.engine` in the config may name it. `deeplabcut` is the only one that
imports DeepLabCut; the config calls it `fast`, or `stock` where DeepLabCut's own loop trains.
Importing this package imports no PyTorch: the config asks for the names.
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
    """What `training.engine` in the config may be."""
    folders = sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)
    return _DEEPLABCUT + [name for name in folders if name != "deeplabcut"]


def engine_of(training: Training, keypoints: Sequence[str]) -> Engine:
    """The engine that the config's `training` names, for its options; raises UserError for options that do not fit."""
    name = "deeplabcut" if training.engine in _DEEPLABCUT else training.engine
    return import_module(f"{__name__}.{name}").engine(training, keypoints)
