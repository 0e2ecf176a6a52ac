"""If a page names a test for a claim, the test exists."""

from __future__ import annotations

import re
from pathlib import Path

from conftest import REPOSITORY


def named(folder: Path, pattern: str, text: str) -> set[str]:
    return {name for path in folder.rglob(pattern) for name in re.findall(text, path.read_text(encoding="utf-8"))}


def test_each_test_that_a_page_names_is_there() -> None:
    pages = named(REPOSITORY / "docs", "*.md", r"`(test_\w+)`")
    assert pages
    assert pages <= named(REPOSITORY / "tests", "test_*.py", r"def (test_\w+)\(")
