"""Do wrong labels lower the confidence at right ones, or raise that of other places?

The networks of 16 halves flag frames. The effect of these frames is measured with the other networks.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
from matplotlib.figure import Figure
from scipy import stats

from findings.reading import PROJECTS, finished, projects_in
from frameworth import suspect_labels
from frameworth.answers.distractors import PARTS, held_out_means
from frameworth.attribution.inference.values import satterthwaite
from frameworth.results.results import Results

STUDIES = "plantings"
PLANTINGS = {1: "planting 1", 2: "planting 2", 3: "planting 3", 4: "as published"}
PUBLISHED = 4
JUDGES = 16  # halves whose networks flag frames
SIZES = {"all": (10, 30, 50, 70, 90), "halves": (50,), "10-30": (10, 30), "70-90": (70, 90)}
WORDS = {
    "log_probability": "log probability\nat the label",
    "log_confidence": "log confidence\nat the label",
    "log_mass": "log sum\nof the map",
    "distractor_confidence": "confidence of the\nstrongest distractor",
}


def collect() -> pd.DataFrame:
    """A row per project, study, group of frames, sizes and score: the `change` per frame and its 95 % interval."""
    rows = [
        {"project": project, "planting": planting, **row}
        for planting in PLANTINGS
        for project, folder in finished(f"{STUDIES}-{planting}").items()
        for row in effects(Results(folder))
    ]
    return pd.DataFrame(rows)


def effects(results: Results) -> Iterator[dict[str, object]]:
    """The change of the held-out means when a frame of a group takes the place of another frame.

    It is fitted by least squares, with a level for each size, over the subsets that were not used to flag.
    """
    members, subsets = results.members, results.subsets
    judges = ((subsets["percent"] == 50) & (subsets["seed"] <= JUDGES)).to_numpy()
    poses = members["mean_pose"][judges]
    flagged = suspect_labels(poses, results.labels.xy, results.inclusion[judges]).flagged & results.pool
    groups = {"flagged": flagged}
    if results.planted is not None:
        groups = {"planted": results.planted & results.pool, **groups}
    held_out = ~results.pool
    scores = held_out_means(
        {name: members[name][:, held_out].astype(float).reshape(len(subsets), -1) for name in PARTS[1:]}
    )
    for group, frames in groups.items():
        planted = int((frames & results.planted).sum()) if results.planted is not None else 0
        about = {"group": group, "frames": int(frames.sum()), "planted": planted}
        for sizes, percents in SIZES.items():
            rows = ~judges & subsets["percent"].isin(percents).to_numpy()
            count = results.inclusion[rows][:, frames].sum(axis=1)
            if not np.ptp(count):
                continue
            for part in PARTS:
                change = change_per_frame(scores[part][rows], count, subsets["percent"][rows].to_numpy())
                yield about | {"sizes": sizes, "subsets": int(rows.sum()), "score": part, **change}


def change_per_frame(score: np.ndarray, count: np.ndarray, percents: np.ndarray) -> dict[str, float]:
    """The change of `score` [S] per frame of a group, at given size [S]; subsets contain `count` [S] of its frames.

    The standard errors ignore that subsets of a ladder share frames; in this design the intervals still cover.
    """
    data = pd.DataFrame({"y": score, "count": count, "percent": percents})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = smf.ols("y ~ count + C(percent)", data).fit()
    low, high = fit.conf_int().loc["count"]
    return {
        "change": fit.params["count"], "error": fit.bse["count"], "freedom": fit.df_resid,
        "ci_low": low, "ci_high": high, "p": fit.pvalues["count"],
    }  # fmt: skip


def answer(table: pd.DataFrame) -> pd.DataFrame:
    """The mean change over the plantings of each project, with a 95 % t interval (Satterthwaite)."""
    rows = []
    names = ["project", "group", "sizes", "score"]
    planted = table[table["planting"] != PUBLISHED]
    for key, part in planted.groupby(names, sort=False):
        mean, variances = part["change"].mean(), list((part["error"] / len(part)) ** 2)
        half = stats.t.ppf(0.975, satterthwaite(variances, list(part["freedom"]))) * np.sqrt(sum(variances))
        ends = {"change": mean, "ci_low": mean - half, "ci_high": mean + half}
        rows.append(dict(zip(names, key, strict=True)) | {"plantings": len(part)} | ends)
    return pd.DataFrame(rows).round(4)


def draw(table: pd.DataFrame) -> Figure:
    """A panel per score: the change from a planted and from a flagged frame in each study, over all sizes."""
    whole = table[table["sizes"] == "all"]
    projects = projects_in(table)
    known = set(zip(table["project"], table["planting"], strict=True))
    studies = [(project, planting) for project in projects for planting in PLANTINGS if (project, planting) in known]
    places = {study: row for row, study in enumerate(studies)}
    figure = Figure(figsize=(11, 1.4 + 0.35 * len(places)), layout="constrained")
    for axes, (score, in_words) in zip(figure.subplots(1, len(WORDS), sharey=True), WORDS.items(), strict=True):
        axes.axvline(0, color="0.7", lw=0.8)
        for shift, (group, colour) in enumerate({"planted": "#d55e00", "flagged": "#0072b2"}.items()):
            part = whole[(whole["score"] == score) & (whole["group"] == group)]
            at = [places[key] + 0.3 * shift for key in zip(part["project"], part["planting"], strict=True)]
            half = np.abs(part[["ci_low", "ci_high"]].sub(part["change"], axis=0)).to_numpy().T
            axes.errorbar(part["change"], at, xerr=half, fmt="o", ms=3.5, color=colour, label=f"{group} frames")
        axes.set_title(in_words, fontsize=10)
        axes.locator_params(axis="x", nbins=4)
    figure.legend(*axes.get_legend_handles_labels(), fontsize=8, loc="outside right upper")
    axes.set_yticks(range(len(places)), [f"{PROJECTS[p]}, {PLANTINGS[s]}" for p, s in places], fontsize=8)
    axes.set_ylim(len(places) - 0.4, -0.6)
    figure.supxlabel("change for each frame in the place of another, 95 % intervals", fontsize=10)
    return figure
