"""Figures that several questions share."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from findings.reading import PROJECTS, projects_in


def intervals_by_project(
    table: pd.DataFrame, about: str, value: str, ends: tuple[str, str], label: str, chance: float = 0
) -> Figure:
    """Draw a row for each entry of the column `about`, with the `value` and its interval for each project.

    Args:
        ends: the columns of the interval. label: of the axis of values. chance: the value if there is no effect.
    """
    rows = list(dict.fromkeys(table[about]))
    figure = Figure(figsize=(8, 1.2 + 0.45 * len(rows)), layout="constrained")
    axes = figure.subplots()
    axes.axvline(chance, color="0.7", lw=0.8)
    projects = projects_in(table)
    for place, project in enumerate(projects):
        part = table[table["project"] == project]
        at = [rows.index(entry) + 0.2 * (place - (len(projects) - 1) / 2) for entry in part[about]]
        half = part[[*ends]].sub(part[value], axis=0).abs().to_numpy().T
        colour = f"C{list(PROJECTS).index(project)}"  # the same in all figures
        axes.errorbar(part[value], at, xerr=half, fmt="o", ms=4, color=colour, label=PROJECTS[project])
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    figure.legend(fontsize=8, loc="outside right upper")
    axes.set_xlabel(label)
    axes.locator_params(axis="x", nbins=6)
    return figure


def curve_by_seed(axes: Axes, networks: pd.DataFrame, score: str, title: str) -> None:
    """Draw `score` against percent: a line for each seed (mean over its rows), and the mean over seeds in bold."""
    curves = networks.pivot_table(index="percent", columns="seed", values=score)
    if len(curves):
        axes.plot(curves.index, curves, color="0.6", lw=0.8)
        axes.plot(curves.index, curves.mean(axis=1), "o-", color="0.1", lw=2.2)
    axes.set_title(title, fontsize=10)
    axes.set_xticks([10, 30, 70, 90])
