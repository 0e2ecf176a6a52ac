"""Which frames do methods that examine networks call harmful, and how well do they rank the planted ones?

make findings-methods
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from findings.drawing import intervals_by_project
from findings.reading import finished
from frameworth.attribution.inference.auroc import interval_on_logit, placements
from frameworth.attribution.inference.values import satterthwaite
from frameworth.attribution.method_values import LEVEL as SINGLED_OUT
from frameworth.attribution.method_values import outlying
from frameworth.attribution.methods import method
from frameworth.results.results import Results
from frameworth.storage.files import read_json
from frameworth.storage.hdf5 import read_hdf5

STUDIES = "methods"
PLANTINGS = (1, 2, 3, 4)
METHODS = {"warm": "warm influence", "metagradient": "metagradients"}
LEVEL = 0.95


def collect() -> pd.DataFrame:
    """A row per project, planting, method and frame of the pool; see `frames_of`."""
    parts = [
        frames_of(folder, name).assign(project=project, planting=planting)
        for planting in PLANTINGS
        for project, folder in finished(f"{STUDIES}-{planting}").items()
        for name in METHODS
    ]
    return pd.concat(parts)[["project", "planting", *parts[0].columns[:-2]]]


def frames_of(folder: Path, name: str) -> pd.DataFrame:
    """A method's value of each pool frame, and the cost in trainings (each with as many samples as a base network's).

    `singled_out`: the value is above those of the other frames beyond chance (max-T). `called`: the value is also an
    outlier (see `outlying`).
    """
    results = Results(folder)
    table = results.frame_values.set_index("frame").sort_index()
    asked = read_hdf5(folder / method(name).artefact, ["inclusion", "steps_taken"])
    training = read_json(folder / "config.json")["training"]
    further = asked["steps_taken"].sum() / (training["steps"] * training["batch_size"])
    singled_out = (table[f"{name}_p_adjusted"] < SINGLED_OUT).to_numpy()
    return pd.DataFrame({
        "method": name,
        "frame": table.index,
        "planted": results.frames["planted"].notna().to_numpy()[table.index],
        "value": table[f"{name}_value"].to_numpy(),
        "singled_out": singled_out,
        "called": singled_out & outlying(table[f"{name}_value"].to_numpy()),
        "cost": round(len(asked["inclusion"]) + further, 1),
    })  # fmt: skip


def answer(table: pd.DataFrame) -> pd.DataFrame:
    """A row per project and method, over its plantings, and a row `difference`: the second method less the first.

    `auroc` of planted frames among the pool frames that both methods judge: the mean over plantings, with an interval
    over frames for fixed networks. `called`, `singled_out`: numbers of frames; `…_good`: those that are not planted.
    `plantings_wrong`: plantings with a good frame called, and the share's 95 % interval (Clopper and Pearson 1934).
    """
    rows = []
    for project, of_project in table.groupby("project", sort=False):
        for ranking in rankings(of_project):
            part = of_project[of_project["method"] == ranking["method"]]
            if part.empty:  # of the difference
                rows.append({"project": project, **ranking})
                continue
            row = {"project": project, "plantings": part["planting"].nunique(), **ranking}
            row |= {"cost": part.groupby("planting")["cost"].first().mean()}
            for calls in ("called", "singled_out"):
                row |= {calls: part[calls].sum(), f"{calls}_good": (part[calls] & ~part["planted"]).sum()}
            wrong = part[part["called"] & ~part["planted"]]["planting"].nunique()
            share = stats.binomtest(wrong, row["plantings"]).proportion_ci()
            rows.append(row | {"plantings_wrong": wrong, "wrong_low": share.low, "wrong_high": share.high})
    return pd.DataFrame(rows).round(3)


def rankings(table: pd.DataFrame) -> Iterator[dict[str, object]]:
    """For one project, with intervals: each method's AUROC, and the second method's AUROC less the first's."""
    first, second = METHODS
    for name, value, other in ((first, first, None), (second, second, None), ("difference", second, first)):
        plantings = [_ranked(part, value, other) for _, part in table.groupby("planting")]
        auroc, errors, freedoms, planted = (np.array(column) for column in zip(*plantings, strict=True))
        shares = list((errors / len(plantings)) ** 2)
        mean, error, freedom = auroc.mean(), np.sqrt(sum(shares)), satterthwaite(shares, list(freedoms))
        if other is None:
            low, high = interval_on_logit(mean, error, float(freedom), planted.sum(), LEVEL)
        else:
            half = stats.t.ppf((1 + LEVEL) / 2, freedom) * error
            low, high = max(mean - half, -1), min(mean + half, 1)
        yield {"method": name, "auroc": mean, "auroc_low": low, "auroc_high": high}


def _ranked(table: pd.DataFrame, value: str, other: str | None) -> tuple[float, float, float, int]:
    """`placements` of one planting for a method, or for its difference from another; and the number of planted ones."""
    wide = table.pivot_table(index="frame", columns="method", values="value").dropna()
    truth = table.groupby("frame")["planted"].first()[wide.index].to_numpy()
    values = [wide[name].to_numpy() for name in (value, other) if name is not None]
    return (*placements(truth, *values), int(truth.sum()))


def draw(table: pd.DataFrame) -> Figure:
    """AUROC of each method in each project, with its interval."""
    rows = answer(table)
    rows = rows[rows["method"] != "difference"].assign(method=rows["method"].map(METHODS))
    label = "AUROC of the planted frames, mean over plantings, 95 % intervals"
    return intervals_by_project(rows, "method", "auroc", ("auroc_low", "auroc_high"), label, chance=0.5)
