"""Names of folders, files, bodyparts and scorers: how they are compared and sorted."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path


def plain_name(name: str) -> str:
    """A name for comparison: without surrounding spaces, and in composed Unicode, unlike file names of macOS."""
    return unicodedata.normalize("NFC", name).strip()


def is_file(path: Path) -> bool:
    """Whether there is such a file; there is none of a name that is too long, for which `Path.is_file` raises."""
    return os.path.isfile(path)  # noqa: PTH113


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Sort key under which img2 comes before img10."""
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if i % 2 else part.casefold() for i, part in enumerate(parts)], name
