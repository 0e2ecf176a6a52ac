"""What jobs request from a scheduler follows from the study's size and the costs of its finished networks."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import REPOSITORY
from frameworth.cli.costs import (
    Costs,
    StudySize,
    measured,
    prediction_bytes,
    study_memory,
    study_size,
)
from frameworth.cli.planning import describe
from frameworth.labels.deeplabcut import inspect_project
from frameworth.plan.config import check_config
from frameworth.plan.grid import planned_subsets
from frameworth.training.predictions import Predictions, write_predictions
from frameworth.training.scoremaps import CONSENSUS_FORMS
from tiny import config, draw, pretend_networks, pretend_trained, read_frames_of

SIZE = StudySize(100, 640, 480, 4)


def record(folder, seed, seconds, steps=6, batch_size=4):
    path = folder / f"results/tiny/ensembles/percent-050/seed-{seed}/training.json"
    path.parent.mkdir(parents=True)
    member = {"wall_seconds": seconds, "steps": steps, "batch_size": batch_size, "device_type": "cpu"}
    path.write_text(json.dumps({"members": [member]}))
    (path.parent / "member-0.pt").write_bytes(bytes(2_000_000))


def test_the_size_is_that_of_the_labelled_images(tmp_path):
    project = draw(tmp_path / "project")
    images = sorted(project.rglob("img*.png"))
    size = study_size(check_config(config(str(project))), inspect_project(project).sources)
    assert size == StudySize(len(images), *Image.open(images[0]).size, 4)


def test_speed_is_the_median_of_the_networks_that_trained_as_the_config_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = check_config(config("project"))
    assert measured(study) is None
    for seed, seconds in enumerate((6.0, 12.0, 600.0), 1):
        record(tmp_path, seed, seconds)
    record(tmp_path, 4, 1e6, batch_size=8)  # of an earlier config
    record(tmp_path, 5, 1e6, steps=7)
    speed = measured(study)
    assert (speed.step, speed.networks, speed.network_bytes) == (2.0, 3, 2_000_000)


def test_minutes_grow_with_what_a_job_trains_and_leave_a_reserve(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed in (1, 2, 3):
        record(tmp_path, seed, 60.0)
    blocks = [{"design": "nested", "percents": [30, 70], "seeds": 1, "members": [1, 4]}]
    study = check_config(config("project", subsets=blocks))
    of_one, of_four = ([subset] for subset in planned_subsets(study))
    costs = Costs(study, SIZE, measured(study))
    minutes = [costs.minutes(costs.job_seconds(subsets)) for subsets in (of_one, of_four, of_one + of_four)]
    # 60 s of training and a prediction of 100 frames, 25 batches at a third of 10 s; three times that and 10 minutes.
    assert minutes[0] == 10 + np.ceil(3 * (60 + 25 * 10 / 3) / 60)
    assert minutes[1] - 10 == pytest.approx(4 * (minutes[0] - 10), abs=4)
    assert minutes[2] > minutes[1]


def test_asking_networks_of_a_large_share_of_the_pool_costs_what_that_share_does() -> None:
    def seconds(method: str, percent: int) -> float:
        blocks = [{"design": "independent", "percents": [50, 90], "seeds": 2, "members": 1}]
        training = {"epochs": 8, "batch_size": 4, "device": "cpu"}
        asked = config("project", subsets=blocks, training=training, influence={method: {"percent": percent}})
        return Costs(check_config(asked), SIZE, None).method_seconds(method)

    assert seconds("metagradient", 90) == pytest.approx(1.8 * seconds("metagradient", 50), rel=0.05)
    assert seconds("warm", 90) == pytest.approx(seconds("warm", 50) / 5, rel=0.1)  # of the pool that is not in them


def test_before_anything_is_measured_longer_training_asks_for_more_time():
    asked = []
    for steps in (1000, 20000):
        study = check_config({"study": "x", "labels": "demo", "training": {"steps": steps}})
        costs = Costs(study, SIZE, None)
        asked.append(costs.minutes(costs.job_seconds(planned_subsets(study)[:1])))
    assert 10 < asked[0] < asked[1]


@pytest.mark.slow
def test_memory_grows_with_frames_and_on_a_cpu_with_batches():
    def asked(frames, **training):
        study = check_config({"study": "x", "labels": "demo", "training": training})
        return Costs(study, StudySize(frames, 1280, 1024, 4), None).job_memory()

    assert asked(200) > asked(10)
    assert asked(100_000) == asked(1_000)  # decoded images beyond a GB are not kept
    assert asked(10, device="cpu", batch_size=16) > asked(10, device="cpu", batch_size=8)
    assert study_memory(StudySize(1000, 640, 480, 8), 2000) < 4096


def test_the_disk_predicted_for_predictions_is_about_what_they_take(tmp_path):
    size, members = StudySize(300, 640, 480, 6), 2
    rng = np.random.default_rng(0)
    pose = rng.uniform(0, 600, (members, 300, 6, 2)).astype(np.float32)
    confidence = rng.random((members, 300, 6)).astype(np.float32)
    consensus = rng.uniform(0, 600, (len(CONSENSUS_FORMS), 300, 6, 2)).astype(np.float32)
    predictions = Predictions(
        pose, confidence, confidence, confidence, pose, confidence, consensus, confidence[0], confidence[0]
    )
    write_predictions(predictions, list("abcdef"), tmp_path / "predictions.h5", tmp_path / "consensus.h5")
    taken = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert 0.5 < (prediction_bytes(size, members) - 60_000) / taken < 3


@pytest.mark.slow
def test_the_networks_of_the_toggle_are_reported_and_counted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "project")
    record(tmp_path, 1, 6000.0)
    hours = []
    for toggle in ({}, {"toggle": {"pairs": 5, "parts": 2}}):
        text = describe(check_config(config("project", **toggle)), cores=1)
        assert ("Then 20 networks more" in text) == bool(toggle)
        hours.append(float(re.search(r"([\d.]+) CPU-hours", text)[1]))
    assert hours[1] == pytest.approx(23 / 3 * hours[0], rel=0.02)  # 3 networks, or 23


def test_on_a_cluster_nothing_is_measured_where_snakemake_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "project")
    text = describe(check_config(config("project")), cores=50, measure=False)
    assert "3 networks in 3 jobs still to come" in text
    assert "How long it takes is known once a network is finished." in text


def test_after_the_first_networks_the_cost_is_estimated_from_these(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "project")
    study = check_config(config("project"))
    folder = read_frames_of(study)
    place = folder / "ensembles/percent-050/seed-1"
    fields = {"wall_seconds": 6000.0, "steps": 6, "batch_size": 4, "device_type": "cpu"}
    pretend_trained(study, pretend_networks(study, 50, 1), place, **fields)
    (place / "member-0.pt").write_bytes(bytes(2_000_000))
    text = describe(study, cores=2)
    assert "2 networks in 2 jobs still to come" in text
    assert "1000000 ms per step of 4 frames on a CPU, as 1 finished network took" in text
    assert "4.1 CPU-hours in all" in text  # 2 networks of 6 steps, 16 frames predicted by each
    assert "about 4 MB for the networks" in text


RUN_AND_MEASURE = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], capture_output=True, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([done.returncode, done.stdout + done.stderr, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""


@pytest.mark.long
def test_ten_thousand_networks_are_planned_in_twenty_seconds_and_a_gib_beyond_trivial_jobs(tmp_path):
    """250 seeds x 10 percents x 4 members; seconds of processor time, as planning is one thread."""

    def cost(*arguments):
        snakemake = [str(Path(sys.executable).parent / "snakemake"), "--cores", "2", "--dry-run"]
        command = [sys.executable, "-c", RUN_AND_MEASURE, *snakemake, *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        code, printed, seconds, mib = json.loads(done.stdout)
        assert code == 0, printed[-3000:]
        return seconds, mib, printed

    blocks = [{"design": "nested", "percents": list(range(9, 100, 10)), "seeds": 250, "members": 4}]
    (tmp_path / "study.yaml").write_text(json.dumps(config("demo", subsets=blocks)))
    (tmp_path / "trivial.smk").write_text(
        "rule all:\n    input: expand('{i}.txt', i=range(5000))\n"
        "rule one:\n    output: '{i}.txt'\n    shell: 'touch {output}'\n"
    )
    trivial, trivial_mib, _ = cost("--quiet", "--snakefile", "trivial.smk")
    ours, ours_mib, printed = cost("--snakefile", str(REPOSITORY / "Snakefile"), "--configfile", "study.yaml")
    assert re.search(r"ensemble_of_4 +2500\b", printed)
    print(f"{ours:.1f} s and {ours_mib:.0f} MiB; as many trivial jobs {trivial:.1f} s and {trivial_mib:.0f} MiB")
    assert ours - trivial <= 20
    assert ours_mib - trivial_mib <= 1024
