"""The tutorial's commands, typed one after the other as a new user would, and what README tells people to type."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from conftest import REPOSITORY

BIN = Path(sys.executable).parent
TUTORIAL = (REPOSITORY / "docs" / "tutorial.md").read_text()


def blocks(page, language="sh"):
    """The blocks of commands of a page."""
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.M | re.S)


def typed(block, folder):
    """Run a block as typed in a shell in `folder`; its output. The environment is the one that runs the tests."""
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": str(REPOSITORY / "workflow")}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=folder, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    log = folder / "logs" / "mice" / "run.log"
    tail = log.read_text()[-3000:] if log.exists() else ""
    assert done.returncode == 0, f"{block}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}\n{tail}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def tour(tmp_path_factory):
    """The whole tutorial: the folder, what each block printed, and after each block the networks that there are."""
    folder = tmp_path_factory.mktemp("tour")
    said, trained, first = [], [], None
    for block in blocks(TUTORIAL)[1:]:  # the first activates the environment
        said.append(typed(block, folder))
        trained.append(len(list(folder.glob("results/mice/.store/*/training.json"))))
        values = folder / "results/mice/frame_values.csv"
        if first is None and values.exists():
            first = pd.read_csv(values)
    return folder, said, trained, first


def test_the_planted_errors_are_at_the_top_of_a_project_that_the_workflow_has_never_seen(tour):
    folder, _, _, first = tour
    frames = pd.read_csv(folder / "results/mice/frames.csv")
    planted = set(frames.loc[frames["planted"].notna(), "frame"])
    assert len(planted) >= 5
    assert len(planted & set(first["frame"].head(len(planted)))) >= len(planted) - 1


def test_the_report_is_there_and_the_project_is_as_it_was(tour):
    folder, said, *_ = tour
    assert (folder / "results/mice/report.html").stat().st_size > 100_000
    assert not [path for path in (folder / "mice").rglob("*") if path.suffix in (".pt", ".log", ".part")]
    assert any("A second study of this size would agree" in text for text in said)


def test_more_seeds_train_only_what_is_new(tour):
    folder, *_ = tour
    log = (folder / "logs/mice/run.log").read_text()
    grown = log.split("\n=== ")[2]
    assert "36 networks on" in log.split("\n=== ")[1]
    assert re.search(r"40 networks on 28 subsets, 4 networks in \d+ jobs? still to come", grown)


def test_a_corrected_label_trains_only_the_networks_that_saw_it(tour):
    _, said, trained, _ = tour
    told = next(text for text in said if "outdates" in text)
    outdated, of = map(int, re.search(r"outdates (\d+) of (\d+) networks", told).groups())
    assert of == 40
    assert 0 < outdated < of
    assert trained[-1] == 40 + outdated


README = (REPOSITORY / "README.md").read_text()
ON_A_CLUSTER = (
    "snakemake --workflow-profile profiles/slurm --configfile config/mine.yaml"  # typed by tests/test_slurm.py
)


def commands_of_readme():
    """Each command that README tells people to type, in blocks and between the lines."""
    lines = [line.split("#")[0].strip() for block in blocks(README) for line in block.splitlines()]
    between = re.findall(r"`((?:frameworth|snakemake|make) [^`]+|make)`", re.sub(r"```.*?```", "", README, flags=re.S))
    return list(dict.fromkeys(" ".join(line.split()) for line in [*lines, *between] if line))


def test_every_command_of_the_readme_can_be_typed(tour):
    """In a folder where the tutorial's study is called `mine`; what make runs is there, and CI runs some of it."""
    folder, *_ = tour
    (folder / "config").mkdir()
    shutil.copy(folder / "mice.yaml", folder / "config" / "mine.yaml")
    shutil.copytree(folder / "mice", folder / "path" / "to" / "dlc-project")
    for command in commands_of_readme():
        first, *rest = command.split()
        if first == "make":
            subprocess.run(["make", "--dry-run", *rest], cwd=REPOSITORY, check=True, capture_output=True)
        elif command == ON_A_CLUSTER:
            continue
        elif first in ("frameworth", "snakemake"):
            there = command.replace("FRAME", "12").replace(" --open", "").replace(" --study mine", " --study own")
            if first == "frameworth" and "--configfile" not in there and rest[0] != "init":
                there += " --configfile config/mine.yaml"
            if first == "snakemake":
                there = there.replace("snakemake", f"snakemake --snakefile {REPOSITORY / 'Snakefile'}", 1)
            typed(there, folder)
        else:
            assert command == "source .venv/bin/activate"
