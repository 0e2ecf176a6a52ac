"""Does it matter how a network came to its frames: nested, independent, or continued?"""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from findings.drawing import intervals_by_project
from findings.reading import tables

STUDIES = "history"
COLUMNS = ["low", "high", "history", "against", "seeds", "change", "ci_low", "ci_high", "p_adjusted"]


def collect() -> pd.DataFrame:
    """A row per project, step and history, and a row per difference between two histories; of log(1 + px)."""
    return tables(STUDIES, "figures/history.csv").query("score == 'log_error'")[["project", *COLUMNS]]


def answer(table: pd.DataFrame) -> pd.DataFrame:
    """The table, with what each row is about in words."""
    against = table["against"].map(lambda other: "" if pd.isna(other) else f" minus {other}")
    steps = table["low"].astype(str) + " → " + table["high"].astype(str) + " %"
    return table.assign(what=steps + ", " + table["history"] + against).round(3)


def draw(table: pd.DataFrame) -> Figure:
    """Each step and each difference in each project, with its interval."""
    label = "change of the held-out mean log(1 + px), 95 % intervals"
    return intervals_by_project(answer(table), "what", "change", ("ci_low", "ci_high"), label)
