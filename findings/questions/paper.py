"""The paper's grid on networks that have learned: does the consensus of more data get worse?

make findings-paper
"""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from findings.drawing import curve_by_seed
from findings.reading import PROJECTS, finished, projects_in
from frameworth.attribution.inference.paired import paired_difference
from frameworth.results.results import Results

STUDIES = "paper"
WHOSE = {
    "network": "single networks",
    "argmax": "consensus: maximum of the mean map",
    "softmax": "consensus: the paper's rule",
}
LEVEL = 0.95
STEPS = ((10, 30), (30, 70), (70, 90))


def collect() -> pd.DataFrame:
    """A row per project, subset and `whose` errors: the mean over its networks, or one form of their consensus.

    `log_error` is the mean log(1 + px) over held-out labels; `rmse_px` and `median_px` are in px.
    """
    parts = []
    for project, folder in finished(STUDIES).items():
        rmse = Results(folder).rmse
        rows = rmse.assign(project=project, whose=rmse["form"].fillna("network"), log_error=rmse["mean_log_error"])
        rows = rows[rows["whose"].isin(WHOSE)]
        subset = ["project", "whose", "percent", "seed"]
        parts.append(rows.groupby(subset, as_index=False)[["log_error", "rmse_px", "median_px"]].mean())
    return pd.concat(parts)


def answer(table: pd.DataFrame) -> pd.DataFrame:
    """A row per project, `whose` errors, and step between percents.

    `change_log` is of the mean log(1 + px), `change_px` of the RMSE, each with its t interval over seeds; `rose_log`,
    `rose_px`: number of seeds in which it rose. From 70 % on the consensus has fewer networks, as in the paper.
    """
    rows = []
    for (project, form), part in table.groupby(["project", "whose"], sort=False):
        for low, high in STEPS:
            row = {"project": project, "whose": WHOSE[form], "low": low, "high": high}
            for score, unit in (("log_error", "log"), ("rmse_px", "px")):
                wide = part.pivot_table(index="seed", columns="percent", values=score)
                change = (wide[high] - wide[low]).dropna()
                mean = paired_difference(change.to_numpy(), change.index.to_numpy(), LEVEL)
                row |= {f"change_{unit}": mean.difference, f"ci_low_{unit}": mean.ci_low}
                row |= {f"ci_high_{unit}": mean.ci_high, f"rose_{unit}": int((change > 0).sum())}
            rows.append(row | {"seeds": len(change)})
    return pd.DataFrame(rows).round(3)


def draw(table: pd.DataFrame) -> Figure:
    """A panel per project and `whose` errors: RMSE against percent, a line per seed, the mean in bold."""
    projects = projects_in(table)
    figure = Figure(figsize=(9.5, 3 * len(projects)), layout="constrained")
    grid = figure.subplots(len(projects), len(WHOSE), sharex=True, squeeze=False)
    for row, project in zip(grid, projects, strict=True):
        for axes, (form, words) in zip(row, WHOSE.items(), strict=True):
            part = table[(table["project"] == project) & (table["whose"] == form)]
            curve_by_seed(axes, part, "rmse_px", f"{PROJECTS[project]},\n{words}")
        row[0].set_ylabel("RMSE on held-out labels (px)")
    figure.supxlabel("percent of the pool", fontsize=10)
    return figure
