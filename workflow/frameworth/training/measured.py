"""Time and disk space that finished networks took, and the time that similar networks will take."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frameworth.config.training import Training
from frameworth.errors import UserError
from frameworth.storage.files import read_json

_RECORDS = 20  # at most this many training records are read


@dataclass(frozen=True)
class Measured:
    """Time and disk space that finished networks of a study took.

    Attributes:
        step: median seconds of a gradient step. device: `cuda` or `cpu`. networks: the number of networks measured.
        network_bytes: size of a network's file; 0 if no file is kept.
        busy: the factor by which other work on the machine slowed a step.
    """

    step: float
    device: str
    networks: int
    network_bytes: int
    busy: float = 1.0


def measured_networks(folder: Path, training: Training) -> Measured | None:
    """Measurements of the study in `folder`, from networks with the config's batch size and steps; None without any."""
    steps, devices, sizes = [], [], []
    for path in sorted(folder.glob("ensembles/*/*/training.json"))[:_RECORDS]:
        for member in _members(path):
            same = member["batch_size"] == training.batch_size
            if same and member["steps"] == (training.steps or member["steps"]):
                steps.append(member["wall_seconds"] / member["steps"])
                devices.append(member["device_type"])
        sizes += [network.stat().st_size for network in path.parent.glob("member-*.pt")]
    if not steps:
        return None
    return Measured(statistics.median(steps), devices[-1], len(steps), max(sizes, default=0))


def _members(record: Path) -> list[dict[str, Any]]:
    """The records in a training.json that have all measurements; none if the file is missing or damaged."""
    try:
        networks, needed = read_json(record)["members"], {"batch_size", "steps", "wall_seconds", "device_type"}
        return [network for network in networks if needed <= network.keys()]
    except (UserError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def network_seconds(training: Training, trained_on: int, predicted: int, step: float) -> float:
    """Expected seconds to train one network on `trained_on` frames and predict `predicted`; `step` in seconds."""
    return training.total_steps(trained_on) * step + predicted / training.batch_size * step / 3
