"""One training frame, and what its presence does to one keypoint of another frame.

The pairs `harmful-k` and `helpful-k` are chosen from the size-centred influences of pool frames on held-out frames
with the right sign. The plain difference of means must have the same sign, so that the picture agrees with the number.
Of these, the tenth with the largest change in px is ranked by the change over its standard error, so that a pair
matters in px and does not depend on the luck of one subset. No training frame or evaluated frame is shown twice while
there are others. These pairs are the most extreme of many, so they look larger than they are; each note says so.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from frameworth.errors import UserError
from frameworth.figures import _matrix, _style
from frameworth.labels.images import read_image
from frameworth.results.results import Results
from frameworth.text import counted

_LARGE = 0.9  # a change above this quantile of the changes of the right sign is large
_RANKED = 2000  # number of the best pairs that are searched for frames not yet shown
_LEAST_SUBSETS = 3  # with and without the training frame
_LEAST_CROP = 24.0  # px
_SHOWN = (0.03, 0.97)  # the crop includes the detections between these quantiles
_COLUMNS = ["training_frame", "evaluated_frame", "keypoint", "influence_px", "standard_error_px", "subset",
            "percent", "with_training_frame", "x", "y", "error_px", "label_x", "label_y"]  # fmt: skip


class Cell(NamedTuple):
    """A training frame, an evaluated frame, and the index of a keypoint."""

    training: int
    evaluated: int
    keypoint: int


def table(results: Results, pair: str) -> pd.DataFrame:
    """A row per subset with its consensus for the pair's keypoint; no rows if there is no such pair.

    Args:
        pair: `harmful-{k}`, `helpful-{k}` or `{training frame}_{evaluated frame}`.
    """
    cell = _cell(results, pair)
    if cell is None:
        return pd.DataFrame(columns=_COLUMNS)
    estimate = {name: values[cell] for name, values in results.influence("error", _matrix.ESTIMATOR).items()}
    pose = results.scores["consensus_pose"][:, cell.evaluated, cell.keypoint].astype(float)
    label = results.labels.xy[cell.evaluated, cell.keypoint]
    made = pd.DataFrame(
        {
            "training_frame": cell.training,
            "evaluated_frame": cell.evaluated,
            "keypoint": results.labels.keypoints[cell.keypoint],
            "influence_px": estimate["value"],
            "standard_error_px": estimate["standard_error"],
            "subset": results.subsets["subset"],
            "percent": results.subsets["percent"],
            "with_training_frame": results.inclusion[:, cell.training],
            "x": pose[:, 0],
            "y": pose[:, 1],
            "error_px": np.hypot(*(pose - label).T),
            "label_x": label[0],
            "label_y": label[1],
        }
    )
    return made.dropna(subset=["x", "y"])[_COLUMNS]  # without subsets whose networks all diverged


def draw(table: pd.DataFrame, results: Results) -> Figure:
    """Training frame, evaluated frame, and a crop of the evaluated frame around the detections."""
    if table.empty:
        return _style.message(
            "There is no such pair: no influence of this sign can be estimated well enough",
            f"It takes {_LEAST_SUBSETS} subsets with and {_LEAST_SUBSETS} of the same size without it.",
        )
    first = table.iloc[0]
    training, evaluated = int(first["training_frame"]), int(first["evaluated_frame"])
    shapes = results.labels.sizes[[training, evaluated]].astype(float)
    figure = _style.new_figure(10, 1.6 + 2.3 * max(1.0, float((shapes[:, 1] / shapes[:, 0]).max())))
    left, middle, right = figure.subplots(1, 3)
    _training(left, results, training, str(first["keypoint"]))
    picture = read_image(results.labels.paths[evaluated])
    box = _crop(table, results)
    _style.as_image(middle, picture)
    middle.add_patch(Rectangle((box[0], box[1]), box[2] - box[0], box[3] - box[1], fill=False, ec="white",
                               path_effects=_style.outline(2.5)))  # fmt: skip
    _detections(middle, table, 3)
    held_out = "" if results.pool[evaluated] else " (held out)"
    middle.set_title(f"evaluated frame {evaluated}{held_out}\n{_name(results, evaluated)}")
    _style.as_image(right, picture, box)
    _detections(right, table, 6)
    right.set_title("the box enlarged\n")
    for axes in (left, middle, right):
        axes.set(xlabel="x (px)", ylabel="y (px)" if axes is left else "")
    figure.legend(*right.get_legend_handles_labels(), loc="outside right center")
    _style.headline(figure, _title(first), _note(table, results, box))
    return figure


def _cell(results: Results, pair: str) -> Cell | None:
    effect, _, number = pair.partition("-")
    if effect in ("harmful", "helpful") and number.isdecimal() and int(number) > 0:
        ranked = ranked_cells(results, effect)
        return ranked[int(number) - 1] if int(number) <= len(ranked) else None
    training, _, evaluated = pair.partition("_")
    if not (training.isdecimal() and evaluated.isdecimal()):
        raise UserError(f"figure 'influence_pair_{pair}': ask for harmful-1, helpful-1, or two frames like 12_40")
    return _asked(results, int(training), int(evaluated))


def ranked_cells(results: Results, effect: str) -> list[Cell]:
    """The most `harmful` or `helpful` influences of pool frames on held-out frames, best first."""
    estimate = results.influence("error", _matrix.ESTIMATOR)
    value = estimate["value"].astype(float) * (1 if effect == "harmful" else -1)
    plain = results.influence("error", "difference-of-means")["value"]
    usable = (value > 0) & (plain * estimate["value"] > 0)
    usable &= (results.pool & _contrasted(results))[:, None, None] & ~results.pool[None, :, None]
    if not usable.any():
        return []
    cells = np.argwhere(usable & (value >= np.quantile(value[usable], _LARGE)))
    strength = _studentised(value, estimate["standard_error"])[tuple(cells.T)]
    order = np.argsort(-strength, kind="stable")[:_RANKED]
    return _varied([Cell(*map(int, cell)) for cell in cells[order]])


def _contrasted(results: Results) -> np.ndarray:
    """Bool [N]: frames with enough subsets of the same size with and without them.

    A contrast within sizes rests on Σ over percents of n_with · n_without / n. This must be at least the value
    for `_LEAST_SUBSETS` subsets with the frame and as many without it.
    """
    sizes = pd.DataFrame(results.inclusion.astype(float)).groupby(results.percents)
    within = (sizes.sum() * (1 - sizes.mean())).sum().to_numpy()
    return within >= _LEAST_SUBSETS / 2 - 1e-9


def _studentised(value: np.ndarray, error: np.ndarray) -> np.ndarray:
    """The change over its standard error; the change itself where no standard error is known at all."""
    known = np.isfinite(error) & (error > 0)
    if not known.any():
        return value
    return np.where(known, value / np.where(known, error, 1), -np.inf)


def _varied(cells: list[Cell]) -> list[Cell]:
    """The same cells; those that repeat neither a training frame nor an evaluated frame come first."""
    first: list[Cell] = []
    for cell in cells:
        if all(cell.training != other.training and cell.evaluated != other.evaluated for other in first):
            first.append(cell)
    chosen = set(first)
    return first + [cell for cell in cells if cell not in chosen]


def _asked(results: Results, training: int, evaluated: int) -> Cell | None:
    """The cell of the keypoint on which the influence stands out most."""
    total = len(results.pool)
    for frame in (training, evaluated):
        if frame >= total:
            raise UserError(f"figures.pair_list: there is no frame {frame}; frames are 0 to {total - 1}")
    if not results.pool[training]:
        raise UserError(f"figures.pair_list: frame {training} is held out, no subset holds it; name a pool frame first")
    estimate = results.influence("error", _matrix.ESTIMATOR)
    value = np.abs(estimate["value"][training, evaluated].astype(float))
    if not np.isfinite(value).any():
        return None
    strength = _studentised(value, estimate["standard_error"][training, evaluated])
    return Cell(training, evaluated, int(np.nanargmax(np.where(np.isfinite(value), strength, -np.inf))))


def _training(axes: Axes, results: Results, frame: int, keypoint: str) -> None:
    """Draw the training frame with its labels, and a ring around the pair's keypoint."""
    _style.as_image(axes, read_image(results.labels.paths[frame]))
    xy = results.labels.xy[frame]
    outline = _style.outline(2.6)
    for bone in results.labels.skeleton:
        axes.plot(xy[bone, 0], xy[bone, 1], "-", color="white", lw=0.8, path_effects=outline)
    axes.plot(xy[:, 0], xy[:, 1], "x", color=_style.ORANGE, ms=6, mew=1.5, path_effects=outline)
    index = results.labels.keypoints.index(keypoint)
    axes.plot(*xy[index], "o", mfc="none", mec=_style.ORANGE, ms=12, mew=1.5, path_effects=outline)
    planted = results.planted is not None and results.planted[frame]
    kind = f", planted: {results.frames['planted'][frame]}" if planted else ""
    axes.set_title(f"training frame {frame} with its labels{kind}\n{_name(results, frame)}")


def _detections(axes: Axes, table: pd.DataFrame, size: float) -> None:
    """Draw one mark per subset, with and without the training frame, and the label."""
    outline = _style.outline(size / 2 + 1, "white")
    small = size * float(np.clip(np.sqrt(60 / len(table)), 0.4, 1))  # hundreds of large marks would hide each other
    looks = {True: ("o", _style.BLUE, "with"), False: ("X", _style.RED, "without")}
    for included, (marker, colour, word) in looks.items():
        rows = table[table["with_training_frame"] == included]
        axes.plot(rows["x"], rows["y"], marker, color=colour, ms=small, mec="w", mew=small / 12, alpha=0.8,
                  label=f"{word} frame {table['training_frame'].iloc[0]} ({counted(len(rows), 'subset')})")  # fmt: skip
    axes.plot(table["label_x"].iloc[0], table["label_y"].iloc[0], "+", color="black", ms=2.4 * size,
              mew=size / 3, path_effects=outline, label="label")  # fmt: skip


def _crop(table: pd.DataFrame, results: Results) -> tuple[float, float, float, float]:
    size = results.labels.sizes[int(table["evaluated_frame"].iloc[0])]
    detections = table[["x", "y"]].quantile(_SHOWN).to_numpy()
    label = table[["label_x", "label_y"]].to_numpy()[:1]
    return _style.box_around(np.vstack([detections, label]), size, _LEAST_CROP)


def _title(first: pd.Series) -> str:
    change = float(first["influence_px"])
    error = first["standard_error_px"]
    known = f" (± {error:.1f}{_style.NBSP}px standard error)" if np.isfinite(error) else ""
    way = "farther from" if change > 0 else "nearer to"
    keypoint, training, evaluated = first["keypoint"], first["training_frame"], first["evaluated_frame"]
    moved = f"{abs(change):.1f}{_style.NBSP}px {way} its label in frame {evaluated}{known}"
    return f"Training on frame {training} moves {keypoint} {moved}"


def _note(table: pd.DataFrame, results: Results, box: tuple[float, float, float, float]) -> str:
    means = table.groupby("with_training_frame")["error_px"].mean()
    outside = (~table["x"].between(box[0], box[2]) | ~table["y"].between(box[1], box[3])).sum()
    text = (
        f"Each mark is the consensus of one subset; its mean error is {means.get(True, np.nan):.1f} px with "
        f"and {means.get(False, np.nan):.1f} px without the frame. The influence in the title compares "
        "subsets of the same size, by the error of single networks. "
    )
    if outside:
        text += f"Marks outside the box: {outside}. "
    if results.pool[int(table["evaluated_frame"].iloc[0])]:
        text += "The evaluated frame is itself trained on in some of the subsets. "
    return text + "Pairs picked as the strongest of many look stronger than they are."


def _name(results: Results, frame: int) -> str:
    row = results.frames.iloc[frame]
    return _style.plain(f"{row['video']}/{row['image']}"[-38:])
