"""Reads DeepLabCut's label files in HDF5 (`CollectedData_*.h5`), which pandas writes, without pandas.

pandas stores column names as pickles in HDF5 attributes, and `pandas.read_hdf` runs them. Here h5py reads the arrays,
and the one pickle that is needed is refused if it contains anything other than plain Python values.
"""

from __future__ import annotations

import pickle
import pickletools
from pathlib import Path
from typing import Any, cast

import h5py
import numpy as np

from frameworth.errors import one_line, refusal
from frameworth.labels.hdf5_content import reaching_out
from frameworth.labels.readers.deeplabcut_table import DeepLabCutTable, path_parts, used_columns

MAX_PICKLE = 1 << 20  # bytes; the column names of a thousand keypoints take a tenth of this
MAX_NAMES = 1_000_000  # frames of a video; each name becomes a string
MAX_DATASET = 1 << 28  # bytes; a hundred thousand frames of a hundred keypoints take 160 MB


class _UnreadableError(Exception):
    """A label file cannot be read, or cannot be read safely; the text says why."""


# The opcodes of lists and tuples of strings and numbers: none looks up, makes or calls a class or function.
_PLAIN_OPCODES = frozenset({
    "PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "DUP", "NONE", "NEWTRUE", "NEWFALSE",
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT",
    "STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE",
    "EMPTY_LIST", "LIST", "APPEND", "APPENDS", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3",
    "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET", "LONG_BINGET",
})  # fmt: skip


def _unpickled(data: bytes) -> Any:
    """The content of a pickle of plain values; every opcode is checked before the pickle is loaded."""
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name not in _PLAIN_OPCODES:
            raise pickle.UnpicklingError(f"a pickle with {opcode.name} {argument or ''}, which may run a program")
        # The argument of these is an index, and loading allocates memory for all smaller indices.
        if opcode.name in ("PUT", "LONG_BINPUT") and cast(int, argument) > len(data):
            raise pickle.UnpicklingError("a pickle that fills the memory")
    return pickle.loads(data, encoding="utf-8")


# The errors that h5py and numpy raise for a file that is broken or has an unexpected layout.
_H5_ERRORS = (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError)


def read_h5(path: Path) -> DeepLabCutTable:
    """The table of a DeepLabCut HDF5 file, of which nothing is unpickled that could run code.

    Raises RefusedError if the file is broken or would have to run code.
    """
    twin = path.with_suffix(".csv").name
    try:
        with h5py.File(path, "r") as file:
            if way := reaching_out(file):
                raise _UnreadableError(way)
            group = _pandas_group(file)
            kind = _text(group.attrs.get("pandas_type", b""))
            if kind not in ("frame_table", "frame"):
                raise _UnreadableError(f"its table is of the kind '{kind}'")
            frames, columns, values = _read_table(group) if kind == "frame_table" else _read_fixed(group)
    except (_UnreadableError, *_H5_ERRORS) as problem:
        todo = f"move it out of the project, so that {twin} is read instead, or save the labels again in DeepLabCut"
        raise refusal(path, f"cannot be read safely ({one_line(problem)})", todo) from problem
    levels = {len(column) for column in columns}
    if levels not in ({3}, {4}):
        raise refusal(path, "its columns are not scorer, bodyparts, coords", "save the labels again in DeepLabCut")
    rows = [path_parts(list(frame)) for frame in frames]
    return DeepLabCutTable(path, rows, columns, values, used_columns(path, columns, values))


# The rows of the index, the columns as tuples of their levels, and the values, float64 [rows, columns].
_Stored = tuple[list[tuple[str, ...]], list[tuple[str, ...]], np.ndarray]


def _pandas_group(file: h5py.File) -> h5py.Group:
    groups = {name: item for name, item in file.items() if isinstance(item, h5py.Group)}
    if "df_with_missing" in groups:
        return groups["df_with_missing"]
    tables = [group for group in groups.values() if "pandas_type" in group.attrs]
    if len(tables) != 1:
        raise _UnreadableError(f"it holds {len(tables)} pandas tables, none of them called df_with_missing")
    return tables[0]


def _read_table(group: h5py.Group) -> _Stored:
    """Read the layout of `to_hdf(format="table")`: one row has the path and all numbers of a frame."""
    table = _dataset(group, "table")
    fields = list(table.dtype.names or ())
    blocks = [name for name in fields if name.startswith("values_block_")]
    if set(fields) - set(blocks) != {"index"}:
        raise _UnreadableError(f"its table has the fields {', '.join(fields)}")
    rows = table[()]
    columns: list[tuple[str, ...]] = []
    values = [np.empty((len(rows), 0))]
    for block in blocks:
        names = _unpickled_columns(table.attrs[f"{block}_kind"])
        columns += names
        values.append(_numbers(rows[block]).reshape(len(rows), -1 if len(rows) else len(names)))
    return [(name,) for name in _strings_of(rows["index"])], columns, _joined(values, columns)


def _read_fixed(group: h5py.Group) -> _Stored:
    """Read the layout of `to_hdf(format="fixed")`: arrays of values, and of the levels and codes of both axes."""
    frames = _fixed_axis(group, "axis1")
    columns: list[tuple[str, ...]] = []
    values = [np.empty((len(frames), 0))]
    for block in range(int(group.attrs["nblocks"])):
        names = _fixed_axis(group, f"block{block}_items")
        columns += names
        stored = _numbers(_array(group, f"block{block}_values"))
        values.append(stored.reshape(len(frames), -1 if frames else len(names)))
    return frames, columns, _joined(values, columns)


def _joined(values: list[np.ndarray], columns: list[tuple[str, ...]]) -> np.ndarray:
    joined = np.concatenate(values, axis=1)
    if joined.shape[1] != len(columns):
        raise _UnreadableError(f"it names {len(columns)} columns but has {joined.shape[1]}")
    return joined


def _fixed_axis(group: h5py.Group, axis: str) -> list[tuple[str, ...]]:
    if _text(group.attrs[f"{axis}_variety"]) == "regular":
        return [(name,) for name in _strings_of(_array(group, axis))]
    levels = []
    for level in range(int(group.attrs[f"{axis}_nlevels"])):
        names = _strings_of(_array(group, f"{axis}_level{level}"))
        codes = _array(group, f"{axis}_label{level}")
        if codes.size > MAX_NAMES:
            raise _UnreadableError(f"{axis} has more than {MAX_NAMES} entries")
        if codes.size and not (codes.min() >= 0 and codes.max() < len(names)):
            raise _UnreadableError(f"{axis} misses a name")
        levels.append([names[code] for code in codes])
    return list(zip(*levels, strict=True))


def _array(group: h5py.Group, name: str) -> np.ndarray:
    dataset = _dataset(group, name)
    if "shape" in dataset.attrs and "value_type" in dataset.attrs:
        return np.empty(0)  # how pandas writes an array without elements
    if dataset.dtype.hasobject:
        raise _UnreadableError(f"{dataset.name} holds pickled objects, which may run a program")
    return dataset[()]


def _dataset(group: h5py.Group, name: str) -> h5py.Dataset:
    """The dataset `name`, refused if it is larger than labels can be."""
    dataset = group[name]
    if not isinstance(dataset, h5py.Dataset):
        raise _UnreadableError(f"{name} is no dataset")
    if dataset.size and dataset.size * dataset.dtype.itemsize > MAX_DATASET:
        raise _UnreadableError(f"{dataset.name} holds more than {MAX_DATASET >> 20} MiB")
    return dataset


def _numbers(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "fiu":
        raise _UnreadableError(f"its coordinates are stored as {values.dtype}, not as numbers")
    return values.astype(np.float64)


def _strings_of(values: np.ndarray) -> list[str]:
    if values.dtype.hasobject:
        raise _UnreadableError("its names are pickled objects, which may run a program")
    # The length is also checked for arrays without elements, which may have millions of empty rows.
    if values.ndim != 1 or len(values) > MAX_NAMES or (values.size and values.dtype.kind not in "SUiuf"):
        raise _UnreadableError(f"its names are no list of at most {MAX_NAMES} texts or numbers")
    return [_text(value) for value in values]


def _unpickled_columns(attribute: Any) -> list[tuple[str, ...]]:
    data = b""
    if isinstance(attribute, bytes | np.void):
        data = bytes(attribute)  # type: ignore[arg-type]  # numpy's stubs call void a buffer from Python 3.12 only
    if not 0 < len(data) <= MAX_PICKLE:
        raise _UnreadableError("its column names are not where pandas writes them")
    try:
        columns = _unpickled(data)
    except Exception as problem:  # a broken pickle may raise anything
        raise _UnreadableError(f"its column names: {one_line(problem)}") from problem
    if not isinstance(columns, list) or not all(isinstance(column, tuple) for column in columns):
        raise _UnreadableError("its column names are not a list of scorer, bodypart, coordinate")
    if not all(isinstance(level, str | int) for column in columns for level in column):
        raise _UnreadableError("its column names are not text")
    return [tuple(str(level) for level in column) for column in columns]


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
