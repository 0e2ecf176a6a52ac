"""Reading and writing frameworth's HDF5 files, with named dimensions, units, provenance and a digest; no pickles."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

import h5py
import numpy as np

from frameworth.errors import UserError, one_line
from frameworth.storage.digests import damaged, verified
from frameworth.storage.files import atomic_path
from frameworth.storage.full_disk import written_to_its_end

# The errors that h5py and numpy raise for a file whose bytes are damaged.
_BROKEN = (OSError, KeyError, ValueError, TypeError, RuntimeError, OverflowError, MemoryError)


_PACKAGES = ("deeplabcut", "torch", "timm", "albumentations", "numpy", "scipy", "pandas", "h5py", "snakemake")


@cache
def provenance() -> dict[str, str]:
    """The versions, by name, of Python and of the packages that determine results."""
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in _PACKAGES}


@dataclass(frozen=True)
class Array:
    """One dataset: its values, the name of each dimension, and its unit ("" if it has none)."""

    values: np.ndarray
    dims: tuple[str, ...]
    unit: str = ""


def write_hdf5(
    path: Path | str,
    arrays: Mapping[str, Array] | Iterable[tuple[str, Array]],
    scales: Mapping[str, np.ndarray],
    attributes: Mapping[str, object] | None = None,
) -> None:
    """Write `arrays` (names may contain `/`) with the dimension scales `scales`, atomically.

    If `arrays` is an iterable of pairs, they are written one by one and need not be in memory together.
    Strings are stored as UTF-8. The file's attributes are the provenance, `attributes`, and `digest`: the SHA-256
    of all values, which other files record to say what they were made from.
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
        for key, value in {**provenance(), **(attributes or {})}.items():
            file.attrs[key] = value
        file.attrs["digest"] = _digest(file)


def pose_scales(frames: int, keypoints: Sequence[str]) -> dict[str, np.ndarray]:
    """The dimension scales of arrays over frames, keypoints and (x, y)."""
    return {"frame": np.arange(frames), "keypoint": np.array(keypoints), "xy": np.array(["x", "y"])}


def read_hdf5(path: Path | str, names: list[str] | None = None) -> dict[str, np.ndarray]:
    """Read the datasets `names` of a file that `write_hdf5` wrote; None reads all, by their full names.

    Raises UserError naming the file if it is missing, damaged or of another kind.
    """
    with open_hdf5(path) as file:
        return {name: _loaded(file[name]) for name in (_dataset_names(file) if names is None else names)}


def read_arrays(path: Path | str) -> dict[str, Array]:
    """The arrays that `write_hdf5` wrote, by name, without the scales; raises UserError like `read_hdf5`."""
    with open_hdf5(path) as file:
        datasets = {name: file[name] for name in _dataset_names(file) if not file[name].is_scale}
        return {
            name: Array(_loaded(dataset), tuple(axis.label for axis in dataset.dims), dataset.attrs["unit"])
            for name, dataset in datasets.items()
        }


@contextmanager
def open_hdf5(path: Path | str) -> Iterator[h5py.File]:
    """Open a file that `write_hdf5` wrote, to read parts of its datasets in the block.

    Raises UserError naming the file if it is missing or damaged, also if reading in the block finds the damage.
    """
    try:
        with h5py.File(verified(path), "r") as file:
            yield file
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file; run the workflow to make it") from None
    except _BROKEN as error:
        if isinstance(error, MemoryError) or "memory allocation failed" in str(error):
            raise MemoryError from None
        raise damaged(path, one_line(error)) from None


def read_attributes(path: Path | str) -> dict[str, str]:
    """The file's provenance and other attributes; raises UserError like `read_hdf5`."""
    with open_hdf5(path) as file:
        return {key: str(value) for key, value in file.attrs.items()}


def made_from(*sources: Path) -> dict[str, str]:
    """Attributes for a file made from the HDF5 files `sources`, with their digests: `labels_digest` for labels.h5."""
    return {f"{path.stem}_digest": read_attributes(path)["digest"] for path in sources}


def is_made_from(path: Path, source: Path) -> bool:
    """Whether the HDF5 file `path` was made from the present content of `source`."""
    return read_attributes(path).get(f"{source.stem}_digest") == read_attributes(source)["digest"]


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
    """SHA-256 of the names, types, shapes and values of all datasets."""
    digest = hashlib.sha256()
    for name in _dataset_names(file):
        values = _loaded(file[name])
        digest.update(json.dumps([name, str(values.dtype), list(values.shape)]).encode())
        digest.update("\0".join(values.ravel().tolist()).encode() if values.dtype.kind == "U" else values.tobytes())
    return digest.hexdigest()
