"""Prediction of held-out subsets and detection of planted errors, on studies of known truth."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from frameworth.benchmarks.simulation import grid, simulate
from frameworth.estimation.validation import (
    _warm_rows,
    combined_values_if_they_help,
    linear_datamodeling_score,
    out_of_fold,
    resampled_clusters,
    validation,
)
from frameworth.storage.hdf5 import Array, read_hdf5, write_hdf5
from frameworth.study.results import Results
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
    suspicion = table.loc[("auroc", "label suspicion", "log_error")]
    truth = results.planted[results.pool]
    own = results.label_checks.set_index("frame").sort_index()["suspicion"][results.pool].fillna(-9)
    assert suspicion["value"] == roc_auc_score(truth, own) > 0.9
    assert suspicion["ci_low"] <= suspicion["value"] <= suspicion["ci_high"]
    assert table.loc[("lds", "regression", "log_error"), "ci_low"] <= table.loc[
        ("lds", "regression", "log_error"), "value"
    ]  # fmt: skip
    assert ("lds ceiling", "same subset twice", "log_error") in table.index
    assert ("lds difference", "regression", "error") in table.index
    assert table["value"].between(-1, 1).all()


def with_warm(results, per_frame, bases=6):
    """The study with warm influences in which frame i adds `per_frame[i]` to all others, from its first subsets."""
    inclusion = results.inclusion[:bases]
    change = np.broadcast_to(per_frame[None, :, None, None], (bases, len(per_frame), len(per_frame), 1)).copy()
    change[inclusion] = np.nan
    change[:, ~results.pool] = np.nan
    dims = ("network", "training_frame", "evaluated_frame", "keypoint")
    write_hdf5(
        results.folder / "warm_influence.h5",
        {"change": Array(change, dims), "inclusion": Array(inclusion, dims[:2])},
        {},
    )
    options = results.options | {"influence": results.options["influence"] | {"warm": {"networks": 6}}}
    return Results(results.folder, options)


def with_scores(results, effects, noise):
    """The study with held-out log errors that are the sum of its subsets' effects, and noise per subset."""
    scores = read_hdf5(results.folder / "scores.h5")
    of_subset = results.inclusion @ effects + noise
    scores["log_error"][:, ~results.pool] = of_subset[:, None, None]
    dims = ("subset", "frame", "keypoint", "xy")
    arrays = {name: Array(array, dims[: array.ndim]) for name, array in scores.items()}
    write_hdf5(results.folder / "scores.h5", arrays, {})
    return Results(results.folder, results.options)


def test_warm_values_are_combined_only_where_that_predicts_networks_that_were_no_base(tmp_path):
    """Warm values that are the frames' effects with a little less noise help; noise alone does not."""
    results = write_study(tmp_path, frames=100, halves=400, ladder_seeds=0, members=1, planted=False, missing=False)
    rng = np.random.default_rng(4)
    effects = np.where(results.pool, rng.normal(size=100), 0)
    results = with_scores(results, effects, 6 * rng.normal(size=400))
    noise = rng.normal(size=100)
    assert combined_values_if_they_help(results) is None
    assert combined_values_if_they_help(with_warm(results, noise)) is None
    helped = with_warm(results, effects + 0.8 * noise)
    found = combined_values_if_they_help(helped)
    assert np.corrcoef(found[results.pool], effects[results.pool])[0, 1] > 0.7
    rows = {row[1]: row[3] for row in _warm_rows(helped, 0.95) if row[0] == "lds"}
    assert rows["regression and warm value"] > max(rows["warm value"], rows["regression, no base network"])


def test_nothing_is_combined_where_too_few_networks_are_left_to_tell(tmp_path):
    """All but six of the subsets are bases of warm influence: there is nothing that the values could predict."""
    results = write_study(tmp_path, frames=32, halves=12, ladder_seeds=3, members=1)
    helped = with_warm(results, np.random.default_rng(0).normal(size=32), bases=18)
    assert len(helped.subsets) >= 20
    assert _warm_rows(helped, 0.95) == []
    assert combined_values_if_they_help(helped) is None
