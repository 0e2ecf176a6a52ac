"""Methods that question finished networks about the effect of a frame: one module each, with a `METHOD` (see `base`).

A module that is added to this folder adds a method. Its options are below `influence.{name}` in the config, and the
rules, the costs, `frame_values.csv`, `validation.csv`, `explain` and the report include it. The top of the module must
not import PyTorch, not even indirectly, because the workflow reads names and options before any job runs.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from frameworth.attribution.methods.base import Method


def method_names() -> list[str]:
    """The names of all methods, which are those of their modules."""
    modules = [module.name for module in pkgutil.iter_modules(__path__)]
    return sorted(name for name in modules if name != "base" and not name.startswith("_"))


def method(name: str) -> Method[Any]:
    """The method of this name, one of `method_names`."""
    return import_module(f"{__name__}.{name}").METHOD
