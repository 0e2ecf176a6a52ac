"""How much of the error do networks share, and is it bias?"""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from findings.questions.confidence import PLANTINGS, STUDIES
from findings.reading import PROJECTS, finished, projects_in
from frameworth.storage.files import read_table

PARTS = ["mean_squared_error", "shared_squared", "bias_squared", "subset_variance", "member_variance"]


def collect() -> pd.DataFrame:
    """A row per project, study and split: the squared error at 50 % and its parts, px², as means over labels."""
    parts = []
    for planting in PLANTINGS:
        for project, folder in finished(f"{STUDIES}-{planting}").items():
            rows = read_table(folder / "figures" / "bias_variance.csv")
            labels = rows[(rows["about"] == "label") & (rows["percent"] == 50)].dropna(subset=PARTS)
            means = labels.groupby("split")[PARTS].mean().reset_index()
            parts.append(
                means.assign(project=project, planting=planting, labels=labels.groupby("split").size().to_numpy())
            )
    return pd.concat(parts)[["project", "planting", "split", "labels", *PARTS]].round(3)


def answer(table: pd.DataFrame) -> pd.DataFrame:
    """Parts of the held-out labels' mean squared error as shares: mean and range over each project's four pools."""
    held_out = table[table["split"] == "held-out"]
    shares = held_out[PARTS[1:]].div(held_out["mean_squared_error"], axis=0).assign(project=held_out["project"])
    return shares.groupby("project", sort=False).agg(["mean", "min", "max"]).round(2).reset_index()


def draw(table: pd.DataFrame) -> Figure:
    """For each project and study, the shares of shared error and of bias in the held-out labels' squared error."""
    figure = Figure(figsize=(7, 1.2 + 0.7 * len(projects_in(table))), layout="constrained")
    axes = figure.subplots()
    held_out = table[table["split"] == "held-out"]
    projects = projects_in(table)
    for row, project in enumerate(projects):
        part = held_out[held_out["project"] == project]
        for shift, (name, in_words) in enumerate({"shared_squared": "shared", "bias_squared": "bias"}.items()):
            share = part[name] / part["mean_squared_error"]
            axes.plot(share, [row + 0.25 * shift] * len(share), "o", color=f"C{shift}", label=None if row else in_words)
    axes.set_yticks(range(len(projects)), [PROJECTS[project] for project in projects])
    axes.set_ylim(len(projects) - 0.4, -0.4)
    axes.axvline(0, color="0.7", lw=0.8)
    axes.set_xlabel("share of the mean squared error at held-out labels, a point for each pool")
    figure.legend(fontsize=8, loc="outside right upper")
    return figure
