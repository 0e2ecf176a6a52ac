"""Write `docs/bad-inputs.md` from the table: `make bad-inputs-page`."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from bad_inputs.cases import CASES

HEAD = Path(__file__).with_name("page_head.md")


def page() -> str:
    """The page as Markdown."""
    counts = {kind: sum(case.severity == kind for case in CASES) for kind in ("error", "warning", "good")}
    lines = [
        HEAD.read_text(),
        f"{len(CASES)} cases: {counts['error']} errors, {counts['warning']} warnings, {counts['good']} good.\n",
    ]
    for part, cases in groupby(sorted(CASES, key=lambda case: _PARTS.index(case.part)), key=lambda case: case.part):
        lines += [f"## {part[0].upper()}{part[1:]}\n", "| input | is | why | the line says |", "|---|---|---|---|"]
        for case in cases:
            words = " … ".join(f"`{word}`" for word in case.words)
            lines.append(f"| {_cell(case.name)} | {case.severity} | {_cell(case.why)} | {_cell(words)} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


_PARTS = list(dict.fromkeys(case.part for case in CASES))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(page(), end="")
