"""Estimators compared with brute force and known truth, and in the traps that they are made to avoid."""

import numpy as np
import pytest

from benchmarks import simulation
from frameworth.attribution.estimators import difference_of_means, regression, size_centred
from frameworth.attribution.sample import Sample, precisions

LADDER = (10, 30, 70, 90)


def grid(blocks, pool, study_seed=1):
    """inclusion, percents, clusters of blocks (design, percents, seeds)."""
    study = simulation.grid(blocks, pool, study_seed)
    return study.inclusion, study.percents, study.clusters


def run(module, inclusion, scores, percents, clusters, self_frame=-1):
    return module.estimate(Sample(inclusion, scores, percents, clusters, np.asarray(self_frame)))


def least_squares(inclusion, scores, percents, frame, self_frame, roots=None):
    """The coefficient of a frame's inclusion beside the sizes' means, rows multiplied by the roots of their weights."""
    columns = [(percents == p).astype(float) for p in np.unique(percents)]
    if self_frame not in (-1, frame):
        columns.append(inclusion[:, self_frame].astype(float))
    columns.append(inclusion[:, frame].astype(float))
    roots = np.ones(len(scores)) if roots is None else roots
    return np.linalg.lstsq(np.column_stack(columns) * roots[:, None], scores * roots, rcond=None)[0][-1]


def test_the_difference_of_means_is_what_a_loop_gives():
    rng = np.random.default_rng(0)
    inclusion, scores = rng.random((30, 9)) < 0.5, rng.normal(5, 2, (30, 7))
    scores[3, 2] = np.nan
    scores[:, 5] = np.nan
    estimate = run(difference_of_means, inclusion, scores, np.full(30, 50), np.arange(30))
    for i in range(9):
        for t in range(7):
            with_i = scores[inclusion[:, i], t][np.isfinite(scores[inclusion[:, i], t])]
            without = scores[~inclusion[:, i], t][np.isfinite(scores[~inclusion[:, i], t])]
            if t == 5:
                assert np.isnan(estimate.value[i, t])
                continue
            error = np.sqrt(with_i.var(ddof=1) / len(with_i) + without.var(ddof=1) / len(without))
            assert estimate.value[i, t] == pytest.approx(with_i.mean() - without.mean())
            assert estimate.standard_error[i, t] == pytest.approx(error)


@pytest.mark.parametrize(
    "blocks",
    [
        [("nested", LADDER, 10)],
        [("paired", (30, 50, 70), 12)],
        [("balanced", (50,), 16), ("nested", LADDER, 8)],
    ],
    ids=["nested", "paired", "mixed"],
)
def test_the_size_centred_difference_and_its_errors_are_a_refitted_jackknife(blocks):
    inclusion, percents, clusters = grid(blocks, 20)
    rng = np.random.default_rng(1)
    self_frame = np.array([-1, 3, 7, -1])
    scores = rng.normal(size=(len(inclusion), 4)) + inclusion @ rng.normal(size=(20, 4))
    scores[percents == 30] *= 4
    estimate = run(size_centred, inclusion, scores, percents, clusters, self_frame)
    roots = precisions(scores, percents, clusters)
    assert roots[percents == 30].max() < 0.7 * roots[percents != 30].min()
    names = np.unique(clusters)
    for i in (0, 3, 7, 19):
        for t in range(4):
            value = least_squares(inclusion, scores[:, t], percents, i, self_frame[t], roots)
            assert estimate.value[i, t] == pytest.approx(value)
            left_out = [
                least_squares(inclusion[keep], scores[keep, t], percents[keep], i, self_frame[t], roots[keep])
                for keep in (clusters != name for name in names)
            ]
            variance = (len(names) - 1) / len(names) * ((np.array(left_out) - value) ** 2).sum()
            assert estimate.standard_error[i, t] == pytest.approx(np.sqrt(variance))


def test_a_percents_weight_is_its_precision_drawn_towards_equal_ones_by_few_clusters():
    percents = np.repeat([30, 50], [3, 31])
    scores = np.r_[-4.0, 0, 4, np.tile([-1.0, 1], 15), 0][:, None]
    variances = np.array([16, 1]), (2 * 16 + 30 * 1) / 32
    few, many = variances[0] / variances[1]
    roots = precisions(scores, percents, np.arange(34))
    assert roots[0] ** -2 == pytest.approx((4 + 2 * few) / 6)
    assert roots[-1] ** -2 == pytest.approx((4 + 30 * many) / 34)
    assert precisions(7 * scores + 3, percents, np.arange(34)) == pytest.approx(roots)
    assert precisions(scores[3:], percents[3:], np.arange(31)) == pytest.approx(np.ones(31))


def test_weights_leave_exact_effects_as_they_are_and_parts_add_up_to_the_whole():
    """Three small percents vary less: without noise each frame's value is n/(n−1)·(b − mean b) all the same."""
    inclusion, percents, clusters = grid([("nested", LADDER, 400)], 8)
    effects = np.array([3.0, 1, 0, 0, -1, -1, 2, 0])
    exact = (inclusion @ effects)[:, None]
    value = run(size_centred, inclusion, exact, percents, clusters).value[:, 0]
    assert value == pytest.approx(8 / 7 * (effects - effects.mean()), abs=0.15)
    noise = np.random.default_rng(0).normal(size=exact.shape)
    parts = run(size_centred, inclusion, np.hstack([exact, noise, exact + noise]), percents, clusters).value
    assert parts[:, 0] + parts[:, 1] == pytest.approx(parts[:, 2])


@pytest.mark.parametrize("module", [regression, size_centred])
def test_noisy_small_subsets_do_not_drown_what_large_ones_say(module):
    """Fifteen ladders whose 10 % subsets have four times the noise, and 30 % half as much again."""
    correlations = []
    for number in range(12):
        rng = np.random.default_rng([number, 1])
        inclusion, percents, clusters = grid([("nested", LADDER, 15)], 60, number)
        effects = rng.normal(size=60)
        effects[:6] *= 3
        effects *= 2 / np.sqrt((effects**2).sum())
        noise = np.select([percents == 10, percents == 30], [4, 1.5], 1) * 0.7
        scores = inclusion @ effects + noise * rng.normal(size=60)
        value = run(module, inclusion, scores[:, None], percents, clusters).value[:, 0]
        correlations.append(np.corrcoef(value, effects)[0, 1])
    assert np.mean(correlations) > 0.45


def test_size_confounds_the_difference_of_means_but_not_the_size_centred():
    """The design's example: no frame effect at all, an error that falls from 10 to 5 px with size."""
    inclusion, percents, clusters = grid([("nested", (10, 30), 200)], 60)
    scores = np.where(percents == 10, 10.0, 5.0)[:, None]
    pooled = run(difference_of_means, inclusion, scores, percents, clusters).value
    centred = run(size_centred, inclusion, scores, percents, clusters).value
    assert pooled.mean() == pytest.approx(-1.56, abs=0.05)
    assert np.abs(centred).max() < 1e-9


def test_on_the_diagonal_is_memorization_and_beside_it_the_own_effect_is_gone():
    """A target whose score depends on nothing but its own inclusion: no other frame has influence on it."""
    inclusion, percents, clusters = grid([("balanced", (50,), 40)], 20)
    scores = np.where(inclusion[:, 4], 2.0, 9.0)[:, None]
    adjusted = run(size_centred, inclusion, scores, percents, clusters, [4]).value[:, 0]
    plain = run(size_centred, inclusion, scores, percents, clusters).value[:, 0]
    assert adjusted[4] == pytest.approx(-7)
    assert np.abs(np.delete(adjusted, 4)).max() < 1e-9
    assert np.abs(np.delete(plain, 4)).max() > 0.1


def test_intervals_of_the_size_centred_difference_cover_the_truth():
    """300 simulated studies of 16 nested seeds, additive effects and noise shared within a seed."""
    from frameworth.attribution.inference.values import confidence_interval

    rng = np.random.default_rng(3)
    covered, strongest = [], []
    for study in range(300):
        inclusion, percents, clusters = grid([("nested", LADDER, 16)], 24, study)
        effects = rng.normal(size=24) * 0.5
        shared = rng.normal(size=16).repeat(len(LADDER))
        scores = inclusion @ effects + shared + rng.normal(size=len(inclusion))
        estimate = run(size_centred, inclusion, scores[:, None], percents, clusters)
        truth = 24 / 23 * (effects - effects.mean())
        low, high = confidence_interval(estimate.value, estimate.standard_error, estimate.clusters, 0.95)
        inside = (low[:, 0] <= truth) & (truth <= high[:, 0])
        covered += inside.tolist()
        strongest += inside[np.argsort(-np.abs(truth))[:2]].tolist()
    assert 0.93 <= np.mean(covered) <= 0.97
    assert 0.92 <= np.mean(strongest) <= 0.98
