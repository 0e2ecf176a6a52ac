"""Reads DeepLabCut's label files in CSV, also if a spreadsheet saved them: `CollectedData_*.csv`."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np

from frameworth.errors import Problem, error, one_line, refusal, refuse_errors, warning
from frameworth.labels.names import plain_name
from frameworth.labels.readers.deeplabcut_table import DeepLabCutTable, decoded, path_parts, used_columns
from frameworth.text import counted

# Texts that pandas' read_csv, and so DeepLabCut, reads as a missing value, but float() refuses.
MISSING = ("", "NA", "N/A", "n/a", "<NA>", "#N/A", "#N/A N/A", "#NA", "NULL", "null", "None", "1.#IND", "-1.#IND")


def read_csv(path: Path, problems: list[Problem]) -> DeepLabCutTable:
    """The table of a DeepLabCut CSV; warnings are added to `problems`.

    Raises RefusedError if its header or a row is wrong.
    """
    rows, decimal = csv_rows(path, problems)
    names = [row[0].strip() for row in rows[:4]]
    levels = ["scorer", *(["individuals"] if names[1:2] == ["individuals"] else []), "bodyparts", "coords"]
    if names[: len(levels)] != levels:
        raise refusal(path, "does not open with the rows scorer, bodyparts, coords", "save it again from DeepLabCut")
    # If the index has three levels, the header cells above its second and third level are empty.
    width = next((i for i, cell in enumerate(rows[0]) if i and cell.strip()), len(rows[0]))
    wrong = [
        error(path, f"row {at} has {counted(len(row), 'field')}, not {len(rows[0])}", "correct the row", kind="fields")
        for at, row in enumerate(rows, start=1)
        if len(row) != len(rows[0])
    ]
    refuse_errors(wrong)
    filled = [i for i in range(width, len(rows[0])) if any(row[i].strip() for row in rows)]  # without empty columns
    header = [tuple(row[i].strip() for row in rows[: len(levels)]) for i in filled]
    frames = [path_parts(row[:width]) for row in rows[len(levels) :]]
    cells = np.full((len(frames), len(filled)), np.nan)
    for i, row in enumerate(rows[len(levels) :]):
        for j, column in enumerate(filled):
            try:
                cells[i, j] = number(row[column], decimal)
            except ValueError:
                *_, name, coordinate = header[j]
                what = f"{coordinate} of '{plain_name(name)}' in {frames[i][-1]} is '{row[column]}', not a number"
                todo = "correct it, or leave it empty where the keypoint is not labelled"
                wrong.append(error(path, what, todo, kind="no number"))
    refuse_errors(wrong)
    return DeepLabCutTable(path, frames, header, cells, used_columns(path, header, cells))


def csv_rows(path: Path, problems: list[Problem]) -> tuple[list[list[str]], str]:
    """The rows that are not empty, and the decimal sign: a comma if cells are separated by `;` or tabs, else a point.

    If the text is not UTF-8, a warning is added to `problems`. Raises RefusedError if the file cannot be read.
    """
    try:
        text, is_utf8 = decoded(path)
        if not is_utf8:
            what = "is not UTF-8, and is read as Windows' Western code page (cp1252)"
            problems.append(warning(path, what, "see that names in it are right, or save it as UTF-8"))
        match = re.match('"?scorer"?([;\t])', text)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=match[1] if match else ",")
        return [row for row in reader if any(cell.strip() for cell in row)], "," if match else "."
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise refusal(path, f"cannot be read ({one_line(problem)})", "save it again from DeepLabCut") from problem


def number(cell: str, decimal: str) -> float:
    """The number in a cell, NaN if pandas would read a missing value; raises ValueError if it is not a number."""
    return np.nan if cell.strip() in MISSING else float(cell.replace(decimal, "."))
