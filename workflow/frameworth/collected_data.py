"""`CollectedData_*`: label files as DeepLabCut writes them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from frameworth.files import atomic_path


def write_collected_data(
    project: Path, scorer: str, keypoints: Sequence[str], videos: Sequence[str], images: Sequence[str], xy: np.ndarray
) -> None:
    """Write the CSV and HDF5 of each video below `project/labeled-data`; `xy` [N, K, 2] px, NaN where missing."""
    columns = pd.MultiIndex.from_product(
        [[scorer], list(keypoints), ["x", "y"]], names=["scorer", "bodyparts", "coords"]
    )
    for video in dict.fromkeys(videos):
        rows = [i for i, name in enumerate(videos) if name == video]
        index = pd.MultiIndex.from_tuples([("labeled-data", video, images[i]) for i in rows])
        table = pd.DataFrame(xy[rows].reshape(len(rows), -1).round(3), index=index, columns=columns)
        stem = project / "labeled-data" / video / f"CollectedData_{scorer}"
        with atomic_path(stem.with_name(f"{stem.name}.csv")) as path:
            table.to_csv(path, lineterminator="\n")
        with atomic_path(stem.with_name(f"{stem.name}.h5")) as path:
            _write_h5(table, path)


def _write_h5(table: pd.DataFrame, path: Path) -> None:
    """What `table.to_hdf(path, key="df_with_missing", mode="w")` writes, less the time of writing."""
    with pd.HDFStore(path, mode="w") as store:
        file = store.root._v_file
        file.create_array = partial(file.create_array, track_times=False)
        store.put("df_with_missing", table)
