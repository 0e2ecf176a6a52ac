"""The whole process group killed in every stage, at random moments: the results equal those of an undisturbed run."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import REPOSITORY, run_snakemake
from frameworth.results.verifying import remove_damaged, verify_study
from frameworth.storage.digests import digest_of_file
from frameworth.storage.hdf5 import read_attributes, read_hdf5
from tiny import config, draw, write_config

STAGES = ("frames", "subset", "subsets", "ensemble_of_2", "scores", "influence", "frame_values", "summary",
          "validation", "draw_figures")  # fmt: skip
EVERYTHING = ["summary.json", "validation.csv", "figures/inclusion_matrix.csv"]
ARRAYS = ("subsets.h5", "scores.h5", "influence.h5")
NETWORKS = 8


def study(folder, wanted):
    draw(folder / "project")
    blocks = [{"design": "balanced", "percents": [50], "seeds": 4, "members": 2}]
    content = config("project", subsets=blocks)
    content["training"]["steps"] = 60
    return [
        "--configfile",
        str(write_config(folder / "study.yaml", content)),
        "--",
        *(f"results/tiny/{name}" for name in wanted),
    ]


def results(folder):
    """What the study came to, less the time of day."""
    root = folder / "results" / "tiny"
    networks = {str(path.relative_to(root)): digest_of_file(path) for path in root.glob("ensembles/**/member-*.pt")}
    arrays = {name: read_attributes(root / name)["digest"] for name in ARRAYS}
    # Without the images' paths, which name the folder.
    arrays |= {name: values.tobytes() for name, values in read_hdf5(root / "labels.h5", ["label", "digest"]).items()}
    tables = [*root.glob("*.csv"), *root.glob("summary.json"), *root.glob("figures/*.csv")]
    return networks | arrays | {str(path.relative_to(root)): path.read_bytes() for path in tables}


def trained(folder):
    """The finished networks of the store, and when each was finished."""
    return {path: path.stat().st_mtime_ns for path in folder.glob("results/tiny/.store/*/network.pt")
            if (path.parent / "training.json").exists()}  # fmt: skip


def kill_in(stage, folder, arguments, moment):
    """Run until a job of the stage is started, and `moment` seconds on kill all; whether the stage was met.

    The stage is made again if it was finished before the kill before, and none after it is begun.
    """
    if stage == "subset":
        there = (folder / "results/tiny/subsets/percent-050/seed-1.json").exists()
        stage = f"subset_balanced_050_{'there' if there else 'new'}"
    command = [str(Path(sys.executable).parent / "snakemake"), "--snakefile", str(REPOSITORY / "Snakefile"), "--cores",
               "2", "--forcerun", stage, "--until", stage, *arguments]  # fmt: skip
    printed = folder / "printed.txt"
    with printed.open("w") as out:
        group = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    begins = re.compile(rf"^(local)?rule {stage}:", re.M)
    while group.poll() is None and not begins.search(printed.read_text()):
        time.sleep(0.02)
    met = group.poll() is None
    time.sleep(moment if met else 0)
    if group.poll() is None:
        os.killpg(group.pid, signal.SIGKILL)
    group.wait()
    return met


def survive(tmp_path, tally, stages, wanted):
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    moments = random.Random(seed)
    arguments = {name: study(tmp_path / name, wanted) for name in ("undisturbed", "killed")}
    run_snakemake(tmp_path / "undisturbed", *arguments["undisturbed"])
    study_arguments = arguments["killed"]
    folder, kills, lost, slowest = tmp_path / "killed", 0, 0, 0.0
    for stage in stages:
        before = trained(folder)
        kills += kill_in(stage, folder, study_arguments, moments.uniform(0, 1.5))
        lost += len(before.items() - trained(folder).items())
        began = time.monotonic()
        run_snakemake(folder, "--unlock", *study_arguments)
        slowest = max(slowest, time.monotonic() - began)
    before, began = trained(folder), time.monotonic()
    run_snakemake(folder, *study_arguments)
    last = time.monotonic() - began
    lost += len(before.items() - trained(folder).items())
    tally.update({"kills": kills, "networks": NETWORKS, "finished networks lost": lost})
    tally.update({"seconds at most to unlock": round(slowest, 1), "seconds of the last run": round(last)})
    assert lost == 0
    assert len(trained(folder)) == NETWORKS
    expected, after_kills = (results(tmp_path / name) for name in ("undisturbed", "killed"))
    assert after_kills.keys() == expected.keys()
    assert [name for name in expected if after_kills[name] != expected[name]] == []
    # A kill in the middle of a write leaves its half, which is named and taken away, and nothing else is damaged.
    damages = verify_study(folder / "results/tiny").damages
    assert {damage.path for damage in damages} == set(folder.glob("results/**/*.part"))
    remove_damaged(folder / "results/tiny", damages)
    assert not list(folder.glob("results/**/*.part"))
    return kills


@pytest.mark.long
def test_a_study_killed_while_it_trains_and_while_it_estimates_ends_the_same(tmp_path, tally):
    assert survive(tmp_path, tally, ("ensemble_of_2", "influence"), ["frame_values.csv"]) == 2


@pytest.mark.long
def test_a_study_killed_in_every_stage_twice_over_ends_the_same_and_no_finished_network_is_trained_again(
    tmp_path, tally
):
    assert survive(tmp_path, tally, [stage for stage in STAGES for _ in range(2)], EVERYTHING) == 2 * len(STAGES)
