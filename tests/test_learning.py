"""What the networks learned, against numbers computed by hand and intervals that cover."""

import numpy as np
import pytest
from scipy import stats

from frameworth.questions.learning import (
    Step,
    constant_guess_rmse,
    more_frames_would,
    steps,
    trained_and_other_error,
)


def test_the_constant_guess_is_each_keypoints_mean_position_in_the_pool_measured_on_held_out_labels():
    label = np.array([[[0.0, 0.0], [5.0, 5.0]], [[4.0, 0.0], [np.nan, np.nan]], [[2.0, 3.0], [5.0, 9.0]]])
    guess = constant_guess_rmse(label, np.array([True, True, False]))
    assert guess == pytest.approx(np.sqrt((3**2 + 4**2) / 2))


def test_there_is_no_constant_guess_for_keypoints_that_only_held_out_frames_have():
    label = np.array([[[np.nan, np.nan]], [[1.0, 1.0]]])
    assert np.isnan(constant_guess_rmse(label, np.array([True, False])))


def test_seeds_are_compared_with_themselves_so_that_their_differences_do_not_blur_the_step():
    error = np.array([10.0, 20.0, 30.0, 9.0, 18.5, 29.5])
    step = steps(error, np.repeat([30, 70], 3), np.tile(["a", "b", "c"], 2), 0.95)[0]
    half = stats.t.ppf(0.975, 2) * np.std([1.0, 1.5, 0.5], ddof=1) / np.sqrt(3)
    assert (step.low, step.high, step.clusters) == (30, 70, 3)
    assert (step.change, step.ci_low, step.ci_high) == pytest.approx((-1.0, -1.0 - half, -1.0 + half))


def test_subsets_that_share_no_seed_are_compared_by_their_means_as_welch_does():
    rng = np.random.default_rng(0)
    a, b = rng.normal(9, 1, 8), rng.normal(7, 3, 5)
    step = steps(np.concatenate([a, b]), np.repeat([50, 90], [8, 5]), np.arange(13), 0.9)[0]
    wanted = stats.ttest_ind(b, a, equal_var=False).confidence_interval(0.9)
    assert (step.ci_low, step.ci_high) == pytest.approx((wanted.low, wanted.high))
    assert step.clusters == 0


def test_a_network_that_diverged_takes_its_seed_out_of_the_comparison_only():
    error = np.array([10.0, 20.0, np.nan, 9.0, 18.0, 1.0])
    step = steps(error, np.repeat([30, 70], 3), np.tile([0, 1, 2], 2), 0.95)[0]
    assert (step.change, step.clusters) == (pytest.approx(-1.5), 2)


def test_one_size_has_no_step_and_one_seed_no_interval():
    assert steps(np.ones(3), np.full(3, 50), np.arange(3), 0.95) == []
    step = steps(np.array([5.0, 4.0]), np.array([50, 90]), np.array([0, 0]), 0.95)[0]
    assert np.isnan(step.ci_low)
    assert more_frames_would(step, 4.0) == "unknown"


def test_the_steps_interval_covers_a_change_that_all_seeds_share():
    rng = np.random.default_rng(1)
    covered = []
    for _ in range(2000):
        seed = rng.normal(0, 5, 6)
        error = np.concatenate([seed, seed - 0.5 + rng.normal(size=6)])
        step = steps(error, np.repeat([70, 90], 6), np.tile(np.arange(6), 2), 0.95)[0]
        covered.append(step.ci_low <= -0.5 <= step.ci_high)
    assert 0.935 < np.mean(covered) < 0.965


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [(-3, -1, "help"), (1, 3, "harm"), (-3, 1, "unknown"), (-0.4, 0.3, "hardly"), (-0.4, -0.1, "hardly")],
)
def test_more_frames_would_hardly_help_only_where_the_whole_interval_is_small(low, high, outcome):
    assert more_frames_would(Step(70, 90, (low + high) / 2, low, high, 6), error=10.0) == outcome


def test_labels_that_a_network_was_trained_on_are_told_from_the_others_of_the_pool():
    error = np.array([[[1.0, 3.0], [8.0, np.nan], [50.0, 60.0]], [[6.0, 7.0], [2.0, np.nan], [70.0, 80.0]]])
    inclusion = np.array([[True, False, False], [False, True, False]])
    found = trained_and_other_error(error, inclusion, np.array([True, True, False]))
    assert found == (2.0, 7.0)  # of 1, 3, 2 and of 8, 6, 7; no held-out label counts
    assert np.isnan(trained_and_other_error(error, inclusion, np.zeros(3, bool))).all()
