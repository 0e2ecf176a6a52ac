"""Where the studies of a question lie, and what several questions read of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from frameworth.storage.files import read_table

PROJECTS = {"openfield": "open field", "reaching": "reaching", "mirrors": "mirrors"}


def finished(studies: str) -> dict[str, Path]:
    """The folders `results/{studies}-{project}` by project; those that were run to their end."""
    folders = {project: Path(f"results/{studies}-{project}") for project in PROJECTS}
    return {project: folder for project, folder in folders.items() if (folder / "report.html").exists()}


def networks(folder: Path) -> pd.DataFrame:
    """A row per network of a study: percent, seed, member, mean log(1 + px) and median px over the held-out labels."""
    rows = read_table(folder / "rmse.csv").query("kind == 'network'")
    names = {"mean_log_error": "log_error", "median_px": "median_px"}
    return rows[["percent", "seed", "member", *names]].rename(columns=names).reset_index(drop=True)


def interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float, float]:
    """Mean of independent values, and its t interval."""
    mean, error = float(np.mean(values)), float(stats.sem(values))
    half = float(stats.t.ppf((1 + level) / 2, len(values) - 1)) * error
    return mean, mean - half, mean + half
