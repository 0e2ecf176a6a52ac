"""The workflow on a real SLURM of one node and two counted GPUs, through `profiles/slurm`, with its failures."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from conftest import REPOSITORY
from frameworth.storage.digests import digest_of_file
from slurm import Slurm, missing
from tiny import config, draw, write_config
from warm_python import warm_python

pytestmark = pytest.mark.skipif(missing() is not None, reason=f"no SLURM: {missing()}")

# Two rules (a rule per number of members) and more trainings than GPUs.
BLOCKS = [
    {"design": "balanced", "percents": [50], "seeds": 3, "members": 1},
    {"design": "nested", "percents": [30], "seeds": 1, "members": 2},
]
SUBSETS = ["percent-050/seed-1", "percent-050/seed-2", "percent-050/seed-3", "percent-030/seed-1"]
# What this site needs beyond the profile: it has no GPU that could train, so trainings run on the CPU and ask SLURM for
# a GPU all the same; and its jobs are short, so their state is asked for sooner.
RESOURCES = ["ensemble_of_1:gpu=1", "ensemble_of_2:gpu=1"]
SITE = ["--slurm-init-seconds-before-status-checks", "3"]


class Study:
    """A study's working directory and one run of it on the cluster."""

    def __init__(self, slurm: Slurm, folder: Path, steps: int = 200):
        self.slurm, self.folder = slurm, folder
        folder.mkdir(parents=True)
        draw(folder / "project")
        content = config("project", subsets=BLOCKS, influence={"groups": [[30, 50]]})
        content["training"]["steps"] = steps
        self.config = write_config(folder / "study.yaml", content)

    def start(self, *arguments: str, profile: str = "slurm", resources: Sequence[str] = ()) -> None:
        """Start Snakemake; the last of `arguments` may be targets."""
        command = [
            warm_python(), "-m", "snakemake",  # and the jobs that it runs here; those of SLURM start Python itself
            "--snakefile", str(REPOSITORY / "Snakefile"),
            "--directory", str(self.folder),
            "--workflow-profile", str(REPOSITORY / "profiles" / profile),
            "--configfile", str(self.config),
            "--set-resources", *RESOURCES, *resources,
            *SITE, *arguments,
        ]  # fmt: skip
        with (self.folder / "printed.txt").open("w") as out:
            self.process = subprocess.Popen(
                command, env=self.slurm.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )

    def finish(self) -> None:
        """Wait for Snakemake; its words if it failed."""
        try:
            code = self.process.wait(timeout=900)
        finally:
            self.process.kill()
        assert code == 0, f"{self.printed()[-6000:]}\n{self.jobs()}"

    def printed(self) -> str:
        return (self.folder / "printed.txt").read_text()

    def jobs(self) -> list[dict[str, str]]:
        """SLURM's records of this study's jobs."""
        return [job for job in self.slurm.jobs() if job["WorkDir"] == str(self.folder)]

    def states(self, subset: str) -> list[str]:
        """How the jobs of one subset stand, or ended."""
        return [job["JobState"] for job in self.jobs() if subset.replace("/", "_") in job["Comment"]]

    def trains(self, subset: str) -> bool:
        """Whether the subset's network is being trained, or was when its job was ended."""
        log = self.folder / "logs" / "tiny" / "ensembles" / f"{subset}.log"
        text = log.read_text() if log.exists() else ""
        return "trains from step" in text and "final loss" not in text

    def networks(self) -> dict[str, str]:
        """The digests of the networks' files."""
        folder = self.folder / "results" / "tiny" / "ensembles"
        return {str(path.relative_to(folder)): digest_of_file(path) for path in sorted(folder.rglob("member-*.pt"))}

    def record(self, subset: str) -> dict[str, Any]:
        """The training record of a subset's first network."""
        path = self.folder / "results" / "tiny" / "ensembles" / subset / "training.json"
        return json.loads(path.read_text())["members"][0]


def targets(*subsets: str) -> list[str]:
    """The first networks of subsets, as targets for Snakemake."""
    return ["--", *(f"results/tiny/ensembles/{subset}/member-0.pt" for subset in subsets)]


def wait_for_training(study: Study, *subsets: str) -> None:
    """Until one network of the subsets is being trained."""
    end = time.monotonic() + 180
    while not any(study.trains(subset) for subset in subsets):
        assert time.monotonic() < end and study.process.poll() is None, f"no training:\n{study.printed()[-4000:]}"
        time.sleep(0.05)


def same_networks(study: Study, undisturbed: Study, count: int) -> bool:
    """Whether the study has `count` networks, each bit for bit the undisturbed one's."""
    networks = study.networks()
    return len(networks) == count and networks.items() <= undisturbed.networks().items()


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    """A SLURM that runs while this file's tests do."""
    with Slurm() as cluster:
        yield cluster
    assert not cluster.is_running()


@pytest.fixture(scope="module")
def undisturbed(slurm: Slurm, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study that has run through `profiles/slurm` to its report, with nothing in its way."""
    study = Study(slurm, tmp_path_factory.mktemp("slurm") / "study")
    study.start()
    study.finish()
    study.done = study.jobs()
    return study


def test_a_grid_runs_through_the_profile_to_its_report(undisturbed):
    page = (REPOSITORY / "docs" / "cluster.md").read_text()
    assert "\nsnakemake --workflow-profile profiles/slurm --configfile config/mine.yaml\n" in page
    assert (undisturbed.folder / "results" / "tiny" / "report.html").stat().st_size > 0
    assert len(undisturbed.networks()) == 5


def test_each_training_is_one_job_with_one_gpu_in_the_profiles_partition(undisturbed):
    assert len(undisturbed.done) == len(SUBSETS)
    for subset in SUBSETS:
        assert undisturbed.states(subset) == ["COMPLETED"]
    for job in undisturbed.done:
        assert job["TresPerJob"].strip() == "gres:gpu:1"
        assert job["JOB_GRES"] == "gpu:1"
        assert job["Partition"] == "gpu"


def test_trainings_ran_side_by_side_but_never_on_the_same_gpu(undisturbed):
    ours = {job["JobId"] for job in undisturbed.done}
    uses = [use for use in undisturbed.slurm.gpu_uses() if use[0] in ours]
    assert len(uses) == len(SUBSETS)
    overlapping = [
        (first, second)
        for place, first in enumerate(uses)
        for second in uses[place + 1 :]
        if max(first[2], second[2]) < min(first[3], second[3])
    ]
    assert overlapping
    assert all(first[1] != second[1] for first, second in overlapping)


def test_afterwards_there_is_nothing_to_do_on_the_cluster(undisturbed):
    undisturbed.start("--dry-run")
    undisturbed.finish()
    assert "Nothing to be done" in undisturbed.printed()


def test_a_training_that_is_cancelled_is_submitted_again_and_continues_to_the_same_end(undisturbed, slurm, tmp_path):
    study = Study(slurm, tmp_path / "study")
    study.start(*targets(SUBSETS[0]))
    wait_for_training(study, SUBSETS[0])
    (job,) = study.jobs()
    slurm.run("scancel", job["JobId"])
    study.finish()
    assert study.states(SUBSETS[0]) == ["CANCELLED", "COMPLETED"]
    assert study.record(SUBSETS[0])["resumed"] == 1
    assert same_networks(study, undisturbed, 1)


@pytest.mark.long
def test_a_job_that_outgrows_its_memory_is_given_more(undisturbed, slurm, tmp_path):
    study = Study(slurm, tmp_path / "study")
    study.start(*targets(SUBSETS[0]), resources=["ensemble_of_1:mem_mb=500 if attempt == 1 else 4000"])
    study.finish()
    assert study.states(SUBSETS[0]) == ["FAILED", "COMPLETED"]
    (log,) = study.folder.glob(".snakemake/slurm_logs/**/*.log")
    assert "exceeded memory limit" in log.read_text()
    assert [job["MinMemoryNode"] for job in study.jobs()] == ["500M", "4000M"]
    assert same_networks(study, undisturbed, 1)


@pytest.mark.long
def test_a_training_that_slurm_puts_back_in_the_queue_continues_to_the_same_end(undisturbed, slurm, tmp_path):
    """As a preempted job is, and one whose node fails."""
    study = Study(slurm, tmp_path / "study")
    study.start(*targets(SUBSETS[0]))
    wait_for_training(study, SUBSETS[0])
    (job,) = study.jobs()
    slurm.run("scontrol", "requeue", job["JobId"])
    study.finish()
    (job,) = study.jobs()
    assert (job["JobState"], job["Restarts"]) == ("COMPLETED", "1")
    assert study.record(SUBSETS[0])["resumed"] == 1
    assert same_networks(study, undisturbed, 1)


@pytest.mark.long
def test_a_controller_that_dies_and_comes_back_loses_no_job(undisturbed, slurm, tmp_path):
    study = Study(slurm, tmp_path / "study")
    study.start(*targets(*SUBSETS[:3]))
    wait_for_training(study, *SUBSETS[:3])
    slurm.kill_controller()
    time.sleep(15)
    slurm.start_controller()
    study.finish()
    assert [study.states(subset) for subset in SUBSETS[:3]] == [["COMPLETED"]] * 3
    assert same_networks(study, undisturbed, 3)


@pytest.mark.long
def test_a_site_that_takes_gpus_only_as_gres_gets_one_gres_per_training(undisturbed, slurm, tmp_path):
    study = Study(slurm, tmp_path / "study")
    study.start(*targets(*SUBSETS[:2]), profile="slurm-gres")
    study.finish()
    assert len(study.jobs()) == 2
    for job in study.jobs():
        assert job["TresPerNode"].strip() == "gres:gpu:1"
        assert job["JOB_GRES"] == "gpu:1"
        assert "TresPerJob" not in job
    assert same_networks(study, undisturbed, 2)


@pytest.mark.long
def test_a_job_that_runs_out_of_time_is_given_more_and_continues_from_its_checkpoint(slurm, tmp_path):
    alone = Study(slurm, tmp_path / "alone", steps=500)
    alone.start(*targets(SUBSETS[0]))
    alone.finish()
    # SLURM ends a job between one minute and a minute and a half after its start.
    steps = int(500 * 150 / alone.record(SUBSETS[0])["wall_seconds"])
    study, undisturbed = (Study(slurm, tmp_path / name, steps) for name in ("study", "undisturbed"))
    undisturbed.start(*targets(SUBSETS[0]))
    study.start(*targets(SUBSETS[0]), resources=["ensemble_of_1:runtime=1 if attempt == 1 else 60"])
    undisturbed.finish()
    study.finish()
    assert study.states(SUBSETS[0]) == ["TIMEOUT", "COMPLETED"]
    assert [job["TimeLimit"] for job in study.jobs()] == ["00:01:00", "01:00:00"]
    assert study.record(SUBSETS[0])["resumed"] == 1
    assert undisturbed.record(SUBSETS[0])["resumed"] == 0
    assert same_networks(study, undisturbed, 1)
