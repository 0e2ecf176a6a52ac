"""How far a study's networks are, from what lies on disk: networks done, samples per second, time left."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frameworth.planning import (
    duration,
    planned_networks,
    unfinished,
    unfinished_arms,
    unfinished_prune,
    unfinished_toggle,
)

_FRESH_SECONDS = 90  # a log that has not grown for longer is not of a training that runs
_TAIL_BYTES = 4096
_STEP = re.compile(r"step (\d+) of (\d+), .*? (\d+) samples/s")


@dataclass(frozen=True)
class Progress:
    """Where the networks of a study are.

    Attributes:
        planned: networks that the config asks for. finished: those whose predictions are there.
        training: those that are training now, as far as their logs tell.
        done: `finished` and the shares of those that are training.
        samples_per_second: of all that train now, by their own logs; 0 where none has said so yet.
    """

    planned: int
    finished: int
    training: int
    done: float
    samples_per_second: float


def study_progress(config: dict[str, Any]) -> Progress:
    """How far the study of a checked config is; reads nothing but names, times and the ends of logs."""
    planned = planned_networks(config)
    missing = (unfinished, unfinished_arms, unfinished_toggle, unfinished_prune)
    left = sum(subset.members for part in missing for subset in part(config))
    shares, rates = [], []
    for log in (Path("logs") / config["study"]).glob("**/*.log"):
        last = _fresh_tail(log).rstrip().rpartition("\n")[2]
        if found := _STEP.search(last):
            step, steps, rate = map(int, found.groups())
            shares.append(step / steps)
            rates.append(rate)
    finished = planned - left
    return Progress(planned, finished, len(shares), min(planned, finished + sum(shares)), float(sum(rates)))


class Meter:
    """Progress since a run began, as a line with the time that is left."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        self._began = time.monotonic()
        self._before = study_progress(config)

    def line(self) -> str:
        """Such as `networks 12 of 58 (21 %), 310 samples/s, about 4 min left`."""
        now = study_progress(self._config)
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
        training = self._config["training"]
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
