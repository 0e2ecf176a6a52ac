"""Reads Lightning Pose CSV files: header rows scorer, bodyparts, coords; a column `visible` of 0 means no label."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from frameworth.errors import Problem, UserError
from frameworth.labels.readers.deeplabcut_csv import csv_rows, number
from frameworth.labels.readers.tables import LabelTable, NamedFiles, Picture, file_name, find_image, folder_and_above
from frameworth.text import counted

HEADER = ["scorer", "bodyparts", "coords"]


def read_lightning_pose(path: Path) -> LabelTable | None:
    """The labels of a CSV file, with keypoints in its order; None if it is another kind of table.

    Raises UserError, naming the row or cell that cannot be read, or the image that is missing.
    """
    problems: list[Problem] = []
    table, decimal = csv_rows(path, problems)
    if [row[0].strip() for row in table[:3]] != HEADER:
        return None
    _, parts, coords = ([cell.strip() for cell in row] for row in table[:3])
    columns: dict[tuple[str, str], int] = {}
    for i in range(1, len(coords)):
        if (parts[i], coords[i]) in columns:
            what = f"has more than one column '{parts[i]}' {coords[i]}"
            raise UserError(f"{path}: {what}; give each keypoint a name of its own")
        if coords[i]:
            columns[parts[i], coords[i]] = i
    keypoints = tuple(dict.fromkeys(name for name, _ in columns))
    if {coord for _, coord in columns} not in ({"x", "y"}, {"x", "y", "visible"}):
        return None  # predictions have a likelihood
    levels = min(columns.values(), default=1)  # DeepLabCut writes a path as one cell or as three
    labelled: list[tuple[str, np.ndarray]] = []
    names = ["/".join(cell for cell in row[:levels] if cell) for row in table[3:]]
    for name, row in zip(names, table[3:], strict=True):
        where = f"{path}: the row of {name}"
        if len(row) != len(coords):
            raise UserError(f"{where} has {counted(len(row), 'cell')}, not {len(coords)}; correct it")
        xy = np.array([[_number(row[columns[key, axis]], decimal, where) for axis in "xy"] for key in keypoints])
        for index, key in enumerate(keypoints):
            if (key, "visible") in columns and _number(row[columns[key, "visible"]], decimal, where) == 0:
                xy[index] = np.nan
        if np.isfinite(xy).all(axis=1).any():
            labelled.append((name, xy))
    # Paths are relative to the file's folder, or to the project whose labeled-data contains the file.
    files = NamedFiles(path, names, folder_and_above(path, 2))
    is_one_folder = len({name.removesuffix(file_name(name)) for name, _ in labelled}) == 1
    rows: dict[Picture, np.ndarray] = {}
    for name, xy in labelled:
        image = files.find(name)
        if image is None and is_one_folder:  # the folder may have been renamed
            image = find_image(file_name(name), [path.parent])
        if image is None:
            raise UserError(
                f"{path}: labels {name}, but there is no such image beside the file; put it back, or remove its row"
            )
        if Picture(image) in rows:
            raise UserError(f"{path}: has more than one row for {name}; keep one of them")
        rows[Picture(image)] = xy
    return LabelTable(keypoints, (), tuple(rows.items()), tuple(problems))


def _number(cell: str, decimal: str, where: str) -> float:
    try:
        return number(cell, decimal)
    except ValueError:
        raise UserError(f"{where} holds {cell!r}, which is no number; correct it") from None
