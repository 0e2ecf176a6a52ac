"""Steps to larger subsets by history: nested and fresh, independent and fresh, continued."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from frameworth.experiments.history import steps_by_history
from frameworth.figures import _style
from frameworth.results.results import Results

READS = ("arm_scores.csv",)

_SAID = {  # continued networks begin where nested ones do, so only their ends are compared
    "independent": "the step of independent subsets lies {} that of nested ones",
    "continued": "continued networks end {} nested ones",
}
_COLOURS = {"nested": _style.BLUE, "independent": _style.ORANGE, "continued": _style.GREEN}


def table(results: Results) -> pd.DataFrame:
    """A row per step, history and score, and a row per difference between histories."""
    networks = results.networks.rename(columns={"mean_log_error": "log_error"})
    networks = networks.merge(results.subsets[["subset", "design"]], on="subset")
    return steps_by_history(networks, results.experiment("arm_scores"), results.level)


def draw(table: pd.DataFrame, results: Results) -> Figure:
    """A panel per score, a row per step and history."""
    steps, compared = table[table["against"].isna()], table["against"].notna()
    note = "This figure compares nested with independent subsets of the same percents, and arms with `start_from`."
    if not compared.any():
        return _style.message("Steps to larger subsets cannot be compared by history", note)
    rows = list(dict.fromkeys(zip(steps["low"], steps["high"], steps["history"], strict=True)))
    figure = _style.new_figure(9, 1.9 + 0.34 * len(rows))
    labels = {"log_error": "change of log(1 + px)", "rmse_px": "change of RMSE (px)"}
    names, shades = [f"{low} → {high} %, {name}" for low, high, name in rows], [_COLOURS[name] for *_, name in rows]
    for axes, (score, label) in zip(figure.subplots(1, 2, sharey=True), labels.items(), strict=True):
        of_score = steps[steps["score"] == score].set_index(["low", "high", "history"]).reindex(rows)
        _style.intervals(axes, of_score, "change", names, shades)
        axes.set_xlabel(label)
    contrasts = table[compared & (table["score"] == "log_error")]
    decided = contrasts[contrasts["p_adjusted"] < 1 - results.level]
    parts = [f"{r.low} → {r.high} %: {_SAID[r.history].format('above' if r.change > 0 else 'below')}"
             for r in decided.itertuples()]  # fmt: skip
    title = "; ".join(parts) or "No step to a larger subset is seen to depend on history"
    note = f"{note} Points are means over seeds with {_style.stated(results.level)} t intervals."
    _style.headline(figure, title, f"{note} The title is corrected for the number of comparisons (Holm).")
    return figure
