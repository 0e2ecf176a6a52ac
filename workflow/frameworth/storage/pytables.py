"""Writes HDF5 tables as pandas and DeepLabCut do, but makes them in memory: PyTables does not notice a full disk."""

from __future__ import annotations

import tempfile
from functools import partial
from importlib import import_module
from pathlib import Path

import pandas as pd

from frameworth.storage.files import write_bytes


def write_pytables(path: Path, table: pd.DataFrame, layout: str = "fixed") -> None:
    """Write `table` atomically, as `table.to_hdf(path, key="df_with_missing", format=layout)` but without times."""
    # If loading PyTables fails in pandas, also for lack of memory, pandas says that it is not installed.
    import_module("tables")
    # Without a backing store the file is only in memory; PyTables only checks its path, here in the temporary folder.
    options = {"driver": "H5FD_CORE", "driver_core_backing_store": 0}
    with pd.HDFStore(Path(tempfile.gettempdir()) / path.name, mode="w", **options) as store:
        file = store.root._v_file
        file.create_array = partial(file.create_array, track_times=False)
        store.put("df_with_missing", table, format=layout)
        image = file.get_file_image()
    write_bytes(path, image)
