"""What is an hour of checking labels worth against an hour of labelling?"""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from findings.mending import WAYS
from findings.reading import PROJECTS, finished, interval, networks

STUDIES = "acting"
PLANTINGS = (1, 2, 3)
WORDS = {
    "more": "a tenth more frames",
    "random": "a tenth checked at random",
    "list": "a tenth checked by the list",
    "all": "all wrong labels mended",
}


def collect() -> pd.DataFrame:
    """A row per network: project, planting, how labels were mended, and what `networks` says of it."""
    parts = [
        networks(folder).assign(project=project, planting=planting, way=way)
        for planting in PLANTINGS
        for way in WAYS
        for project, folder in finished(f"{STUDIES}-{planting}-{way}").items()
    ]
    return pd.concat(parts)[["project", "planting", "way", "percent", "seed", "log_error", "median_px"]]


def changes(table: pd.DataFrame) -> pd.DataFrame:
    """A row per project, planting, seed and action: the change of log(1 + px) from the subset of 80 % as it is."""
    wide = table.pivot_table(
        index=["project", "planting", "seed"], columns=["way", "percent"], values="log_error", sort=False
    )
    before = wide["as-is", 80]
    after = {"more": wide["as-is", 90]} | {way: wide[way, 80] for way in WORDS if (way, 80) in wide}
    return pd.DataFrame({way: score - before for way, score in after.items()}).dropna().reset_index()


def answer(table: pd.DataFrame) -> pd.DataFrame:
    """A row per project and action: the mean change over plantings and seeds, with its t interval over these pairs."""
    rows = [
        {"project": project, "action": WORDS[way], "pairs": len(part)}
        | dict(zip(("change", "ci_low", "ci_high"), interval(part[way].to_numpy()), strict=True))
        for project, part in changes(table).groupby("project", sort=False)
        for way in WORDS
        if way in part
    ]
    return pd.DataFrame(rows).round(4)


def draw(table: pd.DataFrame) -> Figure:
    """The change by each action in each project, with its interval."""
    figure = Figure(figsize=(7.5, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.axvline(0, color="0.7", lw=0.8)
    changed = answer(table)
    actions = list(WORDS.values())
    for shift, (project, name) in enumerate(PROJECTS.items()):
        part = changed[changed["project"] == project]
        at = [actions.index(action) + 0.2 * shift for action in part["action"]]
        half = part[["ci_low", "ci_high"]].sub(part["change"], axis=0).abs().to_numpy().T
        axes.errorbar(part["change"], at, xerr=half, fmt="o", ms=4, label=name)
    axes.set_yticks(range(len(actions)), actions)
    axes.invert_yaxis()
    axes.legend(fontsize=8)
    axes.set_xlabel("change of the held-out mean log(1 + px) from 80 % of the pool, 95 % intervals")
    return figure
