"""`CollectedData_*` and `machinelabels-*`: label files as DeepLabCut writes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from frameworth.storage.files import atomic_path
from frameworth.storage.pytables import write_pytables


def write_collected_data(
    project: Path,
    scorer: str,
    keypoints: Sequence[str],
    videos: Sequence[str],
    images: Sequence[str],
    xy: np.ndarray,
    decimals: int | None = 3,
) -> None:
    """Write the CSV and HDF5 of each video below `project/labeled-data`; `xy` [N, K, 2] px, NaN where missing.

    Args:
        decimals: to round to; None keeps every bit, so that networks trained on the same labels are known again.
    """
    values = xy if decimals is None else xy.round(decimals)
    for folder, table in _tables(project, scorer, keypoints, ["x", "y"], videos, images, values):
        _write(table, folder / f"CollectedData_{scorer}.csv", folder / f"CollectedData_{scorer}.h5")


def write_machine_labels(
    project: Path,
    scorer: str,
    keypoints: Sequence[str],
    videos: Sequence[str],
    images: Sequence[str],
    xy: np.ndarray,
    likelihood: np.ndarray,
) -> None:
    """Write what networks say, as DeepLabCut writes it beside frames to refine; `likelihood` [N, K]."""
    values = np.concatenate([xy, likelihood[..., None]], axis=2)
    for folder, table in _tables(project, scorer, keypoints, ["x", "y", "likelihood"], videos, images, values):
        _write(table, folder / "machinelabels.csv", folder / "machinelabels-iter0.h5")


def _tables(
    project: Path,
    scorer: str,
    keypoints: Sequence[str],
    coords: list[str],
    videos: Sequence[str],
    images: Sequence[str],
    values: np.ndarray,
) -> list[tuple[Path, pd.DataFrame]]:
    """Each video's folder and table; values [N, K, coords]."""
    columns = pd.MultiIndex.from_product([[scorer], list(keypoints), coords], names=["scorer", "bodyparts", "coords"])
    tables = []
    for video in dict.fromkeys(videos):
        rows = [i for i, name in enumerate(videos) if name == video]
        index = pd.MultiIndex.from_tuples([("labeled-data", video, images[i]) for i in rows])
        table = pd.DataFrame(values[rows].reshape(len(rows), -1), index=index, columns=columns)
        tables.append((project / "labeled-data" / video, table))
    return tables


def _write(table: pd.DataFrame, csv: Path, h5: Path) -> None:
    with atomic_path(csv) as temporary:
        table.to_csv(temporary, lineterminator="\n")
    write_pytables(h5, table)
