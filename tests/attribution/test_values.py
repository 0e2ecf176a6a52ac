"""Values of frames: hand-computed numbers, and tests that reject as often as they should."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from frameworth.attribution.inference import values


def test_the_out_of_bag_error_of_networks_alike_is_the_mean_over_those_without_the_frame():
    error = np.array([[[1.0, 3.0], [5.0, 5.0], [2.0, np.nan]]] * 3)
    inclusion = np.array([[False, True, False], [True, False, False], [False, True, False]])
    assert values.out_of_bag_error(error, inclusion) == pytest.approx([2, 5, 2])


def test_a_level_of_subsets_is_how_much_worse_they_are_at_the_same_labels():
    """By hand: the second subset misses the one label that all judge by e times as much as the others do."""
    log_error = np.array([[1.0, 4.0], [2.0, 9.0], [1.0, 7.0]])[:, :, None]
    inclusion = np.array([[False, False], [False, True], [False, True]])
    assert values.subset_level(log_error, inclusion) == pytest.approx([-1 / 3, 2 / 3, -1 / 3])


def test_a_frame_judged_by_bad_networks_alone_has_the_out_of_bag_error_of_one_that_all_judge():
    """Networks on few frames miss everything by three times as much, and the pool's frames are out of bag for these."""
    rng = np.random.default_rng(0)
    hard = rng.uniform(4, 12, 40)
    hard[20:] = hard[:20]  # held out, one as hard for each frame of the pool
    inclusion = np.zeros((20, 40), bool)
    inclusion[10:, :20] = rng.random((10, 20)) < 0.9
    inclusion[:10, :20] = rng.random((10, 20)) < 0.1
    times = np.repeat([3.0, 1.0], 10)[:, None]
    error = np.expm1(np.log1p(hard) + np.log(times))[:, :, None]
    out_of_bag = values.out_of_bag_error(error, inclusion)
    assert out_of_bag[:20] == pytest.approx(out_of_bag[20:], rel=0.1)
    plain = np.nanmean(np.where(inclusion, np.nan, error[:, :, 0]), axis=0)
    assert (plain[:20] / plain[20:]).mean() > 1.2


def test_a_frame_in_every_subset_has_no_out_of_bag_error():
    error = np.ones((3, 2, 1))
    inclusion = np.array([[True, False]] * 3)
    assert np.isnan(values.out_of_bag_error(error, inclusion)[0])


def test_the_subset_score_ignores_unlabelled_keypoints_and_pool_frames():
    score = np.array([[[1.0, 3.0], [100.0, 100.0], [5.0, np.nan]]])
    assert values.subset_score(score, np.array([True, False, True])) == pytest.approx([3.0])


def test_intervals_use_students_t_on_clusters_less_one():
    low, high = values.confidence_interval(np.array([2.0]), np.array([0.5]), 16, 0.95)
    half = stats.t.ppf(0.975, 15) * 0.5
    assert (low[0], high[0]) == pytest.approx((2 - half, 2 + half))


def test_the_false_discovery_rate_is_what_one_computes_by_hand():
    q = values.false_discovery(np.array([[0.01, np.nan], [0.02, 0.04]]))
    assert q[[0, 1, 1], [0, 0, 1]] == pytest.approx([0.03, 0.03, 0.04])
    assert np.isnan(q[0, 1])


def test_the_slope_is_the_change_of_the_means_per_frame_added():
    percents = np.array([10, 10, 50, 50, 50, 90, 90])
    sizes = np.array([4, 4, 20, 20, 20, 36, 36])
    score = np.array([9.0, 11.0, 5.0, 6.0, 7.0, 2.0, 2.0])
    slope = values.slope_at_main_size(score, sizes, percents, np.arange(7))
    assert slope.percent == 50
    assert slope.per_frame == pytest.approx((2 - 10) / 32)


def test_where_all_percents_have_as_many_subsets_the_slope_is_for_the_largest():
    """Of 10, 30, 70 and 90 %, networks on 10 % have learned least: every frame helps them."""
    percents = np.repeat([10, 30, 70, 90], 10)
    score = np.repeat([70.0, 30.0, 18.0, 18.0], 10)
    slope = values.slope_at_main_size(score, percents, percents, np.tile(np.arange(10), 4))
    assert (slope.percent, slope.low, slope.high, slope.per_frame) == (90, 70, 90, 0)


def test_one_size_has_no_slope():
    assert values.slope_at_main_size(np.ones(4), np.full(4, 5), np.full(4, 50), np.arange(4)) is None


def test_percents_that_are_as_many_frames_are_one_size_for_the_slope():
    """52 % of ten frames are five, as 50 % are: nothing is added from the one to the other."""
    percents, sizes = np.repeat([50, 52, 90], [6, 3, 4]), np.repeat([5, 5, 9], [6, 3, 4])
    score = np.where(percents == 90, 1.0, 3.0)
    slope = values.slope_at_main_size(score, sizes, percents, np.arange(13))
    assert (slope.low, slope.high, slope.per_frame) == (50, 90, -0.5)
    assert [(step.low, step.high) for step in values.slopes(score, sizes, percents, np.arange(13))] == [(50, 90)]
    assert values.slope_at_main_size(score[:9], sizes[:9], percents[:9], np.arange(9)) is None


def slope(score, percents, clusters):
    return values.slope_at_main_size(score, percents * 6 // 10, percents, clusters)


def test_with_single_clusters_the_slopes_error_and_freedom_are_welchs():
    rng = np.random.default_rng(0)
    few, many = 3 * rng.normal(size=4), rng.normal(size=20)
    estimate = slope(np.r_[few, many], np.repeat([30, 50], [4, 20]), np.arange(24))
    welch = stats.ttest_ind(many, few, equal_var=False)
    assert estimate.standard_error == pytest.approx((many.mean() - few.mean()) / welch.statistic / 12)
    assert estimate.freedom == pytest.approx(welch.df)


def test_with_clusters_on_both_sides_the_slopes_error_is_that_of_paired_differences():
    low, high = np.random.default_rng(0).normal(size=(2, 8)) + np.arange(8)
    estimate = slope(np.r_[low, high], np.repeat([30, 50], 8), np.tile(np.arange(8), 2))
    assert estimate.standard_error == pytest.approx((high - low).std(ddof=1) / np.sqrt(8) / 12)
    assert estimate.freedom == pytest.approx(7)


def test_a_side_that_one_cluster_drew_gives_a_slope_without_an_error():
    score = np.random.default_rng(0).normal(size=24)
    percents = np.repeat([30, 50, 70], [1, 20, 3])
    estimate = slope(score, percents, np.r_[np.arange(21), 21, 21, 21])
    assert np.isfinite(estimate.per_frame)
    assert np.isnan([estimate.standard_error, estimate.freedom]).all()


def test_a_ladder_of_three_seeds_beside_halves_gives_a_slope_that_is_called_one_time_in_twenty():
    """From 30 to 50 %: three seeds of the ladder are on both sides, twenty-four halves on one."""
    rng, called = np.random.default_rng(0), []
    percents = np.r_[np.tile([30, 50], 3), np.full(24, 50)]
    clusters = np.r_[np.repeat(np.arange(3), 2), np.arange(3, 27)]
    for _ in range(1500):
        score = rng.normal(size=3)[clusters[:6]] + rng.normal(size=6), 1.4 * rng.normal(size=24)
        estimate = slope(np.concatenate(score), percents, clusters)
        called.append(2 * stats.t.sf(abs(estimate.per_frame / estimate.standard_error), estimate.freedom) < 0.05)
    assert 0.03 < np.mean(called) < 0.09


def test_the_group_test_rejects_as_often_as_it_says_where_there_is_no_effect():
    rng = np.random.default_rng(1)
    p = [
        values.group_is_worse(rng.standard_t(3, 40), np.arange(40) < 5, 199, np.random.default_rng(study))[1]
        for study in range(500)
    ]
    assert 0.03 <= np.mean(np.array(p) <= 0.05) <= 0.075


def test_the_group_test_finds_a_worse_group_and_not_a_better_one():
    value = np.random.default_rng(2).normal(size=60)
    group = np.arange(60) < 6
    worse, p_worse = values.group_is_worse(value + 3 * group, group, 999, np.random.default_rng(0))
    better, p_better = values.group_is_worse(value - 3 * group, group, 999, np.random.default_rng(0))
    assert (worse > 0, p_worse) == (True, pytest.approx(0.001))
    assert better < 0
    assert p_better > 0.9


@given(st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_the_group_tests_p_is_never_below_what_relabelling_can_attain(seed):
    value = np.random.default_rng(seed).normal(size=12)
    _, p = values.group_is_worse(value, value == value.max(), 99, np.random.default_rng(0))
    assert 0.01 <= p <= 1


def test_without_a_group_there_is_no_test():
    assert np.isnan(values.group_is_worse(np.ones(5), np.zeros(5, bool), 9, np.random.default_rng(0))).all()
