"""Why do some subsets give better networks than others of the same size?"""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from findings.questions.confidence import PLANTINGS, PUBLISHED, STUDIES
from findings.reading import PROJECTS, finished, projects_in
from frameworth.storage.files import read_table


def collect() -> pd.DataFrame:
    """A row per project, study and predictor: the share of the spread between halves that it predicts out of fold."""
    parts = []
    for planting in PLANTINGS:
        for project, folder in finished(f"{STUDIES}-{planting}").items():
            rows = read_table(folder / "figures" / "seeds.csv")
            rows = rows[rows["about"].isin(["explained", "ceiling"]) & (rows["percent"] == 50)]
            columns = ["predictor", "r_squared", "ci_low", "ci_high"]
            parts.append(rows[columns].assign(project=project, planting=planting))
    return pd.concat(parts)[["project", "planting", "predictor", "r_squared", "ci_low", "ci_high"]]


def answer(table: pd.DataFrame) -> pd.DataFrame:
    """A row per project and predictor: the R² of each study side by side, and the mean over the plantings."""
    wide = table.pivot_table(index=["project", "predictor"], columns="planting", values="r_squared", sort=False)
    wide["mean of plantings"] = wide.drop(columns=PUBLISHED, errors="ignore").mean(axis=1)
    return wide.rename(columns=PLANTINGS).round(2).reset_index()


def draw(table: pd.DataFrame) -> Figure:
    """A panel per project, with the R² of each predictor in each study and its interval."""
    projects = projects_in(table)
    figure = Figure(figsize=(5 + 3 * len(projects), 3.4), layout="constrained")
    predictors = list(dict.fromkeys(table["predictor"]))
    panels = figure.subplots(1, len(projects), sharey=True, squeeze=False)[0]
    for axes, project in zip(panels, projects, strict=True):
        axes.axvline(0, color="0.7", lw=0.8)
        for shift, (planting, in_words) in enumerate(PLANTINGS.items()):
            part = table[(table["project"] == project) & (table["planting"] == planting)]
            if part.empty:
                continue
            at = [predictors.index(predictor) + 0.15 * (shift - 1.5) for predictor in part["predictor"]]
            # The intervals are of what a line explains, so a point out of fold may lie outside.
            axes.hlines(at, part["ci_low"], part["ci_high"], f"C{shift}", lw=1)
            axes.plot(part["r_squared"], at, "o", ms=4, color=f"C{shift}", label=in_words)
        axes.set_title(PROJECTS[project], fontsize=10)
    panels[0].set_yticks(range(len(predictors)), predictors, fontsize=8)
    panels[0].invert_yaxis()
    figure.legend(*axes.get_legend_handles_labels(), fontsize=8, loc="outside right upper")
    figure.supxlabel("R² of the spread between halves, out of fold, 95 % intervals", fontsize=10)
    return figure
