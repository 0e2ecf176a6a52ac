"""Do cutting out distractors, another order, or pseudo-labels help?"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from findings.drawing import intervals_by_project
from findings.reading import tables

STUDIES = "arms"
NARROW = 0.02  # log(1 + px): an interval within ± this excludes any change that matters
COLUMNS = ["arm", "percent", "pairs", "difference", "ci_low", "ci_high", "p_adjusted"]


def collect() -> pd.DataFrame:
    """A row per project, arm and percent: held-out mean log(1 + px) less that of the same subsets without the arm."""
    return tables(STUDIES, "arms.csv").query("score == 'log_error' and percent != 'all'")[["project", *COLUMNS]]


def answer(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a verdict per row: `helps`, `harms`, `excluded` (changes above .02 are excluded), or `open`."""
    says = np.select(
        [table["p_adjusted"].lt(0.05) & table["difference"].lt(0),
         table["p_adjusted"].lt(0.05),
         table["ci_low"].gt(-NARROW) & table["ci_high"].lt(NARROW)],
        ["helps", "harms", "excluded"], "open",
    )  # fmt: skip
    return table.assign(says=says).round(4)


def draw(table: pd.DataFrame) -> Figure:
    """The difference of each arm in each project, with its interval; changes in the grey band do not matter."""
    label = "change of the held-out mean log(1 + px), 95 % intervals"
    figure = intervals_by_project(table, "arm", "difference", ("ci_low", "ci_high"), label)
    figure.axes[0].axvspan(-NARROW, NARROW, color="0.92", zorder=0)
    return figure
