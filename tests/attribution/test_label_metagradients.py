"""Metagradients of single labels: which are singled out, and where each would have to move."""

import numpy as np
import pytest

from frameworth.attribution.label_metagradients import label_metagradients


def derivatives(rng, networks=8, frames=40, keypoints=3):
    """Derivatives in which the last keypoint has ten times the spread; each network tells of three quarters."""
    scale = np.array([1, 1, 10.0])
    change = rng.normal(size=(networks, frames, keypoints)) * scale + scale
    position = rng.normal(size=(networks, frames, keypoints, 2))
    unknown = rng.random((networks, frames)) < 0.25
    change[unknown], position[unknown] = np.nan, np.nan
    return change, position, np.ones((frames, keypoints), bool)


def test_harmful_labels_of_any_keypoint_are_singled_out_and_few_studies_without_any_single_out_one():
    rng = np.random.default_rng(0)
    change, position, labelled = derivatives(rng)
    change[:, 3, 0] += 6
    change[:, 7, 2] += 60
    found = label_metagradients(change, position, labelled, 99, rng)
    assert found.p_adjusted[3, 0] < 0.05
    assert found.p_adjusted[7, 2] < 0.05
    wrong = 0
    for number in range(40):
        rng = np.random.default_rng(number)
        wrong += (label_metagradients(*derivatives(rng), 99, rng).p_adjusted < 0.05).any()
    assert wrong <= 6


def test_a_label_is_to_move_against_the_derivative_and_networks_that_differ_do_not_agree():
    rng = np.random.default_rng(1)
    change, position, labelled = derivatives(rng, networks=30)
    position[:, 0, 0] = np.array([3.0, 4]) * rng.uniform(0.1, 10, (30, 1))
    found = label_metagradients(change, position, labelled, 9, rng)
    assert found.direction[0, 0] == pytest.approx([-0.6, -0.8])
    assert found.agreement[0, 0] == pytest.approx(1)
    assert np.median(found.agreement[1:]) < 0.4


def test_a_missing_label_is_told_nothing_of():
    rng = np.random.default_rng(2)
    change, position, labelled = derivatives(rng)
    labelled[5, 1] = False
    position[:, 5, 1] = 0
    found = label_metagradients(change, position, labelled, 9, rng)
    assert not found.networks[5, 1]
    assert np.isnan(found.value[5, 1])
    assert np.isnan(found.direction[5, 1]).all()
    assert np.isfinite(found.value).sum() == labelled.sum()
