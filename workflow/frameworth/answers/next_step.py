"""The next step that would decide most, the time it takes here, and the command that begins it."""

from __future__ import annotations

from dataclasses import dataclass
from os import cpu_count
from pathlib import Path
from typing import Any

import pandas as pd

from frameworth.config.model import StudyConfig
from frameworth.labels.subsets import read_subsets
from frameworth.plan.pilot import chosen_training
from frameworth.storage.files import read_table
from frameworth.text import command, duration
from frameworth.training.measured import measured_networks, network_seconds


@dataclass(frozen=True)
class NextStep:
    """A sentence, and the command for a terminal; the sentence is empty if the answer already says what to do."""

    sentence: str
    command: str


def next_step(
    folder: Path, summary: dict[str, Any], checks: pd.DataFrame, config: StudyConfig, configfile: str
) -> NextStep:
    """The next step of the study in `folder`.

    Args:
        summary: `summary.json`. checks: `labels_to_check.csv`. config: the checked config. configfile: its file.
    """
    run, show = command("run", configfile), f"{command('report', configfile)} --open"
    if not summary["learned"]:
        return NextStep("", f"{run}   # after you changed the config")
    subsets, inclusion = read_subsets(folder)
    if summary["labels_flagged"]:
        flagged = checks.loc[checks["flagged"], "frame"].to_numpy()
        rows = read_table(folder / "rmse.csv")
        of_subset = rows.loc[rows["kind"] == "network", "subset"]
        outdated = inclusion[:, flagged].any(axis=1) | (not config.keep_snapshots)
        networks = int(of_subset.isin(subsets.loc[outdated, "subset"]).sum())
        which = "that saw them" if config.keep_snapshots else "(none is kept)"
        the = f"the {networks} networks" if networks > 1 else "the network"
        again = f"training again {the} {which} takes {_about(networks, folder, config)}"
        return NextStep(
            f"Next, correct these labels on the report's page; {again if networks else 'no network is trained again'}.",
            f"{show}   # correct them there, then: frameworth apply",
        )
    if (summary["further_frames"] or {}).get("verdict") == "would gain":
        return NextStep(
            "Next, label more frames: the report shows the poses that the labelled frames hardly hold.",
            show,
        )
    return NextStep(
        f"Next, double the networks (`seeds` in the config), which takes {_about(summary['networks'], folder, config)} "
        "and narrows the intervals of values by almost a third.",
        f"{run}   # after you doubled `seeds`",
    )


def _about(networks: int, folder: Path, config: StudyConfig) -> str:
    """Time to train networks in parallel on this machine's cores, or in turn on a GPU, from the finished ones."""
    training = chosen_training(config)
    measured = measured_networks(folder, training) if training else None
    if training is None or measured is None:
        return "time"
    subsets, inclusion = read_subsets(folder)
    each = network_seconds(training, int(subsets["frames"].median()), inclusion.shape[1], measured.step)
    side_by_side = max(1, min(networks, cpu_count() or 1)) if measured.device == "cpu" else 1
    rest = ", without the experiments" if config.arms or config.toggle or config.prune else ""
    return f"about {duration(networks * each / side_by_side)} here{rest}"
