"""Every case of the table of bad inputs, through `frameworth check`; some of them through Snakemake."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from bad_inputs.cases import CASES, Case
from bad_inputs.study import Study
from frameworth.__main__ import main
from frameworth.files import digest_of_file


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return Study(tmp_path_factory.mktemp("good"))


@pytest.fixture
def study(good: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A copy of the good study, in the working directory."""
    shutil.copytree(good.folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    copy = Study.__new__(Study)
    copy.__dict__ |= good.__dict__ | {"folder": tmp_path, "project": tmp_path / "project"}
    copy.config = good.config | {"training": dict(good.config["training"])}
    return copy


def state(folder: Path) -> dict[str, tuple[int, str]]:
    return {
        str(path): (path.lstat().st_mtime_ns, digest_of_file(path) if path.is_file() else "")
        for path in folder.rglob("*")
    }


def by_name(name: str) -> Case:
    (found,) = [case for case in CASES if case.name == name]
    return found


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
def test_what_is_wrong_is_told_and_nothing_is_run_or_written(study: Study, case: Case) -> None:
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


def test_the_table_has_sixty_cases_and_the_page_is_made_from_it(repository: Path) -> None:
    from bad_inputs.page import page

    assert len(CASES) >= 60
    assert len({(case.part, case.name) for case in CASES}) == len(CASES)
    assert (repository / "docs" / "bad-inputs.md").read_text() == page()
