"""Names that a shell, a terminal or a command line could misread."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from bad_inputs.study import Study
from conftest import REPOSITORY, run_snakemake
from frameworth.__main__ import main
from frameworth.cli.running import snakemake_command
from frameworth.errors import UserError, error, printable

ACTIVE = 'it\'s "$(touch canary)" `touch canary`; touch canary & -x\n'
ESCAPE = "\x1b]0;owned\x07\x1b[2J"
# Of the config, bounded by its keys to numbers and to words of a list.
BOUNDED = {
    "design", "percent", "seed", "study_seed", "members", "device", "consensus", "distractor_radius", "keep_snapshots",
    "wanted", "seconds_apart", "radius", "level", "form", "by", "estimator", "figure", "pair", "arm", "side",
    "network", "removed", "pilot", "imagenet", "expected_false",
}  # fmt: skip


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return Study(tmp_path_factory.mktemp("good"))


def canaries(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.startswith("canary")]


def test_no_shell_sees_a_name_unquoted_of_the_repository_the_study_the_project_or_its_parts(
    good: Study, tmp_path: Path
) -> None:
    repository = tmp_path / ACTIVE
    for part in ("Snakefile", "workflow", "profiles", "config", "envs"):
        source = REPOSITORY / part
        if source.is_dir():
            shutil.copytree(source, repository / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            repository.mkdir()
            shutil.copy(source, repository)
    folder = tmp_path / 'it\'s "$(touch canary)" `touch canary`; touch canary'
    study = good.copied_to(folder)
    study.rename_keypoint("$(touch canary) '`")
    study.rename_image("-i `touch canary`;\n.png")
    study.rename_video("-v '$(touch canary)'")
    project = "-p '$(touch canary)'; touch canary"
    study.project.rename(folder / project)
    study.config = good.config | {"labels": project, "plant": {"share": 0.2}}
    study.write()
    targets = ["results/mine/frames.csv", "results/mine/subsets/percent-050/seed-1.json"]
    run_snakemake(
        folder, "--snakefile", str(repository / "Snakefile"), "--configfile", "study.yaml", "--", *targets
    )  # fmt: skip
    table = pd.read_csv(folder / targets[0])
    assert "-v '$(touch canary)'" in set(table["video"])
    assert "-i `touch canary`;\n.png" in set(table["image"])
    assert canaries(tmp_path) == []


def test_every_text_that_a_rule_gives_to_a_shell_is_quoted() -> None:
    """What is not bounded by the config's keys has Snakemake's `:q`."""
    for path in (REPOSITORY / "workflow" / "rules").glob("*.smk"):
        for command in re.findall(r"^ +shell:\n((?: +f?\".*\n)+)", path.read_text(), re.M):
            for field in re.findall(r"\{(?:input|output|params|log|wildcards)[^}]*\}", command):
                assert field.endswith(":q}") or field.strip("{}").split(".")[-1] in BOUNDED, (path.name, field)


@pytest.mark.parametrize("name", ["-study.yaml", "--snakefile=other"])
def test_a_configs_name_that_begins_with_a_dash_is_no_option_of_snakemake(name: str) -> None:
    command = snakemake_command(Path(name), "1", None, ["--", "-target"])
    assert Path(command[command.index("--configfile") + 1]).is_absolute()
    assert not any(part.startswith("--snakefile=") for part in command)


def test_printable_leaves_words_of_all_languages_and_writes_out_what_a_terminal_obeys() -> None:
    assert printable("Maus 鼠 ½ × −3 % …") == "Maus 鼠 ½ × −3 % …"
    assert printable(f"a{ESCAPE}b\r\n\x9b\u202e") == r"a\x1b]0;owned\x07\x1b[2Jb\r\n\x9b\u202e"
    assert UserError(f"{ESCAPE}\n: wrong").lines() == [r"\x1b]0;owned\x07\x1b[2J\n: wrong"]
    assert str(error(ESCAPE, "is wrong", "mend it")).isprintable()


@pytest.mark.parametrize("command", ["check", "run", "status", "estimate", "explain", "init"])
def test_no_command_prints_an_escape_sequence_of_a_name(
    good: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    shutil.copytree(good.folder, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    Path("project").rename(f"p{ESCAPE}")
    config = good.config | {"labels": f"p{ESCAPE}", "held_out": {"by": "video", "videos": [ESCAPE]}}
    Path("study.yaml").write_text(yaml.safe_dump(config))
    first = {"explain": [f"img{ESCAPE}.png"], "init": [f"p{ESCAPE}"]}.get(command, [])
    options = [] if command == "init" else ["--configfile", "study.yaml"]
    done = CliRunner().invoke(main, [command, *options, "--", *first])
    assert "Traceback" not in done.output
    assert isinstance(done.exception, SystemExit) or done.exception is None, repr(done.exception)
    assert done.output
    assert all(line.isprintable() for line in done.output.split("\n")), done.output
