"""How far a study's networks are, from what lies on disk: networks done, samples per second, time left."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frameworth.cli.networks import StudyNetworks
from frameworth.cli.planning import MAY_BE_THERE, planned_networks
from frameworth.plan.pilot import chosen_training
from frameworth.text import duration

_FRESH_SECONDS = 90  # a log that has not grown for longer is not of a training that runs
_TAIL_BYTES = 4096
_STEP = re.compile(r"step (\d+) of (\d+), .*? (\d+) samples/s")
_BEGUN = re.compile(r"trains from step (\d+) to (\d+)$")  # the first half minute, in which nothing else is said


@dataclass(frozen=True)
class Progress:
    """Where the networks of a study are.

    Attributes:
        planned: networks that the config asks for. finished: those that are there for the labels as they are now.
        outdated: those that are there for other labels or another config, and will be trained again.
        guessed: whether more may be finished, which is not known before what they depend on is made anew.
        training: those that are training now, as far as their logs tell.
        done: `finished` and the shares of those that are training.
        samples_per_second: of all that train now, by their own logs; 0 where none has said so yet.
    """

    planned: int
    finished: int
    outdated: int
    guessed: bool
    training: int
    done: float
    samples_per_second: float


def study_progress(config: dict[str, Any], networks: StudyNetworks | None = None) -> Progress:
    """How far the study of a checked config is; raises UserError if its labels cannot be read.

    Args:
        networks: of the same config, where it is asked again and again.
    """
    planned = planned_networks(config)
    left = (networks or StudyNetworks(config)).left()
    shares, rates = [], []
    for log in (Path("logs") / config["study"]).glob("**/*.log"):
        last = _fresh_tail(log).rstrip().rpartition("\n")[2]
        if found := _STEP.search(last):
            step, steps, rate = map(int, found.groups())
            shares.append(step / steps)
            rates.append(rate)
        elif found := _BEGUN.search(last):
            step, steps = map(int, found.groups())
            shares.append(step / steps)
    finished = planned - left.networks
    done = min(planned, finished + sum(shares))
    return Progress(planned, finished, left.outdated, bool(left.guessed), len(shares), done, float(sum(rates)))


def progress_sentence(now: Progress) -> str:
    """What `frameworth status` says of a study's networks."""
    text = f"{now.finished} of {now.planned} networks {'known to be ' if now.guessed else ''}finished"
    if now.outdated:
        text += f" for the present labels and config, {now.planned - now.finished} are still to be trained"
        text += f" ({now.outdated} of them were trained for others)"
    return f"{text}, {now.training} training now." + (f" {MAY_BE_THERE}" if now.guessed else "")


class Meter:
    """Progress since a run began, as a line with the time that is left."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        self._networks = StudyNetworks(config)
        self._began = time.monotonic()
        self._before = study_progress(config, self._networks)

    def line(self) -> str:
        """Such as `networks 12 of 58 (21 %), 310 samples/s, about 4 min left`."""
        now = study_progress(self._config, self._networks)
        seconds = max(time.monotonic() - self._began, 1e-3)
        # Shares of networks that were begun in an earlier run are not this run's work.
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
        training = chosen_training(self._config) or {}
        return training["steps"] * training["batch_size"] if "steps" in training else 0.0


def _fresh_tail(log: Path) -> str:
    try:
        stat = log.stat()
        if abs(time.time() - stat.st_mtime) > _FRESH_SECONDS:  # also where the clock was set back since
            return ""
        with log.open("rb") as stream:
            stream.seek(max(0, stat.st_size - _TAIL_BYTES))
            return stream.read().decode(errors="replace")
    except FileNotFoundError:  # Snakemake removes logs of jobs that it starts again
        return ""
