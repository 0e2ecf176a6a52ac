"""What the pilot measured: the error against image size, and against steps for the chosen size."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from frameworth.figures import _style
from frameworth.plan.pilot import SIZE_GAIN, STEPS_GAIN
from frameworth.results.results import Results
from frameworth.text import counted, duration

READS = ("pilot.json",)


def table(results: Results) -> pd.DataFrame:
    """A row per pilot network, in the order of training; `taken` is true for the one whose options were chosen."""
    rows = pd.DataFrame(results.pilot["tries"])
    rows["taken"] = rows.index == results.pilot["taken"]
    return rows.astype({"error_px": float, "trained_on_px": float})


def draw(table: pd.DataFrame, results: Results) -> Figure:
    """Left: all sizes, cheapest first, with the fewest steps. Right: the chosen size against steps."""
    taken = table[table["taken"]].iloc[0]
    short = table[table["steps"] == table["steps"].min()].sort_values("px_per_step", kind="stable")
    longer = table[table["choice"] == taken["choice"]].sort_values("steps")
    figure = _style.new_figure(9, 4.2)
    left, right = figure.subplots(1, 2, sharey=True)
    places = [float(place) for place in range(len(short))]
    _networks(left, places, short, short["choice"] == taken["choice"])
    left.set_xticks(places, [_size(row) for row in short.itertuples()])
    left.set_xlim(-0.5, len(short) - 0.5)
    left.set(
        xlabel="image size, by px per gradient step",
        ylabel="median error on labels of the pool (px)",
        title=f"{short['steps'].iloc[0]} steps",
    )
    _networks(right, longer["steps"].tolist(), longer, longer["taken"])
    right.set_xscale("log", base=2)
    right.xaxis.set_major_locator(FixedLocator(longer["steps"].tolist()))
    right.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
    right.xaxis.set_minor_locator(NullLocator())
    right.set(xlabel="gradient steps", title=_size(taken).replace("\n", " "))
    right.set_xlim(longer["steps"].min() / 2**0.5, longer["steps"].max() * 2**0.5)
    left.set_ylim(bottom=0)
    right.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    size_gain, steps_gain = _style.percentage(SIZE_GAIN), _style.percentage(STEPS_GAIN)
    note = (
        f"Each point is a network; all are trained on the same subset, in {duration(table['seconds'].sum())}. A larger "
        f"size is taken if its error is more than {size_gain} lower. Steps are doubled as long as the error falls by "
        f"at least {steps_gain}. Held-out frames are not used."
    )
    if lost := int(table["error_px"].isna().sum()):
        note += f" {counted(lost, 'network')} diverged and cannot be drawn."
    _style.headline(figure, _title(taken), note)
    return figure


def _networks(axes: Axes, places: list[float], rows: pd.DataFrame, taken: pd.Series) -> None:
    axes.plot(places, rows["trained_on_px"], "s-", color=_style.GREY, lw=0.8, ms=3, label="trained on")
    axes.plot(places, rows["error_px"], "o-", color=_style.BLUE, lw=1.8, ms=5, label="others")

    at = np.array(places)[taken]
    axes.plot(at, rows.loc[taken, "error_px"], "o", mfc="none", color=_style.RED, ms=12, mew=1.6, label="taken")


def _size(row: object) -> str:
    crop = "" if pd.isna(row.crop) else f"\ncut to {row.crop:.0f} px"  # type: ignore[attr-defined]
    return f"{row.width}×{row.height} px{crop}"  # type: ignore[attr-defined]


def _title(taken: pd.Series) -> str:
    return (
        f"Of images of {taken['width']}×{taken['height']} px, after {taken['steps']} steps, "
        f"others' labels are missed by {taken['error_px']:.3g}{_style.NBSP}px, "
        f"those trained on by {taken['trained_on_px']:.3g}{_style.NBSP}px"
    )
