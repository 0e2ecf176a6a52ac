"""Where a question's studies, table and figure lie, and what several questions read of a study."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from frameworth.storage.files import read_table, write_csv

PROJECTS = {"openfield": "open field", "reaching": "reaching", "mirrors": "mirrors"}
TABLES = Path("docs/findings")
FIGURES = Path("docs/images/findings")


def studies(question: str, kind: str) -> dict[str, Path]:
    """The folders of one kind of study of a question, by project; those that were run to their end."""
    folders = {project: Path(f"results/{question}-{kind}-{project}") for project in PROJECTS}
    return {project: folder for project, folder in folders.items() if (folder / "rmse.csv").exists()}


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


def run(
    question: str,
    collect: Callable[[], pd.DataFrame],
    answer: Callable[[pd.DataFrame], pd.DataFrame],
    draw: Callable[[pd.DataFrame], Figure],
    arguments: Sequence[str] | None = None,
) -> None:
    """Write a question's table from its studies, print what it answers, and draw its figure from the table alone.

    With `--draw` the table is taken as it lies there.
    """
    parser = argparse.ArgumentParser(prog=f"python -m findings.{question.replace('-', '_')}")
    parser.add_argument("--draw", action="store_true", help="from the table that is there, without studies")
    path = TABLES / f"{question}.csv"
    if not parser.parse_args(arguments).draw:
        TABLES.mkdir(parents=True, exist_ok=True)
        write_csv(path, collect())
    table = pd.read_csv(path)
    print(answer(table).to_string(index=False))
    FIGURES.mkdir(parents=True, exist_ok=True)
    draw(table).savefig(FIGURES / f"{question}.png", dpi=110, bbox_inches="tight")
