"""The shared part and the differing part of networks' errors: identities, unbiasedness, a learner of known bias."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from benchmarks.simulation import grid
from frameworth.answers.bias_variance import curve_across_subsets, curve_of_members, error_of_mean_pose, parts
from frameworth.errors import UserError
from frameworth.figures import bias_variance
from frameworth.results.results import Results
from synthetic_study import write_study


def ensembles(rng, subsets, members, labels, bias, of_subset, of_member):
    """Offsets of members from the label [S, R, M, 2] with the given bias (px) and deviations per coordinate."""
    a = rng.normal(0, of_subset, (subsets, 1, labels, 2))
    return np.array([bias, 0.0]) + a + rng.normal(0, of_member, (subsets, members, labels, 2))


def as_parts(offsets, fraction=0.0, level=0.95):
    """With fraction 0 the subsets are fresh training sets."""
    subsets, most = offsets.shape[:2]
    mean = offsets.mean(axis=1)
    within = ((offsets - mean[:, None]) ** 2).sum(axis=-1).mean(axis=1)
    unseen, fractions = np.ones((subsets, offsets.shape[2]), bool), np.full(offsets.shape[2], fraction)
    return parts(
        mean[:, :, None], within[:, :, None], np.full(subsets, most), unseen, fractions, np.arange(subsets), level
    )  # fmt: skip


def test_bias_and_both_variances_add_up_to_the_mean_squared_error_exactly():
    offsets = ensembles(np.random.default_rng(0), 7, 3, 5, 2.0, 1.0, 0.5)
    decomposition = as_parts(offsets)
    summed = decomposition.shared_squared + decomposition.subset_variance + decomposition.member_variance
    np.testing.assert_allclose(summed, decomposition.mean_squared_error, rtol=1e-12)
    np.testing.assert_allclose(decomposition.mean_squared_error[:, 0], (offsets**2).sum(-1).mean((0, 1)), rtol=1e-12)


def test_they_add_up_where_only_some_subsets_were_trained_twice():
    rng = np.random.default_rng(1)
    offsets = ensembles(rng, 9, 2, 4, 1.0, 1.0, 1.0)
    members = np.array([2, 2, 2, 1, 1, 1, 1, 1, 1])
    mean = np.where((members == 2)[:, None, None], offsets.mean(axis=1), offsets[:, 0])
    within = ((offsets - offsets.mean(axis=1)[:, None]) ** 2).sum(-1).mean(1) * (members == 2)[:, None]
    unseen = np.ones((9, 4), bool)
    decomposition = parts(mean[:, :, None], within[:, :, None], members, unseen, np.full(4, 0.5), np.arange(9), 0.95)
    summed = decomposition.shared_squared + decomposition.subset_variance + decomposition.member_variance
    np.testing.assert_allclose(summed[:, 0], (mean**2).sum(-1).mean(0) + within.mean(0), rtol=1e-12)


def test_the_parts_are_unbiased_with_two_members_and_few_subsets():
    decomposition = as_parts(ensembles(np.random.default_rng(2), 4, 2, 20000, 1.5, 1.0, 0.7))
    assert decomposition.shared_squared.mean() == pytest.approx(1.5**2, abs=0.04)
    assert decomposition.subset_variance.mean() == pytest.approx(2 * 1.0, abs=0.05)
    assert decomposition.member_variance.mean() == pytest.approx(2 * 0.49, abs=0.02)


def test_a_subset_that_holds_the_frame_says_nothing_of_its_label():
    offset = np.ones((6, 1, 1, 2))
    offset[3:] = 100.0
    unseen = np.array([True] * 3 + [False] * 3)[:, None]
    decomposition = parts(offset, np.zeros((6, 1, 1)), np.ones(6, int), unseen, np.full(1, 0.5), np.arange(6), 0.95)
    assert decomposition.shared_squared[0, 0] == pytest.approx(2)
    assert decomposition.subsets[0, 0] == 3


def test_one_member_per_subset_leaves_the_two_variances_unknown_but_not_their_sum():
    decomposition = as_parts(ensembles(np.random.default_rng(3), 12, 1, 4000, 1.0, 1.0, 1.0))
    assert np.isnan(decomposition.member_variance).all()
    assert np.isnan(decomposition.subset_variance).all()
    assert decomposition.network_variance.mean() == pytest.approx(4, abs=0.1)


def test_labels_of_bias_are_found_and_without_bias_hardly_any_is_called():
    rng = np.random.default_rng(4)
    offsets = ensembles(rng, 24, 2, 400, 0.0, 1.0, 0.3)
    offsets[:, :, :40] += [3.0, 0.0]
    called = as_parts(offsets).bias_share_q[:, 0] < 0.05
    assert called[:40].mean() > 0.95
    assert called[40:].sum() <= 6


def test_the_intervals_of_the_shares_cover_the_truth():
    shared, deviation, of_member = 1.5, 1.0, 0.5
    offsets = ensembles(np.random.default_rng(5), 24, 2, 4000, shared, deviation, of_member)
    decomposition = as_parts(offsets, fraction=0.25)
    whole = shared**2 + 2 * deviation**2 + 2 * of_member**2
    for truth, low, high in (
        (shared**2 / whole, decomposition.shared_share_low, decomposition.shared_share_high),
        ((shared**2 - 2 * deviation**2 / 3) / whole, decomposition.bias_share_low, decomposition.bias_share_high),
    ):
        assert ((low <= truth) & (truth <= high)).mean() == pytest.approx(0.95, abs=0.025)
    few = as_parts(ensembles(np.random.default_rng(6), 7, 1, 3, shared, 1.0, 0.0))
    assert np.isnan(few.shared_share_low).all()


def test_without_two_networks_of_a_subset_nothing_is_called_bias():
    """The subsets' part of the variance is what the correction rests on."""
    decomposition = as_parts(ensembles(np.random.default_rng(9), 24, 1, 50, 9.0, 1.0, 0.5), fraction=0.5)
    assert (decomposition.shared_share > 0.9).all()
    assert np.isnan(decomposition.bias_share).all() and not (decomposition.bias_share_q < 1).any()


def ridge_studies(inputs, percent, frames=80, studies=10, noise=1.0):
    """Shares (shared, bias) of studies of a ridge learner, and the share of bias over fresh training sets (slight)."""
    rng = np.random.default_rng(0)

    def learned(x, y, at):
        return at @ np.linalg.solve(x.T @ x + np.eye(inputs), x.T @ y)

    shares = []
    for number in range(studies):
        truth, at = rng.normal(size=(inputs, 2)), rng.normal(size=(20, inputs))

        def drawn(count, truth=truth):
            x = rng.normal(size=(count, inputs))
            return x, x @ truth + 6 * rng.normal(size=(count, 2))

        x, y = drawn(frames)
        subsets = grid([("balanced" if percent == 50 else "independent", (percent,), 48)], frames, number).inclusion
        offsets = np.stack([learned(x[subset], y[subset], at) - at @ truth for subset in subsets])[:, None]
        decomposition = as_parts(offsets + noise * rng.normal(size=(48, 2, 20, 2)), fraction=percent / 100)
        fresh = np.stack([learned(*drawn(frames * percent // 100), at) - at @ truth for _ in range(60)])
        variance = fresh.var(axis=0, ddof=1).sum(axis=-1)
        bias = (fresh.mean(axis=0) ** 2).sum(axis=-1) - variance / 60
        parts = (
            decomposition.shared_squared.mean(),
            decomposition.bias_squared.mean(),
            decomposition.mean_squared_error.mean(),
        )
        shares.append([parts[0] / parts[2], parts[1] / parts[2], (bias / (bias + variance + 2 * noise**2)).mean()])
    return np.mean(shares, axis=0)


@pytest.mark.parametrize("percent", [30, 50])
def test_the_share_of_bias_is_that_over_fresh_training_sets_and_not_that_over_subsets_of_one_pool(percent):
    shared, bias, truth = ridge_studies(3, percent, frames=200)
    assert abs(truth) < 0.05
    assert shared > truth + 0.1
    assert bias == pytest.approx(truth, abs=0.1)


def test_where_a_learner_is_far_from_additive_its_bias_lies_between_both_shares():
    """Of an effect of k frames together f^k, less than f, is common to the subsets: the correction is the most."""
    shared, bias, truth = ridge_studies(16, 50)
    assert bias + 0.05 < truth < shared - 0.05


def test_the_error_of_r_members_is_the_mean_over_all_choices_of_r():
    offsets = np.random.default_rng(7).normal(1, 2, (5, 2))
    mean = offsets.mean(axis=0)
    bias, variance = mean @ mean, ((offsets - mean) ** 2).sum(axis=1).mean()
    for asked in range(1, 6):
        choices = [offsets[list(some)].mean(axis=0) for some in combinations(range(5), asked)]
        error = error_of_mean_pose(np.array(bias), np.array(variance), 5, asked)
        assert error == pytest.approx(np.mean([pose @ pose for pose in choices]))


def test_both_curves_begin_at_the_error_of_one_network_and_end_at_what_is_left():
    rng = np.random.default_rng(8)
    offsets = ensembles(rng, 200, 3, 30, 1.0, 1.0, 2.0)
    mean = offsets.mean(axis=1)
    within = ((offsets - mean[:, None]) ** 2).sum(-1).mean(1)
    clusters, single = np.arange(200), (offsets**2).sum(-1).mean()
    members = curve_of_members((mean**2).sum(-1).mean(1), within.mean(1), 3, clusters)
    across = curve_across_subsets(mean, within, np.full(200, 3), clusters, (1.0, 4.0, np.inf))
    assert members.squared_error[0] == pytest.approx(single)
    assert across.squared_error[0] == pytest.approx(single)
    assert members.squared_error[-1] == pytest.approx(1 + 2, abs=0.15)  # an ensemble of one subset keeps what it adds
    assert across.squared_error[1] == pytest.approx(1 + (2 + 8) / 4, abs=0.15)
    assert across.squared_error[-1] == pytest.approx(1, abs=0.1)
    assert abs(across.squared_error[-1] - 1) < 4 * across.standard_error[-1]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return write_study(tmp_path_factory.mktemp("study"), frames=20, halves=10, ladder_seeds=2)


def test_the_table_says_what_the_consensus_changes(study):
    table = bias_variance.table(study)
    labels = table[(table["about"] == "label") & (table["percent"] == 70)]
    # Here the consensus is the mean of two members: what is shared is theirs, the variance lacks half of their own.
    np.testing.assert_allclose(labels["consensus_shared_squared"], labels["shared_squared"], atol=1e-4)
    expected = labels["subset_variance"] + labels["member_variance"] / 2
    np.testing.assert_allclose(labels["consensus_variance"], expected, rtol=1e-3, atol=1e-4)


def test_scores_that_are_not_of_the_same_networks_as_the_rmse_are_refused(study):
    other = Results(study.folder, study.options)
    rmse: pd.DataFrame = study.rmse.copy()
    rmse.loc[rmse["kind"] == "network", "rmse_px"] *= 1.1
    object.__setattr__(other, "rmse", rmse)
    with pytest.raises(UserError, match=r"scores\.h5: squared bias and variance of percent-050_seed-1 add up to"):
        bias_variance.table(other)
