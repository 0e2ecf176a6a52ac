"""Why some seeds do better: predicted against measured scores, and what explains the spread between seeds."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from frameworth.answers.seeds import LEAST_SHOWN, VALUES, seed_table
from frameworth.figures import _style
from frameworth.results.results import Results

_NOTE = (
    "Left: each point is a subset of {percent} % of the pool. Its measured held-out score is drawn against the sum of "
    "its frames' values, which were estimated from other clusters; both are differences to the mean of the other "
    "subsets{in_px}. Right: the share of the spread between these subsets that each predictor explains out of fold. A "
    "share below 0 is worse than predicting the mean. Bars are intervals of what a line explains. They hold together "
    "at the level {level}. The figure `lds` tests whether values predict. Coverage is the mean distance of held-out "
    "frames to the nearest frame of the subset. Dashed: the share that comes from the subset at all, by subsets "
    "trained twice{ceiling}."
)


def table(results: Results) -> pd.DataFrame:
    """A row per subset, then a row per percent and predictor with the share of the spread that it explains."""
    return seed_table(results)


def draw(table: pd.DataFrame, results: Results) -> Figure:
    """Measured against predicted scores at the percent with most subsets, and the shares explained."""
    explained = table[table["about"] == "explained"]
    if explained.empty:
        return _style.message(
            "Why some seeds do better is unknown: no percent has enough subsets",
            "This needs 12 subsets of one percent, in several clusters.",
        )
    percent = results.main_percent
    here = table["percent"] == percent
    ceiling = table[here & (table["about"] == "ceiling")]
    figure = _style.new_figure(10, 4.4)
    left, right = figure.subplots(1, 2)
    scored = table[here & (table["about"] == "subset")].dropna(subset=["score", "predicted_score"])
    _scatter(left, scored, results, figure)
    _bars(right, explained[explained["percent"] == percent], ceiling)
    note = _NOTE.format(
        percent=percent,
        level=_style.stated(results.level),
        in_px=f"; their RMSE lies between {scored['rmse_px'].min():.3g} and {scored['rmse_px'].max():.3g} px",
        ceiling="" if len(ceiling) else ", of which this percent has too few (`repeat` trains some)",
    )
    _style.headline(figure, _title(explained[explained["percent"] == percent], ceiling, percent), note)
    return figure


def _scatter(axes: Axes, rows: pd.DataFrame, results: Results, figure: Figure) -> None:
    column = "planted_share" if "planted_share" in rows else "flagged_share"
    x, y = (rows[name] - rows["percent_score"] for name in ("predicted_score", "score"))
    dots = axes.scatter(x, y, c=100 * rows[column], cmap="viridis_r", s=22, lw=0.3, ec="black")
    reach = np.array([y.min(), y.max()])
    axes.plot(reach, reach, "--", color=_style.GREY, lw=1)
    axes.axhline(0, color=_style.DARK, lw=0.6)
    axes.axvline(0, color=_style.DARK, lw=0.6)
    axes.set_xlabel(f"predicted from its frames' values ({results.unit})")
    axes.set_ylabel(f"measured ({results.unit})")
    # The axis is not stretched, so that predictions that are shrunk to almost 0 look small.
    span = max(float(np.ptp(x)), 0.3 * float(np.ptp(y))) or 1.0
    axes.set_xlim(x.min() - 0.1 * span, x.max() + 0.1 * span)
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5))
    bar = figure.colorbar(dots, ax=axes, pad=0.02, aspect=30)
    bar.set_label(f"{column.removesuffix('_share')} frames in the subset (%)")
    bar.ax.yaxis.set_major_locator(mpl.ticker.MaxNLocator(5))


def _bars(axes: Axes, rows: pd.DataFrame, ceiling: pd.DataFrame) -> None:
    _style.intervals(axes, rows, "r_squared", rows["predictor"].tolist())
    if len(ceiling):
        low, high = ceiling[["ci_low", "ci_high"]].iloc[0]
        axes.axvspan(low, high, color=_style.GREY, alpha=0.12, lw=0)
        axes.axvline(ceiling["r_squared"].iloc[0], color=_style.DARK, ls="--", lw=1)
    axes.set_xlabel("share of the spread between subsets, out of fold")
    # How far an R² is below −0.6 does not matter, so the axis is cut there.
    axes.set_xlim(max(-0.6, min(-0.1, float(rows["r_squared"].min()) - 0.05)), 1.02)


def _title(rows: pd.DataFrame, ceiling: pd.DataFrame, percent: int) -> str:
    values = rows[rows["predictor"] == VALUES]
    text = ""
    if len(values):
        row = values.iloc[0]
        share = f"R²{_style.NBSP}={_style.NBSP}{_style.signed(row['r_squared'])}"
        text = f"Of the spread between seeds at {percent} % the values of frames explain {share} out of fold"
    if len(ceiling):
        text += f"; the subset makes {_style.percentage(ceiling['r_squared'].iloc[0])} of it"
    # A few odd subsets can make a line through all of them steep that predicts none of them from the others.
    shown = rows[["ci_low", "r_squared"]].min(axis=1) > LEAST_SHOWN
    others = rows[(rows["predictor"] != VALUES) & shown]
    if len(others):
        text += f"; alone explain{'s' * (len(others) == 1)} some: " + ", ".join(
            f"{row.predictor} ({row.r_squared:.2f} [{row.ci_low:.2f}, {row.ci_high:.2f}])"
            for row in others.itertuples()
        )
    elif len(rows) > 1:
        text += "; nothing known beforehand is shown to explain it"
    return text
