"""frameworth: which hand-labelled frames help a pose network, and which harm?"""

from __future__ import annotations

from typing import Any

__all__ = ["Influence", "estimate_influence"]


def __getattr__(name: str) -> Any:
    # Commands start in a twentieth of a second as long as SciPy is not imported with the package.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from frameworth import attribution

    return getattr(attribution, name)
