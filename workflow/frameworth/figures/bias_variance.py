"""Which part of a label's error do networks on this pool share, so that no such ensemble removes it? Is it bias?"""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from frameworth.answers.bias_variance import Curve, Parts, curve_across_subsets, curve_of_members, parts
from frameworth.attribution.inference import values
from frameworth.errors import UserError
from frameworth.figures import _style
from frameworth.results.results import Results
from frameworth.text import counted

READS = ("members.h5",)

_ACROSS = (1.0, 2.0, 4.0, 8.0, 16.0, np.inf)
_OF_SUBSET, _ACROSS_SUBSETS = "members of one subset", "networks of different subsets"
_NOTE = (
    "Left: each point is a label, at {percent} % of the pool. The height is the squared error that all networks share: "
    "that of their mean pose, without what chance adds to it. Across is the variance between networks that did not see "
    "the frame. Values below 0.01 are drawn at 0.01. What networks share is bias, the label's own error, and the "
    "accident of which frames are in the pool. At red labels more than half of it is not that accident, beyond chance "
    "(false discovery rate {alpha:.2g}). Right: the expected error of the mean pose of r networks on held-out labels. "
    "Bars are {level} intervals and need 8 clusters; ∞ is extrapolated. Other figures use another consensus where the "
    "config says so."
)


def table(results: Results) -> pd.DataFrame:
    """A row per percent, frame and keypoint (`about` = `label`), then a row per percent and number of networks."""
    _check_sums(results)
    percents = [int(percent) for percent in np.unique(results.percents)]
    return pd.concat([part(results, p) for part in (_label_rows, _curve_rows) for p in percents], ignore_index=True)


def draw(table: pd.DataFrame, results: Results) -> Figure:
    """Shared error against variance for each label, at the percent with most subsets; the gain by more networks."""
    percent = results.main_percent
    labels = table[(table["about"] == "label") & (table["percent"] == percent)].dropna(subset="network_variance")
    curves = table[table["about"].isin([_OF_SUBSET, _ACROSS_SUBSETS])]
    alpha = 1 - results.level
    note = _NOTE.format(percent=percent, alpha=alpha, level=_style.stated(results.level))
    if labels.empty and curves.empty:
        return _style.message("What networks share is unknown: no percent has two networks", note)
    figure = _style.new_figure(10, 4.8)
    left, right = figure.subplots(1, 2)
    _labels(left, labels, alpha)
    _curves(right, curves)
    # A few wrong labels of the pool would make nearly all of the squared error, whatever the networks are.
    held_out = labels[labels["split"] == "held-out"]
    _style.headline(figure, _title(held_out, curves, percent, alpha), note)
    return figure


def _check_sums(results: Results) -> None:
    """Raise UserError unless members' squared bias and variance add up to their squared error in `rmse.csv`."""
    bias, variance = (results.scores[name].astype(float) for name in ("member_bias_squared", "member_variance"))
    summed = values.subset_score(bias + variance, ~results.pool)
    squared = (results.networks["rmse_px"] ** 2).groupby(results.networks["subset"]).mean()
    known = squared.reindex(results.subsets["subset"]).to_numpy()
    wrong = np.flatnonzero(~np.isclose(summed, known, rtol=1e-3, equal_nan=True))
    if len(wrong):
        raise UserError(
            f"{results.folder}/scores.h5: squared bias and variance of {results.subsets['subset'][wrong[0]]} add up to "
            f"{summed[wrong[0]]:.3f} px^2, but rmse.csv says {known[wrong[0]]:.3f}; delete both files and run again"
        )


def _rows_of(results: Results, percent: int) -> np.ndarray:
    """Rows of the subsets of this percent that have at least one network that did not diverge."""
    return np.flatnonzero((results.subsets["percent"] == percent) & (results.members["members"] > 0))


def _label_rows(results: Results, percent: int) -> pd.DataFrame:
    rows = _rows_of(results, percent)
    members = results.members["members"][rows]
    # Subsets for which a pool frame is out of bag are, in effect, drawn from the other frames of the pool.
    fraction = results.inclusion[rows[0]].sum() / (results.pool.sum() - results.pool)

    def split(pose: np.ndarray, within: np.ndarray, sizes: np.ndarray) -> Parts:
        offset, unseen = pose[rows] - results.labels.xy, ~results.inclusion[rows]
        return parts(offset, within, sizes, unseen, fraction, results.clusters[rows], results.level)

    variance = results.scores["member_variance"][rows].astype(float)
    single = split(results.members["mean_pose"], variance, members)
    joint = split(results.scores["consensus_pose"], np.zeros_like(variance), np.ones_like(members))
    at = frames, keypoints = np.nonzero(single.subsets > 1)
    place = {
        "about": "label",
        "percent": percent,
        "frame": frames,
        "split": results.frames["split"].to_numpy()[frames],
        "keypoint": np.array(results.labels.keypoints)[keypoints],
    }
    consensus = {"consensus_shared_squared": joint.shared_squared[at], "consensus_variance": joint.network_variance[at]}
    return pd.DataFrame(place | {name: part[at] for name, part in vars(single).items()} | consensus)


def _curve_rows(results: Results, percent: int) -> pd.DataFrame:
    rows, held_out = _rows_of(results, percent), ~results.pool
    clusters, members = results.clusters[rows], results.members["members"][rows]
    bias, variance = (
        results.scores[name][rows][:, held_out].reshape(len(rows), -1).astype(float)
        for name in ("member_bias_squared", "member_variance")
    )
    labelled = np.isfinite(bias).all(axis=0)
    made = []
    if not labelled.any():
        return pd.DataFrame()
    for number in np.unique(members[members > 1]):
        some = members == number
        of_bias, of_variance = (part[some][:, labelled].mean(axis=1) for part in (bias, variance))
        curve = curve_of_members(of_bias, of_variance, int(number), clusters[some])
        made.append(_of_curve(_OF_SUBSET, percent, curve, results))
    if len(rows) > 1:
        offset = (results.members["mean_pose"][rows] - results.labels.xy)[:, held_out].reshape(len(rows), -1, 2)
        curve = curve_across_subsets(offset[:, labelled], variance[:, labelled], members, clusters, _ACROSS)
        made.append(_of_curve(_ACROSS_SUBSETS, percent, curve, results))
    return pd.concat(made) if made else pd.DataFrame()


def _of_curve(about: str, percent: int, curve: Curve, results: Results) -> pd.DataFrame:
    half = stats.t.ppf((1 + results.level) / 2, max(curve.clusters - 1, 1))
    low, high = (curve.squared_error + sign * half * curve.standard_error for sign in (-1, 1))
    return pd.DataFrame(
        {
            "about": about,
            "percent": percent,
            "largest": max(r for r in curve.asked if np.isfinite(r)),
            "networks": curve.asked,
            "rmse_px": np.sqrt(np.maximum(curve.squared_error, 0)),
            "rmse_low": np.sqrt(np.maximum(low, 0)),
            "rmse_high": np.sqrt(np.maximum(high, 0)),
            "gain": curve.gain,
            "gain_low": curve.gain - half * curve.gain_error,
            "gain_high": curve.gain + half * curve.gain_error,
        }
    )


def _labels(axes: Axes, labels: pd.DataFrame, alpha: float) -> None:
    least = 1e-2  # px²; smaller values are drawn here
    shared = np.maximum(labels["shared_squared"], least)
    variance = np.maximum(labels["network_variance"], least)
    biased = (labels["bias_share_q"] < alpha).to_numpy()
    kinds = [(~biased, _style.BLUE, "label")]
    if labels["bias_share_q"].notna().any():  # otherwise it is unknown for all labels
        kinds.append((biased, _style.RED, "label whose error is mostly bias, beyond chance"))
    for rows, colour, name in kinds:
        axes.plot(variance[rows], shared[rows], ".", color=colour, ms=4, alpha=0.5, label=f"{name} ({rows.sum()})")
    ends = np.array([least, 1.5 * max([1.0, *shared, *variance])])
    axes.plot(ends, ends, "--", color=_style.GREY, lw=1)
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    axes.set_xlabel("variance between networks (px²)")
    axes.set_ylabel("shared squared error (px²)")
    axes.legend(loc="upper left", fontsize=7, handletextpad=0.2)


def _curves(axes: Axes, curves: pd.DataFrame) -> None:
    colours = _style.percent_colours(curves["percent"].tolist() or [50])
    last = 32.0
    groups = list(curves.groupby(["percent", "about", "largest"], sort=True))
    for number, ((percent, about, _), part) in enumerate(groups):
        finite = part[np.isfinite(part["networks"])]
        style = "o-" if about == _OF_SUBSET else "s:"
        shift = 2 ** (0.05 * (number - len(groups) / 2))
        place = np.where(np.isfinite(part["networks"]), part["networks"], last) * shift
        bars = np.abs(part[["rmse_low", "rmse_high"]].to_numpy().T - part["rmse_px"].to_numpy())
        axes.errorbar(place, part["rmse_px"], np.nan_to_num(bars), fmt="none", color=colours[percent], lw=0.8)
        axes.plot(place[: len(finite)], finite["rmse_px"], style, color=colours[percent], ms=4, lw=1.2)
        axes.plot(place[-1], part["rmse_px"].iloc[-1], style[0], mfc="white", mec=colours[percent], ms=5)
    marks = [
        mpl.lines.Line2D([], [], color=_style.DARK, marker=mark, ls=line, ms=4, label=name)
        for mark, line, name in (("o", "-", _OF_SUBSET), ("s", ":", _ACROSS_SUBSETS))
        if (curves["about"] == name).any()
    ]
    marks += [mpl.lines.Line2D([], [], color=colour, lw=3, label=f"{p} %") for p, colour in colours.items()]
    axes.set_xscale("log", base=2)
    ticks = [1, 2, 4, 8, 16, last]
    axes.set_xticks(ticks, ["1", "2", "4", "8", "16", "∞"])
    axes.set_xlabel("networks whose mean pose is taken")
    axes.set_ylabel("RMSE on held-out labels (px)")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    axes.yaxis.set_major_formatter(mpl.ticker.StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_locator(mpl.ticker.NullLocator())
    axes.legend(handles=marks, fontsize=7, loc="best", ncols=2, columnspacing=1)


def _title(labels: pd.DataFrame, curves: pd.DataFrame, percent: int, alpha: float) -> str:
    text = []
    if len(labels):
        share = labels["shared_squared"].sum() / labels["mean_squared_error"].sum()
        text.append(
            f"At held-out labels {_style.percentage(max(share, 0))} of the squared error is shared by networks on "
            f"{percent}{_style.NBSP}% of this pool: no ensemble of this kind removes it"
        )
        text.append(_bias(labels.dropna(subset="bias_squared"), alpha))
    rows = curves[(curves["about"] == _ACROSS_SUBSETS) & (curves["percent"] == percent) & (curves["networks"] == 4)]
    if len(rows):
        row = rows.iloc[0]
        ends = ""
        if np.isfinite(row["gain_low"]):
            ends = f" [{_style.percentage(row['gain_low'])}, {_style.percentage(row['gain_high'])}]"
        text.append(f"the mean of 4 networks of different subsets takes off {_style.percentage(row['gain'])}{ends}")
    return "; ".join(text) or "The gain by more networks at each percent"


def _bias(labels: pd.DataFrame, alpha: float) -> str:
    if labels.empty:
        return "how much of that is bias is unknown with one network per subset (set repeat, or members: 2)"
    share = labels["bias_squared"].sum() / labels["mean_squared_error"].sum()
    q = labels["bias_share_q"].dropna()
    tested = f", most of it, beyond chance, at {(q < alpha).sum()} of {counted(len(q), 'label')}" if len(q) else ""
    return (
        f"over fresh pools at least {_style.percentage(max(share, 0))} would stay (bias and errors of labels){tested}"
    )
