"""Held-out error against the number of frames left out: the worst, the best, or random frames."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from frameworth.experiments.prune import statement
from frameworth.figures import _style
from frameworth.results.results import Results

READS = ("prune.csv",)

_KINDS = {"worst": (_style.BLUE, "o"), "random": (_style.GREY, "s"), "best": (_style.RED, "^")}
_LABELS = {"rmse_px": "RMSE on held-out frames (px)", "log_error": "mean log(1 + px) on held-out frames"}
_COLUMNS = ["score", "count", "removed", "against", "mean", "mean_none", "difference", "ci_low", "ci_high", "pairs"]


def table(results: Results) -> pd.DataFrame:
    """The rows of `prune.csv`; no rows if no frame was left out."""
    pruned = results.experiment("prune")
    return pd.DataFrame(columns=_COLUMNS) if pruned is None else pruned


def draw(table: pd.DataFrame, results: Results) -> Figure:
    """A panel per score: its mean, with the interval of the difference from leaving no frame out."""
    if table.empty:
        return _style.message(
            "No network without the frames judged worst was trained", "Add `prune` to the config to train some."
        )
    figure = _style.new_figure(9, 4.2)
    counts = sorted(table["count"].unique())
    width = 0.04 * counts[-1]
    for axes, (score, label) in zip(figure.subplots(1, 2), _LABELS.items(), strict=True):
        of_score = table[(table["score"] == score) & (table["against"] == "none")]
        axes.axhline(of_score["mean_none"].iloc[0], color=_style.DARK, ls=":", lw=1, label="none left out")
        for shift, (kind, (colour, marker)) in zip((-width, 0, width), _KINDS.items(), strict=True):
            rows = of_score[of_score["removed"] == kind]
            place = rows["count"] + shift
            axes.vlines(place, rows["mean_none"] + rows["ci_low"], rows["mean_none"] + rows["ci_high"], color=colour)
            axes.plot(place, rows["mean_none"] + rows["difference"], marker=marker, color=colour, label=kind)
        axes.set_xticks(counts)
        axes.set(xlabel="frames left out", ylabel=label)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    note = (
        f"Networks were trained on the whole pool without these frames, in {table['pairs'].max()} pairs for each "
        "point. Random points are means over several draws of frames. Bars are "
        f"{_style.stated(results.level)} t intervals of the difference to leaving none out, paired by initial "
        "weights. The title is about the differences to random frames, which are in the figure's table."
    )
    _style.headline(figure, statement(table, 1 - results.level), note)
    return figure
