"""`frame_values.csv` and `summary.json`: the study's answer, for each frame and in a few sentences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.metrics import roc_auc_score

from frameworth.answers.answer import further_frames, sentences
from frameworth.answers.coverage import median_animal_length
from frameworth.answers.further_labels import far_frames
from frameworth.answers.held_out import RESAMPLES, held_out_influence, memorization
from frameworth.attribution.inference import values
from frameworth.attribution.inference.power import MOST_NETWORKS
from frameworth.attribution.label_checks import check_name, first_to_check
from frameworth.attribution.method_values import method_values
from frameworth.results.results import Results
from frameworth.scores.learning import constant_guess_rmse, learning_sentences, what_to_change
from frameworth.storage.files import json_plain, write_csv, write_json

CHECK_FIRST = 8  # number of labels at the top of the answer, the terminal and the report
LEAST_GROUP = 2  # at least this many flagged or planted frames are judged as a group
_HIGHEST = 5  # undecided frames of highest value, for which the number of networks needed is estimated


def write_frame_values(results: Results) -> None:
    """Write a row per pool frame, sorted by `check_priority`."""
    write_csv(results.folder / "frame_values.csv", frame_values(results))


def frame_values(results: Results) -> pd.DataFrame:
    """The value of each pool frame; the file formats in the documentation explain the columns."""
    pool = np.flatnonzero(results.pool)
    influence = held_out_influence(results, results.score, results.estimator)
    in_px = held_out_influence(results, "error", results.estimator, resamples=0)
    shrunken = held_out_influence(results, results.score, "regression", resamples=0)
    out_of_bag = values.out_of_bag_error(results.scores["error"], results.inclusion)[pool]
    tested = ("value", "tested_value", "standard_error", "ci_low", "ci_high", "called_ci_low", "called_ci_high")
    columns = {name: getattr(influence, name) for name in (*tested, "p_adjusted")} | {
        "absolute_value": influence.absolute,
        "tested_absolute_value": influence.tested_absolute,
        "networks_factor": networks_factor(shrunken.value, influence.standard_error, influence.critical),
    }
    flagged = results.label_checks.set_index("frame")["flagged"].reindex(pool).to_numpy(bool)
    verdict = np.where(flagged, "check label", influence.verdict[pool, 0])
    table = results.frames.loc[pool, ["frame", "video", "image"]].assign(
        check_priority=pd.Series(out_of_bag).rank(ascending=False, method="first", na_option="bottom").to_numpy(int),
        out_of_bag_error=out_of_bag,
        **{name: column[pool, 0] for name, column in columns.items()},
        memorization=memorization(results)[pool],
        verdict=verdict if results.learning.learned else "undecided",
        value_px=in_px.value[pool, 0],
    )
    for answers in results.methods:
        estimate = method_values(answers.harm, RESAMPLES, np.random.default_rng(0))
        table[answers.method.value_column] = estimate.value[pool]
        table[answers.method.error_column] = estimate.standard_error[pool]
        table[answers.method.p_column] = estimate.p_adjusted[pool]
        if answers.method.calls_harm:
            harmful = estimate.stands_out[pool] & results.learning.learned
            table[answers.method.verdict_column] = np.where(harmful, "harmful", "undecided")
    return table.sort_values("check_priority").reset_index(drop=True)


def write_summary(results: Results) -> None:
    """Write the study's answer as numbers and sentences."""
    write_json(results.folder / "summary.json", json_plain(summary(results)))


def summary(results: Results) -> dict[str, Any]:
    """Counts, errors, labels to check first, how well planted errors are found, and the answer in sentences."""
    table, learned, checks = results.frame_values, results.learning.learned, results.label_checks
    first = first_to_check(checks, CHECK_FIRST if learned else 0)
    rmse_px = {
        name: rows.groupby("percent")["rmse_px"].mean().round(3).to_dict()
        for name, rows in (("network", results.networks), ("consensus", results.consensus_rmse))
    }
    answer: dict[str, Any] = {
        "networks": len(results.networks),
        "diverged": results.diverged,
        "subsets": len(results.subsets),
        "frames": len(results.frames),
        "pool": int(results.pool.sum()),
        "held_out": int((~results.pool).sum()),
        "score": results.score,
        "score_unit": results.unit,
        "estimator": results.estimator,
        "level": results.level,
        "consensus": results.consensus,
        "check_first": first["frame"].tolist(),
        "check_first_names": [check_name(row) for row in first.to_dict("records")],
        "labels_flagged": int(checks["flagged"].sum()),
        "labels_flagged_held_out": int((checks["flagged"] & (checks["split"] == "held-out")).sum()),
        "labels_flagged_expected_false": float(checks.loc[checks["flagged"], "expected_false"].max()),
        "verdicts": table["verdict"].value_counts().to_dict(),
        "called_by_methods": {
            asked.name: int((table[asked.verdict_column] == "harmful").sum())
            for asked in results.asked_methods
            if asked.calls_harm
        },
        "held_out_rmse_px": rmse_px["consensus"],
        "network_rmse_px": rmse_px["network"],
    }
    answer |= _learning(results, rmse_px["network"])
    sizes = results.subsets["frames"].to_numpy()
    slope = values.slope_at_main_size(results.held_out_score(results.score), sizes, results.percents, results.clusters)
    if slope is not None:
        answer["absolute_value_percent"] = slope.percent
        answer["slope_per_frame"] = slope.per_frame
        answer["slope_standard_error"] = slope.standard_error
    group, name = (table["verdict"] == "check label").to_numpy(), "flagged"
    if results.planted is not None and results.planted[table["frame"]].any():
        group, name = results.planted[table["frame"]], "planted"
        suspicion = checks.set_index("frame")["suspicion"].reindex(table["frame"])
        answer |= {
            "planted": int(group.sum()),
            "auroc_suspicion": float(roc_auc_score(group, suspicion.fillna(suspicion.min()))),
            "auroc_out_of_bag": float(roc_auc_score(group, table["out_of_bag_error"].fillna(0))),
            "auroc_value": float(roc_auc_score(group, table["value"].fillna(0))),
        }
    if not learned or group.sum() < LEAST_GROUP:
        group = np.zeros(len(table), bool)
    tested = table["tested_value"].to_numpy(float)
    rng = np.random.default_rng(0)
    difference, p = values.group_is_worse(tested, group, 10 * RESAMPLES, rng)  # relabelling is quick
    in_px = held_out_influence(results, "error", results.estimator, resamples=0).tested_value[table["frame"], 0]
    difference_px, p_px = values.group_is_worse(in_px, group, 10 * RESAMPLES, rng)
    answer |= {
        "group_name": name,
        "group_size": int(group.sum()),
        "group_difference": difference,
        "group_difference_px": difference_px,
        "group_test_p": p,
        "group_test_p_px": p_px,
    }
    if not learned:
        answer["networks_to_decide_top"] = None
        answer["statement"] = _not_learned(results)
        return answer
    answer["networks_to_decide_top"] = networks_to_decide(table, answer["networks"])
    answer["statement"] = sentences(answer, 1 - results.level)
    return answer


def _learning(results: Results, rmse_px: dict[int, float]) -> dict[str, Any]:
    """Whether the networks have learned, the errors of single networks, and how more frames would change them.

    Single networks are used because a consensus improves with its number of members, which may differ between sizes.
    """
    known = {percent: rmse for percent, rmse in rmse_px.items() if np.isfinite(rmse)}
    learned = results.learning
    return {
        "best_percent": min(known, key=known.__getitem__, default=None),
        "constant_guess_rmse_px": round(constant_guess_rmse(results.labels.xy, results.pool), 3),
        "learned": learned.learned,
        "why_not_learned": learned.why_not,
        "learned_percent": learned.percent,
        "trained_on_median_px": learned.trained_px,
        "not_trained_on_median_px": learned.other_px,
        "constant_guess_median_px": learned.guess_px,
        "learned_frames": learned.frames,
        "animal_length_px": median_animal_length(results.labels.xy),
        "further_frames": further_frames(results.add, results.add_curve, int(results.pool.sum())),
        "far_frames": far_frames(results.add_poses, results.level),
    }


def networks_factor(shrunken: np.ndarray, standard_error: np.ndarray, critical: np.ndarray) -> np.ndarray:
    """By what factor the number of networks must grow to decide a frame with a probability of 80 %, [N, T].

    The shrunken value is taken as the true value. Standard errors fall with the root of the number of networks. The
    factor is infinite if the shrunken value is 0.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return ((critical + stats.norm.ppf(0.8)) * standard_error / shrunken) ** 2


def networks_to_decide(table: pd.DataFrame, networks: int) -> int | None:
    """How many more networks would decide the undecided frames of highest value: the median over these frames.

    The number is at most `MOST_NETWORKS`, for example where values are shrunk to 0. It is None if there is no such
    frame, or if there are too few independent subsets.
    """
    undecided = table[table["verdict"] == "undecided"].dropna(subset="networks_factor")
    if undecided.empty:
        return None
    top = undecided.sort_values("value", ascending=False, kind="stable").head(_HIGHEST)
    needed = float(np.median(top["networks_factor"])) * networks
    return round(min(max(needed - networks, 0), MOST_NETWORKS))


def _not_learned(results: Results) -> list[str]:
    """The answer if the networks have not learned; it says nothing about frames."""
    width, height = np.median(results.labels.sizes, axis=0)
    subsets, training = results.subsets, results.options.training
    assert training is not None
    frames = int(subsets.loc[subsets["percent"] == results.learning.percent, "frames"].median())
    return [
        *learning_sentences(results.learning),
        *what_to_change(results.learning, training, (width, height), frames),
    ]
