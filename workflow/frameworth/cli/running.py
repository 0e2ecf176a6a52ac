"""Running the workflow for a person: Snakemake's words go to a log, the terminal shows how far it is.

What went wrong is said in one line per failed job: the last thing that its log says, and where the log lies.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, TextIO

import psutil

from frameworth.config.model import StudyConfig
from frameworth.errors import UserError, printable

REPOSITORY = Path(__file__).resolve().parents[3]
PROFILES = REPOSITORY / "profiles"
SAID = "frameworth: "  # what the lines that are for the person begin with in Snakemake's output
WATCH = SAID + "networks "  # and those of `Meter`

_PLAIN_LINE_SECONDS = 30  # between lines where the output is no terminal
_OPTION_REFUSED = re.compile(r"^(?:\S+: error|Error): (.+)")  # before Snakemake has a logger that tells events
_SLURM_REFUSED = re.compile(r"^SLURM sbatch failed\. The error message was '?(.+?)'?\.?$", re.MULTILINE)

_GO_ON = "Finished networks are kept: run the same command again to go on"
_MEND = "Mend what is named above, then run the same command again; finished networks are kept"
_MEND_FIRST = "Nothing was run: mend what is named above, then run the same command again"

_OTHER_STUDY = ("--config", "-C", "--configfile", "--configfiles", "--directory", "-d")
_LABELS = "/labels_to_check.csv"
_STOPPED = ": stopped by SIG"
_LOCKED_ADVICE = (
    "another run works in this folder; wait for it. If there is none, one was killed: type the same command once with "
    "`-- --unlock` at its end, then again without"
)


def snakemake_command(configfile: Path, cores: str | None, profile: str | None, arguments: Sequence[str]) -> list[str]:
    """The command that runs this workflow with a study's config, from whatever folder.

    Raises UserError for a profile that is not there, and for arguments with which it would run another study.
    """
    if others := [name for name in (argument.partition("=")[0] for argument in arguments) if name in _OTHER_STUDY]:
        raise UserError(
            f"{others[0]}: what follows `--` may not name another config or folder, as the answer is told of the study "
            "of --configfile; change that file or the folder, or call snakemake itself"
        )
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    command += ["--configfile", str(configfile.absolute()) if str(configfile).startswith("-") else str(configfile)]
    if profile is not None:
        shipped = PROFILES / profile
        from snakemake.cli import get_profile_dir  # slow to import

        if not (shipped / "config.yaml").is_file() and get_profile_dir(profile) is None:
            ours = sorted(path.parent.name for path in PROFILES.glob("*/config.yaml"))
            listed = ", ".join(name for name in ours if name != "default")  # which Snakemake takes by itself
            raise UserError(
                f"--profile: there is no profile {profile}; there are {listed}, or give the path of your own"
            )
        command += ["--workflow-profile", str(shipped if shipped.is_dir() else profile)]
    if cores is not None:
        command += ["--cores", cores]
    return command + list(arguments)


def refuse_places(folders: Sequence[Path]) -> None:
    """Raise UserError if a folder that a run writes to is on a disk that is gone, or may not be written."""
    for folder in folders:
        for place in (folder, *folder.parents):
            if place.is_symlink() and not place.exists():
                target = place.readlink()
                raise UserError(f"{place}: is a link to {target}, which is not there; mount its disk, or remove it")
        there = next(place for place in (folder, *folder.parents) if place.exists())
        if not there.is_dir():
            raise UserError(f"{there}: is a file, where a run needs a folder; rename it")
        if not os.access(there, os.W_OK | os.X_OK):
            raise UserError(
                f"{there.absolute()}: this folder may not be written; run the command in a folder of your own, where "
                "results/ and logs/ can be made"
            )


def runs_whole_study(arguments: Sequence[str]) -> bool:
    """Whether Snakemake's arguments leave it to make all of a study: no target among them, nothing that makes none."""
    named = bool(arguments) and (not arguments[0].startswith("-") or "--" in arguments)
    return not named and not {"--unlock", "--dry-run", "--dryrun", "-n"} & set(arguments)


def run_workflow(command: Sequence[str], log: Path, screen: TextIO) -> int:
    """Run Snakemake, keep all that it says in `log`, and show how far it is on `screen`; its exit code.

    What happens is told by the logger plugin `snakemake_logger_plugin_frameworth`, through a pipe.
    Ctrl-C goes to Snakemake too, which ends its jobs; what is shown then is that it was stopped. SIGTERM comes to this
    process alone, and is passed on to Snakemake and its jobs: trainings write their checkpoints.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    failed = Failures(command)
    display = _Display(screen)
    events, event_pipe = os.pipe()
    libraries = [str(REPOSITORY / "workflow"), *filter(None, [os.environ.get("PYTHONPATH")])]
    with log.open("a", buffering=1) as record:
        record.write(f"\n=== {time.strftime('%Y-%m-%d %H:%M:%S')} {' '.join(command)}\n")
        with subprocess.Popen(
            with_events(command, event_pipe),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            pass_fds=[event_pipe],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(libraries)},
        ) as process:
            os.close(event_pipe)

            def end(*_: object) -> None:
                if not failed.stopped:  # a second one can hang Snakemake while it ends
                    failed.stopped = True
                    _end(process.pid)

            before = signal.signal(signal.SIGTERM, end)
            assert process.stdout is not None
            try:
                for is_event, line in _lines(os.fdopen(events), process.stdout, failed):
                    if is_event:
                        event = json.loads(line)
                        failed.happened(event)
                        display.happened(event)
                    else:
                        record.write(line)
                        failed.read(line)
                        display.read(line)
                code = process.wait()
            finally:
                signal.signal(signal.SIGTERM, before)
    display.close()
    for line in failed.lines():
        print(printable(line), file=screen)
    if code:
        print(f"{SAID}not finished; see {log}. {failed.advice()}", file=screen)
    return code


def start_announcing(config: StudyConfig, *, cores: int, measure: bool) -> None:
    """Start the command `announce`, which says what is coming and how far it is beside a run's jobs.

    It is a process of its own, as it may train a few steps; it writes to this one's standard error, and ends with it.

    Args:
        cores: jobs that run side by side. measure: whether it may train a few steps if no network is finished.
    """
    command = [sys.executable, "-m", "frameworth", "announce", "--configfile", "-", "--cores", str(cores)]
    process = subprocess.Popen(
        [*command, "--measure" if measure else "--no-measure"],
        stdin=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "workflow")},
        stdout=sys.stderr,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(config.model_dump(), sort_keys=True))
    process.stdin.close()


def with_events(command: Sequence[str], descriptor: int) -> list[str]:
    """The command of `snakemake_command`, told to write what happens to a file descriptor."""
    options = ["--logger", "frameworth", "--logger-frameworth-descriptor", str(descriptor)]
    return [*command[:3], *options, *command[3:]]


def _end(pid: int) -> None:
    """Send SIGTERM to a process, which then starts nothing more, and to all that it has started."""
    process = psutil.Process(pid)
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            each.terminate()


def _lines(events: IO[str], output: IO[str], failed: Failures) -> Iterator[tuple[bool, str]]:
    """Lines as they come, each with whether it is of `events`; Ctrl-C ends the process, not the reading."""
    lines: queue.SimpleQueue[tuple[bool, str | None]] = queue.SimpleQueue()

    def pass_on(is_event: bool, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                lines.put((is_event, line))
        lines.put((is_event, None))

    for is_event, stream in ((True, events), (False, output)):
        threading.Thread(target=pass_on, args=(is_event, stream), daemon=True).start()
    ended = 0
    while ended < 2:
        try:
            is_event, line = lines.get()
        except KeyboardInterrupt:
            failed.stopped = True
            continue
        if line is None:
            ended += 1
        else:
            yield is_event, line


class Failures:
    """What went wrong in a run of Snakemake.

    Attributes:
        stopped: whether the person stopped the run, so that a job that says nothing was stopped and did not fail.
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
        """Take in what the logger plugin told."""
        match event["event"]:
            case "job_started":
                self._started = True
            case "job_error":
                if refused := _SLURM_REFUSED.match(str(event["rule_msg"])):
                    self._slurm.append(refused[1])  # the job never ran, and has no words of its own
                else:
                    self._jobs.append((event["rule_name"], Path(event["log"][0]) if event["log"] else None))
            case "error":
                self._locked |= event["exception"] == "LockException"
                # Once jobs have started, a WorkflowError says no more than that some of them did not complete.
                if not (self._started and event["exception"] == "WorkflowError"):
                    self._refused += _reasons(event["msg"], event["exception"])

    def read(self, line: str) -> None:
        """Take in one line of Snakemake's output, which says what is wrong with its own options."""
        if refused := _OPTION_REFUSED.match(line):
            self._refused.append(refused[1])

    def lines(self) -> list[str]:
        """One line per failed job with the last words of its log; else why nothing was started."""
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
        """What to do: mend something, if the jobs or Snakemake named it, or go on as it is."""
        if self._locked:
            return "Nothing was run"  # the line has what to do
        if self._slurm:
            return _MEND
        if self._jobs:
            return _MEND if any(_names_what_to_mend(log) for _, log in self._jobs) else _GO_ON
        return _MEND_FIRST if self._refused else _GO_ON


def _reasons(text: str, exception: str) -> list[str]:
    """What an error of Snakemake's says, without its own name and the places in the workflow."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("  File ")]
    return [line.strip().removeprefix("Error: ") for line in lines if not line.startswith(exception)]


def _names_what_to_mend(log: Path | None) -> bool:
    """Whether a job ended with a line for the person, and not because it was stopped."""
    return any(line.startswith(SAID) and _STOPPED not in line for line in (_log_lines(log) or [])[-1:])


def _last_words(log: Path | None) -> str:
    """The last line that a command of ours or Python said in a job's log, and where the log lies."""
    lines = _log_lines(log)
    if lines is None:
        return "it left no log"
    ours = [line.removeprefix(SAID) for line in lines if line.startswith(SAID)]
    last = ours[-1] if ours else (lines[-1] if lines else "it said nothing")
    return f"{last} (log: {log})"


def _log_lines(log: Path | None) -> list[str] | None:
    """The lines of a job's log; None if it left none."""
    if log is None or not log.exists():
        return None
    return [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]


class _Display:
    """The state of a run: one line that is overwritten on a terminal, a line now and then elsewhere."""

    def __init__(self, screen: TextIO) -> None:
        self._screen = screen
        self._terminal = screen.isatty()
        self._networks = ""
        self._jobs = ""
        self._labels: dict[int, str] = {}
        self._shown = 0.0
        self._last = ""

    def happened(self, event: dict[str, Any]) -> None:
        """Show what the logger plugin told."""
        match event["event"]:
            case "progress":
                self._jobs = f"jobs {event['done']} of {event['total']}"
                self._show()
            case "job_info":
                for path in event["output"]:
                    if path.endswith(_LABELS) and not path.endswith(f"/figures{_LABELS}"):  # which is drawn from it
                        self._labels[event["jobid"]] = path
            case "job_finished":
                if path := self._labels.get(event["job_id"]):
                    self._say(f"the list of labels to check is there: {path}; figures and the report follow")

    def read(self, line: str) -> None:
        """Show a line of this program's in Snakemake's output."""
        if line.startswith(WATCH):
            self._networks = printable(line.removeprefix(SAID).strip())
            self._show()
        elif line.startswith(SAID):
            self._say(line.removeprefix(SAID).strip())

    def _show(self) -> None:
        text = "; ".join(part for part in (self._networks, self._jobs) if part)
        now = time.monotonic()
        if text == self._last or (not self._terminal and now - self._shown < _PLAIN_LINE_SECONDS):
            return
        self._shown, self._last = now, text
        if self._terminal:
            print(f"\r\033[K{text}", end="", file=self._screen, flush=True)
        else:
            print(text, file=self._screen, flush=True)

    def _say(self, text: str) -> None:
        self.close()
        print(printable(text), file=self._screen, flush=True)

    def close(self) -> None:
        """Clear the line that is overwritten."""
        if self._terminal and self._last:
            print("\r\033[K", end="", file=self._screen, flush=True)
            self._last = ""
