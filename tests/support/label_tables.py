"""Tables of labels as in DeepLabCut, and files of these as DeepLabCut writes them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd


def label_table(
    video: str, images: Sequence[str], values: np.ndarray, keypoints: Sequence[str], sign: str = ""
) -> pd.DataFrame:
    """Labels by Ann of images of one video.

    Args:
        values: [images, keypoints × 2], x and y. sign: of paths, where rows are named by these and not by three levels.
    """
    columns = pd.MultiIndex.from_product([["Ann"], keypoints, ["x", "y"]], names=["scorer", "bodyparts", "coords"])
    parts = [("labeled-data", video, image) for image in images]
    index = pd.Index([sign.join(part) for part in parts]) if sign else pd.MultiIndex.from_tuples(parts)
    return pd.DataFrame(values, index=index, columns=columns)


def of_individuals(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The labels of several animals as one table of a multi-animal project."""
    table = pd.concat(tables, axis=1).swaplevel(0, 1, axis=1)
    table.columns.names = ["scorer", "individuals", "bodyparts", "coords"]
    return table


def write_table(table: pd.DataFrame, path: Path, layout: str = "fixed") -> None:
    """Write labels as CSV, or as HDF5 in pandas's `fixed` or `table` layout."""
    if path.suffix == ".csv":
        table.to_csv(path)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table.to_hdf(path, key="df_with_missing", mode="w", format=layout)
