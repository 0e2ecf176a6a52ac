"""How much of the variance of held-out error is due to subset, initial weights, data order and augmentation.

On each of S subsets, all combinations of I initial weights, O orders and A augmentations are trained once. All effects
are random, and each subset has its own weights, orders and augmentations:

    y_sioa = μ + subset_s + weights_si + order_so + augmentation_sa + rest_sioa

The design is balanced, so the five mean squares are independent and sufficient. If no estimate is negative, the
estimates equal those of REML. Intervals are generalized ones (Weerahandi 1993): each sum of squares is divided by draws
of its chi-squared variable, and the interval ends are quantiles of the components computed from these. (Coverage in
simulations is .93 to 1.00; a parametric bootstrap covers .83 to 1.00, see docs/arms.md.)
"""

from __future__ import annotations

import numpy as np
import pandas as pd

COMPONENTS = ("subset", "weights", "order", "augmentation", "rest")
_DRAWS = 20_000


def mean_squares(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of squares and degrees of freedom of y [S, I, O, A], in the order of `COMPONENTS`."""
    subsets, *counts = y.shape
    each = np.prod(counts)
    centre = y.mean(axis=(1, 2, 3))
    sums, freedom = [each * ((centre - centre.mean()) ** 2).sum()], [subsets - 1]
    within = ((y - centre[:, None, None, None]) ** 2).sum()
    for axis, count in enumerate(counts, 1):
        means = y.mean(axis=tuple({1, 2, 3} - {axis}))
        sums.append(each / count * ((means - centre[:, None]) ** 2).sum())
        freedom.append(subsets * (count - 1))
    sums.append(within - sum(sums[1:]))
    freedom.append(subsets * (each - 1) - sum(freedom[1:]))
    return np.array(sums), np.array(freedom)


def components_of(squares: np.ndarray, counts: tuple[int, int, int]) -> np.ndarray:
    """Variances [5, …], not below 0, from mean squares [5, …] and the numbers (I, O, A)."""
    each = np.prod(counts)
    rest = squares[4]
    parts = [(squares[index] - rest) * count / each for index, count in enumerate(counts, 1)]
    subset = (squares[0] - squares[1:4].sum(axis=0) + 2 * rest) / each
    return np.maximum(0, np.stack([subset, *parts, rest]))


def variance_components(y: np.ndarray, level: float, rng: np.random.Generator) -> pd.DataFrame:
    """A row per component: `variance`, `ci_low`, `ci_high`, and its `share` of their sum with an interval.

    Args:
        y: a score, [S, I, O, A], S at least 2.
    """
    sums, freedom = mean_squares(y)
    counts = y.shape[1:]
    estimated = components_of(sums / freedom, counts)
    drawn = components_of(sums[:, None] / rng.chisquare(freedom[:, None], (len(sums), _DRAWS)), counts)
    tails = [(1 - level) / 2, (1 + level) / 2]
    low, high = np.quantile(drawn, tails, axis=1)
    share_low, share_high = np.quantile(drawn / drawn.sum(axis=0), tails, axis=1)
    return pd.DataFrame(
        {
            "component": COMPONENTS, "variance": estimated, "ci_low": low, "ci_high": high,
            "share": estimated / estimated.sum(), "share_ci_low": share_low, "share_ci_high": share_high,
        }
    )  # fmt: skip


def components_table(scores: pd.DataFrame, level: float) -> pd.DataFrame:
    """Variance components of the log error, a row per replicating arm, percent and component.

    Args:
        scores: the result of `arm_comparison.collect_arm_scores`. Subsets with a diverged network are left out; with
            fewer than two subsets left, an arm and percent has no row.
    """
    rows = []
    for (arm, percent), part in scores.groupby(["arm", "percent"], sort=False):
        counts = [part[name].nunique() for name in ("weights", "order", "augmentation")]
        if (part["order"] == part["member"]).all() or min(counts) < 2:
            continue
        part = part.sort_values(["seed", "weights", "order", "augmentation"])
        y = part["log_error"].to_numpy().reshape(-1, *counts)
        y = y[np.isfinite(y).all(axis=(1, 2, 3))]
        if len(y) > 1:
            shares = variance_components(y, level, np.random.default_rng(0))
            rows.append(shares.assign(arm=arm, percent=percent, subsets=len(y), networks=y.size))
    columns = ["arm", "percent", "component", "variance", "ci_low", "ci_high", "share", "share_ci_low", "share_ci_high",
               "subsets", "networks"]  # fmt: skip
    return pd.concat(rows, ignore_index=True)[columns] if rows else pd.DataFrame(columns=columns)
