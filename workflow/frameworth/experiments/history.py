"""Whether training history changes the gain from larger subsets: nested, independent and continued networks."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from frameworth.attribution.inference.paired import paired_difference, welch
from frameworth.attribution.inference.values import holm, satterthwaite
from frameworth.experiments.arm_comparison import SCORES

_FRESH = ("nested", "independent")
_COLUMNS = ["low", "high", "history", "against", "score", "change", "standard_error", "ci_low", "ci_high", "seeds",
            "p", "p_adjusted"]  # fmt: skip


def steps_by_history(networks: pd.DataFrame, arm_scores: pd.DataFrame | None, level: float) -> pd.DataFrame:
    """Score changes between neighbouring percents of nested, independent and continued networks, and their differences.

    Args:
        networks: a row per network of the baseline: `percent`, `seed`, `design`, `log_error`, `rmse_px`.
        arm_scores: `arm_scores.csv`, where `start` is the percent of the continued network; None without arms.

    Returns a row per step, history and score with empty `against`, and rows that compare the history with another one,
    named in `against`: independent with nested by Welch's t, continued with nested in pairs. Only comparisons have `p`
    and `p_adjusted` (Holm's over all comparisons of the score). `seeds` counts all that a row rests on.
    """
    rows: list[dict[str, Any]] = []
    if arm_scores is None:
        arm_scores = pd.DataFrame(columns=["start", "percent", "design", "seed", *SCORES])
    means = networks.groupby(["design", "percent", "seed"])[list(SCORES)].mean()
    steps = {
        step for design in _FRESH for step in pairwise(sorted(networks.query("design == @design")["percent"].unique()))
    }
    for low, high in sorted(steps):
        for score in SCORES:
            values = {key: _of(means[score], *key) for key in ((d, p) for d in _FRESH for p in (low, high))}
            step = {"low": low, "high": high, "score": score}
            nested = (values["nested", high] - values["nested", low]).dropna()
            rows += [step | row for row in _in_pairs("nested", nested, level)]
            smaller, larger = values["independent", low].dropna(), values["independent", high].dropna()
            if len(smaller) > 1 and len(larger) > 1:
                change, error, freedom = welch(smaller.to_numpy(), larger.to_numpy())
                seeds = len(smaller.index.union(larger.index))
                rows.append(step | _row("independent", change, error, freedom, seeds, level))
                if len(nested) > 1:
                    nested_error = nested.std(ddof=1) / np.sqrt(len(nested))
                    both = np.hypot(error, nested_error)
                    parts = [np.array(error**2), np.array(nested_error**2)]
                    freedom = float(satterthwaite(parts, [np.array(freedom), len(nested) - 1]))
                    gap = change - nested.mean()
                    rows.append(step | _row("independent", gap, both, freedom, seeds + len(nested), level, "nested"))
            is_continued = arm_scores[["start", "percent", "design"]].eq([low, high, "nested"]).all(axis=1)
            ends = arm_scores[is_continued].groupby("seed")[score].mean()
            rows += [step | row for row in _in_pairs("continued", ends - values["nested", low], level)]
            rows += [step | row for row in _in_pairs("continued", ends - values["nested", high], level, "nested")]
    table = pd.DataFrame(rows, columns=_COLUMNS)
    for _, compared in table[table["against"].notna()].groupby("score"):
        table.loc[compared.index, "p_adjusted"] = holm(compared["p"].to_numpy(float))
    return table


def _of(values: pd.Series, design: str, percent: int) -> pd.Series:
    """The values of one design and percent, by seed."""
    known = (design, percent) in values.index.droplevel("seed").unique()
    return values.loc[design, percent] if known else pd.Series(dtype=float)


def _in_pairs(history: str, changes: pd.Series, level: float, against: str | None = None) -> list[dict[str, Any]]:
    """The row for the mean of `changes` (by seed), in a list; an empty list if fewer than two are known."""
    changes = changes.dropna()
    if len(changes) < 2:
        return []
    paired = paired_difference(changes.to_numpy(), changes.index.to_numpy(), level)
    known = paired.difference, paired.standard_error, paired.clusters - 1, paired.clusters
    return [_row(history, *known, level, against)]


def _row(
    history: str, change: float, error: float, freedom: float, seeds: int, level: float, against: str | None = None
) -> dict[str, Any]:
    half = float(stats.t.ppf((1 + level) / 2, freedom)) * error
    p = 2 * float(stats.t.sf(abs(change) / error, freedom)) if against and error > 0 else np.nan
    return {
        "history": history, "against": against, "change": change, "standard_error": error,
        "ci_low": change - half, "ci_high": change + half, "seeds": seeds, "p": p,
    }  # fmt: skip
