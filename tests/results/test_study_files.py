"""A study that is half finished, damaged or changed is refused in one line that says what to do."""

import os
import shutil

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import frameworth
import frameworth.results.results
from frameworth.__main__ import main
from frameworth.errors import UserError
from frameworth.labels.labels import Labels, read_labels, write_labels
from frameworth.results.study_files import ESTIMATED
from frameworth.storage.files import write_csv
from frameworth.storage.hdf5 import Array, made_from, read_hdf5, write_hdf5


@pytest.fixture
def study(finished_study, tmp_path, monkeypatch):
    """A copy of a whole study, to be changed; the folder of its results."""
    shutil.copytree(finished_study, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy" / "results" / "tiny"


COMMANDS = {"explain": ["explain", "3"], "plan": ["plan"], "status": ["status"], "report": ["report"]}


def called(command):
    return CliRunner().invoke(main, [*COMMANDS[command], "--configfile", "study.yaml"])


def line_of(command):
    """The one line that a command refuses with."""
    done = called(command)
    assert done.exit_code == 2, done.output
    assert isinstance(done.exception, SystemExit)
    assert done.output.count("\n") == 1, done.output
    return done.output


def refused_by_load(study):
    with pytest.raises(UserError) as caught:
        frameworth.load(study)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*ESTIMATED, "summary.json"])
def test_a_file_that_is_not_there_yet_is_named_with_what_makes_it(study, name):
    (study / name).unlink()
    if name != "frames.csv":  # without it the folder is no study at all
        assert f"{name}: there is no such file" in refused_by_load(study)
    assert f"results/tiny/{name}: there is no such file" in line_of("plan")
    assert "; first: frameworth run --configfile study.yaml" in line_of("plan")
    if name != "summary.json":
        assert f"results/tiny/{name}: there is no such file" in line_of("explain")


@pytest.mark.parametrize("name", [*ESTIMATED, "summary.json"])
def test_a_file_that_is_cut_short_is_named(study, name):
    os.truncate(study / name, 0)
    assert f"{name}: damaged" in refused_by_load(study)
    assert f"{name}: damaged" in line_of("plan")


@pytest.mark.slow
def test_a_study_that_was_not_begun_is_reported_by_every_command(study):
    shutil.rmtree(study)
    assert "results/tiny/frames.csv: there is no such file, as nothing has been run" in line_of("explain")
    assert "nothing has been run; first: frameworth run" in line_of("plan")
    assert "26 of 26 networks are still to be trained" in line_of("report")
    done = called("status")
    assert done.exit_code == 0
    assert "0 of 26 networks finished" in done.output
    assert "is no study" in refused_by_load(study)


def corrected(study, **changes):
    """labels.h5 with changes, as stage `frames` writes it after a correction."""
    labels = read_labels(study / "labels.h5")
    write_labels(study / "labels.h5", Labels(**(vars(labels) | changes)))


def test_scores_of_the_labels_before_a_correction_are_not_mixed_with_the_new_ones(study):
    xy = read_labels(study / "labels.h5").xy
    xy[4, 0] += [2.0, 0.0]
    corrected(study, xy=xy)
    message = f"{study}/scores.h5: was made from other labels than {study}/labels.h5 holds; run `frameworth run`"
    assert refused_by_load(study).startswith(message)
    assert "results/tiny/scores.h5: was made from other labels than results/tiny/labels.h5 holds; first: " in line_of(
        "explain"
    )
    assert "was made from other labels" in line_of("plan")
    xy[4, 0] = np.nan  # a label that was taken away
    corrected(study, xy=xy)
    assert "scores.h5: was made from other labels" in refused_by_load(study)


def test_a_frame_taken_away_is_noticed(study):
    frames = pd.read_csv(study / "frames.csv", keep_default_na=False)
    write_csv(study / "frames.csv", frames[:-1])
    assert "labels.h5: was made from other frames" in refused_by_load(study)


def test_another_split_is_noticed(study):
    frames = pd.read_csv(study / "frames.csv", keep_default_na=False)
    frames["split"] = frames["split"].map({"pool": "held-out", "held-out": "pool"})
    write_csv(study / "frames.csv", frames)
    assert "subsets.h5: was made from other frames" in refused_by_load(study)


def test_subsets_that_were_added_are_not_mixed_with_scores_of_fewer(study):
    table = pd.read_csv(study / "subsets.csv")
    inclusion = read_hdf5(study / "subsets.h5")["inclusion"]
    again = [*range(len(table)), 0]
    write_csv(study / "subsets.csv", table.loc[again])
    write_hdf5(study / "subsets.h5", {"inclusion": Array(inclusion[again], ("subset", "frame"))}, {})
    assert "scores.h5: was made from other subsets" in refused_by_load(study)


def test_other_draws_of_the_same_subsets_are_noticed(study):
    inclusion = read_hdf5(study / "subsets.h5")["inclusion"]
    pool = np.flatnonzero(inclusion.any(axis=0))
    inclusion[0, pool] = ~inclusion[0, pool]
    write_hdf5(study / "subsets.h5", {"inclusion": Array(inclusion, ("subset", "frame"))}, {})
    assert "was made from other" in refused_by_load(study)


def scores_again(study, name, factor, sources):
    """scores.h5 with the score `name` multiplied, made from files of these digests."""
    scores = read_hdf5(study / "scores.h5")
    scores[name] = scores[name] * factor
    arrays = {
        name: Array(values, ("subset", "frame", "keypoint", "xy")[: values.ndim]) for name, values in scores.items()
    }
    write_hdf5(study / "scores.h5", arrays, {}, sources)


def test_a_file_says_what_it_was_made_from_and_is_refused_once_that_changed(study):
    sources = made_from(study / "labels.h5", study / "subsets.h5")
    assert frameworth.load(study).attrs["study"] == "tiny"
    scores_again(study, "confidence", 1.1, sources)
    assert "influence.h5: was made from other scores" in refused_by_load(study)
    scores_again(study, "confidence", 1, sources | {"labels_digest": "of others"})
    assert "scores.h5: was made from other labels" in refused_by_load(study)


def test_a_ranking_of_other_scores_is_noticed(study):
    scores_again(study, "error", 1.5, made_from(study / "labels.h5", study / "subsets.h5"))
    influence = read_hdf5(study / "influence.h5")
    dims = ("training_frame", "frame", "keypoint")
    arrays = {name: Array(values, dims[: values.ndim]) for name, values in influence.items()}
    write_hdf5(study / "influence.h5", arrays, {}, made_from(study / "scores.h5"))
    assert "frame_values.csv: was made from other scores" in refused_by_load(study)


def test_a_file_that_a_run_takes_away_while_it_is_read_is_reported(study, monkeypatch):
    def taken(self):
        raise FileNotFoundError(2, "No such file or directory", str(study / "frame_values.csv"))

    monkeypatch.setattr(frameworth.results.results.Results, "frame_values", property(taken))
    assert "frame_values.csv: is gone; if the study is being run, wait for its end" in line_of("explain")
