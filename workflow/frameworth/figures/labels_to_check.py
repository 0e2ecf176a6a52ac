"""Pictures of the frames whose labels differ most from the consensus of networks that never saw the frames."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from frameworth.attribution.label_checks import LOOKED_AT, study_suspects
from frameworth.colours import keypoint_colours
from frameworth.figures import _style
from frameworth.labels.images import read_image
from frameworth.results.results import Results

_COLUMNS = 4
_LEAST_CROP = 40.0  # px
_NOTE = (
    "A cross is a label. The circle joined to it is the weighted median of the subsets that do not hold the frame. "
    "Frames are sorted by suspicion, which says how seldom the labels of a right frame lie so far off. A large "
    "distance is a reason to look: the label may be wrong, or the networks."
)
_KNOWN = ("rank", "frame", "video", "image", "split", "suspicion", "out_of_bag_error", "flagged")
_TABLE = [*_KNOWN, "keypoint", "stands_out", "label_x", "label_y", "consensus_x", "consensus_y", "distance_px",
          "subsets_without", "planted"]  # fmt: skip


def table(results: Results) -> pd.DataFrame:
    """A row per labelled keypoint of frames to check first; `stands_out` marks its frame's most suspicious keypoint.

    That keypoint has a row even if it has no label. `consensus_x`, `consensus_y` (px) are the weighted median pose of
    the subsets without the frame; `distance_px` is from there to the label.
    """
    first = results.label_checks.dropna(subset="suspicion").head(LOOKED_AT)
    place = study_suspects(results).place
    rows = [row for known in first.to_dict("records") for row in _keypoints(known, place[known["frame"]], results)]
    made = pd.DataFrame(rows, columns=_TABLE)
    return made if results.planted is not None else made.drop(columns="planted")


def draw(table: pd.DataFrame, results: Results) -> Figure:
    """Image crops with the label (cross) and the consensus (circle) of every keypoint, joined by a line."""
    frames = list(dict.fromkeys(table["frame"]))
    if not frames:
        return _style.message(
            "No label can be checked: every network was trained on every labelled frame",
            "Suspicion needs subsets that do not hold the frame.",
        )
    columns = min(_COLUMNS, len(frames))
    lines = -(-len(frames) // columns)
    figure = _style.new_figure(max(2.3 * columns, 5), 2.75 * lines + 1.1)
    grid = figure.subplots(lines, columns, squeeze=False)
    for axes in grid.flat[len(frames) :]:
        axes.set_axis_off()
    for index, (axes, frame) in enumerate(zip(grid.flat, frames, strict=False)):
        _crop(axes, table[table["frame"] == frame], results)
        axes.set_ylabel("y (px)" if index % columns == 0 else "")
        axes.set_xlabel("x (px)" if index + columns >= len(frames) else "")
    _legend(figure, results.labels.keypoints)
    _style.headline(figure, _title(table, frames, results), _NOTE)
    return figure


def _keypoints(known: dict, places: np.ndarray, results: Results) -> list[dict]:
    frame = known["frame"]
    without = ~results.inclusion[:, frame]
    poses = results.scores["consensus_pose"][without, frame]
    rows = []
    for index, name in enumerate(results.labels.keypoints):
        label, place = results.labels.xy[frame, index], places[index]
        stands_out = name == known["keypoint"]
        if not (stands_out or np.isfinite(label).all()) or not np.isfinite(place).all():
            continue
        seen = int(np.isfinite(poses[:, index]).all(axis=1).sum())
        rows.append(
            {name: known[name] for name in _KNOWN}
            | {"keypoint": name, "stands_out": stands_out, "label_x": label[0], "label_y": label[1]}
            | {"consensus_x": place[0], "consensus_y": place[1], "distance_px": float(np.hypot(*(place - label)))}
            | {"subsets_without": seen, "planted": results.frames.get("planted", {frame: None})[frame]}
        )
    return rows


def _crop(axes: Axes, rows: pd.DataFrame, results: Results) -> None:
    frame = int(rows["frame"].iloc[0])
    label, consensus = (rows[[f"{name}_x", f"{name}_y"]].to_numpy() for name in ("label", "consensus"))
    box = _style.box_around(np.vstack([label, consensus]), results.labels.sizes[frame], _LEAST_CROP)
    _style.as_image(axes, read_image(results.labels.paths[frame]), box)
    names = results.labels.keypoints
    colours = dict(zip(names, keypoint_colours(len(names)), strict=True))
    for name, start, end in zip(rows["keypoint"], label, consensus, strict=True):
        _outlined(axes, [start[0], end[0]], [start[1], end[1]], "-", colours[name], 1.3)
        _outlined(axes, start[:1], start[1:], "x", colours[name], 1.6)
        _outlined(axes, end[:1], end[1:], "o", colours[name], 1.4)
    worst = rows[rows["stands_out"]].iloc[0]
    name = str(rows["image"].iloc[0])
    planted = rows.get("planted")
    kind = [f"planted: {planted.iloc[0]}"] if planted is not None and pd.notna(planted.iloc[0]) else []
    off = f"{worst['distance_px']:.0f} px off" if np.isfinite(worst["distance_px"]) else "without a label"
    where = _style.plain(f"{worst['keypoint']} {off}"[:34])
    first = f"#{worst['rank']}  frame {frame}{', held out' if worst['split'] == 'held-out' else ''}"
    axes.set_title("\n".join([first, _style.plain(name[-30:]), where, *kind]), fontsize=7.5)


def _legend(figure: Figure, keypoints: tuple[str, ...]) -> None:
    """Draw a legend of the keypoints' colours; the marks have black edges."""
    marks = [
        Line2D([], [], color=colour, marker="s", ls="", ms=7, mec="black", mew=0.6, label=_style.plain(name[:24]))
        for name, colour in zip(keypoints, keypoint_colours(len(keypoints)), strict=True)
    ]
    marks += [Line2D([], [], color="black", marker=mark, ls="", mfc="none", label=name)
              for mark, name in (("x", "label"), ("o", "consensus"))]  # fmt: skip
    figure.legend(handles=marks, loc="outside right center", fontsize=7.5)


def _outlined(axes: Axes, x: np.ndarray | list, y: np.ndarray | list, mark: str, colour: str, width: float) -> None:
    """Draw with a dark outline, so that it stands out on any image."""
    outline = _style.outline(width + 1.2)
    axes.plot(x, y, mark, color=colour, ms=6, mfc="none", mew=width, lw=width, path_effects=outline)


def _title(table: pd.DataFrame, frames: list[int], results: Results) -> str:
    checks = results.label_checks
    worst = table[table["stands_out"]]["distance_px"]
    rest = checks.loc[~checks["frame"].isin(frames), "distance_px"]
    flagged = int(checks["flagged"].sum())
    order = f"Check the labels of these {len(frames)} frames first (flagged in all: {flagged})"
    text = order if flagged else f"No label is flagged; the first {len(frames)} frames by suspicion"
    if worst.notna().any():
        text += f": a keypoint {worst.min():.1f} to {worst.max():.1f} px from its consensus"
    if worst.notna().any() and rest.notna().any():
        text += f", against {rest.median():.1f} px in the typical other frame"
    if results.planted is not None:
        text += f"; planted errors among them: {results.planted[frames].sum()} of {results.planted.sum()}"
    return text
