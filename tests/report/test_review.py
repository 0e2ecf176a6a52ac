"""The review loop on a study of real networks: what is written, what is read back, and what is trained again."""

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from frameworth.answers.corrections import apply_corrections
from frameworth.answers.review import read_review, write_review
from frameworth.cli.study import study as commands
from frameworth.errors import UserError
from frameworth.labels.deeplabcut import read_project
from frameworth.labels.frames import collect_frames
from frameworth.labels.subsets import read_subset, write_subsets
from frameworth.plan.identity import network_hash, network_seed
from frameworth.plan.names import subset_path
from frameworth.storage.digests import digest_of_file
from frameworth.storage.files import write_csv
from frameworth.storage.hdf5 import read_hdf5
from small_study import digests, run_config
from tiny import HELD_OUT, TRAINING, config, draw

pytestmark = pytest.mark.slow

SEEDS = 8
SUBSETS = [{"design": "balanced", "percents": [50], "seeds": SEEDS, "members": 1}]


def run(folder, *arguments, labels="project", check=True):
    study = config(labels, subsets=SUBSETS)
    study["training"]["subsets_per_job"] = SEEDS
    return run_config(folder, study, *arguments, check=check)


def unround(project):
    """Labels of sixteen digits, as a click gives them: what is copied must not lose one."""
    for csv in project.glob("labeled-data/*/CollectedData_*.csv"):
        csv.with_suffix(".h5").unlink()
        table = pd.read_csv(csv, header=[0, 1, 2], index_col=[0, 1, 2])
        (table + 1 / 3).to_csv(csv)


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory):
    """The working directory of a study whose review was asked for, and nothing else."""
    folder = tmp_path_factory.mktemp("reviewed")
    draw(folder / "project")
    unround(folder / "project")
    before = digests(folder / "project")
    printed = run(folder, "review")
    assert "frames to check: results/tiny/review/" in printed.stdout
    assert digests(folder / "project") == before
    return folder


@pytest.fixture
def study(reviewed, tmp_path, monkeypatch):
    """A copy of it, to be changed by one test, which runs in it."""
    shutil.copytree(reviewed, tmp_path / "study", symlinks=True)
    monkeypatch.chdir(tmp_path / "study")
    return Path("results/tiny")


def table_of(folder, row):
    (csv,) = (folder / "review" / "labeled-data" / row["video"]).glob("CollectedData_*.csv")
    return csv, pd.read_csv(csv, header=[0, 1, 2], index_col=[0, 1, 2])


def correct(study, row, shift=3.0):
    """Move all labels of a frame, as a person would with a spreadsheet."""
    csv, table = table_of(study, row)
    table.loc[("labeled-data", row["video"], row["image"])] += shift
    table.to_csv(csv)


def frame(study, index=0):
    """A frame of the pool, by suspicion."""
    checks = pd.read_csv(study / "labels_to_check.csv")
    return checks[checks["split"] == "pool"].iloc[index].to_dict()


def apply(study):
    return apply_corrections(study / "review", study, Path("project"))[0]


def apply_by_command(labels="project", **changes):
    """What `frameworth apply` prints."""
    options = config(labels, subsets=SUBSETS) | changes
    Path("tiny.yaml").write_text(yaml.safe_dump(options))
    done = CliRunner().invoke(commands, ["apply", "results/tiny/review", "--configfile", "tiny.yaml"])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_review_holds_the_flagged_frames_and_at_least_the_first_twelve_as_they_are_labelled(reviewed):
    study = reviewed / "results" / "tiny"
    review, source = read_project(study / "review"), read_project(reviewed / "project")
    checks = pd.read_csv(study / "labels_to_check.csv")
    expected = checks[checks["flagged"] | (checks["rank"] <= 12)]
    names = list(zip(review.videos, review.images, strict=True))
    assert sorted(names) == sorted(zip(expected["video"], expected["image"], strict=True))
    assert review.keypoints == source.keypoints
    assert review.skeleton == source.skeleton
    theirs = list(zip(source.videos, source.images, strict=True))
    for row, name in enumerate(names):
        assert np.array_equal(review.xy[row], source.xy[theirs.index(name)], equal_nan=True)
        assert review.paths[row].read_bytes() == source.paths[theirs.index(name)].read_bytes()


def test_deeplabcut_takes_the_reviews_config_and_label_tables_for_its_own(reviewed, tmp_path):
    from deeplabcut.generate_training_dataset import trainingsetmanipulation
    from deeplabcut.utils import auxiliaryfunctions

    shutil.copytree(reviewed / "results" / "tiny" / "review", tmp_path / "review")
    cfg = auxiliaryfunctions.read_config(str(tmp_path / "review" / "config.yaml"))
    assert cfg["bodyparts"] == ["snout", "leftear", "rightear", "tailbase"]
    merged = trainingsetmanipulation.merge_annotateddatasets(cfg, tmp_path / "review")
    project = read_project(reviewed / "results" / "tiny" / "review")
    assert len(merged) == len(project.images)
    by_name = {index[1:]: row.to_numpy().reshape(-1, 2) for index, row in merged.iterrows()}
    for row, name in enumerate(zip(project.videos, project.images, strict=True)):
        assert np.array_equal(by_name[name], project.xy[row], equal_nan=True)


def test_machine_labels_are_the_median_consensus_of_the_subsets_that_never_saw_the_frame(reviewed):
    study = reviewed / "results" / "tiny"
    inclusion = read_hdf5(study / "subsets.h5")["inclusion"]
    consensus = [read_hdf5(study / f"ensembles/percent-050/seed-{seed}/consensus.h5") for seed in range(1, SEEDS + 1)]
    argmax = consensus[0]["form"].tolist().index("argmax")
    checked = 0
    for path in (study / "review").glob("labeled-data/*/machinelabels-iter0.h5"):
        table = pd.read_hdf(path, key="df_with_missing")
        assert table.columns.get_level_values("coords").unique().tolist() == ["x", "y", "likelihood"]
        frames = pd.read_csv(study / "frames.csv").set_index(["video", "image"])["frame"]
        for (top, video, image), row in table.iterrows():
            assert top == "labeled-data"
            number = frames[video, image]
            without = [subset for subset, included in zip(consensus, inclusion[:, number], strict=True) if not included]
            labels = row.to_numpy().reshape(-1, 3)
            assert np.allclose(
                labels[:, :2], np.median([subset["pose"][argmax, number] for subset in without], axis=0), atol=1e-4
            )
            assert np.allclose(
                labels[:, 2], np.median([subset["confidence"][number] for subset in without], axis=0), atol=1e-6
            )
            checked += 1
    assert checked >= 5


def test_a_review_is_written_again_over_one_that_nobody_touched(study):
    before = digests(study / "review")
    write_review(study, Path("project"))
    assert digests(study / "review") == before


def test_a_review_with_corrections_is_not_overwritten(study):
    correct(study, frame(study))
    before = digests(study / "review")
    done = run(Path(), "review", check=False)
    assert done.returncode != 0
    name = f"{frame(study)['video']}/{frame(study)['image']}"
    assert re.search(rf"results/tiny/review: the labels of 1 frame were changed \({name}.*apply", done.stderr)
    assert digests(study / "review") == before


def test_only_networks_that_saw_a_corrected_frame_are_trained_again_and_the_project_stays(study):
    row = frame(study)
    source = digests(Path("project"))
    trained = {path: path.stat().st_mtime_ns for path in study.glob(".store/*/training.json")}
    saw = int(read_hdf5(study / "subsets.h5")["inclusion"][:, row["frame"]].sum())
    assert 0 < saw < SEEDS
    correct(study, row)
    output = apply_by_command()
    assert f"trains {saw} of {SEEDS} networks; the others " in output
    assert "labels: results/tiny/corrected_project" in output
    run(Path(), "results/tiny/frame_values.csv", labels="results/tiny/corrected_project")
    after = {path: path.stat().st_mtime_ns for path in study.glob(".store/*/training.json")}
    assert trained.items() <= after.items()
    assert len(after) - len(trained) == saw
    assert digests(Path("project")) == source
    # The study has the correction now, so the review may be written anew; and a second one starts from the first.
    run(Path(), "review", labels="results/tiny/corrected_project")
    again = next(frame(study, i) for i in range(5) if frame(study, i)["frame"] != row["frame"])
    correct(study, again)
    apply_by_command(labels="results/tiny/corrected_project")
    moved = read_project(Path("project")).xy - read_project(study / "corrected_project").xy
    assert sorted(np.flatnonzero(np.nanmax(np.abs(moved), axis=(1, 2)) > 1)) == sorted([row["frame"], again["frame"]])


def test_the_copy_keeps_other_labels_to_the_bit_and_images_to_the_byte(study):
    row = frame(study)
    correct(study, row)
    apply(study)
    ours, theirs = read_project(study / "corrected_project"), read_project(Path("project"))
    others = [i for i in range(len(theirs.images)) if i != row["frame"]]
    assert np.array_equal(ours.xy[others], theirs.xy[others], equal_nan=True)
    assert np.allclose(ours.xy[row["frame"]], theirs.xy[row["frame"]] + 3, equal_nan=True)
    assert [digest_of_file(path) for path in ours.paths] == [digest_of_file(path) for path in theirs.paths]


def test_a_corrected_frame_no_longer_counts_as_planted(study):
    planted = pd.read_csv("project/planted.csv")
    checks = pd.read_csv(study / "labels_to_check.csv")
    write_csv(study / "labels_to_check.csv", checks.assign(flagged=checks["planted"].notna()))
    write_review(study, Path("project"))
    review = read_review(study / "review")
    name = next(name for name in zip(planted["video"], planted["image"], strict=True) if name in review.written)
    correct(study, dict(zip(("video", "image"), name, strict=True)))
    apply(study)
    left = pd.read_csv(study / "corrected_project" / "planted.csv")
    assert set(zip(left["video"], left["image"], strict=True)) == (
        set(zip(planted["video"], planted["image"], strict=True)) - {name}
    )


@pytest.mark.parametrize("deletion", ["row deleted", "all labels deleted"])
def test_a_frame_without_labels_is_left_out_and_what_that_outdates_is_reported_truly(study, tmp_path, deletion):
    row = frame(study)
    csv, table = table_of(study, row)
    index = ("labeled-data", row["video"], row["image"])
    if deletion == "row deleted":
        table = table.drop(index=[index])
    else:
        table.loc[index] = np.nan
    table.to_csv(csv)
    text = apply_by_command()
    copy = read_project(study / "corrected_project")
    assert (row["video"], row["image"]) not in zip(copy.videos, copy.images, strict=True)
    assert len(copy.images) == 15
    # The truth: what the next run would look for in the store.
    frames, labels = tmp_path / "frames.csv", tmp_path / "labels.h5"
    collect_frames(study / "corrected_project", HELD_OUT, 1, frames, labels)
    missing = 0
    for seed in range(1, SEEDS + 1):
        write_subsets(tmp_path, frames, labels, design="balanced", percent=50, seeds=[seed], study_seed=1)
        subset = read_subset(tmp_path / f"{subset_path(50, seed)}.json")
        network = network_hash(subset, training(study), network_seed(1, 50, seed, 0))
        missing += not (study / ".store" / network).exists()
    assert f"trains {missing} of {SEEDS} networks" in text


def training(study):
    """The training config as the study's rules hand it to the command; checked against the store."""
    from frameworth.plan.config import check_config

    options = check_config(config("project", subsets=SUBSETS)).training.for_weights
    assert options["steps"] == TRAINING.steps
    known = network_hash(read_subset(study / "subsets/percent-050/seed-1.json"), options, network_seed(1, 50, 1, 0))
    assert (study / ".store" / known).exists()
    return options


def test_without_snapshots_every_network_is_said_to_be_trained_again(study):
    correct(study, frame(study))
    for network in study.glob(".store/*/network.pt"):  # as a study with `keep_snapshots: false` ends
        network.unlink()
    assert f"trains {SEEDS} of {SEEDS} networks." in apply_by_command(keep_snapshots=False)


def test_napari_saving_both_files_in_single_precision_changes_only_the_frame_that_was_moved(study):
    row = frame(study)
    for csv in (study / "review").glob("labeled-data/*/CollectedData_*.csv"):
        table = pd.read_csv(csv, header=[0, 1, 2], index_col=[0, 1, 2])
        if csv.parent.name == row["video"]:
            table.loc[("labeled-data", row["video"], row["image"])] += 5
        table = table.astype(np.float32).astype(float)
        table.to_csv(csv)
        table.to_hdf(csv.with_suffix(".h5"), key="keypoints", mode="w")
    assert list(read_review(study / "review").changes) == [(row["video"], row["image"])]


def test_two_files_that_were_changed_differently_are_refused_by_the_frames_name(study):
    row = frame(study)
    correct(study, row)
    csv, table = table_of(study, row)
    (table + 1).to_hdf(csv.with_suffix(".h5"), key="keypoints", mode="w")
    with pytest.raises(UserError, match=rf"{row['video']}/{row['image']}: is labelled in .*two new ways"):
        read_review(study / "review")


def test_labels_saved_under_another_scorer_are_not_passed_over(study):
    csv, _ = table_of(study, frame(study))
    shutil.copyfile(csv, csv.with_name("CollectedData_Bob.csv"))
    with pytest.raises(UserError, match=r"CollectedData_Bob\.csv: is not by the review's scorer"):
        read_review(study / "review")


def test_applying_a_review_without_a_change_says_so_and_writes_nothing(study):
    with pytest.raises(UserError, match="has no correction"):
        apply(study)
    assert not (study / "corrected_project").exists()


def test_a_folder_that_review_did_not_write_is_left_alone(study):
    (study / "review" / "written.json").unlink()
    with pytest.raises(UserError, match=r"written\.json: missing or damaged.*move"):
        write_review(study, Path("project"))
    assert list((study / "review").glob("labeled-data/*/CollectedData_*"))
