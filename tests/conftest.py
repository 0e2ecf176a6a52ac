"""What tests share: the repository, and running its commands as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The repository's root."""
    return REPOSITORY


def run_snakemake(folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the workflow in the working directory `folder`, as `snakemake` on a shell."""
    command = [
        str(Path(sys.executable).parent / "snakemake"),
        "--snakefile",
        str(REPOSITORY / "Snakefile"),
        "--directory",
        str(folder),
        "--cores",
        "2",
        *arguments,
    ]
    environment = os.environ | {"COLUMNS": "200"}
    done = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if check and done.returncode != 0:
        logs = "\n".join(path.read_text() for path in folder.rglob("logs/**/*.log") if path.stat().st_size)
        raise AssertionError(f"snakemake failed:\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}\n{logs[-3000:]}")
    return done
