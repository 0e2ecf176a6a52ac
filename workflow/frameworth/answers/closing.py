"""What a person reads at the end of a run: the answer, the labels to check, and where the results are."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from frameworth.errors import printable
from frameworth.storage.digests import whole


def closing_lines(folder: Path, level: float) -> list[str]:
    """The lines for the study in `folder`; none where it has no summary yet. `level` is that of its intervals."""
    if not (folder / "summary.json").exists():
        return []
    summary = json.loads(whole(folder / "summary.json").read_text())
    checks = [f"  {rank}. {name}" for rank, name in enumerate(summary["check_first_names"], 1)]
    heading = "Labels to check first:"
    if "labels_flagged" not in summary:
        checks = [f"  {folder}/labels_to_check.csv is missing, the study is of an older version; run it again"]
    elif not summary["labels_flagged"]:
        heading = "The first by suspicion, of which none is flagged:"
    lines = [
        *summary["statement"],
        *further_sentences(folder, level),
        "",
        heading,
        *checks,
        "",
        f"Report         {folder}/report.html",
        f"Figures        {folder}/figures/",
        f"All labels     {folder}/labels_to_check.csv",
        f"Ranked frames  {folder}/frame_values.csv",
    ]
    return [printable(line) for line in lines]


def further_sentences(folder: Path, level: float) -> list[str]:
    """What the summary does not hold: whether the rankings have settled, and what the experiments came to."""
    return [*_settled(folder), *_experiments(folder, 1 - level)]


def _settled(folder: Path) -> list[str]:
    from frameworth.estimation.settling import settled_sentence

    path = folder / "figures" / "settling.csv"
    return [settled_sentence(pd.read_csv(whole(path)))] if path.exists() else []


def _experiments(folder: Path, alpha: float) -> list[str]:
    """A sentence for each experiment that was made beside the baseline."""
    lines = []
    if (path := folder / "toggle.csv").exists():
        from frameworth.experiments import toggle

        lines += toggle.statement(pd.read_csv(whole(path)), alpha)
    if (path := folder / "arms.csv").exists():
        from frameworth.experiments import arm_comparison

        lines.append(f"{arm_comparison.statement(pd.read_csv(whole(path)), alpha)}.")
    if (path := folder / "prune.csv").exists():
        from frameworth.experiments import prune

        lines.append(f"{prune.statement(pd.read_csv(whole(path)), alpha)}.")
    return lines
