"""Run the workflow for a user: Snakemake's output goes to a log, and the terminal shows the progress."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TextIO

import psutil

from frameworth.cli.display import Display
from frameworth.cli.failures import SAID, Failures
from frameworth.config.model import StudyConfig
from frameworth.errors import UserError, printable

REPOSITORY = Path(__file__).resolve().parents[3]
PROFILES = REPOSITORY / "profiles"
_OTHER_STUDY = ("--config", "-C", "--configfile", "--configfiles", "--directory", "-d")


def snakemake_command(configfile: Path, cores: str | None, profile: str | None, arguments: Sequence[str]) -> list[str]:
    """The command that runs this workflow with a study's config, from any folder.

    Raises UserError if the profile does not exist, or if the arguments name another config or folder.
    """
    if others := [name for name in (argument.partition("=")[0] for argument in arguments) if name in _OTHER_STUDY]:
        raise UserError(
            f"{others[0]}: what follows `--` may not name another config or folder, because the answer is about the "
            "study of --configfile; change that file or the folder, or call snakemake itself"
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
    """Raise UserError if a folder that a run writes to is a broken link, is a file, or is not writable."""
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
                f"{there.absolute()}: you may not write to this folder; run the command in a folder of your own, where "
                "it can make results/ and logs/"
            )


def runs_whole_study(arguments: Sequence[str]) -> bool:
    """Whether these arguments make Snakemake run the whole study: no target, no dry run, no `--unlock`."""
    named = bool(arguments) and (not arguments[0].startswith("-") or "--" in arguments)
    return not named and not {"--unlock", "--dry-run", "--dryrun", "-n"} & set(arguments)


def run_workflow(command: Sequence[str], log: Path, screen: TextIO) -> int:
    """Run Snakemake, write its output to `log`, and show the progress on `screen`; returns Snakemake's exit code.

    The logger plugin `snakemake_logger_plugin_frameworth` sends events through a pipe.
    Snakemake gets Ctrl-C, too, and ends its jobs; the jobs are then shown as stopped. SIGTERM is sent only to this
    process, which passes it on to Snakemake and its jobs; trainings then write their checkpoints.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    failed = Failures(command)
    display = Display(screen)
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
    """Start the command `announce`, which prints the plan and the progress while a run's jobs work.

    It is a separate process, as it may train a few steps; it writes to this one's standard error, and ends with it.

    Args:
        cores: jobs that run at the same time. measure: whether it may train a few steps if no network is finished.
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
    """The command of `snakemake_command`, with options to write events to a file descriptor."""
    options = ["--logger", "frameworth", "--logger-frameworth-descriptor", str(descriptor)]
    return [*command[:3], *options, *command[3:]]


def _end(pid: int) -> None:
    """Send SIGTERM to a process, so that it starts nothing more, and to all its descendants."""
    process = psutil.Process(pid)
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            each.terminate()


def _lines(events: IO[str], output: IO[str], failed: Failures) -> Iterator[tuple[bool, str]]:
    """Yield lines as they arrive, with True for those of `events`; Ctrl-C does not stop the reading."""
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
