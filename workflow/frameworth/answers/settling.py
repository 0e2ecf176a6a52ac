"""Whether a ranking of frames has settled: how far two studies, each of some of the subsets, agree on it.

Two halves of the clusters share no network. So their rank correlation tells how far a second study of that size would
agree. How far all subsets together would agree with another such study follows from it, by the Spearman-Brown formula
(Spearman 1910; Brown 1910) for doubled length.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import stats

from frameworth.attribution.estimate import estimate_influence

LEAST_CLUSTERS = 4  # in a half
_SHARES = (0.25, 0.5, 0.75, 1.0)  # of the clusters that are drawn and then halved
SETTLED = 0.9  # rank agreement with a second study of the same size that is called settled


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
        suspicion: what the networks of some subsets, int [n] of the S, make of the labels, [N].
        score: [S], mean over held-out frames. inclusion: bool [S, N]. pool: bool [N].
        subsets: a row per subset, with `percent`, `cluster`, `design`. networks: [S], how many each has.
        estimator: the one behind the values.
        draws: random halvings per share.

    Returns:
        A row per ranking (`check` by suspicion, of all frames; `value`, of the pool's), share and draw: `ranking`,
        `share`, `draw`, `networks` (of one half, mean of both), `agreement` (Spearman's rank correlation between the
        halves, over frames that both know; NaN, read as none, where a half ranks all alike). No row where a half would
        have fewer than 4 clusters.
    """
    clusters = subsets["cluster"].to_numpy()
    names = pd.unique(clusters)
    rankings: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "check": suspicion,
        "value": lambda part: _value(score[part], inclusion[np.ix_(part, pool)], subsets.iloc[part], estimator),
    }
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
                rows.append((ranking, share, draw, size, _correlation(*(rank(part) for part in halves))))
    return pd.DataFrame(rows, columns=["ranking", "share", "draw", "networks", "agreement"])


def of_whole_study(table: pd.DataFrame, ranking: str) -> float:
    """How far the study's ranking would agree with that of another study of its size; NaN if it cannot be told."""
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
        return "Whether the rankings have settled cannot be told from so few subsets."
    parts = [
        f"{words[ranking]} by {value:z.2f} ({'settled' if value >= SETTLED else 'not settled'})".replace("-", "−")
        for ranking, value in agreements.items()
        if np.isfinite(value)
    ]
    return (
        f"A second study of these frames and labels, of this size, would agree (rank correlation) on "
        f"{' and on '.join(parts)}: that is repeatability, not that the order is right."
    )


def _value(score: np.ndarray, inclusion: np.ndarray, subsets: pd.DataFrame, estimator: str) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of frames that a half cannot tell: they are left out
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
