"""Which subset contains which frame, from the best subset to the worst."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from frameworth.figures import _style
from frameworth.results.results import Results
from frameworth.text import counted


def table(results: Results) -> pd.DataFrame:
    """A row per subset, sorted by its networks' mean RMSE (px); `frame_{i}` of a pool frame is 1 if it is included.

    Subsets may differ in their number of networks, and a consensus of more networks is better.
    """
    rmse = results.networks.groupby("subset")["rmse_px"].mean()
    made = results.subsets[["subset", "percent", "seed", "design"]].copy()
    made["rmse_px"] = rmse.reindex(made["subset"]).to_numpy()
    pool = np.flatnonzero(results.pool)
    included = pd.DataFrame(results.inclusion[:, pool].astype(int), columns=[f"frame_{frame}" for frame in pool])
    made = pd.concat([made, included], axis=1).sort_values("rmse_px", kind="stable").reset_index(drop=True)
    made.insert(0, "rank", np.arange(1, len(made) + 1))
    return made


def draw(table: pd.DataFrame, results: Results) -> Figure:
    """The inclusion matrix in rank order, and beside it the RMSE of each subset, coloured by size."""
    pool = np.flatnonzero(results.pool)
    included = table[[f"frame_{frame}" for frame in pool]].to_numpy()
    figure = _style.new_figure(10, 5.4)
    matrix, strip = figure.subplots(1, 2, sharey=True, width_ratios=[3, 1])
    edges = (-0.5, len(pool) - 0.5, len(table) + 0.5, 0.5)
    matrix.imshow(included, cmap=ListedColormap(["#f2f2f2", _style.BLUE]), vmin=0, vmax=1, aspect="auto",
                  interpolation="nearest", extent=edges)  # fmt: skip
    places = np.unique(np.linspace(0, len(pool) - 1, 12).round().astype(int))
    matrix.set_xticks(places, pool[places])
    matrix.set_xlabel("pool frame (number); blue: in the subset")
    matrix.set_ylabel("subset (rank by RMSE, 1 is best)")
    matrix.set_yticks(np.unique(np.linspace(1, len(table), 10).round().astype(int)))
    if results.planted is not None:
        spoilt = np.flatnonzero(results.planted[pool])
        matrix.plot(spoilt, np.full(len(spoilt), 1.02), "v", color=_style.RED, ms=6, clip_on=False,
                    transform=matrix.get_xaxis_transform())  # fmt: skip
    colours = _style.percent_colours(table["percent"])
    for percent, rows in table.groupby("percent"):
        size = 5 if len(table) < 100 else 2.5
        name = f"{percent} % ({counted(len(rows), 'subset')})"
        strip.plot(rows["rmse_px"], rows["rank"], "o", color=colours[percent], ms=size, label=name)
    strip.set_xlabel("RMSE on held-out frames (px)")
    strip.legend(title="size of the subset", loc="upper right")
    note = "The RMSE over held-out labels is the mean over each subset's networks."
    if results.planted is not None:
        note += " Red triangles mark frames with planted label errors."
    _style.headline(figure, _title(table), note)
    return figure


def _title(table: pd.DataFrame) -> str:
    known = table.dropna(subset="rmse_px")
    if known.empty:
        return "No subset has an error on held-out frames"
    sizes = known.groupby("percent")["rmse_px"]
    largest = sizes.size().idxmax()
    same = known.loc[known["percent"] == largest, "rmse_px"]
    spread = (
        f"{len(same)} subsets of the same size ({largest}{_style.NBSP}%) "
        f"err by {same.min():.1f} to {same.max():.1f}{_style.NBSP}px"
    )
    if len(same) < 2:
        number = counted(len(known), "subset")
        return f"{number}, no two of the same size: which frames matter is unknown"
    if len(sizes) < 2 or known["rmse_px"].var(ddof=0) == 0:
        return f"Which frames a subset holds matters, or chance does: {spread}"
    logs = np.log(known["rmse_px"])
    within = (logs - logs.groupby(known["percent"]).transform("mean")) ** 2
    # Chance alone lets the means of sizes differ, so both variances are over their degrees of freedom.
    explained = max(0.0, 1 - within.sum() / (len(known) - len(sizes)) / logs.var())
    return f"Size explains {_style.percentage(explained)} of the spread of the (log) error over subsets; {spread}"
