"""Every case of the table of bad inputs, through `frameworth check`; some of them through Snakemake."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from bad_inputs.cases import CASES, Case
from bad_inputs.study import Study
from conftest import run_snakemake
from frameworth.__main__ import main
from frameworth.training.gpus import machine_has_gpu
from small_study import state

pytestmark = pytest.mark.usefixtures("engine")


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return Study(tmp_path_factory.mktemp("good"))


@pytest.fixture
def study(good: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A copy of the good study, in the working directory."""
    monkeypatch.chdir(tmp_path)
    return good.copied_to(tmp_path)


def by_name(name: str) -> Case:
    (case,) = [case for case in CASES if case.name == name]
    return case


def make(case: Case, study: Study) -> None:
    case.make(study)
    if not (study.folder / "absent").exists():
        study.write()


def check(*options: str) -> tuple[int, list[str]]:
    done = CliRunner().invoke(main, ["check", "--configfile", "study.yaml", *options])
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    *lines, _ = done.output.splitlines()
    return done.exit_code, lines


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.part}: {case.name}")
def test_what_is_wrong_is_reported_and_nothing_is_run_or_written(study: Study, case: Case) -> None:
    make(case, study)
    before = state(study.folder)
    code, lines = check()
    assert state(study.folder) == before
    assert not list(study.folder.rglob("it-ran"))
    assert all(line.startswith(("error: ", "warning: ")) for line in lines), lines
    assert code == (2 if case.severity == "error" else 0), lines
    if case.severity == "good":
        assert lines == []
    else:
        assert any(line.startswith(case.severity) and all(word in line for word in case.words) for line in lines), lines
    if case.severity == "warning":
        assert check("--strict")[0] == 3


@pytest.mark.parametrize(
    "name", ["template code", "HDF5 whose column names are a program", "turned by EXIF", "cuda without a GPU"]
)
def test_the_workflow_refuses_the_same_before_any_job(study: Study, name: str) -> None:
    case = by_name(name)
    if name == "cuda without a GPU" and machine_has_gpu():
        pytest.skip("there is one")
    make(case, study)
    before = state(study.project)
    done = run_snakemake(study.folder, "--configfile", "study.yaml", check=False)
    lines = [line for line in done.stderr.splitlines() if all(word in line for word in case.words)]
    assert done.returncode != 0
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    assert "Traceback" not in done.stderr
    assert not (study.folder / "results").exists()
    assert state(study.project) == before
    assert not list(study.folder.rglob("it-ran"))


@pytest.mark.parametrize(
    "locked", [".", "config.yaml", "labeled-data", "labeled-data/day1", "labeled-data/day1/img00.png"]
)
def test_what_may_not_be_read_is_named(locked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        study = Study(folder)
        study.write()
        monkeypatch.chdir(folder)
        assert check() == (0, [])  # imports what nobody may not be allowed to
        (study.project / locked).chmod(0)
        with as_nobody():
            code, lines = check()
        (study.project / locked).chmod(0o755)
        assert code == 2
        assert any(line.startswith("error: ") and "ermission denied" in line for line in lines), lines


def test_a_project_that_may_not_be_written_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study = Study(folder)
        study.write()
        monkeypatch.chdir(folder)
        check()  # imports what nobody may not be allowed to
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        with as_nobody():
            assert check() == (0, [])
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may read everything: give that up for a while."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_the_table_has_sixty_cases_and_the_page_is_made_from_it(repository: Path) -> None:
    from bad_inputs.page import page

    assert len(CASES) >= 60
    assert len({(case.part, case.name) for case in CASES}) == len(CASES)
    assert (repository / "docs" / "bad-inputs.md").read_text() == page()
