"""How much training on a frame lowers the error at that same frame."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from frameworth.answers.held_out import RESAMPLES
from frameworth.attribution.inference.values import group_is_worse
from frameworth.figures import _matrix, _style
from frameworth.results.results import Results


def table(results: Results) -> pd.DataFrame:
    """A row per pool frame and keypoint.

    `memorization_px`: size-centred influence on the error at the frame itself; `out_of_bag_error` (px): mean
    over the frame's keypoints.
    """
    estimate = results.influence("error", _matrix.ESTIMATOR)
    index = np.arange(len(results.pool))
    value, error = (estimate[name][index, index] for name in ("value", "standard_error"))
    known = results.frame_values[["frame", "video", "image", "out_of_bag_error"]].sort_values("frame")
    made = known.merge(pd.DataFrame({"keypoint": list(results.labels.keypoints)}), how="cross")
    where = made["frame"], made.groupby("frame").cumcount()
    made["memorization_px"], made["standard_error_px"] = value[where], error[where]
    if results.planted is not None:
        made["planted"] = results.frames["planted"].to_numpy()[made["frame"]]
    return made


def draw(table: pd.DataFrame, results: Results) -> Figure:
    """Mean memorization over keypoints against the out-of-bag error of each frame."""
    aggregations = {"out_of_bag_error": "mean", "memorization_px": "mean", "planted": "first"}
    frames = table.groupby("frame").agg({name: aggregations[name] for name in aggregations if name in table})
    figure = _style.new_figure(7.4, 4.8)
    axes = figure.subplots()
    reach = float(np.nanmax(frames["out_of_bag_error"], initial=1.0)) * 1.05
    axes.axhline(0, color=_style.DARK, lw=0.8)
    axes.plot([0, reach], [0, -reach], "--", color=_style.GREY, lw=1, label="all of its error disappears")
    spoilt = frames["planted"].notna() if "planted" in frames else pd.Series(False, index=frames.index)
    kinds = (
        (~spoilt, "o", _style.BLUE, "pool frame"),
        (spoilt, "*", _style.RED, "pool frame, label error planted"),
    )
    _style.kinds_of_frames(axes, frames["out_of_bag_error"], frames["memorization_px"], kinds)
    axes.set_xlim(0, reach)
    axes.set_xlabel("out-of-bag error: mean over networks not trained on the frame (px)")
    axes.set_ylabel("memorization: change in its own error\nwhen it is trained on (px)")
    axes.legend(loc="lower left")
    _style.headline(
        figure,
        _title(frames, spoilt, 1 - results.level),
        "Each point is a frame: the mean over its labelled keypoints, between subsets of the same size. A frame far "
        "below 0 is fitted only if it is in the training set: it is rare, or its label is wrong.",
    )
    return figure


def _title(frames: pd.DataFrame, spoilt: pd.Series, alpha: float) -> str:
    change = frames["memorization_px"]
    if change.isna().all():
        return "Memorization is unknown: no frame is both in some subsets and absent from others"
    text = f"Training on a frame changes its own error by {_style.signed(change[~spoilt].mean(), 1)} px"
    if change[spoilt].notna().any():
        text += f", and by {_style.signed(change[spoilt].mean(), 1)} px where a label error was planted"
        drawn = group_is_worse(-change.to_numpy(), spoilt.to_numpy(), RESAMPLES, np.random.default_rng(0))
        falls_more = change[spoilt].mean() < 0 and drawn[1] < alpha
        return f"{text}: it falls by more px than elsewhere" if falls_more else f"{text}, which may be chance"
    share = (-change / frames["out_of_bag_error"]).median()
    verb = "loses" if share >= 0 else "gains"
    return f"{text} on average: the typical frame {verb} {_style.percentage(abs(share))} of its out-of-bag error"
