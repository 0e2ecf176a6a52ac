"""What makes networks differ: the subset, the initial weights, the order of the data, or the augmentation?"""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from findings.drawing import intervals_by_project
from findings.reading import tables

STUDIES = "order"
COLUMNS = ["component", "share", "share_ci_low", "share_ci_high", "subsets", "networks"]


def collect() -> pd.DataFrame:
    """A row per project and component: its share of the variance of the held-out log error."""
    return tables(STUDIES, "variance_components.csv").query("arm == 'order'")[["project", *COLUMNS]]


def answer(table: pd.DataFrame) -> pd.DataFrame:
    """The table, rounded."""
    return table.round(2)


def draw(table: pd.DataFrame) -> Figure:
    """Shares of the variance with their intervals, for all projects side by side."""
    ends = ("share_ci_low", "share_ci_high")
    label = "share of the variance between networks, 95 % intervals"
    return intervals_by_project(table, "component", "share", ends, label)
