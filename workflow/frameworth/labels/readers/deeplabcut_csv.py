"""DeepLabCut's label files as CSV, also as spreadsheets save them: `CollectedData_*.csv`."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np

from frameworth.errors import Problem, error, one_line, refusal, refuse_errors, warning
from frameworth.labels.names import plain_name
from frameworth.labels.readers.deeplabcut_table import DeepLabCutTable, decoded, path_parts, refuse_several_animals


def read_csv(path: Path, problems: list[Problem]) -> DeepLabCutTable:
    rows, decimal = csv_rows(path, problems)
    names = [row[0].strip() for row in rows[:4]]
    individuals = rows.pop(1) if names[1:2] == ["individuals"] else []
    if [row[0].strip() for row in rows[:3]] != ["scorer", "bodyparts", "coords"]:
        raise refusal(path, "does not open with the rows scorer, bodyparts, coords", "save it again from DeepLabCut")
    # A three-level index leaves the header cells above its second and third level empty.
    width = next((i for i, cell in enumerate(rows[0]) if i and cell.strip()), len(rows[0]))
    wrong = [
        error(path, f"row {number} has {len(row)} fields, not {len(rows[0])}", "mend the row")
        for number, row in enumerate(rows, start=1)
        if len(row) != len(rows[0])
    ]
    refuse_errors(wrong)
    columns = [(plain_name(name), coord.strip()) for name, coord in zip(rows[1], rows[2], strict=True)][width:]
    refuse_several_animals(path, individuals[width:], columns)
    filled = [any(row[width + i].strip() for row in rows) for i in range(len(columns))]  # spreadsheets leave others
    keep = [i for i, (_, coord) in enumerate(columns) if coord != "likelihood" and filled[i]]
    frames = [path_parts(row[:width]) for row in rows[3:]]
    values = np.full((len(frames), len(keep)), np.nan)
    for i, row in enumerate(rows[3:]):
        for j, column in enumerate(keep):
            try:
                values[i, j] = _number(row[width + column].replace(decimal, "."))
            except ValueError:
                name, coordinate = columns[column]
                what = f"{coordinate} of '{name}' in {frames[i][-1]} is '{row[width + column]}', not a number"
                todo = "correct it, or leave it empty where the keypoint is not labelled"
                wrong.append(error(path, what, todo))
    refuse_errors(wrong)
    scorers = {plain_name(rows[0][width + i]) for i in keep}
    return DeepLabCutTable(path, frames, [columns[i] for i in keep], values, scorers)


def csv_rows(path: Path, problems: list[Problem]) -> tuple[list[list[str]], str]:
    """The rows that are not empty, and the sign before decimals, a comma where cells are separated by `;` or tabs.

    A warning goes to `problems` if the text is not UTF-8. Raises RefusedError if the file cannot be read.
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


def _number(cell: str) -> float:
    return float(cell) if cell.strip() else np.nan
