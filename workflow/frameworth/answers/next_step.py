"""The one next step that would decide most, with what it takes here, and the command that begins it."""

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
    """A sentence, and the command for a terminal; the sentence is empty where the answer itself says what to do."""

    sentence: str
    command: str


def next_step(
    folder: Path, summary: dict[str, Any], checks: pd.DataFrame, config: StudyConfig, configfile: str
) -> NextStep:
    """The next step of the study in `folder`.

    Args:
        summary: of `summary.json`. checks: `labels_to_check.csv`. config: the checked one. configfile: its file.
    """
    run, show = command("run", configfile), f"{command('report', configfile)} --open"
    if not summary["learned"]:
        return NextStep("", f"{run}   # after you changed the config")
    subsets, inclusion = read_subsets(folder)
    each = _seconds_each(folder, config, int(subsets["frames"].median()), inclusion.shape[1])
    device = config.training.device
    if summary["labels_flagged"]:
        flagged = checks.loc[checks["flagged"], "frame"].to_numpy()
        rows = read_table(folder / "rmse.csv")
        of_subset = rows.loc[rows["kind"] == "network", "subset"]
        networks = int(of_subset.isin(subsets.loc[inclusion[:, flagged].any(axis=1), "subset"]).sum())
        saw = f"the {networks} networks that saw them" if networks > 1 else "the network that saw them"
        again = f"training again {saw} takes {_about(networks, each, device)}"
        return NextStep(
            f"Next, correct these labels on the report's page; {again if networks else 'no network is trained again'}.",
            f"{show}   # mend them there, then: frameworth apply",
        )
    if (summary["further_frames"] or {}).get("verdict") == "would gain":
        return NextStep(
            "Next, label more frames: the report shows the poses that the labelled frames hardly hold.",
            show,
        )
    takes = _about(summary["networks"], each, device)
    return NextStep(
        f"Next, double the networks (`seeds` in the config), which takes {takes} and "
        "narrows what is uncertain by almost a third.",
        f"{run}   # after you doubled `seeds`",
    )


def _seconds_each(folder: Path, config: StudyConfig, trained_on: int, predicted: int) -> float | None:
    """Seconds of one network, by those that are finished; None where none tells."""
    training = chosen_training(config)
    measured = measured_networks(folder, training) if training else None
    return network_seconds(training, trained_on, predicted, measured.step) if training and measured else None


def _about(networks: int, each: float | None, device: str) -> str:
    """Time of training so many networks on this machine's cores, or one after the other on a GPU."""
    side_by_side = min(networks, cpu_count() or 1) if device == "cpu" else 1
    return f"about {duration(networks * each / side_by_side)} here" if each else "time"
