"""Methods that ask finished networks what a frame does, one module each, with a `METHOD` (see `base`).

A module added to this folder is one method more. Its options stand below `influence.{name}` in the config, and the
rules, the costs, `frame_values.csv`, `validation.csv`, `explain` and the report have it. At its top such a module
imports nothing that imports PyTorch, because the workflow asks for names and options before any job runs.
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
