"""Maps away from labels: the split of the probability, and changes that were built in."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.simulation import grid
from frameworth.answers.distractors import distractors, held_out_means, place_of_change, weights_of_subsets
from frameworth.attribution.estimators import size_centred
from frameworth.attribution.inference.values import false_discovery, p_values
from frameworth.attribution.sample import Sample
from frameworth.scores.members import LEAST_CONFIDENCE, of_networks
from frameworth.training.scoremaps import at_position, probability_maps
from synthetic_study import write_study


def predictions(**changes):
    shape = (2, 3, 1)
    made = {
        "pose": np.zeros((*shape, 2)),
        "confidence_at_label": np.full(shape, 0.5),
        "probability_at_label": np.full(shape, 0.1),
        "distractor_pose": np.zeros((*shape, 2)),
        "distractor_confidence": np.full(shape, 0.2),
    }
    return made | changes


def test_the_sum_of_a_map_is_confidence_over_probability_at_the_label():
    maps = np.random.default_rng(0).uniform(0, 1, (2, 3, 1, 6, 8))
    xy = np.random.default_rng(1).uniform(4, 40, (2, 3, 1, 2))
    pooled = of_networks(
        predictions(
            confidence_at_label=at_position(maps, xy, 8.0).astype(np.float32),
            probability_at_label=at_position(probability_maps(maps), xy, 8.0).astype(np.float32),
        )
    )
    np.testing.assert_allclose(pooled["log_mass"], np.log(maps.sum(axis=(-2, -1))).mean(axis=0), rtol=1e-5)


def test_a_member_without_confidence_at_the_label_is_left_out_and_little_confidence_is_background():
    confidence = np.array([[[0.0], [1e-9], [0.5]], [[0.4], [0.4], [np.nan]]])
    probability = np.array([[[0.0], [1e-9], [0.1]], [[0.1], [0.1], [np.nan]]])
    pooled = of_networks(predictions(confidence_at_label=confidence, probability_at_label=probability))
    assert pooled["log_mass"][0, 0] == pytest.approx(np.log(4))
    assert pooled["log_confidence"][0, 0] == pytest.approx(np.log(0.4))
    assert pooled["log_confidence"][1, 0] == pytest.approx((np.log(LEAST_CONFIDENCE) + np.log(0.4)) / 2)
    # An all-zero map's probability is uniform, its confidence 0: its sum is no ratio of the two.
    nothing = of_networks(predictions(confidence_at_label=np.zeros((2, 3, 1))))
    assert np.isnan(nothing["log_mass"]).all()
    assert np.isnan(nothing["log_confidence"]).all()


def test_no_peak_away_from_a_label_is_a_distractor_of_confidence_0_and_no_label_is_unknown():
    height = np.array([[[np.nan], [0.4], [0.4]], [[0.3], [0.2], [0.2]]])
    place = np.arange(12.0).reshape(2, 3, 1, 2)
    confidence = np.full((2, 3, 1), 0.5)
    confidence[:, 2] = np.nan
    pooled = of_networks(
        predictions(distractor_confidence=height, distractor_pose=place, confidence_at_label=confidence)
    )
    np.testing.assert_allclose(pooled["distractor_confidence"][:, 0], [0.15, 0.3, np.nan])
    np.testing.assert_array_equal(pooled["distractor_pose"][0, 0], place[1, 0, 0])
    np.testing.assert_array_equal(pooled["distractor_pose"][1, 0], place[0, 1, 0])


def test_a_label_that_is_missing_in_some_subsets_does_not_shift_their_means():
    low_and_high = np.tile([-5.0, 0.0], (4, 1))
    low_and_high[0, 0] = np.nan
    zero = np.zeros((4, 2))
    means = held_out_means({"log_confidence": low_and_high, "log_mass": zero, "distractor_confidence": zero})
    np.testing.assert_allclose(means["log_confidence"], 0)


def test_the_place_is_where_the_confidence_changes_not_where_it_is_high():
    rng = np.random.default_rng(0)
    included = np.arange(40) % 2 == 0
    # A tall lookalike at (10, 10) that is there with and without; another at (50, 50) only with the frame.
    at_second = included & (np.arange(40) % 4 == 0)
    pose = np.where(at_second[:, None], [50.0, 50.0], [10.0, 10.0]) + rng.normal(0, 1, (40, 2))
    height = np.where(at_second, 0.5, 0.9)
    weight = weights_of_subsets(included[:, None], height[:, None], np.full(40, 50), np.arange(40))[:, 0]
    place = place_of_change(pose, height, weight, 1.0, 8.0)
    assert (place.x, place.y) == pytest.approx((50, 50), abs=1)
    assert place.change == pytest.approx(0.25)  # half of the subsets with it have 0.5 there, none without
    there = place_of_change(pose, height, weight, -1.0, 8.0)
    assert (there.x, there.y) == pytest.approx((10, 10), abs=1)
    assert there.change == pytest.approx(-0.45)


def test_what_changes_at_a_place_that_holds_all_distractors_is_the_whole_change_whatever_the_sizes():
    """Percents weigh by their noise, and a percent that one subset drew tells nothing."""
    rng = np.random.default_rng(3)
    percents = np.repeat([20, 50, 90, 95], [6, 12, 8, 1])
    inclusion, clusters = rng.random((27, 5)) < 0.5, np.arange(27)
    score = rng.uniform(0, 1, (27, 1)) * np.where(percents == 20, 4, 1)[:, None]
    weight = weights_of_subsets(inclusion, score, percents, clusters)
    whole = size_centred.estimate(Sample(inclusion, score, percents, clusters)).value[:, 0]
    for frame in range(5):
        sign = float(np.sign(whole[frame]))
        place = place_of_change(np.zeros((27, 2)), score[:, 0], weight[:, frame], sign, 8.0)
        assert place.change == pytest.approx(whole[frame])


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return write_study(tmp_path_factory.mktemp("study"), frames=40, halves=40, ladder_seeds=0)


@pytest.mark.slow
def test_planted_frames_that_raise_distractors_are_seen_to_and_not_to_lower_labels(study):
    tables = distractors(study)
    group = tables.groups.set_index("group").loc["planted"]
    assert group["distractor_confidence"] > 0.05
    assert group["distractor_confidence_p"] < 0.01
    assert group["log_mass"] > 0
    assert group["log_confidence_p"] > 0.05
    frames = tables.frames.set_index("training_frame")
    decided = frames.index[frames["distractor_confidence_p"] < 0.05]
    assert study.planted[decided].all()
    assert len(decided) > 0


@pytest.mark.slow
def test_the_parts_of_the_change_in_log_probability_add_up_for_frames_and_single_labels(study):
    tables = distractors(study)
    rows = pd.concat([tables.frames, tables.places])
    np.testing.assert_allclose(rows["log_probability"], rows["log_confidence"] - rows["log_mass"], atol=1e-9)
    # The change of log probability by one set of weights, as the documentation has it.
    pool, held_out = np.flatnonzero(study.pool), np.flatnonzero(~study.pool)
    places = tables.places
    column = np.searchsorted(held_out, places["evaluated_frame"]) * len(study.labels.keypoints)
    column = column + [study.labels.keypoints.index(name) for name in places["keypoint"]]
    asked, where = np.unique(column, return_inverse=True)
    log = {name: study.members[name][:, held_out].reshape(len(study.percents), -1)[:, asked].astype(float)
           for name in ("log_confidence", "log_mass")}  # fmt: skip
    together = np.concatenate(list(log.values()), axis=1)
    weight = weights_of_subsets(study.inclusion[:, pool], together, study.percents, study.clusters)
    change = weight.T @ (log["log_confidence"] - log["log_mass"])
    expected = change[np.searchsorted(pool, places["training_frame"]), where]
    np.testing.assert_allclose(places["log_probability"], expected, rtol=1e-6)


def test_without_any_effect_changes_at_single_labels_are_beyond_chance_in_about_the_nominal_share_of_studies():
    """False discovery rate: without any effect every discovery is false, so any in at most 5 % of studies."""
    wrong = 0
    for number in range(120):
        rng = np.random.default_rng(number)
        design = grid([("independent", (50,), 30)], 16, number)
        # Confidences of distractors: mostly none, now and then high.
        score = np.where(rng.random((30, 60)) < 0.4, rng.beta(1, 3, (30, 60)), 0)
        estimate = size_centred.estimate(Sample(design.inclusion, score, design.percents, design.clusters))
        q = false_discovery(p_values(estimate.value, estimate.standard_error, estimate.clusters))
        wrong += bool((q < 0.05).any())
    assert wrong / 120 < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 120)
