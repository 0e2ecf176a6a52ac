"""Do harmful frames lower the confidence at labels, or raise that of other places? And where?"""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.typing import HashableList

from frameworth.answers.distractors import CELLS
from frameworth.attribution.inference.values import holm
from frameworth.figures import _style
from frameworth.labels.images import read_image
from frameworth.results.results import Results
from frameworth.text import counted

READS = ("members.h5", "distractors.csv", "distractors_groups.csv", "distractors_places.csv")

_MAPS = 4
_NOTE = (
    "Left: what the presence of a frame changes on average over held-out labels, between subsets of the same size. The "
    "log probability at the label is the log confidence there (across) minus the log of the map's sum (up: the sum "
    "falls). The sum includes the label's own peak. Right: the highest peak away from the label in each subset with "
    "(red) and without (blue) the training frame; the area of a dot is the confidence. The cross is the label, and the "
    "ring is where the confidence changes most. Beyond chance means q below {alpha:.2g} over all training frames "
    "and held-out labels."
)


def table(results: Results) -> pd.DataFrame:
    """`distractors.csv`."""
    return results.distractors


def draw(table: pd.DataFrame, results: Results) -> Figure:
    """The two parts of each frame's change, and maps of the strongest single changes."""
    note = _NOTE.format(alpha=1 - results.level)
    if not table["log_probability"].notna().any():
        return _style.message(
            "What distractors do is unknown: no frame is in some subsets and absent from others", note
        )
    # Only one map per training frame, so that one frame does not fill the figure.
    shown = results.distractor_places.drop_duplicates("training_frame").head(_MAPS)
    figure = _style.new_figure(11 if len(shown) else 5.5, 5.2)
    places = [f"map {number}" for number in range(_MAPS)]
    rows: list[HashableList[str]] = [["split", *places[:2]], ["split", *places[2:]]] if len(shown) else [["split"]]
    axes_of = figure.subplot_mosaic(rows, width_ratios=[1.5, 1, 1] if len(shown) else [1])
    _split(axes_of["split"], table, results)
    for place, cell in zip_longest(places if len(shown) else [], shown.itertuples()):
        if cell is None:
            axes_of[place].set_axis_off()
        else:
            _map(axes_of[place], cell, results)
    _style.headline(figure, _title(table, results), note)
    return figure


def _split(axes: Axes, frames: pd.DataFrame, results: Results) -> None:
    x, y = frames["log_confidence"], -frames["log_mass"]
    reach = 1.1 * float(np.nanmax(np.abs([x, y]), initial=1e-6))
    axes.axhline(0, color=_style.DARK, lw=0.8)
    axes.axvline(0, color=_style.DARK, lw=0.8)
    axes.plot([-reach, reach], [reach, -reach], "--", color=_style.GREY, lw=1, label="probability unchanged")
    flagged, planted = frames["training_frame"].isin(results.flagged), pd.Series(False, index=frames.index)
    if results.planted is not None:
        planted = frames["training_frame"].isin(np.flatnonzero(results.planted))
    kinds = (
        (~flagged & ~planted, "o", _style.BLUE, "pool frame"),
        (flagged & ~planted, "D", _style.ORANGE, "label to check"),
        (planted, "*", _style.RED, "label error planted"),
    )
    _style.kinds_of_frames(axes, x, y, kinds)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach))
    axes.set_xlabel("change of log confidence at held-out labels\n← the label goes down")
    axes.set_ylabel("− change of log sum of the map\n← all the map holds goes up")
    axes.legend(loc="best", fontsize=7)


def _map(axes: Axes, cell: Any, results: Results) -> None:
    frame, keypoint = int(cell.evaluated_frame), results.labels.keypoints.index(cell.keypoint)
    _style.as_image(axes, read_image(results.labels.paths[frame]))
    pose = results.members["distractor_pose"][:, frame, keypoint]
    height = np.nan_to_num(results.members["distractor_confidence"][:, frame, keypoint])
    included = results.inclusion[:, int(cell.training_frame)]
    most = height.max() or 1.0
    for rows, colour in ((~included, _style.SKY), (included, _style.RED)):
        x, y = pose[rows].T
        axes.scatter(x, y, s=60 * height[rows] / most, color=colour, alpha=0.75, lw=0.3, ec="black")
    outline = _style.outline(2.6)
    axes.plot(*results.labels.xy[frame, keypoint], "x", color=_style.ORANGE, ms=7, mew=1.6, path_effects=outline)
    axes.plot(cell.x, cell.y, "o", mfc="none", mec="white", ms=13, mew=1.4, path_effects=outline)
    axes.set_xlim(0, float(results.labels.sizes[frame, 0]))
    beyond = cell.distractor_confidence_q < 1 - results.level
    error = cell.distractor_confidence_error
    known = f" ± {error:.3f}" if np.isfinite(error) else ""
    change = f"{_style.signed(cell.distractor_confidence, 3)}{known}"
    where = _style.plain(f"frame {int(cell.training_frame)} on {cell.keypoint} of frame {frame}"[:44])
    axes.set_title(f"{where}\n{change}, {'beyond chance' if beyond else 'may be chance'}", fontsize=7.5)
    axes.tick_params(labelsize=7)


def _title(table: pd.DataFrame, results: Results) -> str:
    alpha = 1 - results.level
    cells, groups = results.distractor_places, results.distractor_groups
    text = "Decided"
    if len(groups):
        # Planted errors are known to be wrong; flagged labels only look wrong.
        group, parts = groups.iloc[-1], ("log_confidence", "distractor_confidence")
        what = ("the log confidence at labels", "the confidence of distractors")
        adjusted = holm(np.array([group[f"{part}_p"] for part in parts], float))  # the title may name either of the two
        is_planted = group["group"] == "planted"
        of_group = np.flatnonzero(results.frames["planted"].notna()) if is_planted else results.flagged
        alone = bool(table["training_frame"].isin(of_group).sum() == 1)
        moves = [
            f"{_way(group[part], alone)} {name} ({_style.signed(group[part], 3)}, p{_style.NBSP}={_style.NBSP}{p:.2g})"
            for part, name, p in zip(parts, what, adjusted, strict=True)
            if p < alpha
        ]
        nothing = f"{'does' if alone else 'do'} not differ beyond chance from the rest, at labels or elsewhere"
        text = f"The {group['group']} frame{'s' * (not alone)} {' and '.join(moves) or nothing}; decided"
    decided = counted(int((table["distractor_confidence_p"] < alpha).sum()), "single frame")
    beyond = int((cells["distractor_confidence_q"] < alpha).sum())
    single = "at least " * (beyond == CELLS) + counted(beyond, "change")  # the table has no more of them
    moved = f"{decided} on average over held-out labels"
    return f"{text}: {moved}; beyond chance: {single} at single held-out labels"


def _way(change: float, alone: bool) -> str:
    return ("lower" if change < 0 else "raise") + "s" * alone
