"""The expected number of right frames among the flagged ones is correct, in simulations with a known truth."""

import numpy as np
import pytest

from frameworth.attribution.inference.tails import tail_probability

TAILS = {"normal": (np.inf,), "t5": (5.0,), "t3": (3.0,), "of each its own": (3.0, 5.0, np.inf)}


def deviations(rng, frames, keypoints, tails, wrong=0.0):
    """Robust z of log errors [N, K] whose spread and tail differ between keypoints, and which frames are wrong.

    In a wrong frame one label lies 4 to 10 robust standard deviations off.
    """
    freedom = [tails[k % len(tails)] for k in range(keypoints)]
    drawn = [rng.normal(size=frames) if np.isinf(df) else rng.standard_t(df, frames) for df in freedom]
    error = np.stack(drawn, axis=1) * np.exp(0.4 * rng.normal(size=keypoints)) + rng.normal(size=keypoints)
    centre, spread = robust(error)
    bad = rng.permutation(frames) < round(wrong * frames)
    which = rng.integers(0, keypoints, bad.sum())
    error[bad, which] = centre[which] + spread[which] * rng.uniform(4, 10, bad.sum())
    centre, spread = robust(error)
    return (error - centre) / spread, bad


def robust(error):
    centre = np.median(error, axis=0)
    return centre, 1.4826 * np.median(np.abs(error - centre), axis=0)


def flagged(deviation):
    return len(deviation) * np.nanmin(tail_probability(deviation), axis=1) <= 1


def simulated(studies, keypoints, tails, wrong=0.0):
    """Means over studies: the share of wrong frames that is flagged, and how many right ones are."""
    rows = []
    for seed in range(studies):
        rng = np.random.default_rng([seed, keypoints])
        deviation, bad = deviations(rng, (90, 120, 200)[seed % 3], keypoints, TAILS[tails], wrong)
        flags = flagged(deviation)
        rows.append((flags[bad].sum() / max(bad.sum(), 1), (flags & ~bad).sum()))
    return np.mean(rows, axis=0)


@pytest.mark.parametrize("tails", TAILS)
@pytest.mark.parametrize(
    ("keypoints", "studies", "least", "most"),  # .5 to 2, and the error of 24 studies
    [(k, 24, 0.3, 2.5) for k in (4, 17)]
    + [pytest.param(k, 150, 0.5, 2, marks=pytest.mark.long) for k in (4, 8, 17, 30)],
)
def test_of_right_frames_about_one_is_flagged_in_many_studies(keypoints, studies, least, most, tails):
    """Without correction 5 of 100 frames with 4 keypoints are flagged by a fixed limit, and 16 of those with 17."""
    _, right = simulated(studies, keypoints, tails)
    assert least <= right <= most


@pytest.mark.parametrize("keypoints", [4, 17, 32])
def test_wrong_labels_of_one_keypoint_in_a_twelfth_of_the_frames_are_flagged_and_hardly_a_right_one(keypoints):
    wrong, right = simulated(12, keypoints, "normal", wrong=0.08)
    assert wrong > 0.7
    assert right < 1


def test_a_heavy_tail_makes_the_same_deviation_less_telling():
    """A seventh standard deviation is beyond belief among normal errors, and nothing rare among t3's."""

    def p(tails):
        deviation, _ = deviations(np.random.default_rng(1), 200, 8, TAILS[tails])
        deviation[0, 0] = 7
        return tail_probability(deviation)[0, 0]

    assert p("normal") < 1e-3 < 1e-2 < p("t3")


def test_a_missing_label_has_no_p_and_the_order_of_a_keypoints_labels_is_kept():
    deviation, _ = deviations(np.random.default_rng(2), 60, 5, TAILS["t5"])
    deviation[3, 1] = np.nan
    deviation[4] = np.nan
    p = tail_probability(deviation)
    assert (np.isnan(p) == np.isnan(deviation)).all()
    order = np.argsort(deviation[5:, 2])
    assert (np.diff(p[5:, 2][order]) <= 1e-12).all()
