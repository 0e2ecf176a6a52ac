"""Jobs on a machine without a scheduler share its GPUs: real processes, real locks, simulated GPUs."""

import os
import subprocess
import sys
import time

import pytest
import yaml

from conftest import REPOSITORY
from frameworth.training.gpus import is_chosen, networks_per_gpu
from small_study import run_config
from tiny import config, draw

pytestmark = pytest.mark.slow

GIB = 2**30
JOB = (
    "import sys, time\nfrom pathlib import Path\nfrom frameworth.training.gpus import take_place\n"
    "say = lambda line: print(line, flush=True)\n"
    "say(take_place(['GPU-a', 'GPU-b'], [2, 2], Path(sys.argv[1]), say))\ntime.sleep(600)\n"
)


@pytest.fixture
def start(tmp_path):
    """Starts jobs that take a place each on one of two GPUs with two places, and keep it until they are killed."""
    jobs = []

    def start_job():
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "workflow")}
        command = [sys.executable, "-c", JOB, str(tmp_path)]
        jobs.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment))
        return jobs[-1]

    yield start_job
    for job in jobs:
        job.kill()
        job.wait()


def gpu(job):
    return int(job.stdout.readline())


def test_every_gpu_gets_its_first_network_before_one_gets_a_second_even_if_all_start_at_once(start):
    assert sorted(gpu(job) for job in [start(), start()]) == [0, 1]
    assert sorted(gpu(job) for job in [start(), start()]) == [0, 1]


def test_a_job_without_a_place_says_so_and_gets_that_of_a_job_that_is_killed(start):
    running = [start() for _ in range(4)]
    places = [gpu(job) for job in running]
    late = start()
    assert "waits for a GPU: all 4 places on 2 GPUs are taken" in late.stdout.readline()
    time.sleep(1.5)
    assert late.poll() is None
    running[2].kill()
    assert gpu(late) == places[2]


@pytest.mark.parametrize(
    ("memory", "networks"), [(4 * GIB, 1), (12 * GIB, 1), (24 * GIB, 3), (80 * GIB, 4)], ids=lambda v: str(v)
)
def test_networks_per_gpu_follow_from_its_memory_unless_they_are_chosen(memory, networks):
    assert networks_per_gpu(memory, None) == networks
    assert networks_per_gpu(memory, "7") == 7


def test_one_gpu_that_is_named_is_left_alone_and_of_several_one_is_taken():
    assert is_chosen("0")
    assert is_chosen("GPU-8932f937-d72c-4106-c12f-20bd9faed9f6")
    assert not is_chosen("0,1")
    assert not is_chosen("")


def test_an_impossible_number_of_networks_per_gpu_fails_before_any_job(tmp_path):
    draw(tmp_path / "project")
    done = run_config(tmp_path, config("project"), "--resources", "networks_per_gpu=0", check=False)
    assert done.returncode != 0
    assert "networks_per_gpu: 0 must be at least 1" in done.stderr
    assert not (tmp_path / "results").exists()


def test_the_profile_for_gpus_without_a_scheduler_limits_jobs_that_train(repository, tmp_path):
    profile = repository / "profiles/local-gpu/config.yaml"
    assert yaml.safe_load(profile.read_text())["resources"]["gpu"] == 1
    draw(tmp_path / "project")
    study = config("project")
    study["training"]["device"] = "auto"
    done = run_config(tmp_path, study, "--workflow-profile", str(profile.parent), "-n")
    assert "gpu=1" in (done.stdout + done.stderr).split("rule ensemble_of_1:")[1].split("rule ")[0]
