"""The learning curve of simulated studies with a known truth: coverage and width of its intervals."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from benchmarks.learning_curve import INIT, TRUTHS, simulated, study
from frameworth.answers.learning_curve import learning_curve

POOL = 65


def of(score: np.ndarray, frames: np.ndarray, clusters: np.ndarray, networks: int = 1):
    return learning_curve(score, frames, clusters, np.full(len(score), networks), POOL, [POOL / 2, 2 * POOL], 0.95)


@pytest.mark.parametrize("name", TRUTHS)
def test_intervals_cover_the_truth_of_curves_that_are_power_laws_and_of_others(name: str):
    outcome = simulated(name, INIT, deviation=0.08, studies=40)
    # A curve that turns after the largest sizes, where hardly anything is measured, is told too well.
    least = 0.6 if name == "rises at last" else 0.85
    assert outcome.covered_twice > least
    assert outcome.covered_half > (0.7 if name == "rises at last" else 0.8)


def test_where_networks_are_alike_a_first_study_tells_the_last_doubling_to_five_percent_and_a_flat_curves_next():
    quiet = {name: simulated(name, INIT, deviation=0.05, studies=20) for name in ("flat", "power law", "sigmoid, done")}
    assert all(outcome.half_width_half < 0.05 for outcome in quiet.values()), quiet
    assert quiet["flat"].half_width_twice < 0.05


def test_an_error_that_does_not_change_with_size_is_hardly_ever_said_to():
    wrong = [
        (curve.change_high[1] < 0) or (curve.change_low[1] > 0)
        for curve in (of(*study(np.random.default_rng(n), TRUTHS["flat"], INIT, POOL, 0.08)) for n in range(100))
    ]
    assert np.mean(wrong) < 0.1


def test_a_curve_without_noise_is_found():
    frames = np.repeat([6, 13, 20, 32, 45, 58], 5)
    truth = TRUTHS["power law with a floor"]
    curve = of(truth(frames.astype(float)), frames, np.arange(len(frames)))
    np.testing.assert_allclose(curve.change, truth(np.array([POOL / 2, 2 * POOL])) - truth(float(POOL)), atol=0.03)
    assert (curve.high - curve.low < 0.06).all()


def test_noise_that_a_seed_has_in_all_sizes_does_not_blur_the_change_between_them():
    rng = np.random.default_rng(0)
    frames, seed = np.tile([13, 32, 58], 8), np.repeat(np.arange(8), 3)
    score = 2 - 0.1 * np.log(frames) + rng.normal(0, 0.2, 8)[seed] + rng.normal(0, 0.01, 24)
    together, apart = of(score, frames, seed), of(score, frames, np.arange(24))
    width = [curve.change_high - curve.change_low for curve in (together, apart)]
    assert (width[0] < 0.6 * width[1]).all()


def test_means_over_many_networks_count_for_more_than_single_networks():
    rng = np.random.default_rng(1)
    frames = np.repeat([13, 32, 32, 58], 6)
    networks = np.repeat([16, 16, 1, 16], 6)
    score = 2 - 0.1 * np.log(frames) + rng.normal(0, 0.1, 24) / np.sqrt(networks)
    score[12:18] += 0.2  # of the single networks
    asked = ([POOL / 2], 0.95)
    weighted = learning_curve(score, frames, np.arange(24), networks, POOL, *asked)
    alike = learning_curve(score, frames, np.arange(24), np.ones(24, int), POOL, *asked)
    truth = 2 - 0.1 * np.log(POOL / 2)
    assert abs(weighted.value[0] - truth) < abs(alike.value[0] - truth)


def test_with_one_shape_and_one_kind_of_noise_it_is_ordinary_regression(monkeypatch: pytest.MonkeyPatch):
    module = "frameworth.answers.learning_curve"
    monkeypatch.setattr(f"{module}._library", lambda: ([lambda n: -np.log(n)], np.ones(1)))
    monkeypatch.setattr(f"{module}._NOISE_FALLS", (0.0,))
    monkeypatch.setattr(f"{module}._CLUSTER_SHARES", (0.0,))
    score, frames, clusters = study(np.random.default_rng(3), TRUTHS["flat"], INIT, POOL, 0.1)
    curve = of(score, frames, clusters)
    model = sm.OLS(score, sm.add_constant(np.log(frames / POOL))).fit()
    there = model.get_prediction(np.array([[1, np.log(0.5)], [1, np.log(2)]]))
    np.testing.assert_allclose(curve.value, there.predicted_mean, atol=0.002)
    np.testing.assert_allclose(np.stack([curve.low, curve.high], 1), there.conf_int(alpha=0.05), atol=0.006)


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([], "no held-out frame has such a label"),
        ([30] * 40, "1 size of subsets, where a curve needs 3"),
        ([6, 18, 42, 54, 6], "5 subsets of 4 sizes, where the noise needs 8"),
    ],
)
def test_too_few_sizes_or_subsets_are_said_to_be_too_few(frames: list[int], words: str):
    curve = of(np.ones(len(frames)), np.array(frames), np.arange(len(frames)))
    assert curve.reason == words
    assert np.isnan(curve.change_high).all()
