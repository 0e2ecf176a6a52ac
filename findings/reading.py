"""Where the studies of a question are, and what several questions read from them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from frameworth.results.results import Results
from frameworth.storage.files import read_table

PROJECTS = {"openfield": "open field", "reaching": "reaching", "mirrors": "mirrors"}


def finished(studies: str) -> dict[str, Path]:
    """The folders `results/{studies}-{project}` of finished studies, by project."""
    folders = {project: Path(f"results/{studies}-{project}") for project in PROJECTS}
    return {project: folder for project, folder in folders.items() if (folder / "report.html").exists()}


def projects_in(table: pd.DataFrame) -> list[str]:
    """The projects that a question's table is about, in the order of `PROJECTS`."""
    return [project for project in PROJECTS if project in set(table["project"])]


def tables(studies: str, file: str) -> pd.DataFrame:
    """The rows of `file` in all finished studies, with the column `project` first."""
    parts = {project: read_table(folder / file) for project, folder in finished(studies).items()}
    return pd.concat(parts, names=["project"]).reset_index("project").reset_index(drop=True)


def networks(folder: Path) -> pd.DataFrame:
    """A row per network of a study: percent, seed, member, mean log(1 + px) and median px over the held-out labels."""
    rows = Results(folder).networks
    names = {"mean_log_error": "log_error", "median_px": "median_px"}
    return rows[["percent", "seed", "member", *names]].rename(columns=names).reset_index(drop=True)
