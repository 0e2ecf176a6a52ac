"""The commands of the tutorial, README and docs/using.md, typed one after the other as a new user would."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from conftest import REPOSITORY
from mending_page import CHROMIUM, take_the_networks_places

MENDED = 2  # frames, the first of the list, as the tutorial says
BIN = Path(sys.executable).parent
TUTORIAL = (REPOSITORY / "docs" / "tutorial.md").read_text()


def blocks(page, language="sh"):
    """The blocks of commands of a page."""
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.M | re.S)


def typed(block, folder):
    """Run a block as typed in a shell in `folder`; its output. The environment is the one that runs the tests."""
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": str(REPOSITORY / "workflow")}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.replace("path/to/frameworth", shlex.quote(str(REPOSITORY)))],
        cwd=folder, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    log = folder / "logs" / "mice" / "run.log"
    tail = log.read_text()[-3000:] if log.exists() else ""
    assert done.returncode == 0, f"{block}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}\n{tail}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def tour(tmp_path_factory):
    """The whole tutorial: the folder, what each block printed, after each block the networks that there are, and the
    labels to check of the first run and before any are mended."""
    if CHROMIUM is None:
        pytest.skip("Debian's package chromium is not installed")
    folder = tmp_path_factory.mktemp("tour")
    printed, trained, first, before = [], [], None, None
    results = folder / "results" / "mice"
    for block in blocks(TUTORIAL)[1:]:  # the first activates the environment
        if "frameworth apply" in block:
            before = pd.read_csv(results / "labels_to_check.csv")
            take_the_networks_places(results / "report.html", MENDED, 4, folder / "corrections.csv")
        printed.append(typed(block, folder))
        trained.append(len(list(results.glob(".store/*/training.json"))))
        checks = results / "labels_to_check.csv"
        if first is None and checks.exists():
            first = pd.read_csv(checks)
    return folder, printed, trained, first, before


def test_the_gross_planted_errors_are_at_the_top_of_a_project_that_the_workflow_has_never_seen(tour):
    *_, first, _ = tour  # mended frames are no planted ones any more
    planted = first.dropna(subset="planted")
    gross = set(planted.loc[planted["planted"] != "moved", "frame"])  # a single keypoint moved a little may hide
    assert len(gross) >= 2
    assert gross <= set(first["frame"].head(len(planted)))


def test_the_report_is_there_and_the_project_is_as_it_was(tour):
    folder, *_ = tour
    page = (folder / "results/mice/report.html").read_text()
    assert not [path for path in (folder / "mice").rglob("*") if path.suffix in (".pt", ".log", ".part")]
    assert re.search(r"would agree .* on the order of labels to check by \d?\.\d\d", page)


def test_more_seeds_train_only_what_is_new(tour):
    folder, *_ = tour
    log = (folder / "logs/mice/run.log").read_text()
    grown = log.split("\n=== ")[2]
    assert "16 networks on" in log.split("\n=== ")[1]
    assert re.search(r"20 networks on 20 subsets, 4 networks in \d+ jobs? still to come", grown)


def test_a_corrected_label_trains_only_the_networks_that_saw_it(tour):
    _, printed, trained, *_ = tour
    message = next(text for text in printed if "the next run trains" in text)
    outdated, of = map(int, re.search(r"trains (\d+) of (\d+) networks", message).groups())
    assert of == 20
    assert 0 < outdated < of
    before = trained[-2]  # with those of the pilot
    assert trained[-1] == before + outdated


def test_labels_that_were_flagged_and_mended_on_the_page_are_not_flagged_by_the_second_run(tour):
    folder, *_, before = tour
    after = pd.read_csv(folder / "results/mice/labels_to_check.csv").set_index(["video", "image"])
    mended = before.head(MENDED)
    assert mended["flagged"].any()
    now = after.loc[list(zip(mended["video"], mended["image"], strict=True))]
    assert not now["flagged"].any()
    assert (now["suspicion"].to_numpy() < mended["suspicion"].to_numpy()).all()


README = (REPOSITORY / "README.md").read_text()
USING = (REPOSITORY / "docs" / "using.md").read_text()


def commands_of(page):
    """Each command that a page tells people to type, in blocks and between the lines."""
    lines = [line.split("#")[0].strip() for block in blocks(page) for line in block.splitlines()]
    between = re.findall(r"`((?:frameworth|snakemake|make) [^`]+|make)`", re.sub(r"```.*?```", "", page, flags=re.S))
    return list(dict.fromkeys(" ".join(line.split()) for line in [*lines, *between] if line))


def test_what_the_readme_has_make_do_is_what_decides_whether_a_change_lands():
    made = {command for command in commands_of(README) if command.split()[0] == "make"}
    (landing,) = re.findall(r"^make (.*)$", (REPOSITORY / ".ci" / "run").read_text(), re.M)
    assert made == {"make", *(f"make {target}" for target in landing.split() if target != "demo")}
    first = re.search(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.M)[1]
    assert first == "demo"


def test_make_runs_the_study_that_snakemake_runs_by_itself_with_the_quiet_terminal():
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "CORES"}
    output = subprocess.run(
        ["make", "-n", "-o", ".venv/ready"], cwd=REPOSITORY, env=outside, capture_output=True, text=True, check=True
    ).stdout
    (demo,) = re.findall(r'configfile: "(.+)"', (REPOSITORY / "Snakefile").read_text())
    assert output.split() == [".venv/bin/frameworth", "run", "--configfile", demo, "--cores", "all"]


def test_every_command_of_the_readme_and_of_the_page_on_using_it_can_be_typed(tour, tmp_path):
    """In a folder where the tutorial's study is called `mine`; make and SLURM have tests of their own."""
    folder, *_ = tour
    (folder / "config").mkdir()
    shutil.copy(folder / "mice.yaml", folder / "config" / "mine.yaml")
    shutil.copytree(folder / "mice", folder / "path" / "to" / "dlc-project")
    frame = pd.read_csv(folder / "results/mice/frames.csv").iloc[0]
    corrections = "video,image,mark,keypoint,x,y,was_x,was_y\n" + f"{frame['video']},{frame['image']},right,,,,,\n"
    (folder / "corrections.csv").write_text(corrections)
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    browser.chmod(0o755)
    tried = 0
    for command in commands_of(README + USING):
        first, *rest = command.split()
        if first == "make" or "profiles/slurm" in command:
            continue
        if first == "source":
            assert command == "source .venv/bin/activate"
            typed(f"source {BIN}/activate && test $(command -v frameworth) = {BIN}/frameworth", folder)
            continue
        there = command.replace("FRAME", "12").replace(" --study mine", " --study own")
        if first == "frameworth" and "--configfile" not in there and rest[0] != "init":
            there += " --configfile config/mine.yaml"
        if first == "snakemake":
            there = there.replace("snakemake", f"snakemake --snakefile {REPOSITORY / 'Snakefile'}", 1)
        typed(f"export BROWSER={browser}; {there}", folder)
        tried += 1
    assert tried >= 10
    assert "results/mice/report.html" in (tmp_path / "opened").read_text()
