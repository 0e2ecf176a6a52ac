"""`labellers.csv` in a project's folder: who placed the labels of each frame, as far as this is known."""

from __future__ import annotations

import re
from collections.abc import Collection
from io import StringIO
from pathlib import Path

import pandas as pd

from frameworth.errors import Problem, RefusedError, one_line, refusal, warning
from frameworth.labels.readers.deeplabcut_table import decoded
from frameworth.text import counted

FILE = "labellers.csv"
COLUMNS = ["video", "image", "labeller"]


def labellers_file(folder: Path) -> list[Path]:
    """The path of the project's `labellers.csv`, in a list that is empty if there is none."""
    path = folder / FILE
    return [path] if path.is_file() else []


def read_labellers(folder: Path) -> pd.DataFrame:
    """`video`, `image` and `labeller` of each frame in the project's `labellers.csv`; no rows if there is no file.

    Raises RefusedError if the file cannot be read, lacks one of these columns, or names a frame twice.
    """
    for path in labellers_file(folder):
        wanted = f"give it the columns {', '.join(COLUMNS)}, a row per frame, or remove it"
        try:
            text, _ = decoded(path)
            match = re.match(r'"?\w+"?([;\t])', text)  # as spreadsheets write it
            table = pd.read_csv(StringIO(text), sep=match[1] if match else ",", dtype=str, keep_default_na=False)
        except (OSError, ValueError) as problem:
            raise refusal(path, f"cannot be read as labellers of frames ({one_line(problem)})", wanted) from None
        lacking = [column for column in COLUMNS if column not in table]
        if lacking:
            raise refusal(path, f"has no column {' and no column '.join(lacking)}", wanted)
        twice = table[table.duplicated(COLUMNS[:2])]
        if len(twice):
            raise refusal(path, f"names {twice.iloc[0]['video']}/{twice.iloc[0]['image']} more than once", wanted)
        return table.loc[table["labeller"].str.strip() != "", COLUMNS]
    return pd.DataFrame(columns=COLUMNS, dtype=str)


def labeller_problems(folder: Path, frames: Collection[tuple[str, str]]) -> list[Problem]:
    """Problems of `labellers.csv`, with a warning if rows name none of the labelled `frames` (video, image)."""
    try:
        labellers = read_labellers(folder)
    except RefusedError as refused:
        return list(refused.problems)
    names = zip(labellers["video"], labellers["image"], strict=True)
    unknown = ["/".join(name) for name in names if name not in frames]
    if not unknown:
        return []
    name = "names" if len(unknown) == 1 else "name"
    what = f"{len(unknown)} of {counted(len(labellers), 'row')} {name} no labelled frame ({unknown[0]})"
    return [warning(folder / FILE, what, "name the folder below labeled-data and the image's file, or remove the rows")]
