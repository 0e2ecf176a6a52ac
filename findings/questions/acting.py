"""What is an hour of checking labels worth against an hour of labelling?"""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from findings.drawing import intervals_by_project
from findings.mending import WAYS
from findings.reading import finished, networks
from frameworth.attribution.inference.paired import paired_difference

STUDIES = "acting"
PLANTINGS = (1, 2, 3)
LEVEL = 0.95
WORDS = {
    "more": "a tenth more frames",
    "random": "a tenth checked at random",
    "list": "a tenth checked by the list",
    "all": "all wrong labels corrected",
    "list minus more": "checked by the list, minus a tenth more frames",
}


def collect() -> pd.DataFrame:
    """A row per network: project, planting, how labels were corrected, and columns of `networks`."""
    parts = [
        networks(folder).assign(project=project, planting=planting, way=way)
        for planting in PLANTINGS
        for way in WAYS
        for project, folder in finished(f"{STUDIES}-{planting}-{way}").items()
    ]
    return pd.concat(parts)[["project", "planting", "way", "percent", "seed", "log_error", "median_px"]]


def changes(table: pd.DataFrame) -> pd.DataFrame:
    """The change of log(1 + px) from 80 % as it is: a row per project, planting and seed, a column per action."""
    wide = table.pivot_table(
        index=["project", "planting", "seed"], columns=["way", "percent"], values="log_error", sort=False
    )
    before = wide["as-is", 80]
    after = {"more": wide["as-is", 90]} | {way: wide[way, 80] for way in WORDS if (way, 80) in wide}
    changed = pd.DataFrame({way: score - before for way, score in after.items()}).dropna()
    return changed.assign(**{"list minus more": changed["list"] - changed["more"]}).reset_index()


def answer(table: pd.DataFrame) -> pd.DataFrame:
    """A row per project and action: the mean change over plantings and seeds, with its t intervals.

    `ci_low` and `ci_high` are over the seeds of these plantings, `wide_low` and `wide_high` over other plantings, too.
    """
    rows = []
    for project, part in changes(table).groupby("project", sort=False):
        pair = part.groupby(["planting", "seed"]).ngroup().to_numpy()
        for way in [way for way in WORDS if way in part]:
            mean, wide = (
                paired_difference(part[way].to_numpy(), clusters, LEVEL) for clusters in (pair, part["planting"])
            )
            row = {"project": project, "action": WORDS[way], "pairs": mean.pairs, "change": mean.difference}
            ends = {"ci_low": mean.ci_low, "ci_high": mean.ci_high, "wide_low": wide.ci_low, "wide_high": wide.ci_high}
            rows.append(row | ends)
    return pd.DataFrame(rows).round(4)


def draw(table: pd.DataFrame) -> Figure:
    """The change from each action in each project, with its interval."""
    label = "change of the held-out mean log(1 + px) from 80 % of the pool, 95 % intervals"
    return intervals_by_project(answer(table), "action", "change", ("ci_low", "ci_high"), label)
