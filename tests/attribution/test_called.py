"""Intervals given the call, on values and errors with a known truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from frameworth.attribution.inference.called import interval_if_called

SURE = 10**6  # degrees of freedom with which an error is known


@pytest.mark.slow
@pytest.mark.parametrize(
    ("true", "freedom", "limit"),
    [(0.0, 7, 3.0), (2.0, 7, 4.0), (2.0, 11, 4.5), (0.6, 39, 2.5), (0.6, SURE, 2.5), (-4.0, 11, 4.5)],
)
def test_intervals_given_the_call_hold_the_truth_as_often_as_they_say(true, freedom, limit):
    """However few clusters the error rests on, and however far beyond the truth a value must lie to be called."""
    rng = np.random.default_rng(0)
    value = true + rng.normal(size=200_000)
    error = np.sqrt(rng.chisquare(freedom, size=len(value)) / freedom)
    called = np.flatnonzero(np.abs(value) > limit * error)[:500]
    value, error = value[called], error[called]
    low, high = interval_if_called(value, error, freedom, np.zeros_like(value), limit * error, 0.95)
    covered = (low <= true) & (true <= high)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.03)  # 500 have an error of .01
    assert np.mean(low > true) == pytest.approx(0.025, abs=0.025)
    half = stats.t.ppf(0.975, freedom) * error
    assert np.mean(np.abs(value - true) < half) < 0.96


def test_the_interval_of_a_known_error_is_that_of_the_normal_cut_off_where_nothing_is_called():
    low, high = interval_if_called(*np.array([[3.4], [1.0]]), SURE, *np.array([[0.4], [2.5]]), 0.95)
    for true, share in ((low[0], 0.025), (high[0], 0.975)):
        called = stats.norm.sf(2.9 - true) + stats.norm.cdf(-2.1 - true)
        assert stats.norm.sf(3.4 - true) / called == pytest.approx(share, abs=1e-4)


def test_a_value_far_beyond_what_was_needed_keeps_its_plain_interval_and_one_not_called_has_none():
    value, null = np.array([-9.0, 4.0]), np.array([0.0, 2.0])
    low, high = interval_if_called(value, np.array([1.0, 1.0]), 39, null, np.array([2.5, 2.5]), 0.95)
    half = stats.t.ppf(0.975, 39)
    assert [low[0], high[0]] == pytest.approx([-9 - half, -9 + half], abs=0.01)
    assert np.isnan([low[1], high[1]]).all()


def test_the_interval_turns_with_the_sign_and_moves_and_scales_with_its_value():
    arrays = np.array([[5.0], [1.0], [0.0], [4.5]])
    low, high = interval_if_called(*arrays[:2], 11, *arrays[2:], 0.95)
    other = np.array([3.0 - 2 * 5.0]), np.array([2.0]), 11, np.array([3.0]), np.array([9.0])
    mirrored_low, mirrored_high = interval_if_called(*other, 0.95)
    assert [mirrored_low[0], mirrored_high[0]] == pytest.approx([3 - 2 * high[0], 3 - 2 * low[0]])
    assert low[0] < 0 < high[0]
