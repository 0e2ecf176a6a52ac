"""Error on held-out frames against the size of the subset: does more data help?"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter
from scipy import stats

from frameworth.attribution.inference.paired import paired_difference, welch
from frameworth.figures import _style
from frameworth.results.results import Results
from frameworth.text import counted

_LOGARITHMIC = 6  # the axis is logarithmic if the largest over the smallest error is above this
_COLUMNS = ["subset", "percent", "seed", "design", "cluster", "frames", "kind", "member", "rmse_px"]


class Step(NamedTuple):
    """The mean change of the RMSE (px) from one percent to another, its standard error, and its seeds.

    The change is clear if it is farther from 0 than `reach`, which is half the width of its t interval.
    """

    low: int
    high: int
    change: float
    error: float
    reach: float
    seeds: int
    fell: int


def table(results: Results) -> pd.DataFrame:
    """A row per network, and a row per subset for its consensus in the study's form."""
    rmse = results.rmse
    kept = rmse[(rmse["kind"] == "network") | (rmse["form"] == results.consensus)]
    design = results.subsets[["subset", "design", "cluster", "frames"]]
    return kept.merge(design, on="subset", how="left")[_COLUMNS].reset_index(drop=True)


def draw(table: pd.DataFrame, results: Results) -> Figure:
    """Each seed's consensus, single networks in grey behind, the mean in bold, and the change at each step."""
    consensus = table[table["kind"] == "consensus"]
    networks = table[table["kind"] == "network"]
    nested = consensus[consensus["design"] == "nested"]
    figure = _style.new_figure(9, 4.8)
    axes = figure.subplots()
    shift = np.random.default_rng(0).uniform(-0.8, 0.8, len(networks))
    axes.plot(networks["percent"] + shift, networks["rmse_px"], ".", color=_style.GREY, alpha=0.35,
              ms=4, zorder=1, label="one network")  # fmt: skip
    _seeds(axes, consensus, nested)
    ladder = nested if _joined(nested) else consensus
    mean = ladder.groupby("percent")["rmse_px"].mean()
    axes.plot(mean.index, mean, "o-", color=_style.DARK, lw=2.5, ms=6, zorder=4, label="mean over seeds")
    pairs = _pairs(results, ladder)
    level = 1 - (1 - results.level) / max(1, len(pairs))  # the title's steps hold together (Bonferroni)
    subject, compared = _comparable(ladder, networks)
    steps = [step for low, high in pairs if (step := _step(compared, low, high, level))]
    for step in steps:
        _annotate(axes, step)
    percents = sorted(table["percent"].unique())
    frames = table.groupby("percent")["frames"].first()
    axes.set_xticks(percents, [f"{p} %\n{counted(frames[p], 'frame')}" for p in percents])
    axes.set_xlim(percents[0] - 6, percents[-1] + 6)
    axes.set(xlabel="size of the subset (percent of the pool, frames)", ylabel="RMSE on held-out frames (px)")
    _room(axes, table["rmse_px"])
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    _style.headline(figure, _title(consensus, steps, subject), _note(table, consensus, nested, steps, results.level))
    return figure


def _joined(nested: pd.DataFrame) -> bool:
    """Whether there are nested subsets of more than one size."""
    return len(nested["percent"].unique()) > 1


def _seeds(axes: Axes, consensus: pd.DataFrame, nested: pd.DataFrame) -> None:
    """Draw a dot per subset's consensus, and a line through the nested subsets of each seed."""
    single = consensus[consensus["design"] != "nested"]
    if len(single):
        shift = np.random.default_rng(1).uniform(-0.8, 0.8, len(single))
        size = 4 if len(single) < 200 else 2
        axes.plot(single["percent"] + shift, single["rmse_px"], "D", mfc="none", color=_style.ORANGE, ms=size,
                  zorder=2, label="consensus of one subset")  # fmt: skip
    for index, (_, rows) in enumerate(nested.sort_values("percent").groupby("cluster")):
        axes.plot(rows["percent"], rows["rmse_px"], "o-", color=_style.BLUE, lw=1, ms=3.5, alpha=0.6,
                  zorder=3, label=None if index else "consensus, one line per seed (nested)")  # fmt: skip


def _comparable(ladder: pd.DataFrame, networks: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    """The kind of error that is compared between sizes, in words, and a table with a row per subset.

    A consensus of more networks is better. If subsets differ in their number of networks, single networks are compared.
    """
    of_ladder = networks[networks["subset"].isin(ladder["subset"])]
    if np.ptp(of_ladder["subset"].value_counts().to_numpy()) == 0:
        return "The consensus error", ladder
    means = of_ladder.groupby(["subset", "percent", "cluster"], as_index=False)["rmse_px"].mean()
    return "The error of single networks", means


def _pairs(results: Results, ladder: pd.DataFrame) -> list[tuple[int, int]]:
    """The steps to compare: groups of the config that are pairs of percents, or else the first and last step."""
    percents = sorted(int(percent) for percent in ladder["percent"].unique())
    pairs = [(min(g), max(g)) for g in results.groups if len(g) == 2 and set(g) <= set(percents)]
    steps = list(pairwise(percents))
    return pairs or list(dict.fromkeys(steps[:1] + steps[-1:]))


def _step(ladder: pd.DataFrame, low: int, high: int, level: float) -> Step | None:
    """The step from `low` to `high`, paired by seed if subsets are nested, otherwise between means; None if unknown."""
    # Subsets of one cluster are not independent, so they count as one.
    first, last = (ladder[ladder["percent"] == p].groupby("cluster")["rmse_px"].mean().dropna() for p in (low, high))
    both = first.index.intersection(last.index)
    if len(both):
        paired = paired_difference((last[both] - first[both]).to_numpy(), both.to_numpy(), level)
        reach = paired.ci_high - paired.difference
        fell = int((last[both] < first[both]).sum())
        return Step(low, high, paired.difference, paired.standard_error, reach, len(both), fell)
    if not len(first) or not len(last):
        return None
    change, error, freedom = welch(first.to_numpy(), last.to_numpy())
    reach = float(stats.t.ppf((1 + level) / 2, freedom)) * error
    return Step(low, high, change, error, reach, 0, 0)


def _room(axes: Axes, rmse: pd.Series) -> None:
    """Set limits with room for the annotations; the axis is logarithmic if one outlier would flatten the rest."""
    low, high = float(rmse.min()), float(rmse.max())
    if low > 0 and high / low > _LOGARITHMIC:
        axes.set_yscale("log")
        axes.set_ylabel(f"{axes.get_ylabel()}, logarithmic")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_ylim(low / (high / low) ** 0.1, high * (high / low) ** 0.35)
        return
    span = (high - low) or high or 1.0
    axes.set_ylim(max(0.0, low - 0.15 * span), high + 0.35 * span)


def _annotate(axes: Axes, step: Step) -> None:
    colour = _style.BLUE if step.change < 0 else _style.RED
    axes.axvspan(step.low, step.high, color=colour, alpha=0.09, lw=0, zorder=0)
    error = f" ± {step.error:.2f}" if np.isfinite(step.error) else ""
    seeds = f"\nfell in {step.fell} of {counted(step.seeds, 'seed')}" if step.seeds else ""
    text = f"{step.low} → {step.high} %\n{_style.signed(step.change)} px{error}{seeds}"
    place: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "ha": "center", "va": "top"}
    axes.text((step.low + step.high) / 2, 0.98, text, fontsize=8, color=_style.DARK, **place)


def _title(consensus: pd.DataFrame, steps: list[Step], subject: str) -> str:
    if steps:
        return f"{subject} " + " and ".join(map(_in_words, steps))
    percents = ", ".join(f"{percent} %" for percent in sorted(consensus["percent"].unique()))
    low, high, mean = (getattr(consensus["rmse_px"], name)() for name in ("min", "max", "mean"))
    return (
        f"At {percents} of the pool the consensus is off by {mean:.2f} px on average "
        f"({counted(len(consensus), 'subset')}, {low:.2f} to {high:.2f}{_style.NBSP}px)"
    )


def _in_words(step: Step) -> str:
    change = f"{_style.signed(step.change)}{_style.NBSP}px"
    return f"{_verb(step)} from {step.low} to {step.high}{_style.NBSP}% ({change})"


def _verb(step: Step) -> str:
    if abs(step.change) <= step.reach:
        return "does not clearly change"
    way = "falls" if step.change < 0 else "rises"
    if np.isfinite(step.error):
        return way
    return f"{way} in the only seed" if step.seeds else f"{way} (with a single subset of a size)"


def _note(table: pd.DataFrame, consensus: pd.DataFrame, nested: pd.DataFrame, steps: list[Step], level: float) -> str:
    networks = int((table["kind"] == "network").sum())
    of_subsets = f"{counted(networks, 'network')} of {counted(len(consensus), 'subset')}"
    text = f"{of_subsets}; RMSE over held-out labels."
    if _joined(nested):
        text += " The mean and the steps are those of the nested seeds."
    if any(np.isfinite(step.error) for step in steps):
        together = ", for all steps together," if len(steps) > 1 else ""
        clear = f"a change whose {_style.stated(level)} t interval{together} holds 0 is called not clear"
        text += f" Steps have ± one standard error of the mean change; {clear}."
    return text
