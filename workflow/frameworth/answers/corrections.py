"""Read and check corrections that a person made on the report's page, and write them into a copy of the project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from frameworth.answers.review import same_labels, what_follows, write_corrected
from frameworth.attribution.marked_right import digest_of_labels, marked_right, write_marked_right
from frameworth.errors import UserError
from frameworth.labels.corrected import Name
from frameworth.labels.deeplabcut import LabelledProject, read_project
from frameworth.text import counted

COLUMNS = ("video", "image", "mark", "keypoint", "x", "y", "was_x", "was_y")
_GIVE = "give the file that your browser downloaded from the report"
_MARKS = ("placed", "deleted", "right")


def apply_corrections(
    corrections: Path, study: Path, project: Path, *, held_out: dict[str, Any], seed: int, keep_snapshots: bool
) -> list[str]:
    """Write `corrected_project` of `study`: the project with the corrections of a CSV file.

    `marked_right.csv` of the study remembers the frames that were marked as right, with their labels. A frame that has
    lost all labels has a row without labels in the copy. The project itself is only read.

    Args:
        held_out: `{"fraction": float, "by": "frame" | "video"}`. seed: the study's.
        keep_snapshots: of the config. If no networks are kept, all must be trained again to predict new labels.

    Returns lines to print. Raises UserError for a file that the page did not write or wrote for other labels.
    """
    table = _read(corrections)
    source = read_project(project)
    rows = {name: row for row, name in enumerate(zip(source.videos, source.images, strict=True))}
    changes = _changes(table, source, rows, corrections)
    lines = write_corrected(study, source, changes, corrections) if changes else []
    right = _marked(table, source, rows, changes)
    if right:
        write_marked_right(study, marked_right(study) | {name: digest_of_labels(xy) for name, xy in right.items()})
        they = "is marked as right: it is" if len(right) == 1 else "are marked as right: they are"
        lines.append(f"{counted(len(right), 'frame')} {they} not flagged again with these labels.")
    if changes:
        return [*lines, *what_follows(study, held_out, seed, keep_snapshots)]
    if right:
        return [*lines, "No label was changed, so no network is outdated; run the study again for its new list."]
    raise UserError(
        f"{corrections}: holds no correction that {project} does not have already; correct labels on the report's page "
        "first"
    )


def _read(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); {_GIVE}") from None
    if tuple(table.columns) != COLUMNS:
        raise UserError(f"{path}: has other columns than {', '.join(COLUMNS)}; {_GIVE}")
    for number, row in enumerate(table.itertuples(), 2):
        if row.mark not in _MARKS:
            raise UserError(f"{path}: line {number}: the mark {row.mark!r} is not one of {', '.join(_MARKS)}")
    return table


def _changes(
    table: pd.DataFrame, source: LabelledProject, rows: dict[Name, int], path: Path
) -> dict[Name, np.ndarray | None]:
    """New labels [K, 2] px of the frames that the table changes; None for frames that lose all labels."""
    changes: dict[Name, np.ndarray] = {}
    for number, row in enumerate(table.itertuples(), 2):
        name = (row.video, row.image)
        if name not in rows:
            raise UserError(f"{path}: line {number}: {'/'.join(name)} is not in {source.root}; remove the line")
        if row.mark == "right":
            continue
        if row.keypoint not in source.keypoints:
            raise UserError(f"{path}: line {number}: {source.root} has no keypoint {row.keypoint!r}; remove the line")
        keypoint = source.keypoints.index(row.keypoint)
        now = _point(row.x, row.y, path, number) if row.mark == "placed" else np.full(2, np.nan)
        before = source.xy[rows[name], keypoint]
        if not same_labels(before, _point(row.was_x, row.was_y, path, number)) and not same_labels(before, now):
            raise UserError(
                f"{path}: line {number}: {row.keypoint} in {'/'.join(name)} was changed since the report was made; "
                "run the study again and correct the label on its new report"
            )
        if not same_labels(before, now):
            changes.setdefault(name, source.xy[rows[name]].copy())[keypoint] = now
    return {name: None if np.isnan(xy).all() else xy for name, xy in changes.items()}


def _marked(
    table: pd.DataFrame, source: LabelledProject, rows: dict[Name, int], changes: dict[Name, np.ndarray | None]
) -> dict[Name, np.ndarray]:
    """Labels [K, 2] px, after the changes, of the frames that are marked as right."""
    marked = [(row.video, row.image) for row in table.itertuples() if row.mark == "right"]
    now = {name: changes.get(name, source.xy[rows[name]]) for name in marked}
    return {name: xy for name, xy in now.items() if xy is not None}


def _point(x: str, y: str, path: Path, line: int) -> np.ndarray:
    """The point [2] px; NaN if both texts are empty."""
    if not x and not y:
        return np.full(2, np.nan)
    try:
        point = np.array([float(x), float(y)])
    except ValueError:
        point = np.full(2, np.nan)
    if not np.isfinite(point).all():
        raise UserError(f"{path}: line {line}: ({x}, {y}) is no place in px; download the file again")
    return point
