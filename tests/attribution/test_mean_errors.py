"""How far networks miss labels on average: by hand, and what it must not depend on."""

from __future__ import annotations

import numpy as np
import pytest

from frameworth.attribution.suspicion.mean_errors import error_probability, mean_out_of_bag, robust_deviation

GOOD = np.array([1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8])  # median 1.4, median deviation 0.2


def errors(frames: int = 40, keypoints: int = 5, subsets: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Log errors of frames that are labelled well, and balanced halves of the first three quarters of them."""
    rng = np.random.default_rng(seed)
    frame, network = rng.normal(0, 0.3, (1, frames, keypoints)), rng.normal(0, 0.2, (subsets, frames, keypoints))
    inclusion = np.zeros((subsets, frames), bool)
    inclusion[:, : 3 * frames // 4] = rng.random((subsets, 3 * frames // 4)) < 0.5
    return 1.5 + frame + network, inclusion


def test_suspicion_is_what_one_computes_by_hand():
    log_error = np.stack([GOOD, GOOD + 0.2, GOOD - 0.2])[:, :, None].copy()
    inclusion = np.zeros((3, 9), bool)
    log_error[:, 0, 0] = [9.0, 3.2, 2.8]
    inclusion[0, 0] = True  # the network that was trained on the wrong label does not speak: (3.2 + 2.8) / 2
    deviation = robust_deviation(*mean_out_of_bag(log_error, inclusion))
    # Less the levels 0, .2, −.2 all networks agree, on 3, 1.1, 1.2, …, 1.8: median 1.5, deviations 1.5 .4 .3 .2 .1 0 .1
    # .2 .3 and their median .2.
    assert deviation[0, 0] == pytest.approx(1.5 / (1.4826 * 0.2))
    assert deviation[1:, 0] == pytest.approx((np.arange(1.1, 1.85, 0.1) - 1.5) / (1.4826 * 0.2))


def test_a_mean_over_few_networks_has_to_lie_farther_off():
    """By hand: spread .2 · 1.4826 of which .04 is noise in the mean; a mean over a fourth as many has .16."""
    noise = np.full((9, 1), 0.04)
    noise[8], noise[0] = 0.16, 0.04
    deviation = robust_deviation(GOOD[:, None], noise)
    between = (1.4826 * 0.2) ** 2 - noise.mean()
    assert deviation[0, 0] == pytest.approx(-0.4 / np.sqrt(between + 0.04))
    assert deviation[8, 0] == pytest.approx(0.4 / np.sqrt(between + 0.16))


def test_the_keypoint_that_stands_out_most_names_the_frame():
    log_error, inclusion = errors()
    log_error[:, 33, 3] += 2.5
    p = error_probability(log_error, inclusion)
    assert np.unravel_index(np.nanargmin(p), p.shape) == (33, 3)
    assert 40 * p[33, 3] < 0.01 < 40 * np.nanmin(np.delete(p, 33, axis=0))


def test_one_keypoint_that_is_far_off_outranks_a_frame_that_is_a_bit_off_everywhere():
    log_error, inclusion = errors()
    log_error[:, 3] += 0.9
    log_error[:, 35, 1] += 2.4
    assert log_error[:, 3].mean() > log_error[:, 35].mean()  # the mean over keypoints would have it the other way
    p = error_probability(log_error, inclusion).min(axis=1)
    assert np.argsort(p)[:2].tolist() == [35, 3]


def test_a_keypoint_that_is_hard_in_all_frames_makes_none_suspicious():
    """Each keypoint is measured by itself: by what factor 1 + px is larger, and how widely it spreads, is all one."""
    log_error, inclusion = errors()
    harder = log_error * [1, 1, 1, 1, 1.7] + [0, 0, 0, 0, 0.8]
    usual, of_harder = error_probability(log_error, inclusion), error_probability(harder, inclusion)
    np.testing.assert_allclose(of_harder, usual, rtol=1e-6)


def test_the_order_of_frames_keypoints_and_networks_changes_nothing():
    log_error, inclusion = errors()
    log_error[:, 7, 2] = np.nan
    frames, keypoints, subsets = (np.random.default_rng(1).permutation(n) for n in (40, 5, 12))
    usual = error_probability(log_error, inclusion)
    moved = error_probability(log_error[subsets][:, frames][:, :, keypoints], inclusion[subsets][:, frames])
    np.testing.assert_allclose(moved, usual[frames][:, keypoints], rtol=1e-6)


def test_a_missing_label_neither_counts_nor_spreads():
    log_error, inclusion = errors()
    log_error[:, 4, 1] = np.nan
    log_error[:, 5] = np.nan
    inclusion[:, 6] = True
    p = error_probability(log_error, inclusion)
    assert np.isnan(p[4]).tolist() == [False, True, False, False, False]
    assert np.isnan(p[[5, 6]]).all()
    assert np.isfinite(np.delete(p, [4, 5, 6], axis=0)).all()


@pytest.mark.filterwarnings("error")
def test_frames_that_are_all_alike_or_unknown_make_no_infinite_suspicion():
    none = np.zeros((10, 2))
    assert (robust_deviation(np.full((10, 1), 2.0), none) == 0).all()
    assert np.isnan(robust_deviation(np.full((10, 2), np.nan), none)).all()


def test_a_keypoint_of_few_labels_is_measured_against_all():
    """Three labels of 1.00, 1.01 and 1.9 would make the last 60 deviations suspicious."""
    rare = np.append([1.0, 1.01, 1.9], np.full(6, np.nan))
    both = np.stack([GOOD, rare], axis=1)
    pooled = np.append(GOOD, rare[:3])
    middle = np.median(pooled)
    wanted = (1.9 - middle) / (1.4826 * np.median(np.abs(pooled - middle)))
    deviation = robust_deviation(both, np.zeros((9, 2)))
    assert deviation[2, 1] == pytest.approx(wanted)
    assert deviation[2, 1] < 3
    np.testing.assert_allclose(deviation[:, 0], (GOOD - 1.4) / (1.4826 * 0.2))
