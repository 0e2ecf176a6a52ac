"""The files of the user's that a study's labels come from, whatever tool they were made with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from frameworth.imported import is_import, read_imported
from frameworth.project import source_files


def study_sources(config: dict[str, Any]) -> list[Path]:
    """Label files and images or videos; none for the demo. Raises UserError for what is missing or unreadable."""
    if config["labels"] == "demo":
        return []
    labels = Path(config["labels"])
    return list(read_imported(labels).sources) if is_import(labels) else source_files(labels)
