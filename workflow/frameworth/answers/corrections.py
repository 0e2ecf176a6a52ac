"""Read and check the labels that a person corrected on the report's page or in the review folder, and write them into a
copy of the project."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from frameworth.answers.review import Changes, read_review, same_labels
from frameworth.attribution.marked_right import digest_of_labels, marked_right, write_marked_right
from frameworth.errors import UserError
from frameworth.labels.corrected import Name, write_corrected_copy
from frameworth.labels.deeplabcut import LabelledProject, read_project
from frameworth.storage.files import read_table, replaced_folder, write_csv
from frameworth.text import counted

COLUMNS = ("video", "image", "mark", "keypoint", "x", "y", "was_x", "was_y")
_GIVE = "give the file that your browser downloaded from the report"
_MARKS = ("placed", "deleted", "right")


def apply_corrections(corrections: Path, study: Path, project: Path) -> tuple[list[str], bool]:
    """Write `corrected_project` of `study`: the project with the corrections of a CSV file or of a review folder.

    `marked_right.csv` of the study remembers the frames that were marked as right, with their labels. A frame that has
    lost all labels has none in the copy. The project itself is only read.

    Returns lines to print, and whether a label was changed. Raises UserError if nothing was corrected or marked, for a
    file that the page did not write or wrote for other labels, and for a folder that `review` did not write or wrote
    for other keypoints.
    """
    source = read_project(project)
    changes, right = (_of_folder if corrections.is_dir() else _of_file)(corrections, source)
    lines = _write_corrected(study, source, changes, corrections) if changes else []
    if right:
        write_marked_right(study, marked_right(study) | {name: digest_of_labels(xy) for name, xy in right.items()})
        they = "is marked as right: it is" if len(right) == 1 else "are marked as right: they are"
        lines.append(f"{counted(len(right), 'frame')} {they} not flagged again with these labels.")
    if not lines:
        raise UserError(f"{corrections}: has no correction that {project} lacks; correct labels first")
    return lines, bool(changes)


def _write_corrected(study: Path, source: LabelledProject, changes: Changes, given: Path) -> list[str]:
    """Write `corrected_project` of `study`, a copy of `source` with the changes; returns lines to print.

    Raises UserError for a frame that the project does not have, or if no frame would be left.
    """
    names = list(zip(source.videos, source.images, strict=True))
    gone = [name for name in changes if name not in names]
    if gone:
        raise UserError(f"{given}: changes {'/'.join(gone[0])}, which is not in {source.root}; remove it there")
    removed = sum(now is None for now in changes.values())
    if removed == len(names):
        raise UserError(f"{given}: removes every frame of the study; leave labels in some")
    folder, planted_csv = study / "corrected_project", source.root / "planted.csv"
    with replaced_folder(folder) as new:
        write_corrected_copy(source, new, changes)
        if planted_csv.exists():
            table = read_table(planted_csv, text=("video", "image", "planted"))
            still = [name not in changes for name in zip(table["video"], table["image"], strict=True)]
            write_csv(new / planted_csv.name, table[still])
    lines = [f"{len(changes) - removed} corrected and {removed} removed frames: {folder}/."]
    if removed:
        lines.append("A removed frame changes the pool, from which all subsets are drawn.")
    return lines


def _of_folder(folder: Path, source: LabelledProject) -> tuple[Changes, dict[Name, np.ndarray]]:
    """The changes in a review folder, where no frame is marked as right."""
    review = read_review(folder)
    if source.keypoints != review.keypoints:
        raise UserError(
            f"{folder}: was written for other keypoints than {source.root} has; delete it and run review again"
        )
    return review.changes, {}


def _of_file(path: Path, source: LabelledProject) -> tuple[Changes, dict[Name, np.ndarray]]:
    """The changes in a file from the page, and the labels [K, 2] px of the frames that are marked as right in it."""
    table = _read(path)
    rows = {name: row for row, name in enumerate(zip(source.videos, source.images, strict=True))}
    changes = _changes(table, source, rows, path)
    marked = [(row.video, row.image) for row in table.itertuples() if row.mark == "right"]
    now = {name: changes.get(name, source.xy[rows[name]]) for name in marked}
    return changes, {name: xy for name, xy in now.items() if xy is not None}


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


def _changes(table: pd.DataFrame, source: LabelledProject, rows: dict[Name, int], path: Path) -> Changes:
    """The changes that a table makes."""
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
