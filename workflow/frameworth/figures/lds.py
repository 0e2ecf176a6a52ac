"""How far the values can be trusted: prediction of held-out subsets, and finding of planted errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from frameworth.figures import _style
from frameworth.results.results import Results

_QUANTITIES = {
    "lds": ("linear datamodeling score", 0.0),
    "auroc": ("finding planted errors (AUROC)", 0.5),
}
_NOTE = (
    "Left: the rank correlation between the measured score of a subset and the sum of its frames' values, which were "
    "estimated from other subsets. Bars show what useless values reach in {level} of redraws of the design, with "
    "values estimated again each time. The dashed line and its shaded interval are the most that one network per "
    "subset can reach; they need 20 subsets that were trained twice. Methods that use finished networks are tested on "
    "other networks. Right, where errors were planted: the chance that a planted frame ranks above another, with "
    "{level} intervals over frames. Dotted: chance."
)


def table(results: Results) -> pd.DataFrame:
    """`validation.csv`."""
    return results.validation


def draw(table: pd.DataFrame, results: Results) -> Figure:
    """A panel per quantity that the study has, with a row per method: its value, and chance or its interval."""
    score, note = results.score, _NOTE.format(level=_style.stated(results.level))
    drawn = [name for name in _QUANTITIES if (table["quantity"] == name).any()]
    figure = _style.new_figure(9, 4.2)
    if not drawn:
        _style.headline(figure, "There are too few subsets to predict any from the others", note)
        return figure
    for axes, quantity in zip(np.atleast_1d(figure.subplots(1, len(drawn))), drawn, strict=True):
        rows = table[table["quantity"] == quantity]
        # Rows of the tested score; methods that have only a score of their own keep their rows.
        rows = rows[(rows["score"] == score) | ~rows["method"].isin(rows.loc[rows["score"] == score, "method"])]
        ends = ("chance_low", "chance_high") if quantity == "lds" else ("ci_low", "ci_high")
        label, chance = _QUANTITIES[quantity]
        rows = rows.sort_values("value", ascending=False)
        _style.intervals(axes, rows, "value", rows["method"].tolist(), ends=ends, nothing=chance)
        axes.set_xlabel(label)
        if quantity == "lds":
            for ceiling in table[table["quantity"] == "lds ceiling"].itertuples():
                axes.axvline(ceiling.value, color=_style.DARK, ls="--", lw=1)
                axes.axvspan(ceiling.ci_low, ceiling.ci_high, color=_style.GREY, alpha=0.15, lw=0)
    _style.headline(figure, _title(table, results), note)
    return figure


def _title(table: pd.DataFrame, results: Results) -> str:
    rows = table[(table["quantity"] == "lds") & (table["score"] == results.score)].set_index("method")
    if rows.empty:
        return "Too few subsets to test the values on others"
    tested = rows[rows.index == results.estimator].dropna(subset="p")
    if tested.empty:
        return "Whether the values predict held-out subsets was not tested"
    row = tested.iloc[0]
    numbers = f"{row.name}, rank correlation {_style.signed(row['value'])}, p{_style.NBSP}={_style.NBSP}{row['p']:.2g}"
    if row["p"] < 1 - results.level:
        return f"The values predict held-out subsets ({numbers})"
    return f"The values are not shown to predict held-out subsets ({numbers})"
