"""Whether a ranking of frames has settled: how well two studies agree on it, each with a part of the subsets.

Two halves of the clusters share no network. So their rank correlation shows how well a second study of that size would
agree. From it, the Spearman-Brown formula for doubled length (Spearman 1910; Brown 1910) predicts how well all subsets
together would agree with another study of the full size. For values of a balanced design this is a lower bound, because
what the other frames do has opposite signs in the two halves of a block.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import stats

from frameworth.attribution.estimate import estimate_influence

LEAST_CLUSTERS = 4  # in a half
_SHARES = (0.25, 0.5, 0.75, 1.0)  # shares of the clusters that are drawn and then halved
SETTLED = 0.9  # from this rank correlation with a second study of the same size on, a ranking is called settled


def agreement(
    suspicion: Callable[[np.ndarray], np.ndarray],
    score: np.ndarray,
    inclusion: np.ndarray,
    pool: np.ndarray,
    subsets: pd.DataFrame,
    networks: np.ndarray,
    *,
    estimator: str,
    draws: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Rank agreement of disjoint halves of the clusters, for growing shares of them.

    Args:
        suspicion: gives the suspicion of all frames, [N], from some subsets, int [n].
        score: [S], mean over held-out frames. inclusion: bool [S, N]. pool: bool [N].
        subsets: a row per subset, with `percent`, `cluster`, `design`. networks: [S], number of networks of each.
        estimator: name of the estimator of the values.
        draws: random halvings per share.

    Returns:
        A row per ranking (`check`: all frames by suspicion; `value`: pool frames by value), share and draw: `ranking`,
        `share`, `draw`, `networks` (of one half, mean of both), `agreement` (Spearman's rank correlation between the
        halves, over frames that both rank; NaN, later read as 0, if a half ranks all frames equal), and `lower_bound`,
        whether two studies agree better than such halves. There is no row if a half would have fewer than 4 clusters.
    """
    clusters = subsets["cluster"].to_numpy()
    names = pd.unique(clusters)
    rankings: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "check": suspicion,
        "value": lambda part: _value(score[part], inclusion[np.ix_(part, pool)], subsets.iloc[part], estimator),
    }
    balanced = bool((subsets["design"] == "balanced").any())
    rows = []
    for share in _SHARES:
        half = int(share * len(names)) // 2
        if half < LEAST_CLUSTERS:
            continue
        for draw in range(draws):
            chosen = rng.permutation(names)[: 2 * half]
            halves = [np.flatnonzero(np.isin(clusters, part)) for part in (chosen[:half], chosen[half:])]
            size = float(np.mean([networks[part].sum() for part in halves]))
            for ranking, rank in rankings.items():
                both = _correlation(*(rank(part) for part in halves))
                rows.append((ranking, share, draw, size, both, ranking == "value" and balanced))
    return pd.DataFrame(rows, columns=["ranking", "share", "draw", "networks", "agreement", "lower_bound"])


def of_whole_study(table: pd.DataFrame, ranking: str) -> float:
    """Rank correlation of the study's ranking with that of another study of its size; NaN if it is unknown."""
    rows = table[table["ranking"] == ranking]
    halves = rows.loc[rows["share"] == rows["share"].max(), "agreement"].fillna(0).mean()
    if np.isnan(halves):
        return np.nan
    return float(2 * halves / (1 + halves)) if halves > 0 else float(halves)


def settled_sentence(table: pd.DataFrame) -> str:
    """Whether the rankings have settled, in a sentence."""
    words = {"check": "the order of labels to check", "value": "the order of values"}
    agreements = {ranking: of_whole_study(table, ranking) for ranking in words}
    if not np.isfinite(agreements["check"]):
        return "Whether the rankings have settled is unknown with so few subsets."
    parts = []
    for ranking, value in agreements.items():
        if not np.isfinite(value):
            continue
        is_bound = bool(table.loc[table["ranking"] == ranking, "lower_bound"].any())
        settled = " (settled)" if value >= SETTLED else "" if is_bound else " (not settled)"
        parts.append(f"{words[ranking]} by {'at least ' * is_bound}{value:z.2f}{settled}".replace("-", "−"))
    return (
        f"A second study of these frames and labels, of this size, would agree (rank correlation) on "
        f"{' and on '.join(parts)}: that is repeatability, not that the order is right."
    )


def _value(score: np.ndarray, inclusion: np.ndarray, subsets: pd.DataFrame, estimator: str) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # frames that a half cannot estimate are left out
        influence = estimate_influence(
            inclusion,
            score[:, None],
            percents=subsets["percent"].to_numpy(),
            clusters=subsets["cluster"].to_numpy(),
            design=subsets["design"].to_numpy(),
            estimator=estimator,
            resamples=0,
        )
    return influence.value[:, 0]


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    known = np.isfinite(first) & np.isfinite(second)
    if known.sum() < 3 or np.ptp(first[known]) == 0 or np.ptp(second[known]) == 0:
        return np.nan
    return float(stats.spearmanr(first[known], second[known]).statistic)
