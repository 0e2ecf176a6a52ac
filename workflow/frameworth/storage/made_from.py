"""What an HDF5 file was made from, kept in its attributes: the digests of the files that it rests on."""

from __future__ import annotations

from pathlib import Path

from frameworth.storage.hdf5 import read_attributes


def made_from(*sources: Path) -> dict[str, str]:
    """Attributes for a file that is made from the HDF5 files `sources`: `labels_digest` for labels.h5."""
    return {f"{path.stem}_digest": read_attributes(path)["digest"] for path in sources}


def is_made_from(path: Path, source: Path) -> bool:
    """Whether the HDF5 file `path` was made from `source` as it is."""
    return read_attributes(path).get(f"{source.stem}_digest") == read_attributes(source)["digest"]
