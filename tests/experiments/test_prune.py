"""Leaving out the frames judged worst: which frames these are, and the conclusions."""

import numpy as np
import pandas as pd
import pytest

from frameworth.config.experiments import Prune
from frameworth.errors import UserError
from frameworth.experiments.prune import compare_pruned, removed_frames, statement
from frameworth.plan.names import prune_sets

VALUES = pd.DataFrame(
    {"frame": [7, 2, 9, 4, 5], "out_of_bag_error": [9.0, 8, 1, 3, np.nan], "value": [0.1, -0.2, 0.5, 0.0, -0.1]}
)


def test_worst_and_best_follow_the_ranking_and_random_ones_do_not():
    assert removed_frames(VALUES, "check_priority", "worst-2", 1, 1).tolist() == [2, 7]
    assert removed_frames(VALUES, "check_priority", "best-1", 1, 1).tolist() == [9]
    assert removed_frames(VALUES, "value", "worst-1", 1, 1).tolist() == [9]
    assert removed_frames(VALUES, "value", "best-1", 1, 1).tolist() == [2]
    assert removed_frames(VALUES, "value", "none", 1, 1).tolist() == []
    drawn = {tuple(removed_frames(VALUES, "value", "random-2-1", network, 1)) for network in range(1, 60)}
    assert len(drawn) == 10
    with pytest.raises(UserError, match="more than half"):
        removed_frames(VALUES, "check_priority", "worst-3", 1, 1)


def scores(effect, rng, networks=8):
    """Networks whose own level is common to all they leave out; `effect` of leaving out the worst."""
    level = rng.normal(3, 0.5, networks)
    tables = {}
    for name in prune_sets([4, 8], 2):
        value = level + rng.normal(0, 0.05, networks) + (effect if name.startswith("worst") else 0)
        tables[name] = pd.DataFrame({"log_error": value, "rmse_px": 10 * value})
    return tables


def worst_against_random(tables):
    table = compare_pruned(tables, Prune(counts=[4, 8]), 0.95)
    return table.query("score == 'log_error' and removed == 'worst' and against == 'random'")


@pytest.mark.slow
def test_an_effect_of_the_worst_frames_lies_in_its_interval_and_none_gives_no_verdict():
    rng, covered, false, rounds = np.random.default_rng(0), 0, 0, 200
    for _ in range(rounds):
        row = worst_against_random(scores(-0.1, rng)).iloc[0]
        covered += row["ci_low"] < -0.1 < row["ci_high"]
        false += (worst_against_random(scores(0.0, rng))["p_adjusted"] < 0.05).any()
    assert 0.91 <= covered / rounds <= 0.985
    assert false / rounds <= 0.085


def test_pairing_removes_the_level_of_each_network():
    row = worst_against_random(scores(-0.1, np.random.default_rng(1))).iloc[0]
    assert row["standard_error"] < 0.05
    assert row["pairs"] == 8


def test_a_random_set_whose_network_diverged_leaves_the_other_sets_of_its_pair():
    tables = scores(0.0, np.random.default_rng(3))
    tables["random-4-1"].loc[:6] = np.nan
    tables["worst-4"].loc[0] = np.nan
    table = compare_pruned(tables, Prune(counts=[4, 8]), 0.95).query("score == 'log_error' and count == 4")
    rows = table.set_index(["removed", "against"])
    assert rows.loc[("random", "none"), "pairs"] == 8
    assert rows.loc[("worst", "random"), "pairs"] == 7
    to_none = rows.xs("none", level="against")
    np.testing.assert_allclose(to_none["mean"] - to_none["mean_none"], to_none["difference"])


def test_where_all_networks_but_one_diverged_it_is_said_that_nothing_is_known():
    tables = scores(0.0, np.random.default_rng(4))
    for name in ("worst-4", "worst-8"):
        tables[name].loc[1:] = np.nan
    assert "is unknown" in statement(compare_pruned(tables, Prune(counts=[4, 8]), 0.95), 0.05)


def test_it_is_said_where_frames_were_judged_by_the_frames_that_measure_it():
    tables = scores(-1.0, np.random.default_rng(2))
    statements = {}
    for by in ("check_priority", "value"):
        statements[by] = statement(compare_pruned(tables, Prune(by=by, counts=[4, 8]), 0.95), 0.05)
    assert "judged" in statements["value"]
    assert "judged on" not in statements["check_priority"]
