"""Networks are counted by their training data, because a file in a network's place may be from other labels."""

import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from frameworth.cli.networks import StudyNetworks
from frameworth.cli.planning import corrected_lines, describe
from frameworth.cli.present_frames import present_frames
from frameworth.cli.study_record import write_record
from frameworth.experiments.toggle import write_side
from frameworth.labels import frames, images
from frameworth.labels.deeplabcut import read_project
from frameworth.labels.frames import collect_frames
from frameworth.labels.plant import plant_errors
from frameworth.labels.subsets import Subset, collect_subsets
from frameworth.plan.config import check_config
from frameworth.plan.designs import draw_subset
from frameworth.plan.identity import HashedFrames, network_hash, network_seed
from frameworth.plan.names import subset_path
from frameworth.plan.split import hold_out
from frameworth.storage.digests import digest_of_file
from frameworth.training.store import Entry, PredictionsEntry
from tiny import HELD_OUT, config, correct_label, draw, pretend_networks, pretend_trained, read_frames_of

pytestmark = pytest.mark.slow

FOLDER = Path("results/tiny")


class Study:
    """A study whose networks are pretended: their places are there, under the hashes that training gives them."""

    def __init__(self, **changes):
        self.given = config("project", held_out=HELD_OUT, **changes)

    @property
    def config(self):
        return check_config(self.given)

    def train(self, seeds=(1, 2, 3), members=1):
        """As the workflow's jobs would, with hashes of the subsets' own files."""
        paths = [pretend_networks(self.config, 50, seed, members) for seed in seeds]
        collect_subsets(paths, FOLDER / "frames.csv", FOLDER / "subsets.csv", FOLDER / "subsets.h5")

    def left(self):
        return StudyNetworks(self.config).left()

    def pool(self):
        frames = pd.read_csv(FOLDER / "frames.csv")
        return frames[frames["split"] == "pool"].reset_index(drop=True)


def correct(row, shift=3.0):
    correct_label(Path("project"), row.video, row.image, shift)


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "project")
    study = Study()
    read_frames_of(study.config)
    study.train()
    return study


def holding(study, frame):
    """The seeds whose subset of 50 % holds the frame of the pool with this place."""
    pool = len(study.pool())
    return [seed for seed in (1, 2, 3) if draw_subset("balanced", pool, 50, seed, 1)[frame]]


def test_a_networks_hash_is_what_it_always_was():
    xy = np.array([[[1.5, 2], [np.nan, np.nan]], [[3, 4], [5, 6.25]]])
    two = Subset(50, 1, "", "", ("nose", "tail"), np.arange(2), (), ("b" * 64, "a" * 64), xy)
    training = {"steps": 6, "weights": "random"}
    assert network_hash(two, training, 7) == "e4d55c4494822087358b4a30441a1934"
    assert network_hash(two, training, 7, {"order_seed": 8}) == "725c7417dad2cd4ca0d84b1a33093233"


def test_a_corrected_label_counts_the_networks_that_saw_it_and_no_other(study):
    assert study.left().subsets["ensembles"] == []
    frame = next(place for place in range(len(study.pool())) if 0 < len(holding(study, place)) < 3)
    correct(study.pool().loc[frame])
    left = study.left()
    assert [subset.seed for subset in left.subsets["ensembles"]] == holding(study, frame)
    assert left.outdated == len(left.subsets["ensembles"])
    text = describe(study.config, cores=1, measure=False)
    count = len(left.subsets["ensembles"])
    assert f"3 networks on 3 subsets, {count} networks in {count} jobs still to come" in text
    were = "was" if left.outdated == 1 else "were"
    assert f"{left.outdated} of these {were} trained for other labels or another config" in text


def test_a_label_set_back_needs_no_training_again(study):
    row = study.pool().loc[0]
    correct(row, 3.0)
    assert study.left().subsets["ensembles"]
    correct(row, -3.0)
    assert study.left().networks == 0


def test_a_corrected_held_out_label_trains_nothing_as_long_as_networks_are_kept(study):
    frames = pd.read_csv(FOLDER / "frames.csv")
    correct(frames[frames["split"] == "held-out"].iloc[0])
    assert study.left().networks == 0


def test_another_budget_outdates_every_network(study):
    study.given["training"]["steps"] += 1
    assert (study.left().networks, study.left().outdated) == (3, 3)


def test_a_replaced_image_counts_even_if_it_was_given_an_old_time(study):
    row = study.pool().loc[0]
    path = next(Path("project").rglob(f"{row.video}/{row.image}"))
    time.sleep(0.02)
    shutil.copyfile(next(Path("project").rglob("img*.png")), other := Path("other.png"))
    other.write_bytes(path.read_bytes() + b"more")  # a PNG ends before
    shutil.copy2(other, path)
    os.utime(path, (1e9, 1e9))
    assert [subset.seed for subset in study.left().subsets["ensembles"]] == holding(study, 0)


def test_a_removed_frame_draws_the_subsets_anew(study):
    before = len(study.pool())
    row = study.pool().loc[0]
    folder = Path("project/labeled-data") / row.video
    (path,) = folder.glob("CollectedData_*.csv")
    for h5 in folder.glob("CollectedData_*.h5"):
        h5.unlink()
    table = pd.read_csv(path, header=[0, 1, 2], index_col=[0, 1, 2])
    table.drop(index=("labeled-data", row.video, row.image)).to_csv(path)
    left = study.left()
    read_frames_of(study.config)  # what the workflow finds
    assert len(study.pool()) in (before - 1, before)
    study.train()
    assert study.left().networks == 0
    assert len(left.subsets["ensembles"]) > 0


def test_a_member_more_counts_alone(study):
    study.given["subsets"][0]["members"] = 3
    assert [subset.members for subset in study.left().subsets["ensembles"]] == [2, 2, 2]
    assert study.left().outdated == 0


def test_a_network_that_lies_in_the_store_is_not_counted_though_its_job_was_killed(study):
    shutil.rmtree(FOLDER / "ensembles")
    assert study.left().networks == 0
    next((FOLDER / ".store").glob("*/network.pt")).unlink()
    assert study.left().networks == 1


def test_without_a_store_the_records_count_as_long_as_no_job_would_run(study):
    shutil.rmtree(FOLDER / ".store")
    assert study.left().networks == 0
    correct(study.pool().loc[0])
    left = study.left()
    assert [subset.seed for subset in left.subsets["ensembles"] if subset.seed in holding(study, 0)] == holding(
        study, 0
    )


def test_without_a_store_a_lost_file_of_predictions_needs_its_network_again(study):
    shutil.rmtree(FOLDER / ".store")
    (FOLDER / "ensembles" / subset_path(50, 2) / "predictions.h5").unlink()
    assert [subset.seed for subset in study.left().subsets["ensembles"]] == [2]


def test_networks_that_are_not_kept_count_by_their_predictions(study):
    study.given["keep_snapshots"] = False
    for seed in (1, 2, 3):
        record = json.loads((FOLDER / "ensembles" / subset_path(50, seed) / "training.json").read_text())
        entries = [Entry(FOLDER / ".store" / member["hash"]) for member in record["members"]]
        place = PredictionsEntry.of(FOLDER / ".store", entries, FOLDER / "labels.h5",
                                    study.config.distractor_radius)  # fmt: skip
        place.folder.mkdir()
        for name in ("predictions.h5", "consensus.h5"):
            (place.folder / name).touch()
        entries[0].network.unlink()
    shutil.rmtree(FOLDER / "ensembles")
    assert study.left().networks == 0
    frames = pd.read_csv(FOLDER / "frames.csv")
    correct(frames[frames["split"] == "held-out"].iloc[0])
    assert study.left().networks == 3


def test_the_toggle_of_named_frames_counts_by_its_own_subsets(study):
    named = study.pool()["frame"].tolist()[:2]
    study.given["toggle"] = {"pairs": 2, "parts": 1, "frames": named}
    assert len(study.left().subsets["toggle"]) == 4
    study.pool().to_csv(FOLDER / "frame_values.csv")
    for arm in ("with", "without"):
        for pair in (1, 2):
            path = FOLDER / f"toggle/{arm}/subsets/{subset_path(50, pair)}.json"
            write_side(FOLDER, study.config.toggle, arm, pair, 1)
            pretend_trained(study.config, path, FOLDER / "toggle" / arm / subset_path(50, pair))
    (FOLDER / "frame_values.csv").unlink()
    assert study.left().subsets["toggle"] == []
    correct(study.pool().loc[0])  # toggled in
    left = study.left()
    assert [subset.seed for subset in left.subsets["toggle"]] == [1, 2]
    del study.given["toggle"]["frames"]  # those that will be flagged, of values that are not there yet
    left = study.left()
    assert len(left.subsets["toggle"]) == 4
    assert left.guessed == {"toggle"}
    assert "Then up to 4 networks more" in describe(study.config, cores=1, measure=False)


def test_an_arm_that_continues_some_of_the_networks_of_a_subset_is_counted(study):
    study.given["subsets"] = [
        {"design": "nested", "percents": [10, 50], "seeds": 1, "members": [2, 1], "repeat": 0},
    ]
    study.given["arms"] = {"longer": {"start_from": {"percent": 10}}}
    for percent, members in ((10, 2), (50, 1)):
        pretend_networks(study.config, percent, 1, members, "nested")
    left = study.left()
    assert left.subsets["ensembles"] == []
    assert [(subset.percent, subset.members) for subset in left.subsets["arms"]] == [(50, 1)]


def test_of_a_planted_project_that_is_to_be_made_anew_nothing_is_claimed(study):
    study.given["plant"] = {"share": 0.2, "kinds": ["shifted"]}
    plant_errors(
        Path("project"), FOLDER / "planted_project", held_out=HELD_OUT, seed=1, **study.config.plant.model_dump()
    )
    collect_frames(FOLDER / "planted_project", HELD_OUT, 1, FOLDER / "frames.csv", FOLDER / "labels.h5")
    write_record(study.config)
    study.train()
    assert study.left().networks == 0
    next(Path("project").rglob("CollectedData_*.h5")).touch()  # planting follows
    left = study.left()
    assert (left.networks, left.outdated, left.guessed) == (3, 0, {"ensembles"})
    assert "up to 3 networks in 3 jobs still to come" in describe(study.config, cores=1, measure=False)


def test_nothing_is_read_of_images_that_labels_h5_knows(study, monkeypatch):
    def refuse(path):
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr(frames, "digest_of_file", refuse)
    monkeypatch.setattr(images, "read_image", refuse)
    assert study.left().networks == 0


def test_images_that_were_touched_and_hold_the_same_outdate_nothing(study):
    """As after a restored copy: networks that are known by what rests on the labels stay known, too."""
    for path in Path("project").rglob("*.png"):
        path.chmod(0o600)
    present = present_frames(study.config)
    assert present.same_pool
    assert present.same_labels
    first, second = (Path("project", "labeled-data", row.video, row.image) for row in study.pool()[:2].itertuples())
    shutil.copy(first, second)
    assert not present_frames(study.config).same_pool


def test_labels_as_they_were_train_no_network_again_though_two_frames_share_a_picture(tmp_path, monkeypatch):
    """A held-out frame and one of the pool show the same picture, so both are on one side of the split."""
    monkeypatch.chdir(tmp_path)
    project = read_project(draw(tmp_path / "project"))
    split = hold_out(project.videos, project.images, seed=1, pictures=None, **HELD_OUT)
    shutil.copy(project.paths[np.flatnonzero(~split)[0]], project.paths[np.flatnonzero(split)[0]])
    study = Study()
    read_frames_of(study.config)
    study.train()
    assert study.pool()["frame"].tolist() != np.flatnonzero(~split).tolist()
    shutil.copytree("project", FOLDER / "corrected_project")
    assert "the next run trains no network" in corrected_lines(study.config)[0]


def test_counting_again_sees_what_was_trained_in_between(study):
    study.given["subsets"][0]["seeds"] = 5
    networks = StudyNetworks(study.config)
    assert networks.left().networks == 2
    study.train(seeds=(4, 5))
    assert networks.left().networks == 0


def test_a_study_without_any_network_looks_at_no_label(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Study().left().networks == 3  # there is no project


def test_ten_thousand_networks_of_a_thousand_frames_are_counted_in_seconds():
    rng = np.random.default_rng(0)
    xy, digests = rng.uniform(0, 500, (1000, 8, 2)), [f"{frame:064x}" for frame in range(1000)]
    began = time.process_time()
    frames = HashedFrames([f"point {k}" for k in range(8)], digests, xy)
    for seed in range(1, 2501):
        chosen = np.flatnonzero(draw_subset("nested", 1000, 50, seed, 1))
        frames.network_hashes(chosen, {"steps": 20000}, [(network_seed(1, 50, seed, m), None) for m in range(4)])
    assert time.process_time() - began < 10


def test_labels_are_those_that_stage_frames_reads(study):
    project = read_project(Path("project"))
    present = present_frames(study.config)
    assert np.array_equal(present.xy, project.xy, equal_nan=True)
    assert present.digests == tuple(digest_of_file(path) for path in project.paths)
    assert present.pool.tolist() == study.pool()["frame"].tolist()
