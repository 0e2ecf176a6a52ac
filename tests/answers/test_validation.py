"""Prediction of held-out subsets and detection of planted errors, on studies of known truth."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from benchmarks.simulation import grid, simulate
from frameworth.answers.validation import (
    Subsets,
    _lds_rows,
    _method_rows,
    linear_datamodeling_score,
    scores_out_of_fold,
    validation,
)
from frameworth.config.result_options import ResultOptions
from frameworth.figures import lds
from frameworth.results.results import Results
from frameworth.storage.hdf5 import Array, write_hdf5
from synthetic_study import write_study


def test_the_score_is_spearmans_within_sizes_weighted_by_their_subsets():
    rng = np.random.default_rng(0)
    predicted, score = rng.normal(size=30), rng.normal(size=30)
    percents = np.repeat([10, 50], [10, 20])
    expected = sum(len(s) / 30 * spearmanr(predicted[s], score[s]).statistic for s in (range(10), range(10, 30)))
    assert linear_datamodeling_score(predicted, score, percents) == pytest.approx(expected)
    # A change with size alone is no prediction.
    assert linear_datamodeling_score(predicted - 5 * percents, score + percents, percents) == pytest.approx(expected)


@pytest.fixture
def few_redraws(monkeypatch):
    monkeypatch.setattr("frameworth.answers.validation.REDRAWS", 20)  # the least with p below .05


def simulated(number, strength, blocks, frames):
    study = grid(blocks, frames, number)
    score, _ = simulate(study, "additive", strength, np.random.default_rng(number))
    return Subsets(study.inclusion, score, study.percents, study.clusters, study.designs)


@pytest.mark.slow
def test_out_of_fold_predictions_see_additive_effects_and_nothing_where_there_is_none():
    correlations = {}
    for strength in (4.0, 0.0):
        studies = [simulated(number, strength, [("independent", (50,), 80)], 30) for number in range(5)]
        scores = [scores_out_of_fold({"": study.by_estimator("regression")}, study)[""] for study in studies]
        correlations[strength] = np.mean(scores)
    assert correlations[4.0] > 0.75
    assert abs(correlations[0.0]) < 0.15


@pytest.mark.slow
def test_values_are_said_to_predict_in_no_more_than_the_nominal_share_of_studies_without_effects(monkeypatch):
    """And where frames have effects, they are. Resampling clusters called 17 % of such balanced halves."""
    monkeypatch.setattr("frameworth.answers.validation.REDRAWS", 19)
    p = {}
    for strength, studies in ((0.0, 40), (6.0, 4)):
        p[strength] = []
        for number in range(studies):
            subsets = simulated(number, strength, [("balanced", (50,), 48)], 40)
            methods = {"": subsets.by_estimator("difference-of-means")}
            row = _lds_rows(methods, list(methods), subsets, "log_probability", 0.95)[0]
            p[strength].append(row[6])
    assert np.count_nonzero(np.array(p[0.0]) <= 0.05) <= 6  # .99 quantile of 40 at .05
    assert 0.4 < np.mean(p[0.0]) < 0.65
    assert np.median(p[6.0]) == 0.05


@pytest.mark.slow
def test_the_table_has_estimators_ceiling_and_detection_and_finds_what_was_planted(tmp_path, few_redraws):
    results = write_study(tmp_path, frames=32, halves=60, ladder_seeds=8, members=2)
    results = Results(results.folder, results.options | {"validation": {"estimators": ["ame"]}})
    table = validation(results).set_index(["quantity", "method", "score"])
    assert table.loc[("auroc", "out-of-bag error", "error"), "value"] > 0.9
    suspicion = table.loc[("auroc", "label suspicion", "pose")]
    truth = results.planted[results.pool]
    suspicions = results.label_checks.set_index("frame").sort_index()["suspicion"][results.pool].fillna(-9)
    assert suspicion["value"] == roc_auc_score(truth, suspicions) > 0.9
    assert suspicion["ci_low"] <= suspicion["value"] <= suspicion["ci_high"]
    assert table.loc[("lds", "size-centred", "log_probability"), "p"] < 0.05
    lds = table.loc["lds"]["p"].dropna()
    assert list(lds.index) == [("size-centred", "log_probability")]  # by which the study judges its frames
    ceiling = table.loc[("lds ceiling", "same subset twice", "log_probability")]
    assert ceiling["ci_low"] <= ceiling["value"] <= ceiling["ci_high"]
    assert table["value"].between(-1, 1).all()
    assert set(table.loc["lds"].index.get_level_values("method")) == {"difference-of-means", "size-centred", "ame"}


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
    options = results.options | {"influence": results.options.influence | {"warm": {"networks": 6}}}
    return Results(results.folder, options)


def test_warm_values_are_tested_where_enough_networks_were_no_base_of_theirs(tmp_path, few_redraws):
    """Of 36 subsets 30 are bases: there is nothing that the values could predict."""
    results = write_study(tmp_path, frames=32, halves=36, ladder_seeds=0, members=1)
    noise = np.random.default_rng(0).normal(size=32)
    few_others = with_warm(results, noise, bases=30)
    assert _method_rows(few_others, *few_others.methods) == []
    many_others = with_warm(results, noise, bases=6)
    methods = {row[1] for row in _method_rows(many_others, *many_others.methods)}
    assert methods >= {"warm value", "regression, no base network"}


def test_the_figure_shows_values_by_the_score_that_is_tested_and_others_by_their_own():
    columns = ["quantity", "method", "score", "value", "ci_low", "ci_high", "p", "chance_low", "chance_high"]
    rows = [
        ("auroc", "value (regression)", "log_probability", 0.8), ("auroc", "value (regression)", "error", 0.6),
        ("auroc", "label suspicion", "pose", 0.9), ("auroc", "out-of-bag error", "error", 0.7),
    ]  # fmt: skip
    table = pd.DataFrame([(*row, *[np.nan] * 5) for row in rows], columns=columns)
    options = ResultOptions(influence={"score": "log_probability", "level": 0.95})
    (axes,) = lds.draw(table, Results(Path(), options)).axes
    names = [text.get_text() for text in axes.get_yticklabels()]
    shown = dict(zip(names, axes.collections[-1].get_offsets()[:, 0], strict=True))
    assert shown == {"value (regression)": 0.8, "label suspicion": 0.9, "out-of-bag error": 0.7}
