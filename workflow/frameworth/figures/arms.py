"""Paired differences of each arm to the baseline, by percent."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from frameworth.experiments.arm_comparison import statement
from frameworth.figures import _style
from frameworth.results.results import Results

READS = ("arms.csv",)

_LABELS = {"log_error": "difference of log(1 + px)", "rmse_px": "difference of RMSE (px)"}
_COLUMNS = ["arm", "score", "percent", "difference", "ci_low", "ci_high", "pairs", "clusters", "p_adjusted"]


def table(results: Results) -> pd.DataFrame:
    """The rows of `arms.csv`; none where no arm was trained."""
    found = results.experiment("arms")
    return pd.DataFrame(columns=_COLUMNS) if found is None else found.assign(percent=found["percent"].astype(str))


def draw(table: pd.DataFrame, results: Results) -> Figure:
    """A panel per score, a row per arm and percent."""
    level = results.options["influence"]["level"]
    if table.empty:
        return _style.message("No arm was trained", "Arms are named in the config's `arms`.")
    rows = list(dict.fromkeys(zip(table["arm"], table["percent"], strict=True)))
    percents = [percent for percent in table["percent"].unique() if percent != "all"]
    colours = {str(p): c for p, c in _style.percent_colours([int(p) for p in percents]).items()} | {"all": _style.DARK}
    figure = _style.new_figure(9, 1.8 + 0.32 * len(rows))
    for axes, (score, label) in zip(figure.subplots(1, 2, sharey=True), _LABELS.items(), strict=True):
        own = table[table["score"] == score].set_index(["arm", "percent"]).reindex(rows)
        place = np.arange(len(rows))[::-1]
        shades = [colours[percent] for _, percent in rows]
        axes.hlines(place, own["ci_low"], own["ci_high"], color=shades, lw=2)
        axes.scatter(own["difference"], place, color=shades, s=28, zorder=3)
        axes.axvline(0, color=_style.GREY, ls=":", lw=1)
        axes.set_xlabel(f"{label}: below 0 is better")
        names = [f"{_style.plain(arm)}, {percent if percent == 'all' else percent + ' %'}" for arm, percent in rows]
        axes.set_yticks(place, names)
        axes.set_ylim(-0.6, len(rows) - 0.4)
    note = (
        f"Arm minus baseline, the same subsets, seeds and members; mean over subsets with its {100 * level:g} % "
        "t interval over clusters. Where an interval is missing, fewer than two independent subsets were trained."
    )
    _style.headline(figure, _style.plain(statement(table, 1 - level)), note)
    return figure
