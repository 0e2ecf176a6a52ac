"""Methods that question networks: what each must declare, so that config, rules and tables find it."""

import subprocess
import sys

import numpy as np
import pytest

from frameworth.attribution.method_values import method_values, outlying


def test_the_options_of_methods_are_known_without_importing_pytorch():
    code = "import sys; from frameworth.config.model import config_model"
    code += "; config_model(); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_frames_that_are_surely_worse_than_average_stand_out_only_where_frames_hardly_differ_as_much():
    rng = np.random.default_rng(0)
    frames = rng.normal(size=60)  # the frames differ, and every network says so
    frames[7] = 9
    values = method_values(frames + rng.normal(0, 0.1, (12, 60)), 99, rng)
    assert (values.p_adjusted < 0.05).sum() > 10
    assert np.flatnonzero(values.stands_out).tolist() == [7]
    alike = np.zeros(60)
    alike[7] = 9
    noisy = method_values(alike + rng.normal(0, 40, (12, 60)), 99, rng)
    assert not noisy.stands_out.any()


@pytest.mark.parametrize("unequal", [0.0, 0.7])
def test_frames_without_harm_are_seldom_singled_out_even_where_networks_differ_more_about_some(unequal):
    """By permutation alone, a quarter of the studies with unequal noise single out a frame."""
    singled, found = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        values = rng.normal(size=(6, 60)) * np.exp(rng.normal(0, unequal, 60))
        values[rng.random(values.shape) < 0.2] = np.nan
        singled.append((method_values(values, 59, rng).p_adjusted < 0.05).any())
        values[:, 0] = 5 + rng.normal(size=6)
        found.append(method_values(values, 59, rng).p_adjusted[0] < 0.05)
    assert np.mean(singled) <= 0.1  # .05, and the error of 60 studies
    assert np.mean(found) > 0.8


@pytest.mark.parametrize("frames", [20, 63, 400])
def test_of_studies_without_harm_one_in_twenty_has_an_outlier(frames):
    rng = np.random.default_rng(0)
    share = np.mean([outlying(rng.normal(size=frames)).any() for _ in range(600)])
    assert 0.02 < share < 0.08


def test_frames_that_nothing_is_known_of_are_no_outliers():
    assert not outlying(np.full(5, np.nan)).any()
    assert np.flatnonzero(outlying(np.array([0, 1, -1, 0.5, -0.5, 0, np.nan, 1e6]))).tolist() == [7]
