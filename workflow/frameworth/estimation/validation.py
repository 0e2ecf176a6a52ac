"""How far the values can be trusted: prediction of held-out subsets, and detection of planted label errors.

Numpy in, numpy out, but for `validation`, which makes the table `validation.csv`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import GroupKFold

from frameworth.estimation import values
from frameworth.estimation.combined import combined_value
from frameworth.estimation.warm_values import change_per_network
from frameworth.estimators import estimator, estimator_names
from frameworth.questions.label_checks import label_suspicion
from frameworth.study.results import Results

FOLDS = 10
RESAMPLES = 400
REFERENCE = "size-centred"
COMBINED = "regression and warm value"
LEAST_SUBSETS = 20  # with fewer a correlation over them says nothing


def linear_datamodeling_score(predicted: np.ndarray, score: np.ndarray, percents: np.ndarray) -> float:
    """Spearman correlation within each percent, weighted by its subsets; NaN with fewer than three of any size.

    Args:
        predicted: [S], Σ of the values of the frames in a subset, from subsets of other clusters.
        score: [S], measured after training; NaN for a subset that does not count, as its networks diverged.

    Source: Park et al. 2023, arXiv 2303.14186, definition 2.3.
    """
    total, weight = 0.0, 0
    for percent in np.unique(percents):
        rows = (percents == percent) & np.isfinite(score)
        if rows.sum() < 3 or np.ptp(score[rows]) == 0:
            continue
        # SciPy's spearmanr does the same twenty times as slowly, which the bootstrap would feel.
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
    """The values [N] that estimator `name` makes of the subsets `rows` alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return estimator(name)(
            inclusion[rows],
            score[rows, None],
            percents=percents[rows],
            clusters=clusters[rows],
            self_frame=np.array([-1]),
            with_errors=False,
        ).value[:, 0]


def out_of_fold(
    name: str, inclusion: np.ndarray, score: np.ndarray, percents: np.ndarray, clusters: np.ndarray
) -> np.ndarray:
    """Σ_{i∈S} value_i of each subset [S], with values of estimator `name` from the other folds of clusters."""

    def values(rows: np.ndarray) -> np.ndarray:
        return values_from(name, rows, inclusion, score, percents, clusters)

    return predicted_out_of_fold(values, inclusion, clusters)


def predicted_out_of_fold(
    values_from: Callable[[np.ndarray], np.ndarray], inclusion: np.ndarray, clusters: np.ndarray
) -> np.ndarray:
    """Σ_{i∈S} value_i of each subset [S], with the values [N] that `values_from` makes of other clusters' rows."""
    predicted = np.zeros(len(inclusion))
    folds = GroupKFold(min(FOLDS, len(np.unique(clusters))), shuffle=True, random_state=0)
    for train, test in folds.split(inclusion, groups=clusters):
        predicted[test] = inclusion[test] @ np.nan_to_num(values_from(train))
    return predicted


def resampled_clusters(clusters: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows of clusters drawn with replacement, as indices."""
    names, which = np.unique(clusters, return_inverse=True)
    rows = [np.flatnonzero(which == index) for index in range(len(names))]
    return np.concatenate([rows[index] for index in rng.integers(0, len(names), len(names))])


def interval(
    statistic: Callable[[np.ndarray], float], draw: Callable[[np.random.Generator], np.ndarray], level: float
) -> tuple[float, float]:
    """Percentile bootstrap of `statistic` over rows that `draw` gives."""
    rng = np.random.default_rng(0)
    found = np.array([statistic(draw(rng)) for _ in range(RESAMPLES)])
    low, high = np.nanquantile(found, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _scores(results: Results) -> list[str]:
    """The scores that values are tested on: both errors, and the study's own."""
    return list(dict.fromkeys(("log_error", "error", results.options["influence"]["score"])))


def reliability(results: Results) -> float:
    """Correlation within sizes of the held-out scores of two networks of the same subset; NaN with too few."""
    networks = results.rmse[results.rmse["kind"] == "network"]
    table = networks.pivot_table(index=["percent", "subset"], columns="member", values="mean_log_error")
    if table.shape[1] < 2:
        return float("nan")
    pairs = table.iloc[:, :2].dropna()
    if len(pairs) < 6:
        return float("nan")
    percents = pairs.index.get_level_values("percent").to_numpy()
    return linear_datamodeling_score(pairs.iloc[:, 0].to_numpy(), pairs.iloc[:, 1].to_numpy(), percents)


def validation(results: Results) -> pd.DataFrame:
    """A row per quantity, method and score: `value`, `ci_low`, `ci_high`.

    Quantities: `lds` of each estimator and its `lds difference` to the size-centred difference, with intervals over
    clusters; `lds ceiling`, the root of the reliability of one network; and where errors were planted `auroc` and
    `average precision` of finding them, with intervals over frames. The score `labels` means that no network was asked.
    """
    rows = [*_prediction_rows(results), *_detection_rows(results)]
    return pd.DataFrame(rows, columns=["quantity", "method", "score", "value", "ci_low", "ci_high"])


def _prediction_rows(results: Results) -> list[tuple[object, ...]]:
    level = results.options["influence"]["level"]
    percents, clusters = (results.subsets[name].to_numpy() for name in ("percent", "cluster"))
    rows: list[tuple[object, ...]] = []
    if len(percents) < LEAST_SUBSETS:
        return rows
    for score in _scores(results):
        measured = values.subset_score(results.scores[score], ~results.pool)
        predictions = {
            name: out_of_fold(name, results.inclusion, measured, percents, clusters) for name in estimator_names()
        }

        def lds(name: str, some: np.ndarray, measured: np.ndarray = measured, found: dict = predictions) -> float:
            return linear_datamodeling_score(found[name][some], measured[some], percents[some])

        def draw(rng: np.random.Generator) -> np.ndarray:
            return resampled_clusters(clusters, rng)

        everything = np.arange(len(percents))
        for name in predictions:
            ends = interval(lambda some, name=name: lds(name, some), draw, level)
            rows.append(("lds", name, score, lds(name, everything), *ends))
            if name != REFERENCE:
                ends = interval(lambda some, name=name: lds(name, some) - lds(REFERENCE, some), draw, level)
                difference = lds(name, everything) - lds(REFERENCE, everything)
                rows.append(("lds difference", name, score, difference, *ends))
    rows += _warm_rows(results, level)
    trusted = reliability(results)
    if np.isfinite(trusted):
        rows.append(("lds ceiling", "same subset twice", "log_error", np.sqrt(max(trusted, 0)), np.nan, np.nan))
    return rows


def _warm_rows(results: Results, level: float) -> list[tuple[object, ...]]:
    """How warm values predict the networks that were no base of theirs; spoilt and other frames also apart."""
    if results.warm is None:
        return []
    warm = mean_over_networks(results.warm)
    measured = values.subset_score(results.scores["log_error"], ~results.pool)
    others = _no_base(results) & np.isfinite(measured)
    if np.count_nonzero(others) < LEAST_SUBSETS // 2:
        return []
    percents, clusters = (results.subsets[name].to_numpy()[others] for name in ("percent", "cluster"))
    inclusion = results.inclusion[others]
    measured = measured[others]
    parts = {"warm value": results.pool}
    if results.planted is not None:
        parts |= {"warm value (planted frames)": results.planted, "warm value (other frames)": ~results.planted}
    predictions = {name: inclusion @ (np.nan_to_num(warm) * part) for name, part in parts.items()}
    predictions["regression, no base network"] = out_of_fold("regression", inclusion, measured, percents, clusters)
    predictions[COMBINED] = predicted_out_of_fold(
        lambda rows: combined_value(warm, inclusion[rows], measured[rows], percents[rows], clusters[rows]),
        inclusion,
        clusters,
    )

    def lds(name: str, some: np.ndarray) -> float:
        return linear_datamodeling_score(predictions[name][some], measured[some], percents[some])

    def draw(rng: np.random.Generator) -> np.ndarray:
        return resampled_clusters(clusters, rng)

    rows: list[tuple[object, ...]] = []
    everything = np.arange(len(measured))
    for name in predictions:
        ends = interval(lambda some, name=name: lds(name, some), draw, level)
        rows.append(("lds", name, "log_error", lds(name, everything), *ends))
    for name in ("regression, no base network", "warm value"):
        ends = interval(lambda some, name=name: lds(COMBINED, some) - lds(name, some), draw, level)
        difference = lds(COMBINED, everything) - lds(name, everything)
        rows.append(("lds difference", f"{COMBINED}, to {name}", "log_error", difference, *ends))
    return rows


def combined_values_if_they_help(results: Results) -> np.ndarray | None:
    """Values [N] by regression and warm influence together, where they predict other networks better than either.

    None without warm influence, and unless the interval of the difference of LDS to both lies above 0.
    """
    if results.warm is None or len(results.subsets) < LEAST_SUBSETS:
        return None
    rows = _warm_rows(results, results.options["influence"]["level"])
    lower = [row[4] for row in rows if row[0] == "lds difference"]
    if not lower or not all(end > 0 for end in lower):
        return None
    score = values.subset_score(results.scores["log_error"], ~results.pool)
    known = np.isfinite(score)
    percents, clusters = (results.subsets[name].to_numpy()[known] for name in ("percent", "cluster"))
    return combined_value(mean_over_networks(results.warm), results.inclusion[known], score[known], percents, clusters)


def _no_base(results: Results) -> np.ndarray:
    """Bool [S]: no base network of warm influence was trained on the subset."""
    bases = {row.tobytes() for row in np.ascontiguousarray(results.warm["inclusion"].astype(bool))}
    return np.array([np.ascontiguousarray(row).tobytes() not in bases for row in results.inclusion])


def mean_over_networks(warm: dict[str, np.ndarray]) -> np.ndarray:
    """The warm value [N]: `change_per_network`, averaged over the networks that had not seen the frame."""
    per_network = change_per_network(**warm)
    known = np.isfinite(per_network)
    count = known.sum(axis=0)
    return np.where(known, per_network, 0).sum(axis=0) / np.where(count > 0, count, np.nan)


def _detection_rows(results: Results) -> list[tuple[object, ...]]:
    planted = results.planted
    if planted is None or not planted[results.pool].any():
        return []
    level = results.options["influence"]["level"]
    truth = planted[results.pool]
    rows: list[tuple[object, ...]] = []
    for method, score, suspicion in _suspicions(results):
        suspicion = np.nan_to_num(suspicion[results.pool], nan=np.nanmin(suspicion[results.pool]))

        def draw(rng: np.random.Generator) -> np.ndarray:
            return np.concatenate([rng.choice(np.flatnonzero(truth == kind), (truth == kind).sum()) for kind in (0, 1)])

        for quantity, measure in (("auroc", roc_auc_score), ("average precision", average_precision_score)):
            ends = interval(lambda some, f=measure, s=suspicion: f(truth[some], s[some]), draw, level)
            rows.append((quantity, method, score, float(measure(truth, suspicion)), *ends))
    return rows


def _suspicions(results: Results) -> list[tuple[str, str, np.ndarray]]:
    """(method, score, number per frame [N]) of all that could tell a wrong label; higher is more suspicious."""
    percents, clusters = (results.subsets[name].to_numpy() for name in ("percent", "cluster"))
    found = [
        ("label suspicion", "log_error", label_suspicion(results.scores["log_error"], results.inclusion).frame),
        ("out-of-bag error", "error", values.out_of_bag_error(results.scores["error"], results.inclusion)),
    ]
    own = results.influence("error", REFERENCE)["value"]
    # A wrong label is learned by heart: its error falls most where it is trained on.
    diagonal = own[np.arange(len(own)), np.arange(len(own))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found.append(("memorization", "error", -np.nanmean(diagonal, axis=1)))
    if results.warm is not None:
        found.append(("warm value", "log_error", mean_over_networks(results.warm)))
    if results.label_qc.suspicion is not None:
        found.append(("SLEAP label QC", "labels", results.label_qc.suspicion))
    for score in _scores(results):
        measured = values.subset_score(results.scores[score], ~results.pool)
        for name in estimator_names():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                estimate = estimator(name)(
                    results.inclusion,
                    measured[:, None],
                    percents=percents,
                    clusters=clusters,
                    self_frame=np.array([-1]),
                    with_errors=False,
                )
            found.append((f"value ({name})", score, estimate.value[:, 0]))
    return found
