"""Stages run one after the other as processes of their own that need not import everything each time.

A process that has imported the library forks for each stage, so that a stage may crash, or be given less memory.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from conftest import run_snakemake

_SERVER = """
import json, os, resource, signal, sys
import frameworth.experiments.arm_training, frameworth.training.ensemble, frameworth.report
import frameworth.answers.frame_values, frameworth.attribution.method_files
from frameworth.__main__ import main

for line in sys.stdin:
    asked = json.loads(line)
    pid = os.fork()
    if not pid:
        signal.alarm(300)
        os.chdir(asked["folder"])
        words = os.open(asked["words"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(words, 1), os.dup2(words, 2)
        if asked["spare_mib"] is not None:
            held = int(open("/proc/self/statm").read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
            limit = held + (asked["spare_mib"] << 20)
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        exec(asked["first"])
        try:
            main(asked["arguments"], prog_name="python -m frameworth")
        except SystemExit as end:
            sys.stderr.flush()
            os._exit(end.code or 0)
        finally:
            sys.excepthook(*sys.exc_info()) if sys.exc_info()[0] else None
            sys.stderr.flush()
            os._exit(1)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


@dataclass(frozen=True)
class Ended:
    """How a stage ended: its exit code, negative for a signal, and all that it said."""

    code: int
    said: str


class Stages:
    """Runs stages in `folder`; a context manager."""

    def __init__(self, folder: Path, words: Path) -> None:
        self._folder, self._words = folder, words

    def __enter__(self) -> Stages:
        # As the rules have it; and a fork must find no threads.
        environment = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def run(self, arguments: list[str], spare_mib: int | None = None, first: str = "") -> Ended:
        """Run `python -m frameworth` with `arguments`.

        Args:
            spare_mib: how much more the stage may address than it does at its start.
            first: Python that it runs at its start.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"folder": str(self._folder), "words": str(self._words), "arguments": arguments}
        print(json.dumps(asked | {"spare_mib": spare_mib, "first": first}), file=self._process.stdin, flush=True)
        code = int(self._process.stdout.readline())
        return Ended(code, self._words.read_text())


def commands_of(folder: Path, configfile: Path, *wanted: str) -> list[list[str]]:
    """What the rules of a study would run, each as arguments of `python -m frameworth`, in an order that works."""
    done = run_snakemake(folder, "--configfile", str(configfile), "--dry-run", "--printshellcmds", *wanted)
    found = re.findall(r"^Shell command: (?:exec )?python -m frameworth (.*) 2> \S+$", done.stdout + done.stderr, re.M)
    return [shlex.split(command) for command in found]
