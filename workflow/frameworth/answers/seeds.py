"""Why some seeds do better: what is known about each subset before training, and how much of its score it explains."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.model_selection import GroupKFold

from frameworth.answers.coverage import appearance_distances, mean_nearest, pose_distances
from frameworth.answers.validation import values_from
from frameworth.attribution.inference.components import components
from frameworth.attribution.inference.resampling import interval, resampled_clusters
from frameworth.results.results import Results

LEAST_SUBSETS = 12  # of a percent; with fewer, a share of variance is too uncertain
FOLDS = 10
LEAST_SHOWN = 0.01  # the interval and the share out of fold must lie above this for a predictor to explain anything
VALUES = "frame values"
ALONE = {
    "flagged_share": "share of flagged frames",
    "planted_share": "share of planted frames",
    "pose_distance": "coverage of pose",
    "appearance_distance": "coverage of appearance",
}


def r_squared(score: np.ndarray, predicted: np.ndarray, baseline: np.ndarray) -> float:
    """1 − Σ(score − predicted)² / Σ(score − baseline)²; below 0 if the baseline is better; all [S]."""
    return float(1 - ((score - predicted) ** 2).sum() / ((score - baseline) ** 2).sum())


def r_squared_interval(score: np.ndarray, predictor: np.ndarray, level: float, rows: int) -> tuple[float, float]:
    """Interval of the share of the score's variance that a line in `predictor` explains, by Fisher's z.

    Args:
        score, predictor: [S]. rows: number of independent rows; with fewer than 4 the interval is [0, 1].

    Source: Fisher 1921, Metron 1, 3-32. The ends are squared; the interval begins at 0 if it includes no correlation.
    """
    if rows < 4:
        return 0.0, 1.0
    z = abs(float(np.arctanh(np.clip(np.corrcoef(score, predictor)[0, 1], -1 + 1e-12, 1 - 1e-12))))
    half = stats.norm.ppf((1 + level) / 2) / np.sqrt(rows - 3)
    return float(np.tanh(max(z - half, 0)) ** 2), float(np.tanh(z + half) ** 2)


def out_of_fold(
    summary_of: Callable[[np.ndarray], np.ndarray],
    slope_is_fitted: bool,
    score: np.ndarray,
    percents: np.ndarray,
    clusters: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Score of each subset predicted from other clusters, and the mean score of its percent in these; [S] each.

    A subset whose score is NaN, because its networks diverged, is not used to predict others.

    Args:
        summary_of: gives a number per subset [S]; it may use only the scores of the rows [indices] that it is given.
        slope_is_fitted: whether the score's slope on that number is estimated from the same rows; otherwise it is 1.
    """
    predicted, baseline = np.full(len(score), np.nan), np.full(len(score), np.nan)
    folds = GroupKFold(min(FOLDS, len(np.unique(clusters))), shuffle=True, random_state=0)
    for train, test in folds.split(score, groups=clusters):
        x = summary_of(train)
        for percent in np.unique(percents[test]):
            known = train[(percents[train] == percent) & np.isfinite(score[train])]
            rows = test[percents[test] == percent]
            if not len(known):
                continue
            centred = x[known] - x[known].mean()
            slope = 1.0
            if slope_is_fitted:
                slope = centred @ score[known] / (centred @ centred) if centred @ centred > 1e-12 else 0.0
            baseline[rows] = score[known].mean()
            predicted[rows] = baseline[rows] + slope * (x[rows] - x[known].mean())
    return predicted, baseline


def seed_table(results: Results) -> pd.DataFrame:
    """A row per subset (`about` = `subset`), then a row per percent and predictor with the share it explains."""
    subsets = _subsets(results)
    made = [subsets]
    for percent, rows in subsets.groupby("percent"):
        if len(rows) >= LEAST_SUBSETS:
            made.append(_explained(results, subsets, int(percent)))
    return pd.concat(made, ignore_index=True)


def _subsets(results: Results) -> pd.DataFrame:
    inclusion, percents, clusters = results.inclusion, results.percents, results.clusters
    score = results.held_out_score(results.score)
    sizes = inclusion.sum(axis=1)
    rmse = results.networks.groupby("subset")["rmse_px"].mean()
    table = results.subsets.assign(about="subset", score=score)
    table["rmse_px"] = rmse.reindex(table["subset"]).to_numpy()
    table["flagged_share"] = inclusion[:, results.flagged].sum(axis=1) / sizes
    if results.planted is not None:
        table["planted_share"] = inclusion[:, results.planted].sum(axis=1) / sizes
    table["pose_distance"] = mean_nearest(pose_distances(results.labels.xy), ~results.pool, inclusion)
    table["appearance_distance"] = mean_nearest(appearance_distances(results.labels.paths), ~results.pool, inclusion)
    if len(np.unique(clusters)) > 1:
        summed = summed_values(inclusion, score, percents, clusters)
        table["predicted_score"], table["percent_score"] = out_of_fold(summed, False, score, percents, clusters)
        # The mean value of the subset's frames, estimated without the subset's own cluster.
        table["mean_value"] = (table["predicted_score"] - table["percent_score"]) / sizes
    return table


def summed_values(
    inclusion: np.ndarray, score: np.ndarray, percents: np.ndarray, clusters: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """A function of rows: it gives Σ_{i∈S} value_i of all subsets [S], with shrunken values by regression on the rows.

    Args:
        inclusion: bool [S, N]. score, percents, clusters: [S].
    """
    return lambda rows: inclusion @ np.nan_to_num(values_from("regression", rows, inclusion, score, percents, clusters))


def _explained(results: Results, subsets: pd.DataFrame, percent: int) -> pd.DataFrame:
    here = (subsets["percent"] == percent).to_numpy()
    rows = subsets[here].reset_index(drop=True)
    score, clusters = rows["score"].to_numpy(), rows["cluster"].to_numpy()
    predictions = {VALUES: (rows["predicted_score"].to_numpy(), rows["percent_score"].to_numpy())}
    columns = {name: column for column, name in ALONE.items()}
    for column, name in ALONE.items():
        x = rows[column].to_numpy() if column in rows else np.zeros(len(rows))
        if np.isfinite(x).all() and np.ptp(x) > 0:

            def itself(_: np.ndarray, x: np.ndarray = x) -> np.ndarray:
                return x

            predictions[name] = out_of_fold(itself, True, score, rows["percent"].to_numpy(), clusters)
    # Bonferroni over the predictors other than values, as the figure names whichever explains some.
    level = 1 - (1 - results.level) / max(1, len(predictions) - 1)
    made = []
    for name, (predicted, baseline) in predictions.items():
        known = np.isfinite(predicted) & np.isfinite(score)
        if not known.any():
            continue
        ends = (np.nan, np.nan)  # none for values: `validation.csv` tests whether they predict
        if name != VALUES:
            x = rows[columns[name]].to_numpy()[known]
            ends = r_squared_interval(score[known], x, level, len(np.unique(clusters[known])))
        explained = r_squared(score[known], predicted[known], baseline[known])
        row = {"about": "explained", "percent": percent, "predictor": name, "r_squared": explained}
        made.append(row | {"ci_low": ends[0], "ci_high": ends[1]})
    return pd.DataFrame([*made, *_ceiling(results, percent)])


def _ceiling(results: Results, percent: int) -> list[dict[str, object]]:
    """The share of one network's variance that comes from its subset; no row unless subsets were trained twice."""
    networks = results.networks[results.networks["percent"] == percent].dropna(subset=f"mean_{results.score}")
    score, subset = networks[f"mean_{results.score}"].to_numpy(), networks["subset"].to_numpy()
    whole = components(score, subset)
    if whole.pairs < 2 or not np.isfinite(whole.share_of_subset):
        return []
    cluster = networks["subset"].map(results.subsets.set_index("subset")["cluster"]).to_numpy()

    def share(rows: np.ndarray) -> float:
        # A cluster that is drawn twice counts as two clusters, so its subsets get new names.
        turns = pd.Series(rows).groupby(rows).cumcount()
        names = [f"{name}/{turn}" for name, turn in zip(subset[rows], turns, strict=True)]
        return components(score[rows], np.array(names)).share_of_subset

    ends = interval(share, lambda rng: resampled_clusters(cluster, rng), results.level)
    row = {"about": "ceiling", "percent": percent, "predictor": "the subset, trained twice"}
    return [row | {"r_squared": whole.share_of_subset, "ci_low": ends[0], "ci_high": ends[1]}]
