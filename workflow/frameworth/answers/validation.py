"""Tests of the values: how well they predict held-out subsets, and how well they find planted label errors.

Numpy in, numpy out, except `validation`, which makes the table `validation.csv`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import GroupKFold

from frameworth.answers.held_out import memorization
from frameworth.attribution.estimators import estimator
from frameworth.attribution.inference import values
from frameworth.attribution.inference.auroc import interval_of_auroc
from frameworth.attribution.inference.redraw import redrawn
from frameworth.attribution.inference.resampling import interval
from frameworth.attribution.inference.values import mean_of_known
from frameworth.attribution.influence_file import ALWAYS
from frameworth.attribution.sample import Sample
from frameworth.results.results import MethodAnswers, Results

FOLDS, SPLITS = 4, 3  # ranks are within folds, so folds must not be too small
REDRAWS = 99
Values = Callable[[np.ndarray, np.ndarray], np.ndarray]  # (inclusion, rows) -> values [N] estimated from the rows
LEAST_SUBSETS = 20  # with fewer subsets or pairs of networks, a correlation over them is too uncertain


def linear_datamodeling_score(predicted: np.ndarray, score: np.ndarray, percents: np.ndarray) -> float:
    """Spearman correlation within each percent, weighted by its number of subsets; NaN if no percent has two.

    Args:
        predicted: [S], Σ of the values of the frames in a subset, estimated from subsets of other clusters.
        score: [S], measured after training; NaN if the subset's networks diverged, and the subset is then left out.

    Source: Park et al. 2023, arXiv 2303.14186, definition 2.3.
    """
    total, weight = 0.0, 0
    for percent in np.unique(percents):
        rows = (percents == percent) & np.isfinite(score)
        if rows.sum() < 2 or np.ptp(score[rows]) == 0:
            continue
        # SciPy's spearmanr gives the same but takes twenty times as long, too slow for all the redraws.
        ranks = rankdata([predicted[rows], score[rows]], axis=1)
        correlation = np.corrcoef(ranks)[0, 1] if np.ptp(predicted[rows]) > 0 else 0.0
        total, weight = total + rows.sum() * correlation, weight + rows.sum()
    return total / weight if weight else float("nan")


def values_from(
    name: str,
    rows: np.ndarray,
    inclusion: np.ndarray,
    score: np.ndarray,
    percents: np.ndarray,
    clusters: np.ndarray,
) -> np.ndarray:
    """The values [N] that estimator `name` computes from the subsets `rows` alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        sample = Sample(inclusion[rows], score[rows, None], percents[rows], clusters[rows])
        return estimator(name)(sample, with_errors=False).value[:, 0]


@dataclass(frozen=True)
class Subsets:
    """Subsets whose score is predicted: inclusion bool [S, N]; score, percents, clusters and designs [S]."""

    inclusion: np.ndarray
    score: np.ndarray
    percents: np.ndarray
    clusters: np.ndarray
    designs: np.ndarray

    def splits(self) -> list[list[tuple[np.ndarray, np.ndarray]]]:
        """Several random splits of the clusters into folds, each as (train, test) rows."""
        folds = min(FOLDS, len(np.unique(self.clusters)))
        made = (GroupKFold(folds, shuffle=True, random_state=seed) for seed in range(SPLITS))
        return [list(split.split(self.clusters, groups=self.clusters)) for split in made]

    def by_estimator(self, name: str) -> Values:
        """A function that gives the values of estimator `name` from rows."""
        return lambda z, rows: values_from(name, rows, z, self.score, self.percents, self.clusters)


def scores_out_of_fold(methods: dict[str, Values], subsets: Subsets) -> dict[str, float]:
    """The linear datamodeling score of each method's values from other folds.

    Subsets are ranked within folds, because values from different folds have different levels: what one fold lacks, the
    others have. The score is averaged over several splits.
    """
    return dict(zip(methods, _scores(methods, subsets, subsets.inclusion, subsets.splits()), strict=True))


def scores_if_nothing_mattered(methods: dict[str, Values], subsets: Subsets) -> dict[str, np.ndarray]:
    """The same scores [REDRAWS] with a newly drawn design each time: their distribution if no frame has an effect.

    Resampling rows with fixed predictions would ignore that the values are estimates, too.
    """
    rng, pool, splits = np.random.default_rng(0), np.flatnonzero(subsets.inclusion.any(axis=0)), subsets.splits()
    design = subsets.percents, subsets.clusters, subsets.designs
    draws = (redrawn(subsets.inclusion, *design, pool, rng) for _ in range(REDRAWS))
    scores = np.array([_scores(methods, subsets, drawn, splits) for drawn in draws])
    return dict(zip(methods, scores.T, strict=True))


def _scores(
    methods: dict[str, Values],
    subsets: Subsets,
    inclusion: np.ndarray,
    splits: list[list[tuple[np.ndarray, np.ndarray]]],
) -> list[float]:
    scores = np.zeros((len(methods), len(splits)))
    for column, split in enumerate(splits):
        fold = np.zeros(len(inclusion), int)
        for number, (_, test) in enumerate(split):
            fold[test] = number
        for row, values_of in enumerate(methods.values()):
            predicted = np.zeros(len(inclusion))
            for train, test in split:
                predicted[test] = inclusion[test] @ np.nan_to_num(values_of(inclusion, train))
            groups = subsets.percents * len(split) + fold
            scores[row, column] = linear_datamodeling_score(predicted, subsets.score, groups)
    return scores.mean(axis=1).tolist()


def _tested_scores(results: Results) -> list[str]:
    """The scores that values are tested on: the study's own score, and the error in px."""
    return list(dict.fromkeys((results.score, "error")))


def reliability(results: Results) -> tuple[float, float, float]:
    """Correlation, within sizes, between the held-out scores of two networks of a subset, with its interval.

    The interval is over subsets. All three are NaN if there are too few subsets.
    """
    by_subset, score = ["percent", "subset"], f"mean_{results.score}"
    table = results.networks.pivot_table(index=by_subset, columns="member", values=score)
    pairs = table.iloc[:, :2].dropna()
    if table.shape[1] < 2 or len(pairs) < LEAST_SUBSETS:
        return float("nan"), float("nan"), float("nan")
    percents, (first, second) = pairs.index.get_level_values("percent").to_numpy(), pairs.to_numpy().T

    def statistic(rows: np.ndarray) -> float:
        return linear_datamodeling_score(first[rows], second[rows], percents[rows])

    ends = interval(statistic, lambda rng: rng.integers(0, len(pairs), len(pairs)), results.level)
    return statistic(np.arange(len(pairs))), *ends


def validation(results: Results) -> pd.DataFrame:
    """A row per quantity, method and score: `value`, `ci_low`, `ci_high`, `p`, `chance_low`, `chance_high`.

    Estimators are those of the study and those in the config's `validation.estimators`.

    The quantity `lds` has a row for each estimator. For the study's own estimator and score the row has the central
    part of the scores from redrawn designs (`chance_low`, `chance_high`) and the one-sided p. `lds` also has rows for
    each method's values, with p against the largest score of these rows in each redraw. `lds ceiling` is the root of
    the reliability of one network, with its interval over subsets. If errors were planted, `auroc`, with
    an interval over frames, and `average precision` show how well they are found.
    """
    rows = [*_prediction_rows(results), *_detection_rows(results)]
    names = ["quantity", "method", "score", "value", "ci_low", "ci_high", "p", "chance_low", "chance_high"]
    return pd.DataFrame([(*row, *[np.nan] * (len(names) - len(row))) for row in rows], columns=names)


def compared_estimators(results: Results) -> list[str]:
    """The estimators in `influence.h5`, and those that the config adds."""
    validation = results.options.validation
    assert validation is not None
    return sorted({*ALWAYS, results.estimator, *validation.estimators})


def _prediction_rows(results: Results) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    if len(results.subsets) < LEAST_SUBSETS:
        return rows
    for score in _tested_scores(results):
        subsets = _subsets(results, score)
        methods = {name: subsets.by_estimator(name) for name in compared_estimators(results)}
        tested = [results.estimator] if score == results.score else []
        rows += _lds_rows(methods, tested, subsets, score, results.level)
    for answers in results.methods:
        rows += _method_rows(results, answers)
    ceiling = np.sqrt(np.maximum(reliability(results), 0))
    if np.isfinite(ceiling[0]):
        rows.append(("lds ceiling", "same subset twice", results.score, *ceiling))
    return rows


def _subsets(results: Results, score: str) -> Subsets:
    measured, designs = results.held_out_score(score), results.subsets["design"].to_numpy()
    return Subsets(results.inclusion, measured, results.percents, results.clusters, designs)


def _lds_rows(
    methods: dict[str, Values], tested: list[str], subsets: Subsets, score: str, level: float
) -> list[tuple[object, ...]]:
    """Rows `lds`; only `tested` methods have p, which compares with the largest of their scores in each redraw."""
    chance: dict[str, np.ndarray] = {}
    if tested:
        chance = scores_if_nothing_mattered({name: methods[name] for name in tested}, subsets)
    rows: list[tuple[object, ...]] = []
    for name, value in scores_out_of_fold(methods, subsets).items():
        row = ("lds", name, score, value, np.nan, np.nan)
        if name in chance:
            largest = np.max(list(chance.values()), axis=0)
            ends = np.quantile(chance[name], [(1 - level) / 2, (1 + level) / 2])
            row = (*row, (1 + np.count_nonzero(largest >= value - 1e-12)) / (REDRAWS + 1), *ends)
        rows.append(row)
    return rows


def _method_rows(results: Results, answers: MethodAnswers) -> list[tuple[object, ...]]:
    """How well a method's values predict other networks than its bases; also by planted and by other frames alone."""
    score, title = answers.method.score, answers.method.title
    value, subsets = mean_of_known(answers.harm, 0), _subsets(results, score)
    others = no_base(answers.inclusion, results.inclusion) & np.isfinite(subsets.score)
    if np.count_nonzero(others) < LEAST_SUBSETS // 2:
        return []
    subsets = Subsets(*(getattr(subsets, field.name)[others] for field in fields(Subsets)))
    parts = {title: results.pool}
    if results.planted is not None:
        parts |= {f"{title} (planted frames)": results.planted, f"{title} (other frames)": ~results.planted}

    def within(part: np.ndarray) -> Values:
        return lambda _inclusion, _rows: np.nan_to_num(value) * part

    methods = {name: within(part) for name, part in parts.items()}
    methods["regression, no base network"] = subsets.by_estimator("regression")

    return _lds_rows(methods, list(methods), subsets, score, results.level)


def no_base(of_bases: np.ndarray, inclusion: np.ndarray) -> np.ndarray:
    """Bool [S]: none of the base networks, `of_bases` bool [B, N], was trained on the subset."""
    bases = {row.tobytes() for row in np.ascontiguousarray(of_bases.astype(bool))}
    return np.array([np.ascontiguousarray(row).tobytes() not in bases for row in inclusion])


def _detection_rows(results: Results) -> list[tuple[object, ...]]:
    if results.planted is None or not results.planted[results.pool].any():
        return []
    truth, level = results.planted[results.pool], results.level
    rows: list[tuple[object, ...]] = []
    for method, score, suspicion in _suspicions(results):
        suspicion = suspicion[results.pool]
        if not np.isfinite(suspicion).any():
            continue
        suspicion = np.nan_to_num(suspicion, nan=np.nanmin(suspicion))
        ends = interval_of_auroc(truth, suspicion, level)
        rows.append(("auroc", method, score, float(roc_auc_score(truth, suspicion)), *ends))
        rows.append(("average precision", method, score, float(average_precision_score(truth, suspicion))))
    return rows


def _suspicions(results: Results) -> list[tuple[str, str, np.ndarray]]:
    """(method, score, number per frame [N]) for each method that may find wrong labels; higher is more suspicious."""
    suspicions = [
        ("label suspicion", "pose", results.label_checks.set_index("frame").sort_index()["suspicion"].to_numpy()),
        ("out-of-bag error", "error", values.out_of_bag_error(results.scores["error"], results.inclusion)),
        # A wrong label is memorized: training on it lowers its own error most.
        ("memorization", "error", -memorization(results)),
    ]
    for answers in results.methods:
        suspicions.append((answers.method.title, answers.method.score, mean_of_known(answers.harm, 0)))
    every = np.arange(len(results.subsets))
    for score in _tested_scores(results):
        subsets = _subsets(results, score)
        for name in compared_estimators(results):
            suspicions.append((f"value ({name})", score, subsets.by_estimator(name)(results.inclusion, every)))
    return suspicions
