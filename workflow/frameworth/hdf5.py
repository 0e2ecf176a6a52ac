"""Reading and writing the project's HDF5 files: named dimensions, units, provenance, a digest, no pickles."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from frameworth.errors import UserError
from frameworth.files import atomic_path
from frameworth.full_disk import written_to_its_end
from frameworth.provenance import provenance


@dataclass(frozen=True)
class Array:
    """One dataset: its values, the name of each dimension, its unit ("" where it has none)."""

    values: np.ndarray
    dims: tuple[str, ...]
    unit: str = ""


def write_hdf5(
    path: Path | str,
    arrays: Mapping[str, Array] | Iterable[tuple[str, Array]],
    scales: Mapping[str, np.ndarray],
    attributes: Mapping[str, str] | None = None,
) -> None:
    """Write `arrays` (names may hold `/`) with dimension scales `scales`, atomically.

    Pairs of names and arrays are taken one by one, so that they need not be in memory together.
    Strings are stored as UTF-8. The file's attributes hold the provenance, `attributes`, and `digest`, the
    SHA-256 of all values, which `digest_is_right` compares.
    """
    with (
        atomic_path(path) as temporary,
        written_to_its_end(temporary) as stream,
        h5py.File(stream, "w", libver="latest") as file,
    ):
        for name, values in scales.items():
            file.create_dataset(name, data=_storable(values)).make_scale(name)
        for name, array in arrays.items() if isinstance(arrays, Mapping) else arrays:
            values = _storable(array.values)
            packed = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if values.size > 4096 else {}
            dataset = file.create_dataset(name, data=values, **packed)
            dataset.attrs["unit"] = array.unit
            for axis, dim in enumerate(array.dims):
                dataset.dims[axis].label = dim
                if dim in scales:
                    dataset.dims[axis].attach_scale(file[dim])
        for key, text in {**provenance(), **(attributes or {})}.items():
            file.attrs[key] = text
        file.attrs["digest"] = _digest(file)


def read_hdf5(path: Path | str, names: list[str] | None = None) -> dict[str, np.ndarray]:
    """Read datasets `names` (all, with their full names, if None) of a file that `write_hdf5` wrote.

    Raises UserError naming the file if it is missing, damaged or not such a file.
    """
    path = Path(path)
    try:
        with h5py.File(path, "r") as file:
            wanted = _dataset_names(file) if names is None else names
            return {name: _loaded(file[name]) for name in wanted}
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file; run the workflow to make it") from None
    except (OSError, KeyError) as error:
        if "memory allocation failed" in str(error):
            raise MemoryError from None
        raise UserError(f"{path}: damaged or not a frameworth file ({error}); delete it and run again") from None


def read_attributes(path: Path | str) -> dict[str, str]:
    """The file's provenance and other attributes."""
    with h5py.File(path, "r") as file:
        return {key: str(value) for key, value in file.attrs.items()}


def digest_is_right(path: Path | str) -> bool:
    """Whether the values in the file are those that were written."""
    try:
        with h5py.File(path, "r") as file:
            return file.attrs["digest"] == _digest(file)
    except (OSError, KeyError):
        return False


def _storable(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values)
    if values.dtype.kind in "UO":
        return values.astype(h5py.string_dtype("utf-8"))
    return values


def _loaded(dataset: h5py.Dataset) -> np.ndarray:
    if h5py.check_string_dtype(dataset.dtype):
        return np.asarray(dataset.asstr()[()], dtype=str)
    return np.asarray(dataset[()])


def _dataset_names(file: h5py.File) -> list[str]:
    names: list[str] = []
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return sorted(names)


def _digest(file: h5py.File) -> str:
    digest = hashlib.sha256()
    for name in _dataset_names(file):
        values = _loaded(file[name])
        digest.update(json.dumps([name, str(values.dtype), list(values.shape)]).encode())
        if values.dtype.kind == "U":
            digest.update("\0".join(values.ravel().tolist()).encode())
        else:
            digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
