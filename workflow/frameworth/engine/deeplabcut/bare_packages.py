"""Import modules of a package without running the package's own `__init__`."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType


@contextmanager
def bare_packages(*names: str) -> Iterator[None]:
    """Within the block, submodules of these packages can be imported while the packages themselves stay empty.

    The first name is a top-level package, the others are inside it. Packages that are already imported are not
    changed. After the block the empty ones are removed, so that a later import gets the whole package.
    Raises ModuleNotFoundError if the top-level package is not installed.
    """
    spec = importlib.util.find_spec(names[0])
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{names[0]} is not installed", name=names[0])
    root = Path(spec.origin).parent.parent
    bare = {}
    for name in names:
        if name not in sys.modules:
            bare[name] = sys.modules[name] = _empty(name, root.joinpath(*name.split(".")))
    try:
        yield
    finally:
        for name, module in bare.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]


def _empty(name: str, folder: Path) -> ModuleType:
    module = ModuleType(name)
    module.__path__ = [str(folder)]
    module.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=True)
    return module
