"""A contact sheet of the frames whose labels the networks that never saw them contradict most."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from frameworth.figures import _style
from frameworth.images import read_image
from frameworth.results import Results

_FRAMES, _COLUMNS = 12, 4
_LEAST_CROP = 40.0  # px
_TABLE = ["check_priority", "frame", "video", "image", "out_of_bag_error", "keypoint", "label_x", "label_y",
          "consensus_x", "consensus_y", "distance_px", "subsets_without", "planted"]  # fmt: skip


def table(results: Results) -> pd.DataFrame:
    """A row per labelled keypoint of the frames to check first.

    `consensus_x`, `consensus_y` (px): median consensus pose of the subsets without the frame; `distance_px`:
    from there to the label.
    """
    values = results.frame_values.dropna(subset="out_of_bag_error").sort_values("check_priority").head(_FRAMES)
    rows = [row for known in values.to_dict("records") for row in _keypoints(known, results)]
    made = pd.DataFrame(rows, columns=_TABLE)
    return made if results.planted is not None else made.drop(columns="planted")


def draw(table: pd.DataFrame, results: Results) -> Figure:
    """Image crops with label (cross) and consensus (circle) of every keypoint, joined by a line."""
    frames = list(dict.fromkeys(table["frame"]))
    if not frames:
        return _style.message(
            "No label can be checked: no frame has an out-of-bag error",
            "An out-of-bag error needs subsets that do not hold the frame.",
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
    _style.headline(figure, _title(table, frames, results), _note(results))
    return figure


def _keypoints(known: dict, results: Results) -> list[dict]:
    frame = known["frame"]
    without = ~results.inclusion[:, frame]
    poses = results.scores["consensus_pose"][without, frame]
    rows = []
    for index, name in enumerate(results.labels.keypoints):
        label = results.labels.xy[frame, index]
        seen = poses[np.isfinite(poses[:, index]).all(axis=1), index]
        if not np.isfinite(label).all() or not len(seen):
            continue
        place = np.median(seen.astype(float), axis=0)
        rows.append(
            {name: known[name] for name in ("check_priority", "frame", "video", "image", "out_of_bag_error")}
            | {"keypoint": name, "label_x": label[0], "label_y": label[1]}
            | {
                "consensus_x": place[0],
                "consensus_y": place[1],
                "distance_px": float(np.hypot(*(place - label))),
            }
            | {"subsets_without": len(seen), "planted": results.frames.get("planted", {frame: None})[frame]}
        )
    return rows


def _crop(axes: Axes, rows: pd.DataFrame, results: Results) -> None:
    frame = int(rows["frame"].iloc[0])
    label, consensus = (
        rows[["label_x", "label_y"]].to_numpy(),
        rows[["consensus_x", "consensus_y"]].to_numpy(),
    )
    size = results.labels.sizes[frame]
    box = _style.box_around(np.vstack([label, consensus]), (int(size[0]), int(size[1])), _LEAST_CROP)
    _style.as_image(axes, read_image(results.labels.paths[frame]), box)
    for start, end in zip(label, consensus, strict=True):
        _outlined(axes, [start[0], end[0]], [start[1], end[1]], "-", _style.SKY, 1.3)
    _outlined(axes, label[:, 0], label[:, 1], "x", _style.ORANGE, 1.6)
    _outlined(axes, consensus[:, 0], consensus[:, 1], "o", _style.SKY, 1.4)
    worst = rows.loc[rows["distance_px"].idxmax()]
    name = str(rows["image"].iloc[0])
    planted = rows.get("planted")
    kind = f" (planted: {planted.iloc[0]})" if planted is not None and pd.notna(planted.iloc[0]) else ""
    where = _style.plain(f"{worst['keypoint']} {worst['distance_px']:.0f} px off"[:34])
    first = f"#{rows['check_priority'].iloc[0]}  frame {frame}{kind}"
    axes.set_title("\n".join([first, _style.plain(name[-30:]), where]), fontsize=7.5)


def _outlined(axes: Axes, x: np.ndarray | list, y: np.ndarray | list, mark: str, colour: str, width: float) -> None:
    """Draw with a dark outline, so that it stands out on any image."""
    outline = [withStroke(linewidth=width + 1.2, foreground="black")]
    axes.plot(x, y, mark, color=colour, ms=6, mfc="none", mew=width, lw=width, path_effects=outline)


def _title(table: pd.DataFrame, frames: list[int], results: Results) -> str:
    worst = table.groupby("frame")["out_of_bag_error"].first()
    rest = results.frame_values.loc[~results.frame_values["frame"].isin(frames), "out_of_bag_error"]
    flagged = int((results.frame_values["verdict"] == "check label").sum())
    stand = f"{flagged} {'stands' if flagged == 1 else 'stand'} out"
    order = f"Check these {len(frames)} labels first ({stand})"
    text = order if flagged else f"No label stands out; the first {len(frames)} by order"
    text += f": out-of-bag errors of {worst.min():.1f} to {worst.max():.1f} px"
    if rest.notna().any():
        text += f" against {rest.median():.1f} px for the typical other frame"
    if results.planted is not None:
        total = int(results.planted[results.pool].sum())
        found = int(results.planted[frames].sum())
        text += f"; {found} of the {total} planted errors are among them"
    return text


def _note(results: Results) -> str:
    return (
        "Orange cross: the label. Blue circle: median consensus of the subsets without the frame, joined to "
        "its label. Either may be wrong: a large distance says look, not that the label is false."
    )
