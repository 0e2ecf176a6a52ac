"""Outliers by one score: its parts by hand, and what it finds where the truth is known."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from frameworth.answers.distractors import write_distractors
from frameworth.answers.outliers import (
    COMBINED,
    agreement_rows,
    auroc_rows,
    outlier_score,
    outliers,
    rank_normal,
)
from synthetic_study import write_study


def test_rank_normal_scores_follow_bloms_formula_and_one_huge_value_is_only_the_largest():
    scores = rank_normal(np.array([3.0, 1e9, np.nan, 1.0, 1.0]))
    places = (np.array([3, 4, 1.5, 1.5]) - 0.375) / 4.25
    np.testing.assert_allclose(scores[[0, 1, 3, 4]], norm.ppf(places))
    assert np.isnan(scores[2])


def test_a_part_that_is_unknown_of_a_frame_is_left_out_of_its_mean():
    parts = {"a": np.array([1.0, 2.0, 3.0]), "b": np.array([np.nan, 5.0, 4.0])}
    score = outlier_score(parts)
    assert score[0] == rank_normal(parts["a"])[0]
    assert score[1] == pytest.approx((rank_normal(parts["a"])[1] + rank_normal(parts["b"])[1]) / 2)
    assert np.isnan(outlier_score({"a": np.array([np.nan, 1.0])})[0])


def test_parts_that_know_different_things_find_more_together_beyond_chance():
    rng = np.random.default_rng(0)
    truth = np.arange(200) < 40
    parts = {name: truth * 1.2 + rng.normal(size=200) for name in ("a", "b", "c", "d")}
    rows = {
        (about, method): values
        for about, method, *values in auroc_rows(parts | {COMBINED: outlier_score(parts)}, truth, 0.95)
    }
    assert rows["auroc", "a"][0] == pytest.approx(roc_auc_score(truth, parts["a"]))
    assert rows["auroc", COMBINED][0] > 0.9
    assert all(rows["auroc difference", name][1] > 0 for name in parts)


@pytest.mark.slow
def test_parts_without_any_knowledge_are_called_better_than_chance_in_about_the_nominal_share():
    called = 0
    for number in range(40):
        rng = np.random.default_rng(number)
        truth = rng.permutation(60) < 12
        rows = auroc_rows({COMBINED: rng.integers(0, 9, 60).astype(float)}, truth, 0.95)
        _, _, _, low, high = rows[0]
        called += low > 0.5 or high < 0.5
    assert called <= 6  # 2 expected at 5 %; 6 is 2.9 standard errors above


@pytest.mark.parametrize("planted", [1, 2, 4])
def test_of_few_planted_frames_a_part_is_seldom_said_to_find_them_worse_than_the_score(planted):
    """Both know as much; resampling called one better in .53 of studies with one planted frame, in .13 with four."""
    rng, called = np.random.default_rng(0), 0
    truth = np.arange(50 + planted) < planted
    for _ in range(300):
        common = 1.5 * truth + rng.normal(size=len(truth))
        score, part = (common + rng.normal(size=len(truth)) for _ in range(2))
        _, _, (_, _, _, low, high) = auroc_rows({COMBINED: score, "part": part}, truth, 0.95)
        called += low > 0 or high < 0
    assert called / 300 < 0.07


def test_parts_that_have_nothing_in_common_agree_by_nothing():
    rng = np.random.default_rng(1)
    common = rng.normal(size=300)
    rows = {
        method: (value, low, high)
        for _, method, value, low, high in agreement_rows(
            {"a": common + rng.normal(size=300), "b": common + rng.normal(size=300), "alone": rng.normal(size=300)},
            0.95,
        )
    }
    assert rows["a"][1] > 0
    assert rows["alone"][1] < 0 < rows["alone"][2]


@pytest.mark.slow
@pytest.mark.parametrize("planted", [True, False])
def test_the_table_turns_memorization_round_and_compares_with_what_is_known(tmp_path, planted):
    study = write_study(tmp_path, frames=28, halves=16, ladder_seeds=0, planted=planted)
    write_distractors(study)
    frames, methods = outliers(study)
    assert len(frames) == study.pool.sum()
    assert frames["outlier_score"].dropna().is_monotonic_decreasing
    memorization = study.frame_values.set_index("frame")["memorization"]
    np.testing.assert_allclose(frames["memorization"], -memorization.reindex(frames["frame"]))
    assert set(methods["quantity"]) == ({"auroc", "auroc difference"} if planted else {"agreement"})
    if planted:
        of_score = (methods["quantity"] == "auroc") & (methods["method"] == COMBINED)
        assert methods.loc[of_score, "result"].iloc[0] > 0.9
