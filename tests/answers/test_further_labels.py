"""The learning curve beyond the pool and thin poses, on studies of known truth."""

from dataclasses import replace

import numpy as np
import pytest

from frameworth.answers.extrapolation import extrapolate, fitted, size_means
from frameworth.answers.further_labels import ALL, WORTHWHILE, further_labels, pose_plane, verdict
from synthetic_study import write_study

POOL = 60


def ladder(number: int, *, falls: tuple[float, float, float], deviation: float = 0.1):
    """Scores, sizes and clusters of 40 halves and a nested ladder of three seeds, noise larger in small subsets.

    Args:
        falls: a, b, c of the true a + b·n^−c.
    """
    rng = np.random.default_rng(number)
    sizes = np.array([30] * 40 + [6, 18, 42, 54] * 3)
    clusters = np.concatenate([np.arange(40), 40 + np.repeat(np.arange(3), 4)])
    a, b, c = falls
    shared, own = rng.normal(size=43)[clusters], rng.normal(size=len(sizes))
    noise = deviation * (sizes / 54) ** -0.3 * (shared + own) / np.sqrt(2)
    return a + b * sizes**-c + noise, sizes, clusters


def test_a_curve_without_noise_is_found_and_extrapolated():
    sizes = np.array([6.0, 18, 42, 54])
    asked = np.array([60.0, 120])
    means = np.stack([0.5 + 3 * sizes**-0.5, 1.2 - 0.4 * sizes**-1.0])
    found = fitted(sizes, means, np.ones(4), asked)
    np.testing.assert_allclose(found, np.stack([0.5 + 3 * asked**-0.5, 1.2 - 0.4 * asked**-1.0]), atol=3e-3)


@pytest.mark.slow
@pytest.mark.parametrize("falls", [(0.5, 3.0, 0.5), (0.5, 8.0, 1.0), (0.0, 4.0, 0.3)])
def test_intervals_of_the_extrapolated_error_cover_the_truth(falls: tuple[float, float, float]):
    a, b, c = falls
    studies, value, change = 80, 0, 0
    truth, at_pool = a + b * (2.0 * POOL) ** -c, a + b * float(POOL) ** -c
    for number in range(studies):
        found = extrapolate(*ladder(number, falls=falls), POOL, [2 * POOL], 0.95, np.random.default_rng(0))
        value += found.low[0] <= truth <= found.high[0]
        change += found.change_low[0] <= truth - at_pool <= found.change_high[0]
    least = 0.95 - 3 * np.sqrt(0.05 * 0.95 / studies)
    assert min(value, change) / studies > least


@pytest.mark.slow
def test_an_error_that_does_not_change_with_size_is_hardly_ever_said_to():
    called = [
        verdict(extrapolate(*ladder(n, falls=(1.2, 0.0, 1.0)), POOL, [2 * POOL], 0.95, np.random.default_rng(0)))
        for n in range(80)
    ]
    wrong = sum(one in ("would gain", "would lose") for one in called) / 80
    assert wrong < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 80)
    assert sum(one.startswith("cannot be told") for one in called) > 60


def test_a_curve_that_clearly_falls_is_said_to_and_one_that_is_flat_at_its_end_is_not():
    arguments = (POOL, [120], 0.95, np.random.default_rng(0))
    falling = extrapolate(*ladder(0, falls=(0.0, 4.0, 0.3), deviation=0.02), *arguments)
    assert verdict(falling) == "would gain"
    flat = extrapolate(*ladder(0, falls=(1.0, 80.0, 2.0), deviation=0.005), *arguments)
    assert flat.changes
    assert verdict(flat) == "would hardly change"
    unsure = replace(falling, change_low=np.array([-0.3]), change_high=np.array([-WORTHWHILE / 2]))
    assert verdict(unsure).startswith("cannot be told")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (slice(0, 40), "1 size of subsets, where a curve needs 3"),
        (slice(40, 45), "5 subsets of 4 sizes, where the noise needs 8"),
    ],
)
def test_too_few_sizes_or_subsets_are_said_to_be_too_few(rows: slice, words: str):
    score, sizes, clusters = (array[rows] for array in ladder(0, falls=(0.5, 3.0, 0.5)))
    found = extrapolate(score, sizes, clusters, POOL, [120], 0.95, np.random.default_rng(0))
    assert verdict(found) == f"cannot be told: {words}"
    assert np.isnan(found.change_high).all()


@pytest.mark.slow
def test_the_covariance_of_the_sizes_means_is_that_of_many_studies():
    falls = (0.5, 3.0, 0.5)
    truth = np.cov(np.stack([size_means(*ladder(n, falls=falls)).mean for n in range(3000)]).T)
    estimated = np.mean([size_means(*ladder(n, falls=falls)).covariance for n in range(600)], axis=0)
    # Three seeds on a size say little of its variance: what is taken errs on the wide side.
    ratio = np.diag(estimated) / np.diag(truth)
    assert ((ratio > 0.95) & (ratio < 1.5)).all(), ratio
    # Sizes of the same nested seeds vary together, the halves of their own clusters do not.
    correlation = estimated / np.sqrt(np.outer(np.diag(estimated), np.diag(estimated)))
    assert 0.3 < correlation[0, 3] < 0.6  # the truth is one half; three seeds say little
    assert abs(correlation[0, 2]) < 0.02


def test_frames_of_one_pose_lie_together_wherever_the_animal_is_and_a_gap_does_not_move_them_far():
    rng = np.random.default_rng(0)
    pose = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 5.0]])
    xy = np.stack([pose + rng.uniform(0, 500, 2) + rng.normal(0, 0.1, (3, 2)) for _ in range(30)])
    xy[20:] = xy[20:, ::-1]
    place = pose_plane(xy)
    assert np.ptp(place[:20, 0]) < 1
    assert abs(place[0, 0] - place[25, 0]) > 5
    xy[3] = np.nan
    xy[4, 1:] = np.nan
    assert np.isnan(pose_plane(xy)[[3, 4]]).all()
    assert np.isfinite(pose_plane(xy)[5:]).all()


def test_a_held_out_frame_of_a_pose_that_the_pool_lacks_and_of_high_error_is_thin(tmp_path):
    study = write_study(tmp_path, frames=40, halves=12, ladder_seeds=2, planted=False, missing=False)
    frame = int(np.flatnonzero(~study.pool)[0])
    study.labels.xy[frame, 0] += [60.0, 0.0]
    study.scores["log_error"][:, frame] = 5.0
    table = further_labels(study)
    frames = table[table["about"] == "frame"].set_index("frame")
    assert frames.loc[frame, "thin"]
    assert not frames.loc[study.pool, "thin"].any()
    assert (frames["pose_distance"].idxmax()) == frame
    study.scores["log_error"][:, frame] = 0.0  # as far away, but no trouble
    assert not further_labels(study).set_index("frame").loc[frame, "thin"]


def test_each_keypoint_has_a_curve_of_its_own_and_a_wider_interval(tmp_path):
    study = write_study(tmp_path, frames=24, halves=12, ladder_seeds=3)
    table = further_labels(study)
    gains = table[table["about"] == "gain"].groupby("keypoint").last()
    assert set(gains.index) == {ALL, *study.labels.keypoints}
    measured = table[(table["about"] == "measured") & (table["keypoint"] == "nose")].set_index("frames")["value"]
    held_out = study.scores["log_error"][:, ~study.pool, 0]
    size = study.subsets["frames"].to_numpy()
    for frames, value in measured.items():
        assert value == pytest.approx(np.nanmean(held_out[size == frames], axis=1).mean(), rel=1e-5)
