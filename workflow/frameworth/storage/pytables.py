"""Tables as pandas and DeepLabCut keep them in HDF5, made in memory: PyTables does not notice a full disk."""

from __future__ import annotations

import tempfile
from functools import partial
from importlib import import_module
from pathlib import Path

import pandas as pd

from frameworth.storage.files import write_bytes


def write_pytables(path: Path, table: pd.DataFrame, layout: str = "fixed") -> None:
    """Write `table` as `table.to_hdf(path, key="df_with_missing", format=layout)`, less the time, atomically."""
    # pandas would say of any failure to load it, as of too little memory, that it is not installed.
    import_module("tables")
    # Without a backing store the file lives in memory; its name is only looked at, in the folder for temporary files.
    options = {"driver": "H5FD_CORE", "driver_core_backing_store": 0}
    with pd.HDFStore(Path(tempfile.gettempdir()) / path.name, mode="w", **options) as store:
        file = store.root._v_file
        file.create_array = partial(file.create_array, track_times=False)
        store.put("df_with_missing", table, format=layout)
        image = file.get_file_image()
    write_bytes(path, image)
