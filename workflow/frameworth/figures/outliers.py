"""The outlier score: which frames stand out, by which parts, and how well each part finds planted errors."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from frameworth.answers.outliers import COMBINED, outlier_parts
from frameworth.figures import _style
from frameworth.results.results import Results

READS = ("outliers.csv", "outliers_methods.csv")

_FRAMES = 20
_NOTE = (
    "The outlier score is the mean of the rank-normal scores of its parts. Its parts were fixed beforehand. It ranks "
    "frames, and tests nothing. Left: the {frames} frames with the highest scores, and their parts. A part of 0 is the "
    "typical frame of the pool; a part of 2 is among the highest few percent. Right: {right}"
)
_AUROC = "the chance that a frame with a planted error ranks above another; bars are intervals, dotted: chance."
_AGREEMENT = "rank correlation of each part with the mean of the others; bars resample frames. Nothing was planted."


def table(results: Results) -> pd.DataFrame:
    """`outliers.csv`."""
    return results.outliers


def draw(table: pd.DataFrame, results: Results) -> Figure:
    """A heat map of the parts for the first frames, and how well the score and each part find planted errors."""
    frames = table[table["outlier_score"].notna()].head(_FRAMES)
    if frames.empty:
        return _style.message("No frame has an outlier score", "It needs subsets with and without a frame.")
    methods = results.outlier_methods
    compared = methods[methods["quantity"].isin(["auroc", "agreement"])]
    by_truth = (compared["quantity"] == "auroc").any()
    note = _NOTE.format(frames=len(frames), right=_AUROC if by_truth else _AGREEMENT)
    figure = _style.new_figure(10, 1.6 + 0.19 * max(len(frames), 12))
    # The star is wider than the layout engine assumes.
    figure.set_layout_engine("constrained", rect=(0.03, 0, 0.97, 1))
    left, other = figure.subplots(1, 2, width_ratios=[1.25, 1])
    _heat(left, frames, figure)
    _methods(other, compared, by_truth)
    _style.headline(figure, _title(table, methods), note)
    return figure


def _heat(axes: Axes, frames: pd.DataFrame, figure: Figure) -> None:
    words = outlier_parts()
    parts = [name for name in words if f"{name}_normal" in frames and frames[f"{name}_normal"].notna().any()]
    shown = frames[["outlier_score", *(f"{name}_normal" for name in parts)]].to_numpy(float)
    shade = mpl.colormaps["RdBu_r"].with_extremes(bad=_style.MISSING)
    image = axes.imshow(np.ma.masked_invalid(shown), cmap=shade, vmin=-2.5, vmax=2.5, aspect="auto")
    axes.axvline(0.5, color=_style.DARK, lw=1.2)
    names = [COMBINED, *(words[name] for name in parts)]
    axes.set_xticks(range(len(names)), [name.replace(" ", "\n") for name in names], fontsize=7.5)
    planted = frames["planted"].notna() if "planted" in frames else pd.Series(False, index=frames.index)
    labels = [
        _style.plain(f"{int(frame)}  {str(name)[-22:]}{' ★' if spoilt else ''}")
        for frame, name, spoilt in zip(frames["frame"], frames["image"], planted, strict=True)
    ]
    axes.set_yticks(range(len(frames)), labels, fontsize=7.5)
    axes.set_title("frame" + (" (★ a label error was planted)" if planted.any() else ""), fontsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(True)
    bar = figure.colorbar(image, ax=axes, pad=0.02, aspect=30, extend="both")
    bar.set_label("rank-normal score")


def _methods(axes: Axes, rows: pd.DataFrame, by_truth: bool) -> None:
    rows = rows.sort_values("result", ascending=False)
    colours = [_style.RED if name == COMBINED else _style.BLUE for name in rows["method"]]
    _style.intervals(axes, rows, "result", rows["method"].tolist(), colours, nothing=0.5 if by_truth else 0.0)
    axes.set_xlabel("finding planted errors (AUROC)" if by_truth else "rank correlation with the other parts")
    axes.set_xlim((min(0.0, float(rows["ci_low"].min())), 1.02) if by_truth else (-1.02, 1.02))


def _title(table: pd.DataFrame, methods: pd.DataFrame) -> str:
    by_method = methods[methods["quantity"] == "auroc"].set_index("method")
    if COMBINED not in by_method.index:
        return f"The frames that stand out most: {', '.join(map(str, table['frame'].head(3)))}; their parts say why"
    row = by_method.loc[COMBINED]
    ends = f"[{row['ci_low']:.2f}, {row['ci_high']:.2f}]"
    finds = "The outlier score finds planted errors with"
    if not row["ci_low"] > 0.5:
        finds = "The outlier score is not shown to find planted errors:"
    text = f"{finds} AUROC {row['result']:.2f} {ends}"
    differences = methods[methods["quantity"] == "auroc difference"]
    better = differences.loc[differences["ci_low"] > 1e-9, "method"].tolist()
    worse = differences.loc[differences["ci_high"] < -1e-9, "method"].tolist()
    text += f"; beyond chance better than {', '.join(better)}" if better else ""
    text += f"; beyond chance worse than {', '.join(worse)}" if worse else ""
    return text if better or worse else f"{text}; none of its parts alone is better or worse beyond chance"
