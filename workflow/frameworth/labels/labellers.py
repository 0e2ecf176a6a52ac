"""`labellers.csv` in a project's folder: who placed the labels of which frame, where somebody knows."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from frameworth.errors import one_line, refusal

FILE = "labellers.csv"
COLUMNS = ["video", "image", "labeller"]


def labellers_file(folder: Path) -> list[Path]:
    """The project's `labellers.csv`, if there is one."""
    path = folder / FILE
    return [path] if path.is_file() else []


def read_labellers(folder: Path) -> pd.DataFrame:
    """`video`, `image` and `labeller` of each frame that the project's file names; no rows where there is no file.

    Raises RefusedError for a file without these columns, or that names a frame twice.
    """
    for path in labellers_file(folder):
        wanted = f"give it the columns {', '.join(COLUMNS)}, a row per frame, or remove it"
        try:
            table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")[COLUMNS]
        except (OSError, ValueError, KeyError) as problem:
            raise refusal(path, f"cannot be read as labellers of frames ({one_line(problem)})", wanted) from None
        twice = table[table.duplicated(COLUMNS[:2])]
        if len(twice):
            raise refusal(path, f"names {twice.iloc[0]['video']}/{twice.iloc[0]['image']} more than once", wanted)
        return table[table["labeller"].str.strip() != ""]
    return pd.DataFrame(columns=COLUMNS, dtype=str)
