"""The paper's grid on networks that have learned: how influences of frames on held-out frames are spread.

make findings-paper
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from findings.reading import PROJECTS, finished, projects_in
from frameworth.results.results import Results
from frameworth.storage.hdf5 import read_hdf5

STUDIES = "paper"
ESTIMATOR = "size-centred"  # its standard errors give intervals with the right coverage
GROUPS = ("10-30", "70-90")
BINS = 121  # odd: one bin is centred on 0
FALSE_DISCOVERY = 0.05


def collect() -> pd.DataFrame:
    """A row per project, group of percents, and bin of the change in error (px), with the number of cells.

    A cell is one keypoint of one held-out frame, compared between networks with and without one training frame.
    `decided` is the number of cells whose q over the whole matrix is below .05.
    """
    rows = []
    for project, folder in finished(STUDIES).items():
        pool = Results(folder).pool
        names = [f"error/{ESTIMATOR}/{group}/{part}" for group in GROUPS for part in ("value", "q_value")]
        arrays = read_hdf5(folder / "influence.h5", names)
        on_held_out = [arrays[name][pool][:, ~pool] for name in names]
        reach = max(float(np.nanmax(np.abs(value))) for value in on_held_out[::2])
        edges = np.linspace(-reach, reach, BINS + 1)
        for group, value, q in zip(GROUPS, on_held_out[::2], on_held_out[1::2], strict=True):
            known = np.isfinite(value)
            counts = [np.histogram(value[some], edges)[0] for some in (known, known & (q < FALSE_DISCOVERY))]
            for low, high, cells, decided in zip(edges, edges[1:], *counts, strict=False):
                row = {"project": project, "group": group, "low_px": low, "high_px": high}
                rows.append(row | {"cells": cells, "decided": decided})
    return pd.DataFrame(rows).round(3)


def answer(table: pd.DataFrame) -> pd.DataFrame:
    """A row per project and group: number of cells, their standard deviation (px), and shares below and above 0.

    All are computed from bins; the bin around 0 is on neither side. `decided`: number of cells with q below .05.
    """
    rows = []
    for (project, group), part in table.groupby(["project", "group"], sort=False):
        middle, cells = (part["low_px"] + part["high_px"]).to_numpy() / 2, part["cells"].to_numpy()
        mean = np.average(middle, weights=cells)
        row = {"project": project, "group": group, "cells": cells.sum(), "decided": part["decided"].sum()}
        row |= {"spread_px": np.sqrt(np.average((middle - mean) ** 2, weights=cells))}
        sides = {"helps": part["high_px"] < 0, "harms": part["low_px"] > 0}
        rows.append(row | {side: cells[on_it].sum() / cells.sum() for side, on_it in sides.items()})
    return pd.DataFrame(rows).round(3)


def draw(table: pd.DataFrame) -> Figure:
    """A panel per project, with an outline of the histogram for each group of percents."""
    projects = projects_in(table)
    figure = Figure(figsize=(7.5, 3.4 * len(projects)), layout="constrained")
    for axes, project in zip(figure.subplots(len(projects), squeeze=False)[:, 0], projects, strict=True):
        for group, part in table[table["project"] == project].groupby("group", sort=False):
            edges = np.append(part["low_px"], part["high_px"].iloc[-1])
            axes.stairs(part["cells"], edges, label=f"{str(group).replace('-', ' and ')} %")
        axes.axvline(0, color="0.7", lw=0.8)
        axes.set_yscale("symlog", linthresh=1)
        axes.set(title=PROJECTS[project], ylabel="cells (logarithmic above 1)")
        axes.legend(title="networks of", fontsize=8)
    figure.supxlabel("change in error with the training frame (px): helps left of 0, harms right", fontsize=10)
    return figure
