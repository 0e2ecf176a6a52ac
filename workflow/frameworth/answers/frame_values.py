"""`frame_values.csv` and `summary.json`: the study's answer, frame by frame and in a few sentences."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.metrics import roc_auc_score

from frameworth.answers.held_out import RESAMPLES, held_out_influence
from frameworth.attribution.inference import values
from frameworth.attribution.influence_file import LOSS_UNITS
from frameworth.attribution.label_checks import check_name
from frameworth.attribution.methods.warm_values import warm_values
from frameworth.results.results import Results
from frameworth.scores.learning import (
    constant_guess_rmse,
    learning_sentence,
    more_frames_would,
    steps,
    what_to_change,
)
from frameworth.storage.files import write_csv, write_json
from frameworth.text import readable, told
from frameworth.training.divergence import diverged_sentence

CHECK_FIRST = 5


def write_frame_values(results: Results, frame_values_csv: Path) -> None:
    """Write a row per pool frame, sorted by `check_priority`."""
    write_csv(frame_values_csv, frame_values(results))


def frame_values(results: Results) -> pd.DataFrame:
    """The worth of each pool frame: see the file formats in the documentation for the columns."""
    options = results.options["influence"]
    pool = np.flatnonzero(results.pool)
    found = held_out_influence(results, options["score"], options["estimator"])
    in_px = held_out_influence(results, "error", options["estimator"], resamples=0)
    shrunken = held_out_influence(results, options["score"], "regression", resamples=0)
    out_of_bag = values.out_of_bag_error(results.scores["error"], results.inclusion)[pool]
    columns = {
        "value": found.value,
        "tested_value": found.tested_value,
        "standard_error": found.standard_error,
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "called_ci_low": found.called_ci_low,
        "called_ci_high": found.called_ci_high,
        "p_adjusted": found.p_adjusted,
        "absolute_value": found.absolute,
        "tested_absolute_value": found.tested_absolute,
        "networks_factor": networks_factor(shrunken.value, found.standard_error, found.critical),
    }
    table = results.frames.loc[pool, ["frame", "video", "image"]].assign(
        check_priority=pd.Series(out_of_bag).rank(ascending=False, method="first", na_option="bottom").to_numpy(int),
        out_of_bag_error=out_of_bag,
        **{name: column[pool, 0] for name, column in columns.items()},
        memorization=_memorization(results)[pool],
        verdict=np.where(_flags(results)[pool], "check label", found.verdict[pool, 0])
        if results.learning.learned
        else "undecided",
        value_px=in_px.value[pool, 0],
    )
    if results.warm is not None:
        warm = warm_values(**results.warm, resamples=RESAMPLES, rng=np.random.default_rng(0))
        table["warm_value"], table["warm_p_adjusted"] = warm.value[pool], warm.p_adjusted[pool]
    return table.sort_values("check_priority").reset_index(drop=True)


def write_summary(results: Results, summary_json: Path) -> None:
    """Write the study's answer as numbers and sentences."""
    write_json(summary_json, _plain(summary(results)))


def summary(results: Results) -> dict[str, Any]:
    """Counts, errors, the labels to check first, how well planted errors are found, and sentences saying so."""
    table, options = results.frame_values, results.options["influence"]
    learned, checks = results.learning.learned, results.label_checks
    ranked = checks.sort_values("flagged", ascending=False, kind="stable")
    first = ranked.head(CHECK_FIRST if learned else 0)
    rmse = results.rmse
    consensus = rmse[(rmse["kind"] == "consensus") & (rmse["form"] == results.options["consensus"])]
    flags = (table["verdict"] == "check label").to_numpy()
    answer: dict[str, Any] = {
        "networks": int((rmse["kind"] == "network").sum()),
        "diverged": results.diverged,
        "subsets": len(results.subsets),
        "frames": len(results.frames),
        "pool": int(results.pool.sum()),
        "held_out": int((~results.pool).sum()),
        "score": options["score"],
        "score_unit": LOSS_UNITS[options["score"]],
        "estimator": options["estimator"],
        "consensus": results.options["consensus"],
        "check_first": first["frame"].tolist(),
        "check_first_names": [check_name(row) for row in first.to_dict("records")],
        "labels_flagged": int(checks["flagged"].sum()),
        "labels_flagged_held_out": int((checks["flagged"] & (checks["split"] == "held-out")).sum()),
        "labels_flagged_expected_false": float(checks.loc[checks["flagged"], "expected_false"].max()),
        "verdicts": table["verdict"].value_counts().to_dict(),
        "held_out_rmse_px": consensus.groupby("percent")["rmse_px"].mean().round(3).to_dict(),
        "network_rmse_px": rmse[rmse["kind"] == "network"].groupby("percent")["rmse_px"].mean().round(3).to_dict(),
    }
    answer |= _learning(results, answer["network_rmse_px"])
    score = values.subset_score(results.scores[options["score"]], ~results.pool)
    subsets = results.subsets
    sizes, percents, clusters = (subsets[name].to_numpy() for name in ("frames", "percent", "cluster"))
    slope = values.slope_at_main_size(score, sizes, percents, clusters)
    if slope is not None:
        answer["absolute_value_percent"] = slope.percent
        answer["slope_per_frame"] = slope.per_frame
        answer["slope_standard_error"] = slope.standard_error
    group, name = flags, "flagged"
    if results.planted is not None and results.planted[table["frame"]].any():
        group, name = results.planted[table["frame"]], "planted"
        suspicion = checks.set_index("frame")["suspicion"].reindex(table["frame"])
        answer |= {
            "planted": int(group.sum()),
            "auroc_suspicion": float(roc_auc_score(group, suspicion.fillna(suspicion.min()))),
            "auroc_out_of_bag": float(roc_auc_score(group, table["out_of_bag_error"].fillna(0))),
            "auroc_value": float(roc_auc_score(group, table["value"].fillna(0))),
        }
    if not learned:
        group = np.zeros(len(table), bool)
    tested = table["tested_value"].to_numpy(float)
    rng = np.random.default_rng(0)
    difference, p = values.group_is_worse(tested, group, 10 * RESAMPLES, rng)  # relabelling is quick
    in_px = held_out_influence(results, "error", options["estimator"], resamples=0).tested_value[table["frame"], 0]
    difference_px, _ = values.group_is_worse(in_px, group, 0, rng)
    answer |= {
        "group_name": name,
        "group_size": int(group.sum()),
        "group_difference": difference,
        "group_difference_px": difference_px,
        "group_test_p": p,
    }
    if not learned:
        answer["networks_to_decide_top"] = None
        answer["statement"] = _not_learned(results, answer)
        return answer
    answer["networks_to_decide_top"] = networks_to_decide(table, answer["networks"])
    answer["statement"] = [learning_sentence(results.learning), *_statement(answer, 1 - options["level"])]
    return answer


def _learning(results: Results, rmse_px: dict[int, float]) -> dict[str, Any]:
    """Whether the networks have learned, the errors of single ones, and whether more frames would help them.

    Of single networks, as a consensus is better the more members it has, and sizes may differ in that.
    """
    known = {percent: rmse for percent, rmse in rmse_px.items() if np.isfinite(rmse)}
    learned = results.learning
    answer: dict[str, Any] = {
        "best_percent": min(known, key=known.__getitem__, default=None),
        "constant_guess_rmse_px": round(constant_guess_rmse(results.labels.xy, results.pool), 3),
        "learned": learned.learned,
        "why_not_learned": learned.why_not,
        "learned_percent": learned.percent,
        "trained_on_median_px": learned.trained_px,
        "not_trained_on_median_px": learned.other_px,
        "constant_guess_median_px": learned.guess_px,
    }
    networks = results.rmse[results.rmse["kind"] == "network"]
    of_subsets = networks.groupby("subset")["rmse_px"].mean().reindex(results.subsets["subset"]).to_numpy()
    percents, clusters = (results.subsets[name].to_numpy() for name in ("percent", "cluster"))
    found = steps(of_subsets, percents, clusters, results.options["influence"]["level"])
    if found:
        answer["last_step"] = asdict(found[-1])
        outcome = more_frames_would(found[-1], known[found[-1].high])
        answer["more_frames"] = outcome if learned.learned else "unknown"
    return answer


def _memorization(results: Results) -> np.ndarray:
    """Influence of each frame on its own error, size-centred, mean over its keypoints, px [N]."""
    matrix = results.influence("error", "size-centred")["value"]
    diagonal = matrix[np.arange(len(matrix)), np.arange(len(matrix))]
    known = np.isfinite(diagonal)
    count = known.sum(axis=1)
    return np.where(known, diagonal, 0).sum(axis=1) / np.where(count > 0, count, np.nan)


def _flags(results: Results) -> np.ndarray:
    """Bool [N]: the frame is flagged in `labels_to_check.csv`."""
    return results.label_checks.set_index("frame")["flagged"].reindex(results.frames["frame"]).to_numpy(bool)


def networks_factor(shrunken: np.ndarray, standard_error: np.ndarray, critical: np.ndarray) -> np.ndarray:
    """How many times the study's networks would decide a frame with a probability of 80 %, [N, T].

    Were its value the shrunken one; errors fall with the root of the number of networks. Infinite if that is 0.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return ((critical + stats.norm.ppf(0.8)) * standard_error / shrunken) ** 2


def networks_to_decide(table: pd.DataFrame, networks: int) -> int | None:
    """How many more networks would decide the frames of the highest values: the median over these.

    None if their values are shrunk to nothing.
    """
    top = table.sort_values("value", ascending=False, kind="stable", na_position="last").head(CHECK_FIRST)
    needed = float(np.median(top["networks_factor"])) * networks
    if not np.isfinite(needed) or needed > 1e6:
        return None
    return max(0, round(needed) - networks)


def _statement(answer: dict[str, Any], alpha: float) -> list[str]:
    verdicts = answer["verdicts"]
    sentences = [
        *_networks(answer),
        _labels_to_check(answer),
        f"{_judged(verdicts)} {verdicts.get('harmful', 0)} are shown to harm, {verdicts.get('helpful', 0)} to "
        f"help, {verdicts.get('worse than average', 0)} to be worse and "
        f"{verdicts.get('better than average', 0)} better than an average frame; "
        f"{verdicts.get('undecided', 0)} cannot be decided with so many networks.",
        _more_frames(answer, 1 - alpha),
    ]
    if "planted" in answer:
        sentences.append(
            f"Of {answer['planted']} label errors planted in the pool: suspicion ranks them with AUROC "
            f"{answer['auroc_suspicion']:.3f}, out-of-bag error with {answer['auroc_out_of_bag']:.3f}, value with "
            f"{answer['auroc_value']:.3f}."
        )
    if np.isfinite(answer["group_test_p"]):
        unit = answer["score_unit"]
        sentences.append(
            f"As a group the {answer['group_size']} {answer['group_name']} frames have values "
            f"{told(answer['group_difference'], answer['group_difference_px'], unit)} against the rest: "
            f"{'they are worse' if answer['group_test_p'] < alpha else 'which may be chance'} (positive is worse; "
            f"relabelling test of {unit}, one-sided p = {answer['group_test_p']:.4f})."
        )
    else:
        sentences.append("No frame of the pool is flagged, so there is no group to test.")
    if answer["networks_to_decide_top"]:
        sentences.append(
            f"To decide the {CHECK_FIRST} frames of the highest values one by one, about "
            f"{answer['networks_to_decide_top']:,} more networks would be needed."
        )
    return sentences


def _not_learned(results: Results, answer: dict[str, Any]) -> list[str]:
    """What is said where networks have not learned: nothing of frames."""
    width, height = np.median(results.labels.sizes, axis=0)
    subsets = results.subsets
    frames = int(subsets.loc[subsets["percent"] == results.learning.percent, "frames"].median())
    return [
        learning_sentence(results.learning),
        what_to_change(results.learning, results.options["training"], (width, height), frames),
        *_networks(answer),
    ]


def _networks(answer: dict[str, Any]) -> list[str]:
    return [
        f"{answer['networks']} networks on {answer['subsets']} subsets of {answer['pool']} frames, measured on "
        f"{answer['held_out']} held-out frames{_held_out_error(answer)}.",
        *([diverged_sentence(answer["diverged"], answer["networks"])] if answer["diverged"] else []),
    ]


def _held_out_error(answer: dict[str, Any]) -> str:
    percent = answer["best_percent"]
    if percent is None:
        return ""
    text = f": RMSE of single networks {answer['network_rmse_px'][percent]:.1f} px at {percent} % of the pool"
    guess = answer["constant_guess_rmse_px"]
    return text + (f", where guessing each keypoint's mean position gives {guess:.1f} px" if np.isfinite(guess) else "")


def _labels_to_check(answer: dict[str, Any]) -> str:
    flags, first = answer["labels_flagged"], answer["check_first_names"]
    if not flags:
        return f"No frame's labels are flagged; the first by suspicion are {'; '.join(first)}."
    held_out = answer["labels_flagged_held_out"]
    where = f" ({held_out} of them held out, where all errors here are measured)" if held_out else ""
    are = "The labels of 1 frame are" if flags == 1 else f"The labels of {flags} frames are"
    named = "; ".join(first[:flags]) + (f"; and {flags - len(first)} more" if flags > len(first) else "")
    wrong = answer["labels_flagged_expected_false"]
    fine = f"about {max(1, round(wrong))}" if wrong >= 0.5 else f"hardly any ({readable(wrong)})"
    return (
        f"{are} flagged{where}; if all labels were right, {fine} would be; "
        f"check {'it' if flags == 1 else 'these'} first: {named}."
    )


def _judged(verdicts: dict[str, int]) -> str:
    flags = verdicts.get("check label", 0)
    return f"Of the pool's frames, without the {flags} flagged," if flags else "Of the pool's frames"


def _more_frames(answer: dict[str, Any], level: float) -> str:
    step = answer.get("last_step")
    if step is None:
        return "Whether more frames would help cannot be told: all subsets have the same size."
    words = {
        "help": "More frames like these would help",
        "hardly": "More frames like these would hardly help",
        "harm": "More frames like these would not help: the last ones added harm",
        "unknown": "Whether more frames would help cannot be told",
    }[answer["more_frames"]]
    interval = "no interval, there are too few seeds"
    if np.isfinite(step["ci_low"]):
        seeds = f", {step['clusters']} seeds" if step["clusters"] else ""
        interval = f"{100 * level:.0f} % interval {step['ci_low']:+.2f} to {step['ci_high']:+.2f}{seeds}"
    return (
        f"{words} (from {step['low']} to {step['high']} % of the pool the held-out RMSE of single networks changes by "
        f"{step['change']:+.2f} px; {interval})."
    )


def _plain(value: Any) -> Any:
    """`value` with what JSON knows only: NaN becomes null, keys become strings."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
