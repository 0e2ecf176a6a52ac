"""What a person reads at the end of a run: the answer, the labels to check, and where the results are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from frameworth.answers.answer import sentences, toggled
from frameworth.answers.errors_over_frames import sentences_over_frames
from frameworth.answers.frame_values import CHECK_FIRST
from frameworth.answers.next_step import next_step
from frameworth.attribution.label_checks import first_to_check, read_label_checks
from frameworth.config.model import StudyConfig
from frameworth.errors import printable
from frameworth.storage.files import read_json, read_table
from frameworth.text import command
from frameworth.training.divergence import diverged_sentence

_FILES = {"Report": "report.html", "Labels": "labels_to_check.csv", "Videos": "frames_to_label.csv"}


def closing_lines(folder: Path, config: StudyConfig, configfile: str, *, finished: bool = True) -> list[str]:
    """The lines for the study in `folder`; no lines if it has no summary yet.

    Args:
        config: the checked config. configfile: its file. finished: whether all networks are trained.
    """
    if not (folder / "summary.json").exists():
        return []
    summary = read_json(folder / "summary.json")
    checks = read_label_checks(folder / "labels_to_check.csv")
    step = next_step(folder, summary, checks, config, configfile)
    lines = [
        *answer(folder, config, summary),
        *notes(folder, config, summary),
        "",
        *(_table(checks, bool(summary["labels_flagged"])) if summary["learned"] else []),
        *(f"{what:<8}{folder}/{name}" for what, name in _FILES.items() if (folder / name).exists()),
        f"Next    {step.command if finished else command('run', configfile)}",
    ]
    return [printable(line) for line in lines]


def answer(folder: Path, config: StudyConfig, summary: dict[str, Any]) -> list[str]:
    """The answer in at most six sentences, the next step last.

    The folder may contain an old `toggle.csv` that the config no longer asks for; its labels or settings differ.
    """
    if not summary["learned"]:
        return list(summary["statement"])
    alpha = 1 - config.influence.level
    group, path = None, folder / "toggle.csv"
    if config.toggle and path.exists():
        group = toggled(read_table(path), alpha)
        is_tested_group = not config.toggle.frames and summary["group_name"] != "planted"
        if group and not group.decided and not is_tested_group:
            group = None  # the study's own test is of other frames, and may have decided
    checks = read_label_checks(folder / "labels_to_check.csv")
    lines = sentences(summary, alpha, group) if group else summary["statement"]
    return [*lines, next_step(folder, summary, checks, config, "").sentence]


def notes(folder: Path, config: StudyConfig, summary: dict[str, Any]) -> list[str]:
    """What else a reader should know: networks that diverged, errors over many frames, experiments."""
    diverged = diverged_sentence(summary["diverged"], summary["networks"])
    over_frames = sentences_over_frames(folder) if summary["learned"] else []
    return [*([diverged] if diverged else []), *over_frames, *_experiments(folder, config, summary["learned"])]


def experiment_sentences(folder: Path, config: StudyConfig, learned: bool) -> list[str]:
    """Sentences for the study's numbers: what the pilot chose, whether rankings have settled, what toggling showed.

    If the networks have not learned, no sentence is about frames.
    """
    lines = pilot_sentences(config)
    if not learned:
        return lines
    if (path := folder / "figures" / "settling.csv").exists():
        from frameworth.answers.settling import settled_sentence

        lines.append(settled_sentence(read_table(path)))
    if config.toggle and (path := folder / "toggle.csv").exists():
        from frameworth.experiments import toggle

        lines += toggle.statement(read_table(path), 1 - config.influence.level)
    return lines


def pilot_sentences(config: StudyConfig) -> list[str]:
    """What the study's pilot chose; empty if there is no pilot or if it has not chosen yet."""
    from frameworth.plan.pilot import pilot_sentence, recorded_pilot

    recorded = recorded_pilot(config)
    return [f"{pilot_sentence(recorded, config)}."] if recorded else []


def _table(checks: pd.DataFrame, flagged: bool) -> list[str]:
    """The labels to check first as a table, with its heading."""
    rows = [("", "frame", "keypoint", "off by", "why")]
    for number, row in enumerate(first_to_check(checks, CHECK_FIRST).itertuples(), 1):
        why = row.reason if isinstance(row.reason, str) else ""
        about = ["flagged"] * row.flagged + ["held out"] * (row.split == "held-out") + [why] * bool(why)
        off = f"{row.distance_px:.0f} px" if pd.notna(row.distance_px) else ""
        keypoint = row.keypoint if isinstance(row.keypoint, str) else ""
        rows.append((f"{number}.", f"{row.video}/{row.image}", keypoint, off, "; ".join(about)))
    printed = [tuple(printable(str(cell)) for cell in row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*printed, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in printed]
    heading = "Labels to check first:" if flagged else "The most suspicious labels, of which none is flagged:"
    return [heading, *(f"  {line}".rstrip() for line in lines), ""]


def _experiments(folder: Path, config: StudyConfig, learned: bool) -> list[str]:
    """Results of arms and pruning. Arms may show what helps networks that have not learned, so they appear then, too.

    The folder may contain old tables of experiments that the config no longer has; their labels or settings differ.
    """
    alpha = 1 - config.influence.level
    lines: list[str] = []
    if config.arms and (path := folder / "arms.csv").exists():
        from frameworth.experiments import arm_comparison

        if statement := arm_comparison.statement(read_table(path), alpha):
            lines.append(f"{statement}.")
    if learned and config.prune and (path := folder / "prune.csv").exists():
        from frameworth.experiments import prune

        lines.append(f"{prune.statement(read_table(path), alpha)}.")
    return lines
