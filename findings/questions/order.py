"""What makes networks differ: the subset, the initial weights, the order of the data, or the augmentation?"""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from findings.reading import PROJECTS, finished
from frameworth.storage.files import read_table

STUDIES = "arms"
COLUMNS = ["component", "share", "share_ci_low", "share_ci_high", "subsets", "networks"]


def collect() -> pd.DataFrame:
    """A row per project and component: its share of the variance of the held-out log error."""
    parts = []
    for project, folder in finished(STUDIES).items():
        rows = read_table(folder / "variance_components.csv")
        parts.append(rows.loc[rows["arm"] == "order", COLUMNS].assign(project=project))
    return pd.concat(parts)[["project", *COLUMNS]]


def answer(table: pd.DataFrame) -> pd.DataFrame:
    """The table, rounded."""
    return table.round(2)


def draw(table: pd.DataFrame) -> Figure:
    """Shares of the variance with their intervals, side by side for the projects."""
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    components = list(dict.fromkeys(table["component"]))
    for shift, (project, name) in enumerate(PROJECTS.items()):
        part = table[table["project"] == project]
        at = [components.index(component) + 0.2 * shift for component in part["component"]]
        half = part[["share_ci_low", "share_ci_high"]].sub(part["share"], axis=0).abs().to_numpy().T
        axes.errorbar(part["share"], at, xerr=half, fmt="o", ms=4, label=name)
    axes.set_yticks(range(len(components)), components)
    axes.invert_yaxis()
    axes.legend(fontsize=8)
    axes.set_xlabel("share of the variance between networks, 95 % intervals")
    return figure
