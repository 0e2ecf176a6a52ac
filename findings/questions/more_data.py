"""How the error changes from 10 to 30 % and from 70 to 90 % of the pool, seed by seed.

make findings-more-data
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from findings.drawing import curve_by_seed
from findings.reading import PROJECTS, finished, networks, projects_in
from frameworth.attribution.inference.paired import paired_difference

STUDIES = "more-data"
BUDGETS = {"steps": "equal steps", "epochs": "equal epochs"}
LEVEL = 0.95
STEPS = ((10, 30), (30, 70), (70, 90))


def collect() -> pd.DataFrame:
    """A row per network: project, budget, and columns of `networks`."""
    parts = [
        networks(folder).assign(project=project, budget=budget)
        for budget in BUDGETS
        for project, folder in finished(f"{STUDIES}-{budget}").items()
    ]
    table = pd.concat(parts)
    return table[["project", "budget", "percent", "seed", "member", "log_error", "median_px"]]


def answer(table: pd.DataFrame) -> pd.DataFrame:
    """A row per project, budget and step between percents.

    `change` of the mean log(1 + px), with its t interval over seeds. `rose`: number of seeds in which the mean over
    networks rose; `rose_low`, `rose_high`: the 95 % interval of its share (Clopper and Pearson 1934). `expected`: the
    share that would rise if subsets of one size were equally good, so that seeds differed only by the noise of their
    networks. `median_px`: the change of the median error.
    """
    rows = []
    for (project, budget), part in table.groupby(["project", "budget"], sort=False):
        noise = spread_of_networks(part)
        seeds = part.groupby(["percent", "seed"])[["log_error", "median_px"]].mean()
        count = part.groupby(["percent", "seed"])["log_error"].count()
        for low, high in STEPS:
            change = (seeds.loc[high] - seeds.loc[low]).dropna()
            mean = paired_difference(change["log_error"].to_numpy(), change.index.to_numpy(), LEVEL)
            rose = int((change["log_error"] > 0).sum())
            share = stats.binomtest(rose, len(change)).proportion_ci()
            error = noise * np.sqrt(1 / count.loc[low] + 1 / count.loc[high])[change.index]
            rows.append({
                "project": project, "budget": budget, "low": low, "high": high, "seeds": len(change),
                "change": mean.difference, "ci_low": mean.ci_low, "ci_high": mean.ci_high,
                "rose": rose, "rose_low": share.low, "rose_high": share.high,
                "expected": float(stats.norm.cdf(mean.difference / error).mean()),
                "median_px": float(change["median_px"].mean()),
            })  # fmt: skip
    return pd.DataFrame(rows).round(4)


def spread_of_networks(networks: pd.DataFrame) -> float:
    """Standard deviation of the log error between networks of one subset, from subsets with several networks."""
    groups = networks.groupby(["percent", "seed"])["log_error"]
    squares, freedom = (groups.var() * (groups.count() - 1)).sum(), (groups.count() - 1).clip(lower=0).sum()
    return float(np.sqrt(squares / freedom))


def draw(table: pd.DataFrame) -> Figure:
    """A panel per budget and project, with a line per seed and the mean over seeds in bold."""
    projects = projects_in(table)
    figure = Figure(figsize=(3.2 * max(len(projects), 2), 5.6), layout="constrained")
    grid = figure.subplots(len(BUDGETS), len(projects), sharex=True, sharey="col", squeeze=False)
    for row, (budget, in_words) in zip(grid, BUDGETS.items(), strict=True):
        for axes, project in zip(row, projects, strict=True):
            part = table[(table["budget"] == budget) & (table["project"] == project)]
            curve_by_seed(axes, part, "log_error", f"{PROJECTS[project]}, {in_words}")
        row[0].set_ylabel("mean log(1 + px)")
    figure.supxlabel("percent of the pool", fontsize=10)
    return figure
