"""The shares of subset, initial weights, order and augmentation in the variance of the held-out error."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from frameworth.figures import _style
from frameworth.results.results import Results

READS = ("variance_components.csv",)

_COLUMNS = ["arm", "percent", "component", "variance", "share", "share_ci_low", "share_ci_high", "subsets", "networks"]


def table(results: Results) -> pd.DataFrame:
    """The rows of `variance_components.csv`; no rows if no arm has `replicate`."""
    components = results.experiment("variance_components")
    return pd.DataFrame(columns=_COLUMNS) if components is None else components


def draw(table: pd.DataFrame, results: Results) -> Figure:
    """A panel per arm and percent, with shares of the variance and their intervals."""
    if table.empty:
        return _style.message("No arm divides the variance of the error", "Add an arm with `replicate` to the config.")
    groups = list(table.groupby(["arm", "percent"], sort=False))
    figure = _style.new_figure(max(5.5, 4.2 * len(groups)), 3.6)
    panels = np.atleast_1d(figure.subplots(1, len(groups), sharey=True))
    for axes, ((arm, percent), rows) in zip(panels, groups, strict=True):
        place = np.arange(len(rows))[::-1]
        axes.barh(place, 100 * rows["share"], color=_style.SKY, height=0.6)
        axes.hlines(place, 100 * rows["share_ci_low"], 100 * rows["share_ci_high"], color=_style.DARK, lw=1.5)
        axes.set_yticks(place, rows["component"])
        axes.set(xlim=(0, 100), xlabel="share of the variance (%)")
        first = rows.iloc[0]
        axes.set_title(f"{_style.plain(arm)}, {percent} %: {first['subsets']} subsets, {first['networks']} networks")
    parts = []
    for (arm, percent), rows in groups:
        most = rows.nlargest(1, "share").iloc[0]
        low, high = (_style.percentage(most[f"share_ci_{end}"]) for end in ("low", "high"))
        parts.append(f"{most['component']} ({arm}, {percent} %: {_style.percentage(most['share'])} [{low}, {high}])")
    title = f"The part of the variance that is estimated to be largest: {'; '.join(parts)}"
    note = (
        "The variance of the held-out log error between networks of one size. Bars are estimates, lines are "
        f"{_style.stated(results.level)} intervals. The rest comes from combinations of weights, order and "
        "augmentation."
    )
    _style.headline(figure, title, note)
    return figure
