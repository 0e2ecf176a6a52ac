"""Scores: the identity of bias and variance, px, and the effect of missing labels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frameworth.attribution.influence_file import squared_deviation
from frameworth.labels.labels import distance
from frameworth.scores.registry import SCORES, AtLabels
from frameworth.scores.scores import bias_and_variance, rmse


@given(members=st.integers(1, 8), seed=st.integers(0, 2**31))
@settings(max_examples=50, deadline=None)
def test_squared_bias_plus_variance_is_the_mean_squared_error(members, seed):
    rng = np.random.default_rng(seed)
    poses, label = rng.normal(50, 20, (members, 5, 3, 2)), rng.normal(50, 20, (5, 3, 2))
    bias_squared, variance = bias_and_variance(poses, label)
    assert bias_squared + variance == pytest.approx((distance(poses, label) ** 2).mean(axis=0))


def test_one_member_has_no_variance():
    _, variance = bias_and_variance(np.ones((1, 2, 2, 2)), np.zeros((2, 2, 2)))
    assert (variance == 0).all()


def test_rmse_is_a_3_4_5_triangle_and_leaves_unlabelled_keypoints_out():
    error = distance(np.array([[3.0, 4.0], [9.0, 9.0]]), np.array([[0.0, 0.0], [np.nan, np.nan]]))
    assert rmse(error) == pytest.approx(5)
    assert np.isnan(rmse(np.array([np.nan])))


def test_the_squared_deviation_averages_to_the_variance_within_each_size():
    rng = np.random.default_rng(0)
    percents = np.repeat([10, 50], [4, 7])
    scores = rng.normal(size=(11, 3)) + percents[:, None]
    deviation = squared_deviation(scores, percents)
    for percent in (10, 50):
        rows = percents == percent
        assert deviation[rows].mean(axis=0) == pytest.approx(scores[rows].var(axis=0, ddof=1))


def test_a_size_with_one_subset_has_no_deviation():
    assert np.isnan(squared_deviation(np.ones((3, 1)), np.array([10, 50, 50]))[0]).all()


def test_logs_of_confidence_and_probability_rise_where_these_fall_and_stop_at_background():
    confidence, probability = np.array([0.5, 0.0, 1e-9, np.nan]), np.array([np.exp(-3), 0.0, 1e-9, np.nan])
    outputs = AtLabels(np.zeros((4, 2)), confidence, probability, np.zeros((4, 2)))
    logs = [np.log(2), np.log(1000), np.log(1000), np.nan]
    assert SCORES["log_confidence"].of(outputs) == pytest.approx(logs, nan_ok=True)
    logs = [3, np.log(1e6), np.log(1e6), np.nan]
    assert SCORES["log_probability"].of(outputs) == pytest.approx(logs, nan_ok=True)
