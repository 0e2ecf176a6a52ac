"""The progress of a study's networks, from files on disk: networks done, samples per second, time left."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frameworth.cli.networks import StudyNetworks
from frameworth.cli.planning import MAY_BE_THERE, planned_networks
from frameworth.config.model import StudyConfig
from frameworth.labels.sources import study_sources
from frameworth.plan.pilot import chosen_training
from frameworth.text import counted, duration

_FRESH_SECONDS = 90  # if a progress file is older, its training does not run any more


@dataclass(frozen=True)
class Progress:
    """The progress of the networks of a study.

    Attributes:
        planned: networks that the config asks for. finished: networks trained for the present labels and config.
        outdated: networks that were trained for other labels or another config, and will be trained again.
        guessed: whether more may be finished, which is not known until the files they depend on are made again.
        training: networks that are training now, by their progress files.
        done: `finished` plus the finished shares of those that are training.
        samples_per_second: sum over all that are training now; 0 while not known.
    """

    planned: int
    finished: int
    outdated: int
    guessed: bool
    training: int
    done: float
    samples_per_second: float


def study_progress(config: StudyConfig, networks: StudyNetworks | None = None) -> Progress:
    """The progress of a config's study, counted by `networks` if given; raises UserError if labels are unreadable."""
    if config.labels != "demo" and not os.path.exists(config.labels):  # noqa: PTH110  # Path refuses very long names
        study_sources(config)  # raises a UserError that says what is wrong
    planned = planned_networks(config)
    left = (networks or StudyNetworks(config)).left()
    files = config.folder.glob(".store/*/progress.json")
    reports = [progress for file in files if (progress := _fresh(file)) is not None]
    shares = [progress["step"] / progress["steps"] for progress in reports]
    rates = [progress["samples_per_second"] for progress in reports]
    finished = planned - left.networks
    done = min(planned, finished + sum(shares))
    return Progress(planned, finished, left.outdated, bool(left.guessed), len(shares), done, float(sum(rates)))


def progress_sentence(now: Progress) -> str:
    """The sentence of `frameworth status` about a study's networks."""
    text = f"{now.finished} of {counted(now.planned, 'network')} {'known to be ' if now.guessed else ''}finished"
    if now.outdated:
        text += f" for the present labels and config, {now.planned - now.finished} still to be trained"
        text += f" ({now.outdated} of them trained for others)"
    return f"{text}, {now.training} training now." + (f" {MAY_BE_THERE}" if now.guessed else "")


class Meter:
    """Measures progress since the start of a run, and gives it as a line with the time left."""

    def __init__(self, config: StudyConfig) -> None:
        self._config = config
        self._networks = StudyNetworks(config)
        self._began = time.monotonic()
        self._before = study_progress(config, self._networks)

    def line(self) -> str:
        """A line like `networks 12 of 58 (21 %), 310 samples/s, about 4 min left`."""
        now = study_progress(self._config, self._networks)
        seconds = max(time.monotonic() - self._began, 1e-3)
        # Steps that an earlier run did are not counted for the speed of this run.
        done = now.done - (self._before.finished if now.finished > self._before.finished else self._before.done)
        text = f"networks {now.finished} of {now.planned} ({100 * now.done / max(now.planned, 1):.0f} %)"
        if now.finished == now.planned:
            return text
        rate = done / seconds
        samples = now.samples_per_second or rate * self._samples_per_network()
        if samples > 0:
            text += f", {samples:.0f} samples/s"
        if rate > 0:
            text += f", about {duration((now.planned - now.done) / rate)} left"
        return text

    def _samples_per_network(self) -> float:
        training = chosen_training(self._config)
        return training.steps * training.batch_size if training and training.steps else 0.0


def _fresh(progress_json: Path) -> dict[str, Any] | None:
    """The content of a progress file; None if the file is gone, damaged or too old."""
    try:
        age = abs(time.time() - progress_json.stat().st_mtime)  # abs(), because the clock may have been set back
        return json.loads(progress_json.read_text()) if age <= _FRESH_SECONDS else None
    except (FileNotFoundError, ValueError):
        return None
