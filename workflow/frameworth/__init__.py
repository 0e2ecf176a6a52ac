"""frameworth: which hand-labelled frames help a pose network, and which harm?"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from frameworth.library_path import name_no_empty_place

_HOMES = {
    "GeometrySuspects": "attribution.suspicion.geometry",
    "Influence": "attribution.estimate",
    "Suspects": "attribution.suspicion.suspects",
    "estimate_influence": "attribution.estimate",
    "load": "results.loading",
    "suspect_geometry": "attribution.suspicion.geometry",
    "suspect_labels": "attribution.suspicion.suspects",
}
__all__ = [
    "GeometrySuspects",
    "Influence",
    "Suspects",
    "estimate_influence",
    "load",
    "suspect_geometry",
    "suspect_labels",
]

name_no_empty_place()


def __getattr__(name: str) -> Any:
    # Commands start in a twentieth of a second as long as SciPy is not imported with the package.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"frameworth.{_HOMES[name]}"), name)
