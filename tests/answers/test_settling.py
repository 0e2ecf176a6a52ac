"""Halves of the clusters that share no network show whether a ranking has settled."""

import numpy as np
import pandas as pd
import pytest

from frameworth.answers.settling import (
    LEAST_CLUSTERS,
    _correlation,
    _value,
    agreement,
    of_whole_study,
    settled_sentence,
)
from frameworth.attribution.suspicion.mean_errors import error_probability
from frameworth.plan.designs import draw_subset

FRAMES, KEYPOINTS = 40, 3


def networks(rng, typical, subsets, noise, seed):
    """What `subsets` networks miss labels by, whose log errors are `typical` [N, K], and which frames each saw."""
    inclusion = np.array([draw_subset("balanced", FRAMES, 50, number, seed) for number in range(1, subsets + 1)])
    return typical + noise * rng.normal(size=(subsets, FRAMES, KEYPOINTS)), inclusion


def suspicious(log_error, inclusion):
    return -np.log10(error_probability(log_error, inclusion).min(axis=1))


def simulated(seed, subsets, noise, draws=10):
    """A study with known errors of labels; `noise` is the spread of a network's log error at one keypoint."""
    rng = np.random.default_rng(seed)
    typical = rng.normal(1.0, 0.3, (FRAMES, KEYPOINTS)) + rng.exponential(0.3, (FRAMES, 1))
    log_error, inclusion = networks(rng, typical, subsets, noise, seed)
    score = rng.normal(size=subsets)
    names = [f"subset-{number}" for number in range(subsets)]
    table = pd.DataFrame({"percent": 50, "cluster": names, "design": "balanced"})
    arguments = {"estimator": "size-centred", "draws": draws, "rng": rng}
    whole_pool = np.ones(FRAMES, bool)

    def suspicion(part):
        return suspicious(log_error[part], inclusion[part])

    agreements = agreement(suspicion, score, inclusion, whole_pool, table, np.ones(subsets, int), **arguments)
    return agreements, rng, typical


@pytest.mark.slow
def test_the_agreement_predicted_is_that_of_two_studies_of_the_full_size():
    """Spearman-Brown from halves against pairs of whole studies of the same frames."""
    predicted, seen = [], []
    for seed in range(30):
        subsets, noise = 24, 1.2
        table, rng, typical = simulated(seed, subsets, noise)
        predicted.append(of_whole_study(table, "check"))
        two = [suspicious(*networks(rng, typical, subsets, noise, 100 + seed + k)) for k in (0, 50)]
        seen.append(pd.Series(two[0]).corr(pd.Series(two[1]), method="spearman"))
    assert np.mean(predicted) == pytest.approx(np.mean(seen), abs=0.05)


@pytest.mark.slow
def test_more_networks_agree_better_and_noise_alone_agrees_by_nothing():
    table, *_ = simulated(1, 64, 1.6)
    check = table[table["ranking"] == "check"].groupby("networks")["agreement"].mean()
    assert check.is_monotonic_increasing
    nothing = [of_whole_study(simulated(seed, 32, 1.6, draws=4)[0], "value") for seed in range(12)]
    assert abs(np.mean(nothing)) < 0.2


def test_the_two_halves_share_no_cluster_and_count_their_networks():
    table, *_ = simulated(2, 4 * LEAST_CLUSTERS, 1.0)
    assert sorted(table["networks"].unique()) == [LEAST_CLUSTERS, 1.5 * LEAST_CLUSTERS, 2 * LEAST_CLUSTERS]


def test_with_too_few_clusters_nothing_is_said():
    table, *_ = simulated(3, 2 * LEAST_CLUSTERS - 1, 1.0)
    assert table.empty
    assert settled_sentence(table) == "Whether the rankings have settled is unknown with so few subsets."


def test_a_half_that_ranks_all_alike_counts_as_no_agreement():
    rows = [
        {"ranking": "value", "share": 1.0, "draw": d, "networks": 8, "agreement": a}
        for d, a in enumerate([0.5, np.nan])
    ]
    assert of_whole_study(pd.DataFrame(rows), "value") == pytest.approx(2 * 0.25 / 1.25)


def test_what_has_settled_is_said_so():
    rows = [
        {"ranking": name, "share": 1.0, "draw": 0, "networks": 8, "agreement": a, "lower_bound": False}
        for name, a in (("check", 0.9), ("value", 0.5))
    ]
    sentence = settled_sentence(pd.DataFrame(rows))
    assert "labels to check by 0.95 (settled)" in sentence
    assert "values by 0.67 (not settled)" in sentence


@pytest.mark.slow
@pytest.mark.parametrize("design", ["balanced", "independent"])
def test_the_agreement_of_values_is_called_a_lower_bound_where_halves_of_a_block_are_opposite(design):
    """By how much two studies of 48 halves agree on the values of 40 frames, against what the halves of one say."""
    rng, said, true = np.random.default_rng(0), [], []
    table = pd.DataFrame({"percent": 50, "cluster": np.arange(48), "design": design})
    for study in range(12):
        inclusions = [
            np.array([draw_subset(design, 40, 50, seed, 2 * study + k) for seed in range(1, 49)]) for k in (0, 1)
        ]
        effects = rng.normal(size=40)
        scores = [inclusion @ effects + rng.normal(size=48) for inclusion in inclusions]
        agreements = agreement(
            lambda _: np.zeros(40), scores[0], inclusions[0], np.full(40, True), table, np.ones(48, int),
            estimator="size-centred", draws=2, rng=rng,
        )  # fmt: skip
        said.append(of_whole_study(agreements, "value"))
        values = [_value(u, z, table, "size-centred") for u, z in zip(scores, inclusions, strict=True)]
        true.append(_correlation(*values))
    assert ("by at least" in settled_sentence(agreements.assign(agreement=0.5))) is (design == "balanced")
    if design == "balanced":
        assert np.mean(true) > np.mean(said) + 0.3
    else:
        assert np.mean(true) == pytest.approx(np.mean(said), abs=0.1)


def test_held_out_labels_are_ranked_to_be_checked_and_change_no_value():
    rng = np.random.default_rng(5)
    log_error, inclusion = networks(rng, rng.normal(1.0, 0.3, (FRAMES, KEYPOINTS)), 24, 0.5, 5)
    held_out = rng.normal(1.0, 0.3, (24, 10, KEYPOINTS))
    table = pd.DataFrame({"percent": 50, "cluster": np.arange(24), "design": "balanced"})
    score = rng.normal(size=24)

    def agreements_of(log_error, inclusion, pool):
        arguments = {"estimator": "size-centred", "draws": 4, "rng": np.random.default_rng(0)}

        def suspicion(part):
            return suspicious(log_error[part], inclusion[part])

        made = agreement(suspicion, score, inclusion, pool, table, np.ones(24, int), **arguments)
        return [made.loc[made["ranking"] == ranking, "agreement"].to_numpy() for ranking in ("check", "value")]

    pool = np.arange(FRAMES + 10) < FRAMES
    whole = np.pad(inclusion, ((0, 0), (0, 10)))
    check, value = agreements_of(np.concatenate([log_error, held_out], axis=1), whole, pool)
    check_of_pool, value_of_pool = agreements_of(log_error, inclusion, pool[:FRAMES])
    assert np.array_equal(value, value_of_pool)
    assert not np.array_equal(check, check_of_pool)
