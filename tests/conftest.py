"""What tests share: the repository, and running its commands as a user would."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from warm_python import warm_python

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The repository's root."""
    return REPOSITORY


@pytest.fixture(scope="session")
def engine() -> None:
    """PyTorch and DeepLabCut imported once; otherwise every check imports them again, in a process of its own."""
    import_module("frameworth.engine.deeplabcut.framework")


@pytest.fixture(scope="session")
def finished_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with a synthetic study `tiny` that has come to its end, to be copied, and its config."""
    from frameworth.storage.digests import keep_digests
    from synthetic_study import write_study
    from tiny import config, write_config

    folder = tmp_path_factory.mktemp("finished")
    keep_digests(folder / "results" / "tiny")
    write_study(folder / "results" / "tiny", frames=20, halves=10, ladder_seeds=2)
    blocks = [
        {"design": "balanced", "percents": [50], "seeds": 10},
        {"design": "nested", "percents": [10, 30, 70, 90], "seeds": 2, "members": 2},
    ]
    influence = {"estimator": "size-centred", "groups": [[10, 30]]}
    write_config(folder / "study.yaml", config("demo", influence=influence, subsets=blocks))
    return folder


def run_snakemake(folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the workflow in the working directory `folder`, as `snakemake` on a shell."""
    command = [
        warm_python(), "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"), "--directory", str(folder),
        "--cores", "2", *arguments,
    ]  # fmt: skip
    environment = os.environ | {"COLUMNS": "200"}
    done = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if check and done.returncode != 0:
        logs = "\n".join(path.read_text() for path in folder.rglob("logs/**/*.log") if path.stat().st_size)
        raise AssertionError(f"snakemake failed:\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}\n{logs[-3000:]}")
    return done


class Tally(Counter[str]):
    """What a test counted: how many things of each kind, in words that follow a number."""

    def count(self, refused: bool) -> None:
        """Count one input that was tried."""
        self["tried"] += 1
        self["refused" if refused else "good"] += 1


@pytest.fixture
def tally(request: pytest.FixtureRequest, record_property: Any) -> Iterator[Tally]:
    """What a test counts; told at the end of all tests, and kept with `--tally FILE`."""
    counts, began = Tally(), time.monotonic()
    yield counts
    record_property("tally", [request.node.name, dict(counts), round(time.monotonic() - began)])


SLOW_ROOMS = ("workflow", "faults", "benchmarks")


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The file that takes longest comes first and then the slow rooms, so that at the end no core waits."""
    for item in items:
        if item.path.parent.name in SLOW_ROOMS:
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: (item.path.name != "test_tutorial.py", item.path.parent.name not in SLOW_ROOMS))


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--tally FILE` adds what tests count to a JSON file, which `tools.reliability_page` makes a page of."""
    parser.addoption("--tally", type=Path, help="JSON file to which what tests counted is added")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Tell what tests counted, those that passed."""
    stats = terminalreporter.stats
    failed = {report.nodeid for kind in ("failed", "error") for report in stats.get(kind, [])}
    reports = [report for of_kind in stats.values() for report in of_kind if hasattr(report, "when")]
    counted = {
        value[0]: {"file": report.nodeid.split("::")[0], "counts": value[1], "seconds": value[2]}
        for report in reports
        if report.when == "teardown" and report.nodeid not in failed
        for name, value in report.user_properties
        if name == "tally"
    }
    if not counted:
        return
    terminalreporter.section("counted")
    for name, record in counted.items():
        terminalreporter.line(f"{name}: {', '.join(f'{count} {what}' for what, count in record['counts'].items())}")
    if file := config.getoption("tally"):
        file.parent.mkdir(parents=True, exist_ok=True)
        before = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps(before | counted, indent=1))
