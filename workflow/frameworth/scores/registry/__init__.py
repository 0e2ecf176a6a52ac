"""Scores of networks at labels, one module each, with a `SCORE` (see `base`); a score has the name of its module.

A module added to this folder is a score more: `scores.h5` and `rmse.csv` hold it, and if what raises it harms,
`influence.score` in the config may name it.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from frameworth.scores.registry.base import Score


def score_names() -> list[str]:
    """The names of all scores."""
    modules = [module.name for module in pkgutil.iter_modules(__path__)]
    return sorted(name for name in modules if name != "base" and not name.startswith("_"))


def score(name: str) -> Score:
    """The score of this name, one of `score_names`."""
    return import_module(f"{__name__}.{name}").SCORE


def unit_of(name: str) -> str:
    """The unit of a score."""
    return score(name).unit


def loss_names() -> list[str]:
    """The names of the scores that frames may be judged by: those of which more is worse."""
    return [name for name in score_names() if score(name).sign > 0]
