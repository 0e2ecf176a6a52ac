"""What a person reads at the end of a run: the answer, the labels to check, and where the results are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from frameworth.errors import printable
from frameworth.storage.digests import whole


def closing_lines(folder: Path, config: dict[str, Any]) -> list[str]:
    """The lines for the study in `folder`; none where it has no summary yet. `config` is the checked one."""
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
        *further_sentences(folder, config, summary["learned"]),
        "",
        *([heading, *checks, ""] if checks else []),
        f"Report         {folder}/report.html",
        f"Figures        {folder}/figures/",
        f"All labels     {folder}/labels_to_check.csv",
        f"Ranked frames  {folder}/frame_values.csv",
    ]
    return [printable(line) for line in lines]


def further_sentences(folder: Path, config: dict[str, Any], learned: bool) -> list[str]:
    """What the summary does not hold: whether the rankings have settled, what a pilot chose, what experiments came to.

    Tables of experiments that the config no longer has may lie in the folder; they are of other labels or settings.
    Where the networks have not learned, nothing is said of frames; arms are of networks, and may show what helps.
    """
    return [
        *(_settled(folder) if learned else []),
        *pilot_sentences(config),
        *_experiments(folder, config, learned),
    ]


def pilot_sentences(config: dict[str, Any]) -> list[str]:
    """What the study's pilot chose; nothing without one, or before it has."""
    from frameworth.plan.pilot import pilot_sentence, recorded_pilot

    found = recorded_pilot(config) if config.get("pilot") else None
    return [f"{pilot_sentence(found)}."] if found else []


def _settled(folder: Path) -> list[str]:
    from frameworth.answers.settling import settled_sentence

    path = folder / "figures" / "settling.csv"
    return [settled_sentence(pd.read_csv(whole(path)))] if path.exists() else []


def _experiments(folder: Path, config: dict[str, Any], learned: bool) -> list[str]:
    """A sentence for each experiment that was made beside the baseline."""
    alpha = 1 - config["influence"]["level"]
    lines: list[str] = []
    if learned and config.get("toggle") and (path := folder / "toggle.csv").exists():
        from frameworth.experiments import toggle

        lines += toggle.statement(pd.read_csv(whole(path)), alpha)
    if config.get("arms") and (path := folder / "arms.csv").exists():
        from frameworth.experiments import arm_comparison

        lines.append(f"{arm_comparison.statement(pd.read_csv(whole(path)), alpha)}.")
    if learned and config.get("prune") and (path := folder / "prune.csv").exists():
        from frameworth.experiments import prune

        lines.append(f"{prune.statement(pd.read_csv(whole(path)), alpha)}.")
    return lines
