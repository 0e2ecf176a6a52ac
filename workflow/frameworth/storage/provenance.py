"""Where an artefact comes from: versions of what made it."""

from __future__ import annotations

import platform
from functools import cache
from importlib import metadata

PACKAGES = ("deeplabcut", "torch", "timm", "albumentations", "numpy", "scipy", "pandas", "h5py", "snakemake")


@cache
def provenance() -> dict[str, str]:
    """The versions of Python and of the packages that determine results, by name."""
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in PACKAGES}
