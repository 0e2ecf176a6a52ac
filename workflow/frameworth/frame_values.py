"""`frame_values.csv` and `summary.json`: the study's answer, frame by frame and in a few sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from frameworth import values
from frameworth.estimators import Estimate, estimator
from frameworth.files import write_csv, write_json
from frameworth.influence import UNITS
from frameworth.results import Results

RESAMPLES = 9999
CHECK_FIRST = 5


def write_frame_values(results: Results, frame_values_csv: Path) -> None:
    """Write a row per pool frame, sorted by `check_priority`."""
    write_csv(frame_values_csv, frame_values(results))


def frame_values(results: Results) -> pd.DataFrame:
    """The worth of each pool frame: see the file formats in the documentation for the columns."""
    options = results.options["influence"]
    pool = np.flatnonzero(results.pool)
    relative = _held_out_estimate(results, options["score"], options["estimator"])
    in_px = _held_out_estimate(results, "error", options["estimator"])
    value, error = relative.value[pool, 0], relative.standard_error[pool, 0]
    low, high = values.confidence_interval(value, error, relative.clusters, options["level"])
    p = values.adjusted(values.p_values(value, error, relative.clusters))
    absolute, absolute_p = _absolute(results, options["score"], value, error, relative.clusters)
    out_of_bag = values.out_of_bag_error(results.scores["error"], results.inclusion)[pool]
    flags = values.flagged(out_of_bag)
    table = results.frames.loc[pool, ["frame", "video", "image"]].assign(
        check_priority=pd.Series(out_of_bag).rank(ascending=False, method="first", na_option="bottom").to_numpy(int),
        out_of_bag_error=out_of_bag,
        value=value,
        ci_low=low,
        ci_high=high,
        p_adjusted=p,
        absolute_value=absolute,
        memorization=_memorization(results, options["estimator"])[pool],
        verdict=_verdicts(flags, value, p, absolute, absolute_p, 1 - options["level"]),
        value_px=in_px.value[pool, 0],
    )
    return table.sort_values("check_priority").reset_index(drop=True)


def write_summary(results: Results, summary_json: Path) -> None:
    """Write the study's answer as numbers and sentences."""
    write_json(summary_json, _plain(summary(results)))


def summary(results: Results) -> dict[str, Any]:
    """Counts, errors, the labels to check first, how well planted errors are found, and sentences saying so."""
    table, options = results.frame_values, results.options["influence"]
    rmse = results.rmse
    consensus = rmse[(rmse["kind"] == "consensus") & (rmse["form"] == results.options["consensus"])]
    flags = (table["verdict"] == "check label").to_numpy()
    answer: dict[str, Any] = {
        "networks": int((rmse["kind"] == "network").sum()),
        "subsets": len(results.subsets),
        "frames": len(results.frames),
        "pool": int(results.pool.sum()),
        "held_out": int((~results.pool).sum()),
        "score": options["score"],
        "score_unit": UNITS[options["score"]],
        "estimator": options["estimator"],
        "consensus": results.options["consensus"],
        "check_first": table["frame"].head(CHECK_FIRST).tolist(),
        "check_first_names": (table["video"] + "/" + table["image"]).head(CHECK_FIRST).tolist(),
        "verdicts": table["verdict"].value_counts().to_dict(),
        "held_out_rmse_px": consensus.groupby("percent")["rmse_px"].mean().round(3).to_dict(),
        "network_rmse_px": rmse[rmse["kind"] == "network"].groupby("percent")["rmse_px"].mean().round(3).to_dict(),
    }
    slope = _slope(results, options["score"])
    if slope is not None:
        answer["absolute_value_percent"] = slope.percent
        answer["slope_per_frame"] = slope.per_frame
        answer["slope_standard_error"] = slope.standard_error
    group, name = flags, "flagged"
    if results.planted is not None and results.planted[table["frame"]].any():
        group, name = results.planted[table["frame"]], "planted"
        answer |= {
            "planted": int(group.sum()),
            "auroc_out_of_bag": float(roc_auc_score(group, table["out_of_bag_error"].fillna(0))),
            "auroc_value": float(roc_auc_score(group, table["value"].fillna(0))),
        }
    difference, p = values.group_is_worse(table["value"].to_numpy(), group, RESAMPLES, np.random.default_rng(0))
    answer |= {
        "group_name": name,
        "group_size": int(group.sum()),
        "group_difference": difference,
        "group_test_p": p,
    }
    answer["statement"] = _statement(answer)
    return answer


def _held_out_estimate(results: Results, score: str, name: str) -> Estimate:
    per_subset = values.subset_score(results.scores[score], ~results.pool)
    return estimator(name)(
        results.inclusion,
        per_subset[:, None],
        percents=results.subsets["percent"].to_numpy(),
        clusters=results.subsets["cluster"].to_numpy(),
        self_frame=np.array([-1]),
    )


def _memorization(results: Results, name: str) -> np.ndarray:
    """Influence of each frame on its own error, mean over its keypoints, px [N]."""
    matrix = results.influence("error", name)["value"]
    diagonal = matrix[np.arange(len(matrix)), np.arange(len(matrix))]
    known = np.isfinite(diagonal)
    count = known.sum(axis=1)
    return np.where(known, diagonal, 0).sum(axis=1) / np.where(count > 0, count, np.nan)


def _slope(results: Results, score: str) -> values.Slope | None:
    return values.slope_at_main_size(
        values.subset_score(results.scores[score], ~results.pool),
        results.subsets["frames"].to_numpy(),
        results.subsets["percent"].to_numpy(),
        results.subsets["cluster"].to_numpy(),
    )


def _absolute(
    results: Results, score: str, value: np.ndarray, error: np.ndarray, clusters: int
) -> tuple[np.ndarray, np.ndarray]:
    """Absolute value and its adjusted p: (n−1)/n · relative value + the slope per added frame."""
    slope = _slope(results, score)
    if slope is None:
        return np.full_like(value, np.nan), np.full_like(value, np.nan)
    shrink = (len(value) - 1) / len(value)
    absolute = shrink * value + slope.per_frame
    spread = np.hypot(shrink * error, slope.standard_error)
    return absolute, values.adjusted(values.p_values(absolute, spread, clusters))


def _verdicts(
    flags: np.ndarray,
    value: np.ndarray,
    p: np.ndarray,
    absolute: np.ndarray,
    absolute_p: np.ndarray,
    alpha: float,
) -> np.ndarray:
    """The first that applies: check label, harmful or helpful, worse or better than average, undecided."""
    decided, absolutely = p < alpha, absolute_p < alpha
    cases = [
        (flags, "check label"),
        (absolutely & (absolute > 0), "harmful"),
        (absolutely & (absolute < 0), "helpful"),
        (decided & (value > 0), "worse than average"),
        (decided & (value < 0), "better than average"),
    ]
    return np.select([case for case, _ in cases], [verdict for _, verdict in cases], default="undecided")


def _statement(answer: dict[str, Any]) -> list[str]:
    verdicts = answer["verdicts"]
    sentences = [
        f"{answer['networks']} networks on {answer['subsets']} subsets of {answer['pool']} frames, measured on "
        f"{answer['held_out']} held-out frames.",
        f"{verdicts.get('check label', 0)} labels stand out by their out-of-bag error and should be checked; "
        f"check first: {', '.join(answer['check_first_names'])}.",
        f"Of the others {verdicts.get('harmful', 0)} frames are shown to harm, {verdicts.get('helpful', 0)} to "
        f"help, {verdicts.get('worse than average', 0)} to be worse and "
        f"{verdicts.get('better than average', 0)} better than an average frame; "
        f"{verdicts.get('undecided', 0)} cannot be decided with so many networks.",
    ]
    if "planted" in answer:
        sentences.append(
            f"Of {answer['planted']} planted label errors: out-of-bag error ranks them with AUROC "
            f"{answer['auroc_out_of_bag']:.3f}, value with AUROC {answer['auroc_value']:.3f}."
        )
    if np.isfinite(answer["group_test_p"]):
        sentences.append(
            f"As a group the {answer['group_size']} {answer['group_name']} frames have values "
            f"{answer['group_difference']:+.3g} {answer['score_unit']} against the rest (positive is worse; "
            f"relabelling test, one-sided p = {answer['group_test_p']:.4f})."
        )
    else:
        sentences.append("No frame is flagged, so there is no group to test.")
    return sentences


def _plain(value: Any) -> Any:
    """`value` with what JSON knows only: NaN becomes null, keys become strings."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
