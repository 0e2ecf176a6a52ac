"""Write `docs/reliability.md` from the counts of the tests: `make reliability-page`."""

from __future__ import annotations

import ast
import json
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

HEAD = Path(__file__).with_name("reliability_head.md")
REPOSITORY = Path(__file__).parents[1]


def page(counted: dict[str, dict[str, Any]]) -> str:
    """The page as Markdown.

    Args:
        counted: the records of `pytest --tally`, by the tests' names.
    """
    lines = [HEAD.read_text(), f"In all: {_totals([test['counts'] for test in counted.values()])}.\n"]
    order = sorted(counted.items(), key=lambda item: (item[1]["file"], item[0]))
    for file, tests in groupby(order, key=lambda item: item[1]["file"]):
        lines += [f"## {_title(file)}\n", "| test | counted | takes |", "|---|---|---|"]
        for name, test in tests:
            counts = ", ".join(f"{_number(count)} {what}" for what, count in test["counts"].items())
            lines.append(f"| {_sentence(name)} | {counts} | {test['seconds']:,} s |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


SUMS = {
    "tried": "inputs tried by fuzzing",
    "kills": "kills",
    "failed writes reported in one line": "writes that failed on a full disk",
    "damages": "damages to files tried",
    "finished networks lost": "finished networks lost",
}


def _totals(counts: list[dict[str, float]]) -> str:
    """The sums of the counts of all tests, and the longest time of a recovery."""
    sums = [f"{_number(sum(test_counts.get(key, 0) for test_counts in counts))} {what}" for key, what in SUMS.items()]
    longest = max(
        (seconds for test_counts in counts for key, seconds in test_counts.items() if "recover" in key), default=0
    )
    return ", ".join([*sums, f"{_number(longest)} seconds at most to recover"])


def _title(file: str) -> str:
    """The first sentence of a test file, and the file's path."""
    words = ast.get_docstring(ast.parse((REPOSITORY / file).read_text())) or file
    return f"{words.splitlines()[0].rstrip('.')} (`{file}`)"


def _sentence(name: str) -> str:
    name, _, case = name.removeprefix("test_").partition("[")
    return name.replace("_", " ") + (f" ({case.rstrip(']')})" if case else "")


def _number(count: float) -> str:
    return f"{count:,}"


if __name__ == "__main__":
    print(page(json.loads(Path(sys.argv[1]).read_text())), end="")
