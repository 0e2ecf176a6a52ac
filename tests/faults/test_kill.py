"""Snakemake killed at random moments, as by a power cut, again and again."""

import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import REPOSITORY, run_snakemake
from frameworth.storage.files import digest_of_file
from tiny import config, draw, write_config

BLOCKS = [
    {"design": "balanced", "percents": [50], "seeds": 8, "members": 1},
    {"design": "nested", "percents": [30, 70], "seeds": 1, "members": 2},
]
JOBS, NETWORKS = 10, 12
# How many trainings each run may finish before it is killed; 0: it may be killed while it starts.
FINISHED = [0, 0, 1, 1, 2]


def networks(folder: Path) -> dict[str, str]:
    """The digests of the networks' files."""
    return {
        str(path.relative_to(folder)): digest_of_file(path)
        for path in folder.glob("results/tiny/ensembles/**/member-*.pt")
    }


def trained(folder: Path) -> dict[Path, int]:
    """The finished networks of the store, and when each was finished."""
    return {path: path.stat().st_mtime_ns for path in folder.glob("results/tiny/.store/*/training.json")}


def finished_jobs(printed: str) -> int:
    """How many trainings Snakemake said were finished."""
    return len(re.findall(r"Finished jobid: \d+ \(Rule: ensemble_of_\d\)", printed))


def planned_jobs(printed: str) -> int:
    """How many trainings Snakemake's job table plans."""
    return sum(int(count) for count in re.findall(r"^ensemble_of_\d +(\d+)$", printed, re.M))


@pytest.mark.long
def test_snakemake_killed_five_times_over_does_only_unfinished_work_and_ends_the_same(tmp_path):
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    moments = random.Random(seed)
    content = config("project", subsets=BLOCKS, influence={"groups": [[30, 70]]})
    content["training"]["steps"] = 150
    arguments = {}
    for name in ("undisturbed", "killed"):
        draw(tmp_path / name / "project")
        path = write_config(tmp_path / name / "study.yaml", content)
        arguments[name] = ["--configfile", str(path), "--", "results/tiny/frame_values.csv"]
    run_snakemake(tmp_path / "undisturbed", *arguments["undisturbed"])
    expected = networks(tmp_path / "undisturbed")
    assert len(expected) == NETWORKS

    folder, finished = tmp_path / "killed", 0
    for wanted in moments.sample(FINISHED, len(FINISHED)):
        before = trained(folder)
        command = [
            str(Path(sys.executable).parent / "snakemake"),
            "--snakefile", str(REPOSITORY / "Snakefile"), "--cores", "2", *arguments["killed"],
        ]  # fmt: skip
        with (folder / "printed.txt").open("w") as out:
            process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        while process.poll() is None and finished_jobs((folder / "printed.txt").read_text()) < wanted:
            time.sleep(0.1)
        time.sleep(moments.uniform(0, 4))
        process.kill()
        assert process.wait() == -9, (folder / "printed.txt").read_text()
        printed = (folder / "printed.txt").read_text()
        if table := planned_jobs(printed):
            assert table <= JOBS - finished
        finished += finished_jobs(printed)
        assert before.items() <= trained(folder).items()
        run_snakemake(folder, "--unlock", *arguments["killed"])

    assert finished >= sum(FINISHED)
    before = trained(folder)
    done = run_snakemake(folder, *arguments["killed"])
    assert planned_jobs(done.stdout + done.stderr) <= JOBS - finished
    assert before.items() <= trained(folder).items()
    assert len(trained(folder)) == NETWORKS
    assert networks(folder) == expected
    for name in ("frame_values.csv", "rmse.csv", "subsets.csv"):
        ours, theirs = (tmp_path / which / "results" / "tiny" / name for which in ("killed", "undisturbed"))
        assert ours.read_bytes() == theirs.read_bytes(), name
    assert "Nothing to be done" in run_snakemake(folder, "--dry-run", *arguments["killed"]).stdout
