"""What tests share: the repository, and running its commands as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


class Tally(Counter[str]):
    """How many examples were good studies and how many were refused."""

    def count(self, refused: bool) -> None:
        """Count one example."""
        self["refused" if refused else "good"] += 1


@pytest.fixture
def tally(request: pytest.FixtureRequest, record_property: Any) -> Iterator[Tally]:
    """What became of a fuzzing test's examples; told at the end of all tests."""
    found = Tally()
    yield found
    record_property("fuzzed", [request.node.name, found["good"], found["refused"]])


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Tell how many examples of each kind of fuzzing were tried, and what became of them."""
    reports = [report for found in terminalreporter.stats.values() for report in found if hasattr(report, "when")]
    lines = [value for report in reports if report.when == "teardown" for name, value in report.user_properties
             if name == "fuzzed"]  # fmt: skip
    if lines:
        terminalreporter.section("fuzzed")
    for name, good, refused in lines:
        terminalreporter.line(f"{name}: {good + refused} tried, {good} good, {refused} refused")
