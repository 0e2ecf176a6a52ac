"""The distribution of all influences on the error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from frameworth.figures import _matrix, _style
from frameworth.results.results import Results

_BINS = 81  # odd: one bin is centred on 0
_SERIES: tuple[tuple[str, str, dict[str, Any]], ...] = (  # estimator, where evaluated, look
    ("size-centred", "held-out", {"color": _style.BLUE, "lw": 1.8}),
    ("size-centred", "pool", {"color": _style.ORANGE, "lw": 1.3}),
    ("difference-of-means", "held-out", {"color": _style.GREY, "lw": 1.0, "ls": "--"}),
)
_NOTES = {
    "size-centred": "size-centred",
    "difference-of-means": "difference of means \n(mixes in the subset's size)",
}


def table(results: Results) -> pd.DataFrame:
    """Counts of cells (training frame, other frame, keypoint) per bin of the influence in px."""
    series = [(name, where, _cells(results, name, where)) for name, where, _ in _SERIES]
    everything = np.concatenate([values for _, _, values in series])
    reach = float(np.abs(everything).max()) if everything.size else 1.0
    edges = np.linspace(-reach, reach, _BINS + 1)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "estimator": name,
                    "evaluated": where,
                    "low_px": edges[:-1],
                    "high_px": edges[1:],
                    "cells": np.histogram(values, edges)[0],
                }
            )
            for name, where, values in series
        ],
        ignore_index=True,
    )


def draw(table: pd.DataFrame, results: Results) -> Figure:
    """Outlines of the histograms; a symmetric logarithmic axis of counts shows single cells in the tails."""
    figure = _style.new_figure(9, 4.4)
    axes = figure.subplots()
    axes.axvline(0, color=_style.DARK, lw=0.8)
    for name, where, look in _SERIES:
        rows = table[(table["estimator"] == name) & (table["evaluated"] == where)]
        edges = np.append(rows["low_px"], rows["high_px"].iloc[-1])
        axes.stairs(rows["cells"], edges, label=f"on {where} frames,\n{_NOTES[name]}", **look)
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(0, max(10.0, float(table["cells"].max()) ** 1.35))
    axes.set_xlabel("change in error, with − without the training frame (px)\nhelps  ←   0   →  harms")
    axes.set_ylabel("cells (count, log above 1)")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=7.5)
    values = _cells(results, "size-centred", "held-out")
    if values.size:
        below, above = _style.percentage((values < 0).mean()), _style.percentage((values > 0).mean())
        for x, align, text in ((0.48, "right", f"{below} below 0"), (0.52, "left", f"{above} above 0")):
            axes.text(x, 0.95, text, transform=axes.transAxes, ha=align, color=_style.BLUE, fontsize=8)
    _style.headline(
        figure,
        _title(values),
        "A cell is one keypoint of one evaluated frame, compared between networks with and without one training frame. "
        "Influences of frames on themselves are left out. Blue percentages are shares of the blue cells.",
    )
    return figure


def _cells(results: Results, estimator: str, where: str) -> np.ndarray:
    """Finite influences (px) on other pool frames or on held-out frames, as one array [cells]."""
    values = _matrix.off_diagonal(results.influence("error", estimator)["value"])
    columns = results.pool if where == "pool" else ~results.pool
    values = values[results.pool][:, columns]
    return values[np.isfinite(values)]


def _title(values: np.ndarray) -> str:
    if not values.size:
        return "No influence can be estimated"
    low, high = np.quantile(values, [0.001, 0.999])
    bounds = _style.signed(low, 1), _style.signed(high, 1)
    ends = f"1 in 1000 is below {bounds[0]}, 1 in 1000 above {bounds[1]}{_style.NBSP}px"
    if values.size < 1000:
        ends = f"they lie between {_style.signed(values.min(), 1)} and {_style.signed(values.max(), 1)}{_style.NBSP}px"
    return f"Influences on held-out frames: {ends}"
