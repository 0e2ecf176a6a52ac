"""Whether the rankings have settled: how well two studies agree, against the number of networks."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from frameworth.answers import settling
from frameworth.attribution.label_checks import study_suspects
from frameworth.figures import _style
from frameworth.results.results import Results

_DRAWS = 10
_RANKINGS = {"check": ("labels to check, by suspicion", _style.BLUE, "o"), "value": ("value", _style.RED, "s")}
_NOTE = (
    "The study's clusters are divided at random into two halves that share no network. Filled marks are the rank "
    "correlation over frames between the halves, as mean and range of {draws} divisions. Open marks are the agreement "
    "with another study of this size, by the Spearman-Brown formula. Above the dotted line it is called settled. For "
    "values of a balanced design, both are lower bounds."
)


def table(results: Results) -> pd.DataFrame:
    """A row per ranking, share of the clusters and random halving; `networks` is the number in one half."""
    count = results.networks.groupby("subset").size()
    return settling.agreement(
        lambda rows: study_suspects(results, rows).suspicion,
        results.held_out_score(results.score),
        results.inclusion,
        results.pool,
        results.subsets,
        count.reindex(results.subsets["subset"]).to_numpy(),
        estimator=results.estimator,
        draws=_DRAWS,
        rng=np.random.default_rng(0),
    )


def draw(table: pd.DataFrame, results: Results) -> Figure:
    """Agreement against the number of networks in a half, with a line per ranking."""
    if table.empty:
        return _style.message(
            "Whether the rankings have settled is unknown",
            f"This needs twice {settling.LEAST_CLUSTERS} subsets that are independent of each other.",
        )
    figure = _style.new_figure(7.4, 4.6)
    axes = figure.subplots()
    axes.axhline(settling.SETTLED, color=_style.GREY, ls=":", lw=1)
    axes.axhline(0, color=_style.DARK, lw=0.8)
    for ranking, (name, colour, marker) in _RANKINGS.items():
        rows = table[table["ranking"] == ranking].fillna({"agreement": 0})
        by_share = rows.groupby("share")
        size, mean = by_share["networks"].mean(), by_share["agreement"].mean()
        low, high = by_share["agreement"].min(), by_share["agreement"].max()
        axes.fill_between(size, low, high, color=colour, alpha=0.15, lw=0)
        axes.plot(size, mean, marker + "-", color=colour, ms=6, label=name)
        whole = settling.of_whole_study(table, ranking)
        axes.plot([size.iloc[-1], 2 * size.iloc[-1]], [mean.iloc[-1], whole], ":", color=colour, lw=1)
        axes.plot(2 * size.iloc[-1], whole, marker, mfc="white", mec=colour, ms=7, clip_on=False)
    axes.set_ylim(min(-0.1, float(table["agreement"].min())), 1.02)
    axes.set_xlim(0)
    axes.set_xlabel("networks of one study")
    axes.set_ylabel("rank correlation of two such studies")
    axes.legend(loc="best")
    _style.headline(figure, settling.settled_sentence(table).rstrip("."), _NOTE.format(draws=_DRAWS))
    return figure
