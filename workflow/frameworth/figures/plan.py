"""How large a study must be: power against the number of networks, for three tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from frameworth.answers.larger_study import POWER, kind_of_group
from frameworth.attribution.inference.power import GROUP, METHODS, SINGLE, TOGGLE
from frameworth.figures import _style
from frameworth.results.results import Results
from frameworth.text import duration

READS = ("plan.csv", "plan_power.csv", "plan.json")

_COLOURS = dict(zip(METHODS, (_style.BLUE, _style.ORANGE, _style.GREEN), strict=True))
_NOTE = (
    "The chance to see that each frame is worse than the average by this effect (log(1 + px); .01 is about 1 % of the "
    "error), predicted from the noise of this study. A single frame is tested by max-T over the pool. The group of "
    "{group} frames ({kind}) is tested by random subsets with one network each, or toggled in and out of common "
    "subsets, which shows whether it harms. Dots are at a chance of {power}; bars show how uncertain the noise is. The "
    "dotted line is the networks of this study.{toggle}{hours}"
)


def table(results: Results) -> pd.DataFrame:
    """`plan_power.csv`."""
    return results.plan_power


def draw(table: pd.DataFrame, results: Results) -> Figure:
    """A panel per effect, a curve per test."""
    basis, needed = results.plan_basis, results.plan
    if reason := basis.get("missing"):
        return _style.message("What a larger study would need is unknown", reason)
    effects = sorted(table["effect"].unique())
    figure = _style.new_figure(10.5, 4.0)
    here = len(results.networks)
    panels = np.atleast_1d(figure.subplots(1, len(effects), sharey=True))
    for axes, effect in zip(panels, effects, strict=True):
        _panel(axes, table[table["effect"] == effect], needed[needed["effect"] == effect], here)
        axes.set_title(f"effect {effect:g} per frame")
    panels[0].set_ylabel("chance of seeing it")
    panels[-1].legend(loc="lower right", fontsize=7)
    _style.headline(figure, _title(needed), _note(basis))
    return figure


def _panel(axes: Axes, curves: pd.DataFrame, needed: pd.DataFrame, here: int) -> None:
    axes.axhline(POWER, color=_style.GREY, lw=0.6)
    axes.axvline(here, color=_style.DARK, ls=":", lw=1)
    for shift, (method, rows) in enumerate(curves.groupby("method", sort=False)):
        colour = _COLOURS[method]
        axes.plot(rows["networks"], rows["power"], color=colour, lw=1.6, label=method)
        row = needed[needed["method"] == method].iloc[0]
        if np.isfinite(row["networks"]):
            # Shift the bars of the three tests, so that they do not hide each other.
            height = row["power"] + 0.02 * (shift - 1)
            high = row["networks_high"] if np.isfinite(row["networks_high"]) else curves["networks"].max() * 2
            axes.plot([row["networks_low"], high], [height, height], color=colour, lw=1, alpha=0.6)
            axes.plot(row["networks"], height, "o", color=colour, ms=5)
    axes.set_xscale("log", base=2)
    axes.set_xlim(curves["networks"].min(), curves["networks"].max())
    axes.set_xticks([8, 64, 512, 4096], ["8", "64", "512", "4096"])
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("networks")


def _title(needed: pd.DataFrame) -> str:
    effects = sorted(needed["effect"].unique())
    effect = min(effects, key=lambda effect: abs(effect - 0.05))
    rows = needed[needed["effect"] == effect].set_index("method")
    parts = []
    words = {SINGLE: "for a single frame", GROUP: "for the group by random subsets", TOGGLE: "for the group toggled"}
    for method, purpose in words.items():
        row = rows.loc[method]
        count = f"{row['networks']:,.0f}" if np.isfinite(row["networks"]) else "more than 1,000,000"
        time = f" ({duration(3600 * row['hours'])})" if np.isfinite(row["hours"]) else ""
        parts.append(f"{count} {purpose}{time}")
    return f"Networks to see an effect of {effect:g} log(1 + px) per frame: {', '.join(parts)}"


def _note(basis: dict[str, Any]) -> str:
    hours, twice = basis["hours_per_network"], basis["member_deviation"] is not None
    return _NOTE.format(
        group=basis["group"],
        kind=kind_of_group(basis),
        power=_style.stated(POWER),
        toggle="" if twice else " No subset of this size was trained twice: the toggle needs at most so many.",
        hours="" if hours is None else f" A network takes {duration(3600 * hours)}.",
    )
