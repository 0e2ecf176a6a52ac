"""The remaining error in a balanced design, and tests beside frames that are already decided."""

import warnings

import numpy as np
import pytest
from scipy import stats

from benchmarks.simulation import grid, simulate
from frameworth import estimate_influence
from frameworth.attribution.estimators import size_centred
from frameworth.attribution.inference.balance import variance_factor
from frameworth.attribution.inference.redraw import family_wise, largest_statistics
from frameworth.attribution.sample import Sample, Study, centred


def influence(study, scores, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimate_influence(
            study.inclusion, scores, percents=study.percents, clusters=study.clusters, design=study.designs,
            **({"estimator": "size-centred", "resamples": 199, "random_state": 0} | options),
        )  # fmt: skip


def test_the_factor_is_the_true_variance_over_what_the_jackknife_expects():
    """More subsets than frames and hardly any noise, so that the share due to frames is known: effects drawn anew
    2,000 times for one design give the difference the variance that the factor says, to a tenth."""
    study = grid([("balanced", (50,), 40)], 12, 1)
    rng = np.random.default_rng(0)
    effects = rng.normal(size=(12, 2000))
    scores = study.inclusion @ effects + 0.3 * rng.normal(size=(40, 2000))
    truth = 12 / 11 * (effects - effects.mean(axis=0))
    estimate = size_centred.estimate(Sample(study.inclusion, scores, study.percents, study.clusters))
    z, u = (centred(values, study.percents) for values in (study.inclusion, scores))
    factor = variance_factor(z, u, study.percents, study.clusters)
    variance = ((estimate.value - truth) ** 2).mean()
    jackknife = (estimate.standard_error**2).mean()
    assert variance / jackknife < 0.25  # the jackknife alone is far too wide
    assert (factor * estimate.standard_error**2).mean() == pytest.approx(variance, rel=0.1)


def test_without_effects_the_factor_stays_near_one():
    study = grid([("balanced", (50,), 24)], 60, 1)
    u = centred(np.random.default_rng(0).normal(size=(24, 300)), study.percents)
    factor = variance_factor(centred(study.inclusion, study.percents), u, study.percents, study.clusters)
    assert 0.85 < factor.mean() <= 1.05


@pytest.mark.slow
def test_intervals_of_balanced_studies_with_strong_effects_cover_as_often_as_they_say():
    inside = []
    for number in range(60):
        study = grid([("balanced", (50,), 40)], 60, number)
        scores, truth = simulate(study, "additive", 2.0, np.random.default_rng([number, 40]), fall=3.0)
        estimate = influence(study, scores[:, None], resamples=1)
        inside += ((estimate.ci_low[:, 0] <= truth) & (truth <= estimate.ci_high[:, 0])).tolist()
    assert 0.93 <= np.mean(inside) <= 0.975


def test_beside_a_decided_frame_others_are_judged_without_its_noise_and_keep_their_meaning():
    """Frame 0 is worth eight deviations of the noise, frame 1 two: alone it drowns, beside frame 0 it is decided."""
    study = grid([("independent", (50,), 40)], 20, 3)
    rng = np.random.default_rng(1)
    effects = np.zeros(20)
    effects[:2] = 8.0, 2.0
    scores = study.inclusion @ effects + rng.normal(size=40)
    estimate = influence(study, scores[:, None])
    assert estimate.p_adjusted[0, 0] == pytest.approx(1 / 200)
    assert estimate.p_adjusted[1, 0] < 0.05
    plain = size_centred.estimate(Sample(study.inclusion, scores[:, None], study.percents, study.clusters))
    assert abs(plain.value[1, 0] / plain.standard_error[1, 0]) < 3
    truth = 20 / 19 * (effects - effects.mean())
    centre = (estimate.ci_low + estimate.ci_high)[:, 0] / 2
    assert np.abs(centre - truth)[1:].max() < 1.5 * stats.t.ppf(0.995, 39) * estimate.standard_error[1:, 0].max()
    assert np.mean(np.abs(centre - truth)[1:]) < 0.5 * np.mean(np.abs(plain.value[:, 0] - truth)[1:])


@pytest.mark.slow
def test_beside_a_strong_frame_of_a_balanced_design_one_test_in_twenty_is_wrong():
    rejected = []
    for number in range(60):
        study = grid([("balanced", (50,), 24)], 30, number)
        scores = np.random.default_rng([number, 9]).normal(size=24) + 5.0 * study.inclusion[:, 0]
        estimate = influence(study, scores[:, None], resamples=99)
        rejected += (estimate.p_value[1:, 0] < 0.05).tolist()
    assert 0.02 <= np.mean(rejected) <= 0.085


@pytest.mark.slow
def test_several_strong_frames_of_a_balanced_design_are_all_decided_and_hardly_any_study_decides_another():
    """Five frames, each twice the next: with four held, forty rows are too few to permute among those alike in all."""
    decided_strong, decided_others = [], []
    for number in range(25):
        study = grid([("balanced", (50,), 40)], 40, number)
        scores = np.random.default_rng([number, 3]).normal(size=40) + study.inclusion[:, :5] @ [80, 40, 20, 10, 5]
        p = influence(study, scores[:, None], resamples=99).p_adjusted[:, 0]
        decided_strong.append((p[:5] < 0.05).mean())
        decided_others.append((p[5:] < 0.05).any())
    assert np.mean(decided_strong) > 0.9
    assert np.mean(decided_others) <= 0.16  # 5 % of 25 studies are 1; 5 or more come by chance 1 time in 100


def test_later_steps_are_never_surer_than_earlier_ones():
    study = grid([("balanced", (50,), 40)], 20, 1)
    rng = np.random.default_rng(2)
    scores = study.inclusion[:, :3] @ np.array([9.0, 5.0, 2.5]) + rng.normal(size=40)
    p = influence(study, scores[:, None]).p_adjusted[:, 0]
    assert p[0] <= p[1] <= p[2] + 1e-12
    assert p[2] <= p[3:].min()


def test_estimators_with_errors_of_their_own_are_judged_by_the_first_step_alone():
    """Their statistics hold the strong frame's noise, and so must what they are compared with."""
    study = grid([("independent", (50,), 40)], 20, 3)
    scores = np.random.default_rng(1).normal(size=40) + study.inclusion[:, :2] @ np.array([8.0, 2.0])
    estimate = influence(study, scores[:, None], estimator="difference-of-means")
    sample = Study(
        study.inclusion, scores[:, None], study.percents, study.clusters, roots=np.ones(40), designs=study.designs
    )
    largest = largest_statistics(sample, [[]], 199, np.random.default_rng(0))  # as random_state=0 gives them
    expected = family_wise(estimate.value / estimate.standard_error, largest)
    assert expected.min() < 0.05 < np.sort(expected[:, 0])[1]
    assert estimate.p_adjusted == pytest.approx(expected)
    assert estimate.critical == pytest.approx(np.quantile(largest, 0.95, axis=0))


def called_and_covered(studies, resamples, design, strength):
    """Frames that were called, and how many of their intervals, given the call and plain, hold the truth."""
    called, covered, plain = 0, 0, 0
    for number in range(studies):
        study = grid(design, 60, number)
        rng = np.random.default_rng([number, 11])
        effects = strength * np.array([1, -1] + [0] * 58)
        scores = study.inclusion @ effects + rng.normal(size=len(study.inclusion))
        truth = 60 / 59 * (effects - effects.mean())
        estimate = influence(study, scores[:, None], resamples=resamples, random_state=rng)
        decided = estimate.p_adjusted[:, 0] < 0.05
        called += decided.sum()
        covered += ((estimate.called_ci_low[:, 0] <= truth) & (truth <= estimate.called_ci_high[:, 0]))[decided].sum()
        plain += ((estimate.ci_low[:, 0] <= truth) & (truth <= estimate.ci_high[:, 0]))[decided].sum()
    return int(called), int(covered), int(plain)


@pytest.mark.slow
def test_intervals_of_called_frames_hold_the_truth_with_redraws_as_users_get_them():
    called, covered, plain = called_and_covered(60, 60, [("balanced", (50,), 40)], 1.0)
    assert called >= 20
    assert covered / called > 0.78  # .90, and two deviations of so few
    assert plain < covered


@pytest.mark.slow
def test_with_twelve_ladders_intervals_of_called_frames_hold_the_truth_though_plain_ones_do_not():
    """Frames are called then that have a small error by chance, and it is the error that a plain interval goes by."""
    called, covered, plain = called_and_covered(100, 60, [("nested", (10, 30, 70, 90), 12)], 1.5)
    assert called >= 20
    assert covered / called > 0.90 - 2 * np.sqrt(0.09 / called)
    assert plain / called < 0.85


@pytest.mark.long
@pytest.mark.parametrize(
    ("design", "strength"),
    [([("balanced", (50,), 40)], 1.0), ([("balanced", (50,), 40)], 2.0), ([("independent", (50,), 60)], 1.0)],
    ids=str,
)
def test_of_called_frames_nine_in_ten_intervals_hold_the_truth(design, strength):
    called, covered, _ = called_and_covered(300, 199, design, strength)
    assert covered / called > 0.90 - 2 * np.sqrt(0.09 / called)
