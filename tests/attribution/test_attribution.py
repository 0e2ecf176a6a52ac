"""estimate_influence: known truths, brute force, traps, and errors for arrays that do not fit."""

import itertools
import math
import warnings

import numpy as np
import pytest

from benchmarks.simulation import grid, simulate
from frameworth import estimate_influence
from frameworth.attribution.estimate import FewClustersWarning, UndecidableFrameWarning
from frameworth.attribution.estimators import estimator, estimator_names
from frameworth.attribution.estimators.beta_shapley import beta_weights
from frameworth.attribution.inference.redraw import redrawn
from frameworth.attribution.inference.values import confidence_interval
from frameworth.attribution.sample import Sample, SamplingWarning, precisions
from frameworth.plan.designs import draw_subset, subset_size

LADDER = (10, 30, 70, 90)
HALVES = [("balanced", (50,), 24)]


def influence(study, scores, **options):
    options = {"resamples": 0} | options
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SamplingWarning)
        return estimate_influence(
            study.inclusion, scores, percents=study.percents, clusters=study.clusters, design=study.designs, **options
        )


@pytest.mark.parametrize("name", estimator_names())
def test_every_estimator_has_the_scale_of_swapping_a_frame_for_an_average_one(name):
    """No noise, many halves of eight frames: n/(n−1)·(b − mean b), where the factor is 1.14."""
    study = grid([("independent", (50,), 700)], 8, 1)
    effects = np.array([3.0, 1, 0, 0, -1, -1, 2, 0])
    value = influence(study, (study.inclusion @ effects)[:, None], estimator=name).value[:, 0]
    truth = 8 / 7 * (effects - effects.mean())
    loose = {"lasso": 0.05, "ame": 0.12, "regression": 5e-3}
    assert np.abs(value - truth).max() < loose.get(name, 0.5)
    assert np.polyfit(truth, value, 1)[0] == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize("name", estimator_names())
def test_frames_in_every_or_no_subset_are_nan_with_a_warning_that_counts_them(name):
    study = grid([("independent", (50,), 16)], 10, 1)
    inclusion = np.hstack([study.inclusion, np.ones((16, 1), bool), np.zeros((16, 1), bool)])
    with pytest.warns(UndecidableFrameWarning, match="1 frames are in every subset and 1 in none"):
        estimate = estimate_influence(
            inclusion, np.random.default_rng(0).normal(size=(16, 3)), percents=study.percents,
            clusters=study.clusters, design="independent", estimator=name, resamples=0,
        )  # fmt: skip
    assert np.isnan(estimate.value[10:]).all()
    assert np.isfinite(estimate.value[:10]).all()
    assert estimate.n_with[:10].sum() == 80
    assert estimate.n_without[10:].tolist() == [0, 16]


def test_without_resamples_there_are_point_estimates_only():
    study = grid(HALVES, 12, 1)
    estimate = influence(study, np.random.default_rng(0).normal(size=(24, 2)))
    assert np.isfinite(estimate.value).all()
    for name in ("standard_error", "ci_low", "ci_high", "p_value", "p_adjusted", "absolute"):
        assert np.isnan(getattr(estimate, name)).all(), name
    assert estimate.slopes == ()


def ridge_by_hand(inclusion, u, percents, clusters, self_frame=-1):
    """The model's restricted likelihood and prediction, from dense covariance matrices over a fine grid."""
    subsets, frames = inclusion.shape
    roots = precisions(u[:, None], percents, clusters)[:, None]
    z, u = inclusion * roots, u * roots[:, 0]
    x = (percents[:, None] == np.unique(percents)) * roots
    if self_frame >= 0:
        x = np.column_stack([x, z[:, self_frame]])
    others = np.delete(np.arange(frames), self_frame) if self_frame >= 0 else np.arange(frames)
    same = (clusters[:, None] == clusters[None, :]).astype(float)
    ratios = (0.0,) if len(np.unique(clusters)) == subsets else (0.0, 0.25, 1.0, 4.0)
    best = (np.inf,)
    for ratio in ratios:
        for penalty in np.logspace(-3, 5, 400):
            v = z @ z.T + penalty * (np.eye(subsets) + ratio * same)
            inverse = np.linalg.inv(v)
            information = x.T @ inverse @ x
            p = inverse - inverse @ x @ np.linalg.solve(information, x.T @ inverse)
            freedom = subsets - x.shape[1]
            criterion = freedom * np.log(u @ p @ u) + np.linalg.slogdet(v)[1] + np.linalg.slogdet(information)[1]
            if criterion < best[0]:
                gamma = np.linalg.solve(information, x.T @ inverse @ u)
                best = (criterion, z[:, others].T @ p @ u, gamma[-1])
    effects = best[1] - best[1].mean()
    value = np.zeros(frames)
    value[others] = effects * len(others) / (len(others) - 1)
    if self_frame >= 0:
        value[self_frame] = best[2] - best[1].mean()
    return value


@pytest.mark.parametrize(
    "blocks", [HALVES, [("nested", LADDER, 9)], [("balanced", (50,), 12), ("paired", (30, 50, 70), 6)]], ids=str
)
@pytest.mark.parametrize("self_frame", [-1, 3])
def test_regression_is_the_best_linear_unbiased_prediction_at_the_restricted_likelihoods_maximum(blocks, self_frame):
    study = grid(blocks, 14, 1)
    scores, _ = simulate(study, "additive", 1.5, np.random.default_rng(4))
    estimate = influence(study, scores[:, None], estimator="regression", self_frame=np.array([self_frame])).value[:, 0]
    by_hand = ridge_by_hand(study.inclusion, scores, study.percents, study.clusters, self_frame)
    assert estimate == pytest.approx(by_hand, abs=0.02 * np.abs(by_hand).max())


def test_regression_treats_each_target_by_its_own_penalty_and_missing_rows():
    study = grid(HALVES, 14, 1)
    rng = np.random.default_rng(0)
    scores = np.column_stack([simulate(study, "additive", strength, rng)[0] for strength in (0.0, 3.0, 1.0)])
    scores[5, 2] = np.nan
    together = influence(study, scores).value
    for target in range(3):
        rows = np.isfinite(scores[:, target])
        alone = estimate_influence(
            study.inclusion[rows], scores[rows, target : target + 1], percents=study.percents[rows],
            clusters=study.clusters[rows], design="balanced", resamples=0,
        ).value  # fmt: skip
        assert together[:, target] == pytest.approx(alone[:, 0])


def exact_semivalue(game, frames, omega):
    """Σ_s ω_s of the mean marginal contribution to sets of s−1 others, over all sets."""
    value = np.zeros(frames)
    for i in range(frames):
        others = [j for j in range(frames) if j != i]
        for size in range(frames):
            sets = list(itertools.combinations(others, size))
            value[i] += omega[size] * np.mean([game(frozenset({*s, i})) - game(frozenset(s)) for s in sets])
    return value


@pytest.mark.slow
@pytest.mark.parametrize("name", ["shapley", "beta-shapley"])
def test_exact_semivalues_of_games_of_eight_players_lie_in_their_intervals(name):
    """Twelve random games with interactions; 96 intervals of 95 %: at least 85 hold the exact value."""
    frames, inside = 8, 0
    percents = [100 * size // frames + 1 for size in range(1, frames)]
    assert [subset_size(p, frames) for p in percents] == list(range(1, frames))
    omega = np.full(frames, 1 / frames) if name == "shapley" else beta_weights(frames)
    assert omega.sum() == pytest.approx(1)
    for number in range(12):
        rng = np.random.default_rng(number)
        worth, pairs = rng.normal(size=frames), np.triu(rng.normal(size=(frames, frames)), 1)

        def game(members, worth=worth, pairs=pairs):
            included = np.zeros(len(worth))
            included[list(members)] = 1
            return included @ worth + included @ pairs @ included + math.sqrt(len(members))

        exact = exact_semivalue(game, frames, omega)
        truth = frames / (frames - 1) * (exact - exact.mean())
        study = grid([("independent", percents, 60)], frames, number)
        scores = np.array([game(frozenset(np.flatnonzero(row))) for row in study.inclusion])
        estimate = estimator(name)(Sample(study.inclusion, scores[:, None], study.percents, study.clusters))
        low, high = confidence_interval(estimate.value, estimate.standard_error, estimate.clusters, 0.95)
        inside += np.count_nonzero((low[:, 0] <= truth) & (truth <= high[:, 0]))
    assert inside >= 85


def test_the_banzhaf_value_and_extrapolation_beyond_the_sizes_drawn_are_warned_of():
    study = grid([("nested", (10, 30), 30)], 20, 1)
    scores = np.random.default_rng(0).normal(size=(60, 1))
    sample = Sample(study.inclusion, scores, study.percents, study.clusters)
    with pytest.warns(SamplingWarning, match="confounded with size"):
        estimator("banzhaf")(sample)
    with pytest.warns(SamplingWarning, match="above 6 of 20 frames"):
        estimator("shapley")(sample, with_errors=False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"percents": np.where(np.arange(24) == 5, 30, 50)}, "row 5 holds 6 frames, but 30 % of 12"),
        ({"percents": np.full(23, 50)}, "percents: 23 rows for 24 subsets"),
        ({"scores": np.zeros((5, 1))}, "scores: 5 rows"),
        ({"design": "balancd"}, "there is no 'balancd'"),
        ({"estimator": "ridge"}, "there is no 'ridge'"),
        ({"self_frame": np.array([12])}, "self_frame"),
        ({"self_frame": np.array([1, 2])}, "self_frame: 2 entries for 1 targets"),
    ],
    ids=str,
)
def test_arrays_that_do_not_fit_are_refused_in_words(change, words):
    study = grid(HALVES, 12, 1)
    arguments = {"percents": study.percents, "clusters": study.clusters, "design": "balanced"} | change
    scores = arguments.pop("scores", np.zeros((24, 1)))
    with pytest.raises(ValueError, match=words):
        estimate_influence(study.inclusion, scores, **arguments)


def test_with_few_clusters_a_warning_says_so_and_values_remain():
    study = grid([("nested", LADDER, 7)], 20, 1)
    with pytest.warns(FewClustersWarning, match="7 clusters are too few"):
        estimate = influence(study, np.random.default_rng(0).normal(size=(28, 1)), resamples=9)
    assert np.isfinite(estimate.value).all()
    assert np.isnan(estimate.p_adjusted).all()


@pytest.mark.parametrize("fixed", [(), (4,), (4, 11)], ids=str)
def test_a_redraw_keeps_what_the_design_promises(fixed):
    blocks = [("balanced", (50,), 8), ("nested", LADDER, 3), ("paired", (30, 50, 70), 4), ("independent", (50,), 5)]
    study = grid(blocks, 20, 1)
    inclusion = np.hstack([study.inclusion, np.zeros((len(study.inclusion), 3), bool)])
    drawn = redrawn(
        inclusion, study.percents, study.clusters, study.designs, np.arange(20), np.random.default_rng(0), fixed
    )
    assert not drawn[:, 20:].any()
    change = np.abs(drawn.sum(axis=1).astype(int) - inclusion.sum(axis=1))
    assert change.max() <= (len(fixed) == 2)  # eight balanced rows are too few to be told apart by two frames
    assert (change[study.designs != "balanced"] == 0).all()
    assert (drawn != inclusion).any(axis=1).mean() > 0.8
    balanced = study.designs == "balanced"
    assert (drawn[balanced].sum(axis=0) == inclusion[balanced].sum(axis=0)).all()
    for seed in range(1, 4):
        rows = drawn[study.clusters == f"nested_seed-{seed}"]
        assert all((small <= large).all() for small, large in itertools.pairwise(rows))
    if fixed:
        assert (drawn[:, fixed] == inclusion[:, fixed]).all()
    else:
        first, second = (study.clusters == "paired_seed-1_percent-050").nonzero()[0]
        assert (drawn[first, :20] ^ drawn[second, :20]).all()


def test_adjusted_p_values_find_a_strong_frame_and_are_the_same_for_the_same_random_state():
    study = grid([("balanced", (50,), 40)], 20, 1)
    scores = np.random.default_rng(3).normal(size=40) + 4.0 * study.inclusion[:, 7]
    first, second = (influence(study, scores[:, None], resamples=199, random_state=5) for _ in range(2))
    assert np.array_equal(first.p_adjusted, second.p_adjusted)
    assert first.p_adjusted[7, 0] == pytest.approx(1 / 200)
    assert (np.delete(first.p_adjusted[:, 0], 7) > 0.05).all()


def test_absolute_values_add_the_slope_of_the_size():
    study = grid([("balanced", (50,), 16), ("nested", (30, 70), 8)], 20, 1)
    scores = (20 - 0.25 * study.inclusion.sum(axis=1))[:, None]
    estimate = influence(study, scores)
    assert estimate.absolute == pytest.approx(np.full((20, 1), -0.25))
    assert [(s.low, s.high) for s in estimate.slopes] == [(30, 50), (50, 70)]
    assert estimate.slopes[0].per_frame == pytest.approx([-0.25])


MIXED = [("balanced", (50,), 24), ("nested", LADDER, 4)]


def test_a_verdict_has_the_sign_of_what_was_tested():
    """Frame 0 lowers the error by 1.3, each frame raises it by .02; shrunk to nothing, only that is left."""
    rng = np.random.default_rng([28, 21])
    study = grid(MIXED, 60, 8)
    scores = -1.3 * study.inclusion[:, 0] + 0.02 * study.inclusion.sum(axis=1) + 0.45 * rng.normal(size=40)
    estimate = influence(study, scores[:, None], resamples=99, random_state=rng)
    assert abs(estimate.value[0, 0]) < 0.1
    assert estimate.tested_absolute[0, 0] < -0.8
    assert estimate.absolute_p_adjusted[0, 0] < 0.05
    assert estimate.verdict[0, 0] == "helpful"
    decided = estimate.p_adjusted < 0.05
    signs = {"harmful": 1, "worse than average": 1, "undecided": 0, "better than average": -1, "helpful": -1}
    verdict_sign = np.vectorize(signs.get)(estimate.verdict)
    tested = np.where(estimate.absolute_p_adjusted < 0.05, estimate.tested_absolute, estimate.tested_value)
    assert ((verdict_sign == np.sign(tested)) | ((verdict_sign == 0) & ~decided)).all()


def test_complements_are_not_taken_for_independent_by_the_plain_difference():
    """What one half of a pair has the other lacks, so that frames that matter make a difference twice as uncertain."""
    covered, intervals = 0, 0
    for number in range(40):
        rng = np.random.default_rng(number)
        study = grid([("paired", (50,), 20)], 24, number)
        effects = rng.normal(0, 1, 24)
        score = study.inclusion @ effects + rng.normal(0, 0.5, len(study.inclusion))
        estimate = estimate_influence(
            study.inclusion, score[:, None], percents=study.percents, clusters=study.clusters, design="paired",
            estimator="difference-of-means", resamples=1, random_state=0,
        )  # fmt: skip
        truth = 24 / 23 * (effects - effects.mean())
        inside = (estimate.ci_low[:, 0] <= truth) & (truth <= estimate.ci_high[:, 0])
        covered, intervals = covered + inside.sum(), intervals + len(inside)
    assert covered / intervals > 0.92


def test_intervals_lie_about_the_tested_value_which_is_the_size_centred_difference():
    study = grid(HALVES, 12, 1)
    scores = np.random.default_rng(0).normal(size=(24, 2))
    estimate = influence(study, scores, resamples=1)
    assert (estimate.ci_low + estimate.ci_high) / 2 == pytest.approx(estimate.tested_value)
    plain = influence(study, scores, estimator="size-centred")
    assert estimate.tested_value == pytest.approx(plain.value)
    assert plain.tested_value == pytest.approx(plain.value)


@pytest.mark.parametrize("name", estimator_names())
def test_on_several_sizes_every_estimator_is_tested_by_the_size_centred_difference(name):
    study = grid(MIXED, 20, 1)
    scores = (np.random.default_rng(0).normal(size=40) - 0.5 * study.inclusion.sum(axis=1))[:, None]
    options = {"resamples": 19, "random_state": 0}
    estimate, expected = (influence(study, scores, estimator=each, **options) for each in (name, "size-centred"))
    for part in ("tested_value", "tested_absolute", "standard_error", "ci_low", "p_adjusted", "absolute_p_adjusted"):
        assert getattr(estimate, part) == pytest.approx(getattr(expected, part)), part
    assert (estimate.verdict == expected.verdict).all()


@pytest.mark.parametrize("name", ["difference-of-means", "banzhaf"])
def test_the_slope_is_not_added_to_a_pooled_difference_which_holds_it_already(name):
    """The score falls by a quarter with each frame, whichever: so much is each frame's absolute value."""
    study = grid([("balanced", (50,), 16), ("nested", (30, 70), 8)], 20, 1)
    estimate = influence(study, (20 - 0.25 * study.inclusion.sum(axis=1))[:, None], estimator=name)
    assert estimate.value.mean() < -0.2  # confounded: no frame is better than another
    assert estimate.absolute == pytest.approx(np.full((20, 1), -0.25))


def test_without_an_error_of_the_slope_no_absolute_value_is_decided():
    study = grid([("balanced", (50,), 24), ("independent", (30, 70), 1)], 20, 1)
    scores = np.random.default_rng(0).normal(size=26) * 1e-3 + 5 * study.inclusion[:, 0]
    estimate = influence(study, scores[:, None], resamples=19)
    assert np.isnan(estimate.absolute_p_adjusted).all()
    assert set(estimate.verdict[:, 0]) <= {"worse than average", "better than average", "undecided"}


@pytest.mark.parametrize(
    ("studies", "resamples", "most"),
    [
        pytest.param(40, 99, 0.15, marks=pytest.mark.slow),  # 7 of 40 at 5 % come by chance 3 times in 1,000
        pytest.param(400, 199, 0.075, marks=pytest.mark.long),  # 5 % and two standard errors
    ],
)
def test_the_papers_grid_calls_a_frame_in_one_of_twenty_studies_without_effects(studies, resamples, most):
    """On the grid of config/paper.yaml: with an error that falls with size, and with one that does not."""
    called = []
    level = {10: 10.0, 30: 5.0, 70: 4.6, 90: 4.5}
    members = {10: 4, 30: 4, 70: 2, 90: 2}
    for number in range(studies):
        study = grid([("nested", LADDER, 10)], 60, number)
        rng = np.random.default_rng([number, 22])
        noise = 0.5 * rng.normal(size=40) / np.sqrt([members[p] for p in study.percents])
        options = {"estimator": "difference-of-means", "resamples": resamples, "random_state": rng}
        estimate = influence(study, (noise + [level[p] for p in study.percents])[:, None], **options)
        # Where the error falls with each frame that is added, `helpful` is true of all.
        falling = (estimate.p_adjusted < 0.05).any() or (estimate.verdict == "harmful").any()
        flat = (influence(study, noise[:, None] + 5, **options).verdict != "undecided").any()
        called.append([falling, flat])
    assert (np.mean(called, axis=0) <= most).all()


@pytest.mark.slow
@pytest.mark.parametrize(("design", "rows"), [("balanced", 8), ("independent", 10)])
@pytest.mark.parametrize("estimator", ["difference-of-means", "shapley"])
def test_studies_of_few_subsets_without_effects_decide_no_frame_by_any_estimator(design, rows, estimator):
    """Errors of two independent means decided a frame in .86 of such balanced studies, and in .12 of the others."""
    rng, decided = np.random.default_rng(0), 0
    for study in range(40):
        inclusion = np.array([draw_subset(design, 40, 50, seed, study) for seed in range(1, rows + 1)])
        found = estimate_influence(
            inclusion, rng.normal(size=(rows, 1)), percents=np.full(rows, 50), clusters=np.arange(rows), design=design,
            estimator=estimator, resamples=199, random_state=study,
        )  # fmt: skip
        decided += bool((found.verdict != "undecided").any())
    assert decided <= 6  # 2 are expected at 5 %
