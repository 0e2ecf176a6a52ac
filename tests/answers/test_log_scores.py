"""A study judged by confidence or probability at the label: a frame that lowers it harms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from frameworth.answers.explaining import explain
from frameworth.answers.frame_values import frame_values, summary
from frameworth.answers.larger_study import pilot_of
from frameworth.attribution.inference.values import subset_score
from frameworth.plan.config import check_config
from frameworth.plan.names import subset_path
from frameworth.results.results import Results
from frameworth.scores.scores import collect_scores
from frameworth.storage.hdf5 import read_hdf5
from frameworth.text import px_and_score, readable
from frameworth.training.predictions import Predictions, write_predictions
from frameworth.training.scoremaps import CONSENSUS_FORMS
from synthetic_study import write_study
from tiny import config

LOWER, RAISE = 0.4, 0.3  # what one frame takes from the logs at every label, and another adds


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, int, int]:
    """A study whose errors know nothing of the two frames, scored from its networks' predictions."""
    folder = tmp_path_factory.mktemp("logs")
    made = write_study(folder, frames=32, halves=24, ladder_seeds=0, planted=False)
    quiet = made.frame_values.query("verdict == 'undecided'")["frame"].to_numpy()
    lowers, raises = (int(frame) for frame in quiet[:2])
    rng = np.random.default_rng(3)
    for row, subset in made.subsets.iterrows():
        pose = made.scores["consensus_pose"][row][None]
        shape = pose.shape[:3]
        log = -1 - LOWER * made.inclusion[row, lowers] + RAISE * made.inclusion[row, raises] + rng.normal(0, 0.01)
        flat = np.where(np.isfinite(made.labels.xy[..., 0]), 0.5, np.nan)[None].astype(np.float32)
        predictions = Predictions(
            pose, np.full(shape, 0.5, np.float32), (flat * 2 * np.exp(log)).astype(np.float32),
            (flat * 0.01 * np.exp(log)).astype(np.float32), pose, flat,
            np.repeat(pose, len(CONSENSUS_FORMS), axis=0), flat[0], flat[0],
        )  # fmt: skip
        ensemble = folder / "ensembles" / subset_path(subset["percent"], subset["seed"])
        write_predictions(predictions, made.labels.keypoints, ensemble / "predictions.h5", ensemble / "consensus.h5")
    collect_scores(folder, "argmax")
    return Results(folder, made.options), lowers, raises


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return write_study(tmp_path_factory.mktemp("made"), frames=32, halves=24, ladder_seeds=0)


def judged_by(study: Results, score: str) -> Results:
    return Results(study.folder, study.options | {"influence": study.options.influence | {"score": score}})


@pytest.mark.slow
@pytest.mark.parametrize("score", ["log_confidence", "log_probability"])
def test_a_frame_that_lowers_the_score_at_labels_is_worse_and_one_that_raises_it_better(
    study: tuple[Results, int, int], score: str
):
    results, lowers, raises = study
    table = frame_values(judged_by(results, score)).set_index("frame")
    assert table.loc[lowers, "verdict"] in ("harmful", "worse than average")
    assert table.loc[raises, "verdict"] in ("helpful", "better than average")
    assert table.loc[lowers, "tested_value"] == pytest.approx(LOWER, abs=0.1)
    assert table["value"].idxmax() == lowers  # whom `prune` by value leaves out first
    others = table.drop(index=[lowers, raises])["verdict"]
    assert (others.isin(["undecided", "check label"])).mean() > 0.9


@pytest.mark.slow
def test_px_is_reported_beside_it(study: tuple[Results, int, int]):
    results, *_ = study
    by_error, by_confidence = frame_values(results), frame_values(judged_by(results, "log_confidence"))
    assert by_confidence["value_px"].tolist() == by_error["value_px"].tolist()


def test_the_scores_of_a_subset_are_means_of_its_networks_logs(tmp_path: Path):
    study = write_study(tmp_path, frames=32, halves=8, ladder_seeds=0, planted=False, missing=False)
    pose = np.repeat(study.scores["consensus_pose"][:1], 2, axis=0)
    flat = np.ones(pose.shape[:3], np.float32)
    at_label = flat * np.array([0.5, 0.0], np.float32)[:, None, None]  # the map of the second is 0 at every label
    predictions = Predictions(
        pose,
        flat,
        at_label,
        at_label / 10,
        pose,
        flat,
        np.repeat(pose[:1], len(CONSENSUS_FORMS), axis=0),
        flat[0],
        flat[0],
    )
    for subset in study.subsets.itertuples():
        folder = tmp_path / "ensembles" / subset_path(subset.percent, subset.seed)
        write_predictions(predictions, study.labels.keypoints, folder / "predictions.h5", folder / "consensus.h5")
    collect_scores(tmp_path, "argmax")
    scores = read_hdf5(tmp_path / "scores.h5")
    assert scores["log_confidence"] == pytest.approx((np.log(2) + np.log(1e3)) / 2, rel=1e-6)
    assert scores["log_probability"] == pytest.approx((np.log(20) + np.log(1e6)) / 2, rel=1e-6)


@pytest.mark.parametrize("score", ["log_confidence", "log_probability"])
def test_the_config_takes_it_and_log_probability_is_what_is_meant_without_one(score: str):
    assert check_config(config("project", influence={"score": score})).influence.score == score
    assert check_config(config("project")).influence.score == "log_probability"


def test_a_group_is_tested_by_the_score_and_reported_in_px_beside_it(made: Results):
    answer, pool = summary(made), np.flatnonzero(made.pool)
    score = np.stack([made.held_out_score(name) for name in ("log_probability", "error")], axis=1)
    z, u = (part - part.mean(axis=0) for part in (made.inclusion[:, pool].astype(float), score))  # all are halves
    value = z.T @ u / (z**2).sum(axis=0)[:, None]
    group = made.planted[pool]
    expected = value[group].mean(axis=0) - value[~group].mean(axis=0)
    assert answer["group_difference"] == pytest.approx(expected[0], rel=1e-4)
    assert answer["group_difference_px"] == pytest.approx(expected[1], rel=1e-4)
    assert answer["score_unit"] == "−log(probability)"
    decided = bool(answer["group_test_p"] < 0.05)
    assert any("do worse with" in line for line in answer["statement"]) is decided


def test_a_frames_value_is_reported_in_px_beside_the_score_that_is_tested(made: Results):
    row = made.frame_values.iloc[0]
    both = f"Value {readable(row['value_px'], '+')} px ({readable(row['value'], '+')} −log(probability)) against"
    assert any(line.startswith(both) for line in explain(made, int(row["frame"])))


def test_a_score_in_px_is_reported_once():
    assert px_and_score(0.25, 0.25, "px") == "+0.25 px"


def test_the_plan_is_in_log_px_whichever_score_the_study_tests(tmp_path: Path):
    made = write_study(tmp_path, frames=32, halves=24, ladder_seeds=2)
    plans = [pilot_of(judged_by(made, score)) for score in ("log_probability", "log_error", "error")]
    assert plans[0] == plans[1] == plans[2]
    percent, score = made.subsets["percent"].to_numpy(), subset_score(made.scores["log_error"], ~made.pool)
    low, high = (percent == 30), (percent == 70)
    added = made.subsets["frames"][high].mean() - made.subsets["frames"][low].mean()
    assert plans[0].slope == pytest.approx((score[high].mean() - score[low].mean()) / added)
