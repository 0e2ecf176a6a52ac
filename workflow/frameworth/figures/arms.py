"""Paired differences between each arm and the baseline, by percent."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from frameworth.experiments.arm_comparison import statement
from frameworth.figures import _style
from frameworth.results.results import Results

READS = ("arms.csv",)

_LABELS = {"log_error": "difference of log(1 + px)", "rmse_px": "difference of RMSE (px)"}
_COLUMNS = ["arm", "score", "percent", "difference", "ci_low", "ci_high", "pairs", "clusters", "p_adjusted"]


def table(results: Results) -> pd.DataFrame:
    """The rows of `arms.csv`; no rows if no arm was trained."""
    arms = results.experiment("arms")
    return pd.DataFrame(columns=_COLUMNS) if arms is None else arms.assign(percent=arms["percent"].astype(str))


def draw(table: pd.DataFrame, results: Results) -> Figure:
    """A panel per score, a row per arm and percent."""
    if table.empty:
        return _style.message("No arm was trained", "Arms are named in the config's `arms`.")
    rows = list(dict.fromkeys(zip(table["arm"], table["percent"], strict=True)))
    percents = [int(percent) for percent in table["percent"].unique() if percent != "all"]
    colours = {str(percent): colour for percent, colour in _style.percent_colours(percents).items()}
    shades = [colours.get(percent, _style.DARK) for _, percent in rows]
    names = [f"{arm}, {percent if percent == 'all' else percent + ' %'}" for arm, percent in rows]
    figure = _style.new_figure(9, 1.8 + 0.32 * len(rows))
    for axes, (score, label) in zip(figure.subplots(1, 2, sharey=True), _LABELS.items(), strict=True):
        of_score = table[table["score"] == score].set_index(["arm", "percent"]).reindex(rows)
        _style.intervals(axes, of_score, "difference", names, shades)
        axes.set_xlabel(f"{label}: below 0 is better")
    note = (
        "Each point is the error of the arm minus that of the baseline, with the same subsets, seeds and members. It "
        f"is the mean over subsets with its {_style.stated(results.level)} t interval over clusters. Without an "
        "interval, fewer than two independent subsets were trained."
    )
    _style.headline(figure, statement(table, 1 - results.level), note)
    return figure
