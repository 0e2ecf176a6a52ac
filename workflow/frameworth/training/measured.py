"""What finished networks took, and what others of their kind will take."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frameworth.config.training import Training
from frameworth.errors import UserError
from frameworth.storage.files import read_json

_RECORDS = 20  # training records that are looked at for the speed


@dataclass(frozen=True)
class Measured:
    """What finished networks of a study took.

    Attributes:
        step: median seconds of a gradient step. device: `cuda` or `cpu`. networks: how many were looked at.
        network_bytes: size of a network's file; 0 where none is kept.
        busy: how many times as long a step took as it would have alone, for other work on the machine.
    """

    step: float
    device: str
    networks: int
    network_bytes: int
    busy: float = 1.0


def measured_networks(folder: Path, training: Training) -> Measured | None:
    """The same of the study in `folder`, for the config's `training`."""
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
    """The networks of a training.json that say what they took: not those of a file that is gone or damaged by now."""
    try:
        networks, needed = read_json(record)["members"], {"batch_size", "steps", "wall_seconds", "device_type"}
        return [network for network in networks if needed <= network.keys()]
    except (UserError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def network_seconds(training: Training, trained_on: int, predicted: int, step: float) -> float:
    """Expected seconds of training one network on some frames and predicting others with it."""
    return training.total_steps(trained_on) * step + predicted / training.batch_size * step / 3
