"""How well a number per frame finds frames of one kind among the others."""

import numpy as np
import pytest
from scipy import stats

from frameworth.attribution.inference.auroc import interval_of_auroc


def test_an_auroc_of_one_is_not_known_to_be_one():
    """With three right and two wrong frames told apart: two pairs in order, which chance alone does in a quarter."""
    truth = np.array([False, False, False, True, True])
    assert interval_of_auroc(truth, np.arange(5.0), 0.5) == (0.5, 1.0)
    assert interval_of_auroc(truth, -np.arange(5.0), 0.5) == (0.0, 0.5)
    low, high = interval_of_auroc(truth, np.array([1.0, 2, 5, 3, 4]), 0.95)
    assert low < 4 / 6 <= high
    # How a single wrong frame differs from others like it, nobody knows.
    assert interval_of_auroc(np.arange(5) == 3, np.array([1.0, 2, 5, 3, 4]), 0.95) == (0, 1)


@pytest.mark.parametrize("wrong", [4, 10])
def test_intervals_of_an_auroc_hold_it_though_wrong_frames_are_few(wrong):
    """By resampling they held it in .80 of studies with four wrong frames, in .83 with ten."""
    rng, covered, studies = np.random.default_rng(wrong), 0, 400
    truth = np.arange(50 + wrong) < wrong
    for _ in range(studies):
        low, high = interval_of_auroc(truth, rng.normal(size=len(truth)) + 2.2 * truth, 0.95)
        covered += low <= stats.norm.cdf(2.2 / np.sqrt(2)) <= high
    assert covered / studies > 0.93
