"""Steps to larger subsets by the history of the networks."""

import numpy as np
import pandas as pd
import pytest

from frameworth.experiments.history import steps_by_history


def study(rng, history, seeds=8):
    """Nested and independent networks; going on from 10 % adds `history` to the error at 30 %."""
    rows, arm = [], []
    for design, first in (("nested", 1), ("independent", 101)):
        for seed in range(first, first + seeds):
            level_of_seed = rng.normal(0, 0.2)
            for percent, level in ((10, 3.0), (30, 2.0)):
                value = level + (level_of_seed if design == "nested" else rng.normal(0, 0.2)) + rng.normal(0, 0.05)
                rows.append({"percent": percent, "seed": seed, "design": design, "log_error": value, "rmse_px": value})
            if design == "nested":
                value = 2.0 + level_of_seed + history + rng.normal(0, 0.05)
                arm.append({"start": 10, "percent": 30, "seed": seed, "design": design,
                            "log_error": value, "rmse_px": value})  # fmt: skip
    return pd.DataFrame(rows), pd.DataFrame(arm)


@pytest.mark.slow
def test_a_history_effect_that_is_built_in_is_found_and_one_that_is_not_is_not():
    rng, inside, false, welch = np.random.default_rng(0), 0, 0, 0
    for _ in range(100):
        rows = steps_by_history(*study(rng, 0.3), 0.95).query("score == 'log_error'").set_index(["history", "against"])
        row = rows.loc[("continued", "nested")]
        inside += row["ci_low"] < 0.3 < row["ci_high"]
        rows = steps_by_history(*study(rng, 0.0), 0.95).query("score == 'log_error'").set_index(["history", "against"])
        for against, counted in (("continued", "false"), ("independent", "welch")):
            row = rows.loc[(against, "nested")]
            wrong = not row["ci_low"] < 0 < row["ci_high"]
            false, welch = false + (wrong and counted == "false"), welch + (wrong and counted == "welch")
    assert inside >= 89
    assert false <= 11
    assert welch <= 11


def test_comparisons_are_judged_by_how_many_there_are():
    table = steps_by_history(*study(np.random.default_rng(2), 0.3), 0.95)
    compared = table[table["against"].notna() & (table["score"] == "log_error")].set_index("history")
    assert len(compared) == 2
    assert compared.loc["continued", "p_adjusted"] == pytest.approx(2 * compared.loc["continued", "p"])
    assert compared.loc["independent", "p_adjusted"] == compared.loc["independent", "p"]
    assert table.loc[table["against"].isna(), ["p", "p_adjusted"]].isna().all(axis=None)


def test_a_row_counts_the_seeds_that_it_rests_on():
    networks, arm = study(np.random.default_rng(3), 0.3)
    rows = steps_by_history(networks, arm, 0.95).query("score == 'log_error'").fillna({"against": ""})
    seeds = rows.set_index(["history", "against"])["seeds"].to_dict()
    assert seeds == {("nested", ""): 8, ("independent", ""): 8, ("independent", "nested"): 16, ("continued", ""): 8,
                     ("continued", "nested"): 8}  # fmt: skip


def test_a_study_of_one_design_has_its_own_steps_only():
    networks, _ = study(np.random.default_rng(1), 0.0)
    table = steps_by_history(networks[networks["design"] == "nested"], None, 0.95)
    assert set(table["history"]) == {"nested"}
    assert table["against"].isna().all()
    assert (np.abs(table["change"] + 1) < 0.2).all()


def test_a_block_of_another_percent_between_hides_no_step_of_a_ladder():
    networks, arm = study(np.random.default_rng(1), 0.0)
    between = networks.query("design == 'independent' and percent == 10").assign(percent=20)
    networks = pd.concat([networks.query("design == 'nested'"), between])
    table = steps_by_history(networks, arm, 0.95)
    steps = table[(table["score"] == "log_error") & table["against"].isna()][["low", "high", "history"]].itertuples(
        index=False, name=None
    )
    assert list(steps) == [(10, 30, "nested"), (10, 30, "continued")]
