"""Stages run one after the other as separate processes; one may crash, or be given less memory."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from conftest import run_snakemake
from warm_python import warm_python

_SPARE = """
import os, resource
held = int(open("/proc/self/statm").read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
resource.setrlimit(resource.RLIMIT_AS, 2 * (held + ({spare_mib} << 20),))
"""


@dataclass(frozen=True)
class Ended:
    """How a stage ended: its exit code, and all that it said."""

    code: int
    output: str


def run_stage(folder: Path, arguments: list[str], spare_mib: int | None = None, first: str = "") -> Ended:
    """Run `python -m frameworth` with `arguments` in `folder`.

    Args:
        spare_mib: how much more the stage may address than it does at its start.
        first: Python that it runs at its start.
    """
    first = ("" if spare_mib is None else _SPARE.format(spare_mib=spare_mib)) + first
    done = subprocess.run(
        [warm_python(), "-m", "frameworth", *arguments], cwd=folder, env=os.environ | {"WARM_FIRST": first},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
    )  # fmt: skip
    return Ended(done.returncode, done.stdout)


def commands_of(folder: Path, configfile: Path, *wanted: str) -> list[list[str]]:
    """What the rules of a study would run, each as arguments of `python -m frameworth`, in an order that works."""
    done = run_snakemake(folder, "--configfile", str(configfile), "--dry-run", "--printshellcmds", *wanted)
    commands = re.findall(
        r"^Shell command: (?:exec )?python -m frameworth (.*) 2> \S+$", done.stdout + done.stderr, re.M
    )
    return [shlex.split(command) for command in commands]
