"""The relative value of every pool frame, ranked, with its interval."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from frameworth.figures import _style
from frameworth.results.results import Results
from frameworth.text import readable

_LOOK = {  # colour and marker, so that colour alone never distinguishes verdicts
    "check label": (_style.ORANGE, "s"),
    "harmful": (_style.RED, "^"),
    "worse than average": (_style.PURPLE, "^"),
    "undecided": (_style.GREY, "o"),
    "better than average": (_style.SKY, "v"),
    "helpful": (_style.BLUE, "v"),
}
_DECIDED = ("harmful", "worse than average", "better than average", "helpful")
_COLUMNS = ["frame", "video", "image", "value", "tested_value", "ci_low", "ci_high", "p_adjusted", "verdict",
            "check_priority", "value_px"]  # fmt: skip
_MOST_NUMBERS = 70


def table(results: Results) -> pd.DataFrame:
    """A row per pool frame from best to worst relative value; `planted` where errors were planted."""
    ranked = results.frame_values[_COLUMNS].sort_values("value", kind="stable", na_position="last")
    ranked = ranked.reset_index(drop=True)
    ranked.insert(0, "rank", np.arange(1, len(ranked) + 1))
    if results.planted is not None:
        ranked["planted"] = results.frames["planted"].to_numpy()[ranked["frame"]]
    return ranked


def draw(table: pd.DataFrame, results: Results) -> Figure:
    """Values with intervals in rank order, coloured by verdict."""
    figure = _style.new_figure(9, 4.6)
    axes = figure.subplots()
    axes.axhline(0, color=_style.DARK, lw=0.8, zorder=1)
    crowded = len(table) > _MOST_NUMBERS
    for verdict, rows in table.groupby("verdict", sort=False):
        colour, marker = _LOOK.get(str(verdict), (_style.DARK, "x"))
        axes.vlines(rows["rank"], rows["ci_low"], rows["ci_high"], color=colour, lw=0.6 if crowded else 1.4,
                    alpha=0.6, zorder=2)  # fmt: skip
        axes.plot(rows["rank"], rows["tested_value"], "_", color=colour, ms=4, alpha=0.6, zorder=2)
        axes.plot(rows["rank"], rows["value"], marker, color=colour, ms=2.5 if crowded else 5, zorder=3,
                  label=f"{verdict} ({len(rows)})")  # fmt: skip
    if "planted" in table:
        spoilt = table[table["planted"].notna()]
        foot: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "clip_on": False}
        height = np.full(len(spoilt), 0.02)
        axes.plot(spoilt["rank"], height, "k*", ms=7, label=f"label error planted ({len(spoilt)})", **foot)
    if not crowded:
        axes.set_xticks(table["rank"], table["frame"], rotation=90, fontsize=7)
    axes.set_xlim(0, len(table) + 1)
    axes.margins(y=0.12)
    axes.set_xlabel("rank (number of frames)" if crowded else "pool frame (number), from best to worst relative value")
    axes.set_ylabel(f"relative value ({results.unit})\nbetter than average  ←   0   →  worse")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    _style.headline(figure, _title(table, results.learning.learned), _note(table, results))
    return figure


def _title(table: pd.DataFrame, learned: bool) -> str:
    decided = table[table["verdict"].isin(_DECIDED)]
    if not learned:
        return "No frame is decided: verdicts need networks that have learned"
    if table["ci_low"].isna().all():
        return "No frame is decided: there are too few independent subsets for intervals"
    if decided.empty:
        # Intervals of flagged frames may exclude 0, but the value of a wrong label is not reported.
        judged = table[table["verdict"] != "check label"].dropna(subset="ci_low")
        of_whom = "" if (table["verdict"] != "check label").all() else " of frames that are not flagged"
        crossing = int(((judged["ci_low"] <= 0) & (judged["ci_high"] >= 0)).sum())
        if crossing == len(judged):
            return f"No frame's value is decided: all {len(judged)} intervals{of_whom} include 0"
        return (
            f"No frame's value is decided: of {len(judged)} intervals{of_whom} {crossing} include 0, and none of "
            "the others holds after correction for the number of frames"
        )
    counts = [f"{count} {verdict}" for verdict in _DECIDED if (count := int((decided["verdict"] == verdict).sum()))]
    verb = "is" if len(decided) == 1 else "are"
    return f"{len(decided)} of {len(table)} frames {verb} decided: {', '.join(counts)}"


def _note(table: pd.DataFrame, results: Results) -> str:
    low, high = (readable(value, "+") for value in (table["value_px"].min(), table["value_px"].max()))
    unknown = results.unit == "px" or table["value_px"].isna().all()
    in_px = "" if unknown else f"In px the values lie between {low} and {high}. "
    text = (
        f"The relative value is the change in {results.unit} over held-out frames when the frame takes the place of an "
        f"average one; below 0 is better. {in_px}Ticks are size-centred differences with their "
        f"{_style.stated(results.level)} intervals, each for one frame. Dots are the estimates, which may be shrunken "
        "towards 0. Verdicts are corrected for the number of frames."
    )
    flagged = int((table["verdict"] == "check label").sum())
    if flagged:
        text += f" Labels are flagged ({flagged}) by how far networks miss that did not see them."
    return text
