"""Do cutting out distractors, another order, or pseudo-labels help?"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from findings.reading import PROJECTS, finished
from frameworth.storage.files import read_table

STUDIES = "arms"
NARROW = 0.02  # log(1 + px): an interval within this on both sides excludes what would matter
COLUMNS = ["arm", "percent", "pairs", "difference", "ci_low", "ci_high", "p_adjusted"]


def collect() -> pd.DataFrame:
    """A row per project, arm and percent: the difference of the held-out mean log(1 + px) to the same subsets as is."""
    parts = []
    for project, folder in finished(STUDIES).items():
        rows = read_table(folder / "arms.csv").query("score == 'log_error' and percent != 'all'")
        parts.append(rows[COLUMNS].assign(project=project))
    return pd.concat(parts)[["project", *COLUMNS]]


def answer(table: pd.DataFrame) -> pd.DataFrame:
    """The table, with what each row says: `helps`, `harms`, `excluded` (more than .02 either way), or `open`."""
    says = np.select(
        [table["p_adjusted"].lt(0.05) & table["difference"].lt(0),
         table["p_adjusted"].lt(0.05),
         table["ci_low"].gt(-NARROW) & table["ci_high"].lt(NARROW)],
        ["helps", "harms", "excluded"], "open",
    )  # fmt: skip
    return table.assign(says=says).round(4)


def draw(table: pd.DataFrame) -> Figure:
    """The difference of each arm in each project, with its interval; grey is what would not matter."""
    figure = Figure(figsize=(8, 4.6), layout="constrained")
    axes = figure.subplots()
    arms = list(dict.fromkeys(table["arm"]))
    axes.axvspan(-NARROW, NARROW, color="0.92")
    axes.axvline(0, color="0.7", lw=0.8)
    for shift, (project, name) in enumerate(PROJECTS.items()):
        part = table[table["project"] == project]
        at = [arms.index(arm) + 0.2 * shift for arm in part["arm"]]
        half = part[["ci_low", "ci_high"]].sub(part["difference"], axis=0).abs().to_numpy().T
        axes.errorbar(part["difference"], at, xerr=half, fmt="o", ms=4, label=name)
    axes.set_yticks(range(len(arms)), arms)
    axes.invert_yaxis()
    axes.legend(fontsize=8)
    axes.set_xlabel("change of the held-out mean log(1 + px), 95 % intervals")
    return figure
