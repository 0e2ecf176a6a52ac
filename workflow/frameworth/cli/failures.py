"""The failures of a Snakemake run: one line for each failed job, with the last line and the path of its log."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

SAID = "frameworth: "  # start of the lines for the user in Snakemake's output

_OPTION_REFUSED = re.compile(r"^(?:\S+: error|Error): (.+)")  # printed before Snakemake has loaded the logger plugin
_SLURM_REFUSED = re.compile(r"^SLURM sbatch failed\. The error message was '?(.+?)'?\.?$", re.MULTILINE)

_GO_ON = "Finished networks are kept: run the same command again to go on"
_CORRECT = "Correct what is named above, then run the same command again; finished networks are kept"
_CORRECT_FIRST = "Nothing was run: correct what is named above, then run the same command again"

_STOPPED = ": stopped by SIG"
_LOCKED_ADVICE = (
    "another run works in this folder; wait for it. If there is none, one was killed: type the same command once with "
    "`-- --unlock` at its end, then again without"
)


class Failures:
    """Collects the failures of a Snakemake run.

    Attributes:
        stopped: whether the user stopped the run; a job with an empty log was then stopped and did not fail.
    """

    def __init__(self, command: Sequence[str] = ()) -> None:
        self.stopped = False
        self._profile = next((path for option, path in pairwise(command) if option == "--workflow-profile"), None)
        self._started = False
        self._locked = False
        self._slurm: list[str] = []
        self._jobs: list[tuple[str, Path | None]] = []
        self._refused: list[str] = []

    def happened(self, event: dict[str, Any]) -> None:
        """Take an event of the logger plugin."""
        match event["event"]:
            case "job_started":
                self._started = True
            case "job_error":
                if refused := _SLURM_REFUSED.match(str(event["rule_msg"])):
                    self._slurm.append(refused[1])  # the job never ran, so it has no log
                else:
                    self._jobs.append((event["rule_name"], Path(event["log"][0]) if event["log"] else None))
            case "error":
                self._locked |= event["exception"] == "LockException"
                # After jobs have started, a WorkflowError only means that some of them did not complete.
                if not (self._started and event["exception"] == "WorkflowError"):
                    self._refused += _reasons(event["msg"], event["exception"])

    def read(self, line: str) -> None:
        """Take one line of Snakemake's output, which may report an error in Snakemake's options."""
        if refused := _OPTION_REFUSED.match(line):
            self._refused.append(refused[1])

    def lines(self) -> list[str]:
        """One line for each failed job with the last line of its log; if none failed, why nothing was started."""
        if self._locked:
            return [f"frameworth: {_LOCKED_ADVICE}"]
        jobs = {(rule, log): f"frameworth: {self._failure_line(rule, log)}" for rule, log in self._jobs}
        where = f"{self._profile}/config.yaml" if self._profile else "the profile's config.yaml"
        jobs |= {
            (words, None): f"frameworth: SLURM refused a job: {words}; partition and account are set in {where}"
            for words in self._slurm
        }
        return list(jobs.values()) or [f"frameworth: {line}" for line in dict.fromkeys(self._refused)]

    def _failure_line(self, rule: str, log: Path | None) -> str:
        if self.stopped and not _log_lines(log):
            return f"{rule} was stopped"
        words = _last_words(log)
        return f"{rule} {'was stopped' if _STOPPED in words else 'failed'}: {words}"

    def advice(self) -> str:
        """What the user should do: correct what jobs or Snakemake reported, or just run again."""
        if self._locked:
            return "Nothing was run"  # `lines` gives the advice
        if self._slurm:
            return _CORRECT
        if self._jobs:
            return _CORRECT if any(_names_what_to_correct(log) for _, log in self._jobs) else _GO_ON
        return _CORRECT_FIRST if self._refused else _GO_ON


def _reasons(text: str, exception: str) -> list[str]:
    """The lines of a Snakemake error, without the error's name and the places in the workflow."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("  File ")]
    return [line.strip().removeprefix("Error: ") for line in lines if not line.startswith(exception)]


def _names_what_to_correct(log: Path | None) -> bool:
    """Whether a job's log ends with a line for the user, other than that it was stopped."""
    return any(line.startswith(SAID) and _STOPPED not in line for line in (_log_lines(log) or [])[-1:])


def _last_words(log: Path | None) -> str:
    """The last line for the user in a job's log, or else its last line, and the log's path."""
    lines = _log_lines(log)
    if lines is None:
        return "it left no log"
    ours = [line.removeprefix(SAID) for line in lines if line.startswith(SAID)]
    last = ours[-1] if ours else (lines[-1] if lines else "it said nothing")
    return f"{last} (log: {log})"


def _log_lines(log: Path | None) -> list[str] | None:
    """The lines of a job's log that are not empty; None if there is no log."""
    if log is None or not log.exists():
        return None
    return [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
