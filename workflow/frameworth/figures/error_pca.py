"""What the subsets' errors on held-out frames have in common: principal components of displacements."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from sklearn.decomposition import PCA

from frameworth.colours import keypoint_colours
from frameworth.figures import _style
from frameworth.results.results import Results

_COMPONENTS = 10
_LOADED = 3
_DECIMALS = 6
_LONG = 0.95  # displacements above this quantile of lengths are shortened to it
_COLUMNS = ["part", "component", "name", "value", "unit"]


class Components(NamedTuple):
    """Principal components of the displacements X [S, D] = consensus − label, px.

    Attributes:
        share: [C], shares of the variance.
        scores: [S, C], positions of the subsets, px.
        truth: [C], position of a subset without any displacement, px.
        loadings: [C, D], rows of length 1 whose largest entry by absolute value is positive.
        common: share of the squared displacement that all subsets have in common: the mean product of the displacements
            of two different subsets, divided by mean |X|². Its expectation is 0 where subsets have nothing in common.
    """

    share: np.ndarray
    scores: np.ndarray
    truth: np.ndarray
    loadings: np.ndarray
    common: float


def shortened(displacement: np.ndarray) -> np.ndarray:
    """Displacements [..., 2] in px, shortened to a high quantile of their lengths; directions do not change.

    Otherwise a single subset that found no keypoint at all would determine the first component.
    """
    length = np.linalg.norm(displacement, axis=-1, keepdims=True)
    if not np.isfinite(length).any():
        return displacement
    limit = np.nanquantile(length, _LONG)
    return displacement * np.minimum(1, limit / np.maximum(length, 1e-9))


def principal_components(displacement: np.ndarray) -> Components:
    """Principal components of [S, D]; see `Components`."""
    mean = displacement.mean(axis=0)
    components = min(_COMPONENTS, *displacement.shape)
    with np.errstate(divide="ignore", invalid="ignore"):  # where all rows are equal
        pca = PCA(components, svd_solver="full").fit(displacement)
    squares = (displacement**2).sum(axis=1).mean()
    products = (len(displacement) * (mean**2).sum() - squares) / (len(displacement) - 1)
    return Components(
        share=np.nan_to_num(pca.explained_variance_ratio_),
        scores=pca.transform(displacement),
        truth=pca.transform(np.zeros_like(displacement[:1]))[0],
        loadings=pca.components_,
        common=max(0.0, float(products / squares)) if squares else 0.0,
    )


def table(results: Results) -> pd.DataFrame:
    """A table in long form: `part` is variance, subset, ground truth, loading (share of a keypoint) or common.

    Long displacements are shortened (see `shortened`). Subsets whose networks all diverged are left out, and so are
    coordinates that have no label or that another subset lacks. The table is empty with fewer than three subsets.
    """
    held_out = ~results.pool
    pose = results.scores["consensus_pose"][:, held_out].astype(float)
    converged = np.isfinite(pose).any(axis=(1, 2, 3))
    pose = pose[converged]
    displacement = shortened(pose - results.labels.xy[held_out]).reshape(len(pose), -1)
    keypoints = np.tile(np.repeat(results.labels.keypoints, 2), int(held_out.sum()))
    known = np.isfinite(displacement).all(axis=0)
    if len(pose) < 3 or not known.any():
        return pd.DataFrame(columns=_COLUMNS)
    components = principal_components(displacement[:, known])
    rows = [("variance", c + 1, "", share, "of 1") for c, share in enumerate(components.share)]
    for c in range(min(2, len(components.share))):
        names = results.subsets.loc[converged, "subset"]
        rows += [("subset", c + 1, n, v, "px") for n, v in zip(names, components.scores[:, c], strict=True)]
        rows.append(("ground truth", c + 1, "", components.truth[c], "px"))
    for c in range(min(_LOADED, len(components.share))):
        squares = components.loadings[c] ** 2
        for name in results.labels.keypoints:
            rows.append(("loading", c + 1, name, squares[keypoints[known] == name].sum(), "of 1"))
    rows.append(("common", 0, "", components.common, "of 1"))
    # Values are rounded, because threads and memory alignment change the last digits of a decomposition.
    return pd.DataFrame(rows, columns=_COLUMNS).round({"value": _DECIMALS})


def draw(table: pd.DataFrame, results: Results) -> Figure:
    """Variance explained, subsets in the plane of the first two components, and which keypoints move in each."""
    if len(table[table["part"] == "ground truth"]) < 2:
        return _style.message(
            "There are too few subsets, or no labelled held-out keypoints, for principal components",
            "Principal components need at least three subsets.",
        )
    figure = _style.new_figure(11.5, 4.4)
    variance, space, loading = figure.subplots(1, 3, width_ratios=[1, 1.7, 1])
    _variance(variance, table)
    _space(space, table, results)
    _loading(loading, table, results)
    _style.headline(
        figure,
        _title(table),
        "Each dot is a subset: the displacement of its consensus from the label, over all labelled held-out keypoints "
        "(x and y), on the principal components of the differences between subsets. The star is where a subset without "
        "any error would lie. Its distance from the middle of the dots is what all subsets have in common. It is "
        "outside if it is farther from the middle than 90 % of the subsets, in median deviations. The longest 5 % of "
        "the displacements are shortened to the 95th percentile.",
    )
    return figure


def _variance(axes: Axes, table: pd.DataFrame) -> None:
    rows = table[table["part"] == "variance"]
    axes.bar(rows["component"], rows["value"], color=_style.BLUE, label="each")
    axes.plot(rows["component"], rows["value"].cumsum(), "o-", color=_style.DARK, ms=3, label="up to here")
    axes.set(xlabel="component (number)", ylabel="variance explained (%)", ylim=(0, 1.02))
    axes.set_xticks(rows["component"])
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=""))
    axes.legend(loc="upper left", fontsize=7)


def _space(axes: Axes, table: pd.DataFrame, results: Results) -> None:
    first, second = _coordinates(table, "subset")
    shown = table.loc[(table["part"] == "subset") & (table["component"] == 1), "name"]
    percents = results.subsets.set_index("subset")["percent"].reindex(shown).to_numpy()
    for percent, colour in _style.percent_colours(percents).items():
        rows = percents == percent
        axes.plot(first[rows], second[rows], "o", color=colour, ms=5 if len(first) < 200 else 2.5, alpha=0.8,
                  mec="white", mew=0.3, label=f"{percent} %")  # fmt: skip
    truth = _coordinates(table, "ground truth")
    axes.plot(*truth, "*", color=_style.RED, ms=13, mec="black", mew=0.7, label="ground truth")
    share = table.loc[table["part"] == "variance", "value"].to_numpy()
    axes.set_xlabel(f"component 1 (px), {_style.percentage(share[0])} of the variance")
    axes.set_ylabel(f"component 2 (px), {_style.percentage(share[1])} of the variance")
    axes.axis("equal")
    axes.legend(title="subsets of", fontsize=7, loc="best")


def _loading(axes: Axes, table: pd.DataFrame, results: Results) -> None:
    rows = table[table["part"] == "loading"]
    names = results.labels.keypoints
    bottom = np.zeros(rows["component"].nunique())
    for name, colour in zip(names, keypoint_colours(len(names)), strict=True):
        part = rows[rows["name"] == name]
        axes.bar(part["component"], part["value"], bottom=bottom, color=colour, label=_style.plain(name), width=0.7)
        bottom = bottom + part["value"].to_numpy()
    axes.set(xlabel="component (number)", ylabel="share of the keypoint in the component (%)", ylim=(0, 1))
    axes.set_xticks(sorted(rows["component"].unique()))
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=""))
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=7)


def _coordinates(table: pd.DataFrame, part: str) -> tuple[np.ndarray, np.ndarray]:
    rows = table[table["part"] == part]
    first, second = (rows.loc[rows["component"] == c, "value"].to_numpy() for c in (1, 2))
    return first, second


def _title(table: pd.DataFrame) -> str:
    subsets, truth = np.stack(_coordinates(table, "subset")), np.stack(_coordinates(table, "ground truth"))
    # Medians, so that a few subsets far away do not make the cloud look wide.
    middle = np.median(subsets, axis=1, keepdims=True)
    spread = np.median(np.abs(subsets - middle), axis=1, keepdims=True)
    spread[spread == 0] = 1
    distance = np.linalg.norm((subsets - middle) / spread, axis=0)
    outside = np.linalg.norm((truth - middle) / spread) > np.quantile(distance, 0.9)
    common = float(table.loc[table["part"] == "common", "value"].iloc[0])
    text = f"{_style.percentage(common)} of the squared error is common to all subsets"
    where = "outside the cloud of subsets" if outside else "within the cloud of subsets"
    return f"{text}; in the plane of their main differences the ground truth lies {where}"
