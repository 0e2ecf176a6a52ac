"""`outliers*.csv`: pool frames that may teach spurious correlations, ranked by one documented score.

The score of a frame is the mean of the rank-normal scores of its parts: the error at the frame of networks that did
not see it (out-of-bag error), how much training on it lowers that error (memorization), its effect on other frames
(value, also by each method that was used), and what it adds to distractors. Parts and their equal weights are fixed
beforehand. Nothing is fitted to planted errors. The score only ranks; it is not a test.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from frameworth.attribution.inference.auroc import interval_of_auroc, placements
from frameworth.attribution.inference.resampling import rank_correlation
from frameworth.attribution.inference.values import mean_of_known
from frameworth.attribution.methods import method, method_names
from frameworth.results.results import Results
from frameworth.storage.files import write_tables

COMBINED = "outlier score"
_FEWEST = 3  # frames of a kind; with fewer, the errors of differences of AUROC are too small


def outlier_parts() -> dict[str, str]:
    """All possible parts of the score: their columns, and their names in words."""
    return {
        "out_of_bag_error": "out-of-bag error",
        "memorization": "memorization",
        "value": "value",
        **{method(name).value_column: method(name).title for name in method_names()},
        "distractor_gain": "distractor gain",
    }


def rank_normal(values: np.ndarray) -> np.ndarray:
    """Normal quantiles of the ranks, Φ⁻¹((rank − 3/8) / (n + 1/4)); ties share their mean rank and NaN stays NaN.

    Source: Blom 1958.
    """
    known = np.isfinite(values)
    out = np.full(len(values), np.nan)
    out[known] = stats.norm.ppf((stats.rankdata(values[known]) - 0.375) / (known.sum() + 0.25))
    return out


def outlier_score(parts: dict[str, np.ndarray]) -> np.ndarray:
    """Mean of the rank-normal scores of the parts that are known for each frame, [n]; NaN where none is known.

    Args:
        parts: [n] each; higher means more of an outlier.
    """
    return mean_of_known(np.stack([rank_normal(values) for values in parts.values()]), 0)


class Outliers(NamedTuple):
    """Two tables.

    Attributes:
        frames: a row per frame of the pool, the highest score first.
        methods: a row per quantity (`auroc`, `auroc difference`, `agreement`) and method (the score or one part).
    """

    frames: pd.DataFrame
    methods: pd.DataFrame


def write_outliers(results: Results) -> None:
    """Write `outliers.csv` and `outliers_methods.csv`."""
    write_tables(results.folder / "outliers", outliers(results)._asdict())


def outliers(results: Results) -> Outliers:
    """The frames of the pool by score, and how well the score and its parts find planted errors, with intervals."""
    table = results.frame_values.sort_values("frame").reset_index(drop=True)
    gains = results.distractors.set_index("training_frame")
    table["distractor_gain"] = gains["distractor_confidence"].reindex(table["frame"]).to_numpy()
    # Memorization lowers the error at a frame, so it is negative; with its sign changed, more is higher.
    table["memorization"] = -table["memorization"]
    words = outlier_parts()
    parts = {name: table[name].to_numpy() for name in words if name in table}
    score = outlier_score(parts)
    made = table[["frame", "video", "image", *parts]].assign(outlier_score=score)
    for name, values in parts.items():
        made[f"{name}_normal"] = rank_normal(values)
    if results.planted is not None:
        made["planted"] = results.frames["planted"].to_numpy()[table["frame"]]
    methods = {COMBINED: score} | {words[name]: values for name, values in parts.items()}
    compared = _compared(results, methods, table["frame"].to_numpy())
    made = made.sort_values("outlier_score", ascending=False, na_position="last")
    made.insert(0, "rank", np.arange(1, len(made) + 1))
    return Outliers(made, compared)


def _compared(results: Results, methods: dict[str, np.ndarray], frames: np.ndarray) -> pd.DataFrame:
    """AUROC of each method and its difference from the score's; if nothing is planted, the agreement of parts."""
    if results.planted is not None and 0 < results.planted[frames].sum() < len(frames):
        rows = auroc_rows(methods, results.planted[frames], results.level)
    else:
        rows = agreement_rows({name: values for name, values in methods.items() if name != COMBINED}, results.level)
    return pd.DataFrame(rows, columns=["quantity", "method", "result", "ci_low", "ci_high"])


def auroc_rows(methods: dict[str, np.ndarray], truth: np.ndarray, level: float) -> list[tuple[object, ...]]:
    """Rows (`auroc` or `auroc difference`, method, value, low, high); a difference is the score's less the method's.

    Intervals are over frames. Those of the differences hold for all methods together (Bonferroni). With fewer than
    three frames of a kind they are NaN, because the errors are then too small.

    Args:
        methods: [n] each; higher is more suspicious, and unknown ranks lowest. truth: bool [n].
    """
    filled = {name: _filled(values) for name, values in methods.items() if np.isfinite(values).any()}
    tail = (1 - level) / 2 / max(1, len(filled) - 1)
    rows: list[tuple[object, ...]] = []
    for name, values in filled.items():
        rows.append(("auroc", name, placements(truth, values)[0], *interval_of_auroc(truth, values, level)))
    for name, values in filled.items():
        if name == COMBINED:
            continue
        difference, error, freedom = placements(truth, filled[COMBINED], values)
        few = min(truth.sum(), (~truth).sum()) < _FEWEST
        half = float("nan") if few else float(stats.t.isf(tail, freedom)) * error
        rows.append(("auroc difference", name, difference, difference - half, difference + half))
    return rows


def agreement_rows(methods: dict[str, np.ndarray], level: float) -> list[tuple[object, ...]]:
    """Rows (`agreement`, method, Spearman correlation with the mean of the other parts, low, high)."""
    rows: list[tuple[object, ...]] = []
    for name, values in methods.items():
        others = {other: parts for other, parts in methods.items() if other != name}
        rest = outlier_score(others) if others else np.full(len(values), np.nan)
        known = np.isfinite(values) & np.isfinite(rest)
        if known.sum() < 4 or np.ptp(values[known]) == 0:
            continue
        rows.append(("agreement", name, *rank_correlation(np.stack([values[known], rest[known]]), level)))
    return rows


def _filled(values: np.ndarray) -> np.ndarray:
    return np.nan_to_num(values, nan=np.nanmin(values))
