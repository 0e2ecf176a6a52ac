"""Prediction of held-out subsets and detection of planted errors, on studies of known truth."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from frameworth.benchmarks.simulation import grid, simulate
from frameworth.validation import linear_datamodeling_score, out_of_fold, resampled_clusters, validation
from synthetic_study import write_study


def test_the_score_is_spearmans_within_sizes_weighted_by_their_subsets():
    rng = np.random.default_rng(0)
    predicted, score = rng.normal(size=30), rng.normal(size=30)
    percents = np.repeat([10, 50], [10, 20])
    expected = sum(len(s) / 30 * spearmanr(predicted[s], score[s]).statistic for s in (range(10), range(10, 30)))
    assert linear_datamodeling_score(predicted, score, percents) == pytest.approx(expected)
    # A change with size alone is no prediction.
    assert linear_datamodeling_score(predicted - 5 * percents, score + percents, percents) == pytest.approx(expected)


def test_out_of_fold_predictions_see_additive_effects_and_nothing_where_there_is_none():
    found = {}
    for strength in (4.0, 0.0):
        scores = []
        for number in range(10):
            study = grid([("independent", (50,), 80)], 30, number)
            score, _ = simulate(study, "additive", strength, np.random.default_rng(number))
            predicted = out_of_fold("regression", study.inclusion, score, study.percents, study.clusters)
            scores.append(linear_datamodeling_score(predicted, score, study.percents))
        found[strength] = np.mean(scores)
    assert found[4.0] > 0.8
    assert abs(found[0.0]) < 0.15


def test_clusters_are_resampled_whole():
    clusters = np.array(["a", "a", "b", "c", "c", "c"])
    rows = resampled_clusters(clusters, np.random.default_rng(0))
    assert len(set(clusters[rows])) <= 3
    for name, count in zip(*np.unique(clusters[rows], return_counts=True), strict=True):
        assert count % (clusters == name).sum() == 0


def test_the_table_has_estimators_ceiling_and_detection_and_finds_what_was_planted(tmp_path):
    results = write_study(tmp_path, frames=32, halves=24, ladder_seeds=8, members=2)
    table = validation(results).set_index(["quantity", "method", "score"])
    assert table.loc[("auroc", "out-of-bag error", "error"), "value"] > 0.9
    assert table.loc[("lds", "regression", "log_error"), "ci_low"] <= table.loc[
        ("lds", "regression", "log_error"), "value"
    ]  # fmt: skip
    assert ("lds ceiling", "same subset twice", "log_error") in table.index
    assert ("lds difference", "regression", "error") in table.index
    assert table["value"].between(-1, 1).all()
