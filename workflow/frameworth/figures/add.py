"""Is labelling more frames worth it? The learning curve beyond the pool, keypoint by keypoint, and thin poses."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from frameworth.answers.further_labels import ALL, TIMES, WORTHWHILE
from frameworth.figures import _style
from frameworth.results.results import Results
from frameworth.text import counted

READS = ("add.csv", "add_curve.csv", "add_poses.csv")

_LISTED = 3
_IN_WORDS = {
    "would gain": "more frames help",
    "would lose": "more frames harm",
    "would hardly change": "more frames hardly help",
}
_NOTE = (
    "Left: dots are the mean of log(1 + px) over held-out labels at each size. The curve is averaged over several "
    "shapes and has {level} intervals; right of the dotted line it is a forecast. Middle: the change with {times:g} "
    "times the frames. The intervals of single keypoints hold for all keypoints together; a change below {least:g} "
    "counts as none. Right: poses about their centroid, in the plane of their first two principal components (px). "
    "Grey dots are the pool; coloured dots are held-out frames, by their error. A ring marks a held-out frame that is "
    "farther from the pool than 95 % of the pool's frames are from each other and has more than the typical "
    "error."
)


def table(results: Results) -> pd.DataFrame:
    """`add.csv`."""
    return results.add


def draw(table: pd.DataFrame, results: Results) -> Figure:
    """The curve and its extrapolation, the change per keypoint, and the plane of poses."""
    figure = _style.new_figure(12, 4.4)
    left, middle, right = figure.subplots(1, 3, width_ratios=[1, 0.85, 1.1])
    curve = results.add_curve
    draw_curve(left, curve[curve["keypoint"] == ALL], int(results.pool.sum()))
    gains = table.groupby("keypoint", sort=False).last().reset_index()
    _gains(middle, gains)
    _plane(right, results.add_poses, figure)
    left.set_ylabel("error on held-out labels (log(1 + px))")
    note = _NOTE.format(level=_style.stated(results.level), times=TIMES[-1], least=WORTHWHILE)
    _style.headline(figure, _title(gains, results), note)
    return figure


def draw_curve(axes: Axes, rows: pd.DataFrame, pool: int) -> None:
    """Draw measured errors, and the fitted curve with its intervals: full up to `pool` frames, then dashed."""
    measured, curve = rows.dropna(subset="measured"), rows.dropna(subset="fitted")
    if len(curve):
        axes.fill_between(curve["frames"], curve["ci_low"], curve["ci_high"], color=_style.BLUE, alpha=0.15, lw=0)
        for part, line in ((curve[curve["frames"] <= pool], "-"), (curve[curve["frames"] >= pool * 0.999], "--")):
            axes.plot(part["frames"], part["fitted"], line, color=_style.BLUE, lw=1.6)
    axes.plot(measured["frames"], measured["measured"], "o", color=_style.DARK, ms=5)
    axes.axvline(pool, color=_style.DARK, ls=":", lw=1)
    axes.set_xlabel("frames trained on")


def _gains(axes: Axes, gains: pd.DataFrame) -> None:
    colours = [_style.RED if name == ALL else _style.BLUE for name in gains["keypoint"]]
    _style.intervals(axes, gains, "value", [str(name)[:20] for name in gains["keypoint"]], colours)
    axes.set_xlabel(f"change with {TIMES[-1]:g} times the frames\n(log(1 + px), negative: better)")
    if not np.isfinite(gains["value"]).any():
        axes.text(0.5, 0.5, "cannot be told", transform=axes.transAxes, ha="center", color=_style.DARK)


def _plane(axes: Axes, frames: pd.DataFrame, figure: Figure) -> None:
    pool, held_out = frames[frames["split"] == "pool"], frames[frames["split"] == "held-out"]
    axes.plot(pool["pose_1"], pool["pose_2"], ".", color=_style.MISSING, ms=6)
    dots = axes.scatter(held_out["pose_1"], held_out["pose_2"], c=held_out["log_error"], cmap="viridis_r", s=18)
    thin = held_out[held_out["thin"].astype(bool)]
    axes.plot(thin["pose_1"], thin["pose_2"], "o", mfc="none", mec=_style.RED, ms=9, mew=1.2)
    axes.set(xlabel="pose, first component (px)", ylabel="second component (px)")
    bar = figure.colorbar(dots, ax=axes, pad=0.02, aspect=30)
    bar.set_label("error (log(1 + px))")


def _title(gains: pd.DataFrame, results: Results) -> str:
    whole = gains[gains["keypoint"] == ALL].iloc[0]
    verdict = str(whole["verdict"])
    if np.isfinite(whole["value"]):
        value, low, high = (_style.signed(whole[name], 3) for name in ("value", "ci_low", "ci_high"))
        text = f"With {whole['frames']:.0f} frames in place of {results.pool.sum()} the error would change by "
        text += f"{value} [{low}, {high}] log(1 + px): {_IN_WORDS.get(verdict, verdict)}"
        each = gains[(gains["keypoint"] != ALL) & (gains["verdict"] == "would gain")]["keypoint"]
        text += f"; beyond chance for {', '.join(each)} alone" if len(each) else ""
    else:
        text = f"Whether more frames would help {verdict}"
    poses = results.add_poses
    frames = poses[poses["thin"]].sort_values("log_error", ascending=False)
    if len(frames):
        first = ", ".join(str(int(frame)) for frame in frames["frame"].head(_LISTED))
        more = "…" * (len(frames) > _LISTED)
        text += f"; thin poses: {counted(len(frames), 'held-out frame')} ({first}{more})"
    if far := results.summary["far_frames"]:
        value, low, high = (_style.signed(far[name]) for name in ("correlation", "low", "high"))
        higher = "errors are higher" if far["low"] > 0 else "errors are not shown to be higher"
        text += f"; far from the pool {higher} (rank correlation {value} [{low}, {high}])"
    return text
