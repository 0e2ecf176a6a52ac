"""Reading maps: hand-computed values, known Gaussians, and the conventions of cells and px."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from frameworth.training.scoremaps import CONSENSUS_FORMS, at_position, distractors, probability_maps

STRIDE = 8.0


def gaussian(x, y, height=12, width=15, sigma=10.0, peak=1.0):
    columns = (np.arange(width) + 0.5) * STRIDE
    rows = (np.arange(height) + 0.5) * STRIDE
    return peak * np.exp(-((columns[None] - x) ** 2 + (rows[:, None] - y) ** 2) / (2 * sigma**2))


def test_the_value_at_a_cells_centre_is_the_cells_value():
    map_ = np.arange(12.0).reshape(3, 4)
    assert at_position(map_, np.array([2.5 * STRIDE, 1.5 * STRIDE]), STRIDE) == map_[1, 2]


def test_between_four_cells_the_value_is_their_mean():
    map_ = np.array([[0.0, 1.0], [2.0, 3.0]])
    assert at_position(map_, np.array([STRIDE, STRIDE]), STRIDE) == pytest.approx(1.5)


def test_beyond_the_outermost_cells_the_value_is_theirs():
    map_ = np.array([[0.25, 1.0], [2.0, 3.0]])
    assert at_position(map_, np.array([-50.0, 0.0]), STRIDE) == 0.25


def test_an_unlabelled_keypoint_has_no_value():
    assert np.isnan(at_position(np.ones((3, 3)), np.array([np.nan, 1.0]), STRIDE))


@given(st.floats(4, 100), st.floats(4, 80), st.integers(0, 2**31))
@settings(max_examples=50, deadline=None)
def test_interpolation_agrees_with_scipy(x, y, seed):
    map_ = np.random.default_rng(seed).random((12, 15))
    cell = [[(y - STRIDE / 2) / STRIDE], [(x - STRIDE / 2) / STRIDE]]
    expected = map_coordinates(map_, cell, order=1, mode="nearest")[0]
    assert at_position(map_, np.array([x, y]), STRIDE) == pytest.approx(expected, abs=1e-9)


def test_probabilities_sum_to_one_even_where_the_map_is_zero():
    maps = np.stack([gaussian(40, 40), np.zeros((12, 15))])
    assert probability_maps(maps).sum(axis=(-2, -1)) == pytest.approx([1, 1])


def test_the_distractor_is_the_highest_peak_away_from_the_label():
    map_ = np.maximum(gaussian(28, 28), gaussian(92, 60, peak=0.6))
    place, height = distractors(map_, np.array([28.0, 28.0]), STRIDE, 16.0)
    assert place == pytest.approx([92, 60])
    assert height == pytest.approx(0.6)


def test_the_flank_of_the_peak_at_the_label_is_no_distractor():
    place, height = distractors(gaussian(60, 44), np.array([60.0, 44.0]), STRIDE, 10.0)
    assert np.isnan(height)
    assert np.isnan(place).all()


def test_without_a_label_there_is_no_distractor():
    _, height = distractors(gaussian(60, 44), np.array([np.nan, np.nan]), STRIDE, 10.0)
    assert np.isnan(height)


def consensus(form, maps, poses, offsets=None):
    maps = np.asarray(maps)[:, None, None]
    poses = np.asarray(poses, float)[:, None, None]
    offsets = np.zeros((*maps.shape, 2)) if offsets is None else offsets
    return CONSENSUS_FORMS[form](maps, poses, offsets, STRIDE)[0, 0]


def test_the_paper_rule_finds_the_centre_of_a_known_gaussian():
    # A Gaussian below 1 whose odds are nearly Gaussian too: the expectation is its centre.
    map_ = gaussian(61.0, 47.0, peak=0.01)
    position = consensus("softmax", [map_, map_], [[61, 47, 0.1]] * 2)
    assert position == pytest.approx([61.0, 47.0], abs=0.05)


def test_the_paper_rule_is_the_expectation_over_the_odds():
    maps = np.random.default_rng(0).uniform(0.1, 0.9, (3, 12, 15))
    mean = maps.mean(axis=0)
    odds = mean / (1 - mean)
    columns, rows = np.meshgrid((np.arange(15) + 0.5) * STRIDE, (np.arange(12) + 0.5) * STRIDE)
    expected = [(odds * columns).sum() / odds.sum(), (odds * rows).sum() / odds.sum()]
    assert consensus("softmax", maps, [[0, 0, 1]] * 3) == pytest.approx(expected)


def test_one_member_far_off_moves_the_mean_map_but_not_the_median_map():
    good, bad = gaussian(30, 30, peak=0.9), gaussian(100, 80, peak=0.99)
    maps, poses = [good, good, bad], [[30, 30, 0.9]] * 2 + [[100, 80, 0.99]]
    assert np.hypot(*(consensus("median", maps, poses) - [30, 30])) < 3
    assert np.hypot(*(consensus("softmax", maps, poses) - [30, 30])) > 10


def test_positions_are_weighted_by_confidence():
    maps = [gaussian(30, 30), gaussian(50, 30)]
    position = consensus("weighted_mean", maps, [[30, 30, 0.9], [50, 30, 0.3]])
    assert position == pytest.approx([35, 30])


def test_the_best_cell_is_refined_by_the_mean_offset():
    maps = np.asarray([gaussian(60, 44), gaussian(60, 44)])[:, None, None]
    offsets = np.zeros((*maps.shape, 2))
    offsets[0, ..., 0], offsets[1, ..., 0] = 1.0, 2.0
    poses = np.ones((2, 1, 1, 3))
    assert CONSENSUS_FORMS["argmax"](maps, poses, offsets, STRIDE)[0, 0] == pytest.approx([61.5, 44])
