"""The cost of a study is shown before it starts."""

import re

import pytest

from frameworth.cli import planning
from frameworth.cli.planning import describe
from frameworth.figures import figure_names
from frameworth.plan.config import check_config
from frameworth.training.measured import Measured
from tiny import config, draw, pretend_networks, read_frames_of


def test_networks_jobs_time_and_disk_are_reported(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "project")
    study = check_config(config("project"))
    text = describe(study, cores=2)
    assert "3 networks on 3 subsets, 3 networks in 3 jobs still to come" in text
    assert float(re.search(r"\((\d+) ms per step of 4 frames", text)[1]) > 0
    assert re.search(r"Training takes about .* with 2 at a time, .*\d CPU-hours in all", text)
    figures = figure_names(study.figures.pairs, [])
    assert f"Besides training, {len(figures)} figures take about {3 * len(figures)} s of a processor" in text
    assert re.search(r"about \d+ MB for the networks and \d+ MB for what they predict", text)


@pytest.mark.parametrize(("busy", "mentioned"), [(1.0, False), (4.0, True)])
def test_on_a_busy_machine_the_time_of_an_idle_one_is_reported_and_how_much_longer_it_takes(
    busy, mentioned, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "project")
    monkeypatch.setattr(planning, "_measure", lambda costs: Measured(0.5, "cpu", 0, 1000, busy))
    text = planning.describe(check_config(config("project")), cores=2)
    assert "500 ms per step" in text
    assert ("4 times as long" in text) is mentioned


@pytest.mark.slow
def test_what_methods_have_still_to_ask_is_reported_with_its_time(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "project")
    study = check_config(config("project", influence={"metagradient": {"networks": 2}, "warm": {"networks": 3}}))
    done = tmp_path / "results/tiny/warm/percent-050/seed-1.h5"
    done.parent.mkdir(parents=True)
    done.touch()
    text = describe(study, cores=2)
    assert re.search(r"2 networks are examined .*influence.metagradient.*, in about \d+ s", text)
    assert "2 networks are examined for the effect of frames (`influence.warm`)" in text


def test_a_method_that_is_asked_for_after_all_networks_are_trained_is_reported_with_its_time_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "project")
    study = check_config(config("project"))
    read_frames_of(study)
    for seed in (1, 2, 3):
        pretend_networks(study, 50, seed)
    monkeypatch.setattr(planning, "measured", lambda config: Measured(0.5, "cpu", 3, 1000))
    assert "influence.warm" not in describe(study, cores=2)
    text = describe(check_config(config("project", influence={"warm": {"networks": 2}})), cores=2)
    assert "0 networks in 0 jobs still to come" in text
    assert "Training takes" not in text
    assert re.search(r"2 networks are examined .*influence.warm.*, in about \d+ s", text)
    alone = check_config(config("project", influence={"warm": {"networks": 1}}))
    text = describe(alone.model_copy(update={"videos": ["walk.mp4"]}), cores=2)
    assert "Then 1 network is examined for the effect of frames" in text
    assert re.search(r"1 video is looked at by \d+ networks? ", text)


@pytest.mark.slow
def test_networks_that_are_not_kept_take_the_disk_of_those_that_train_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "project")
    blocks = [{"design": "balanced", "percents": [50], "seeds": 100, "members": 1}]
    disk = []
    for keep in (True, False):
        text = describe(check_config(config("project", subsets=blocks, keep_snapshots=keep)), cores=2)
        disk.append(float(re.search(r"about (\d+) MB for the networks", text)[1]))
    assert disk[1] < disk[0] / 20
    assert "finished networks go once their predictions are written" in text
