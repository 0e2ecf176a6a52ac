"""Saying what is coming and how far it is beside a run's jobs, in a process of its own, which may train a few steps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from frameworth.config.model import StudyConfig


def start_announcing(config: StudyConfig, *, cores: int, measure: bool) -> None:
    """Start the command `announce`; it writes to this process's standard error, and ends with this process.

    Args:
        cores: jobs that run side by side. measure: whether it may train a few steps if no network is finished.
    """
    command = [sys.executable, "-m", "frameworth", "announce", "--configfile", "-", "--cores", str(cores)]
    process = subprocess.Popen(
        [*command, "--measure" if measure else "--no-measure"],
        stdin=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=sys.stderr,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(config.model_dump(), sort_keys=True))
    process.stdin.close()
