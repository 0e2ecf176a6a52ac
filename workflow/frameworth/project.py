"""Read a single-animal DeepLabCut project (2.x or 3) without DeepLabCut, and without running what is in it.

pandas keeps column names of a label file (`CollectedData_*.h5`) as pickles in HDF5 attributes, and
`pandas.read_hdf` runs them. Here h5py reads the arrays, and the one pickle that is needed goes through an
unpickler that can build nothing but plain Python values. The project is only ever read.
"""

from __future__ import annotations

import csv
import io
import pickle
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import yaml

from frameworth.errors import UserError

MAX_PICKLE = 1 << 20  # bytes; the column names of a thousand keypoints take a tenth of it
IGNORED_FOLDERS = ("_labeled", "_cropped")  # DeepLabCut's pictures of labels, and its cropped copies


@dataclass(frozen=True)
class LabelledProject:
    """The labelled frames of a project, by video and then image name, both in natural order.

    N labelled frames, K keypoints in the order of config.yaml; every frame has a labelled keypoint.
    """

    root: Path  # absolute
    scorer: str
    keypoints: tuple[str, ...]  # [K]
    skeleton: tuple[tuple[str, str], ...]  # pairs of keypoints to join by a line; may be empty
    videos: tuple[str, ...]  # [N] folder below labeled-data
    images: tuple[str, ...]  # [N] file name
    paths: tuple[Path, ...]  # [N] absolute path of the image
    xy: np.ndarray  # float64 [N, K, 2], px of the original image, NaN where missing


def read_project(folder: Path) -> LabelledProject:
    """Read config.yaml and all label files of the project in `folder`.

    Raises UserError, naming the file, frame or keypoint, for whatever cannot be used as it is.
    """
    root = Path(folder).resolve()
    config = _read_config(root)
    labels, _ = _read_labels(root, config)
    return LabelledProject(
        root=root,
        scorer=config.scorer,
        keypoints=config.keypoints,
        skeleton=config.skeleton,
        videos=tuple(label.video for label in labels),
        images=tuple(label.image for label in labels),
        paths=tuple(label.path for label in labels),
        xy=np.stack([label.xy for label in labels]),
    )


def source_files(folder: Path) -> list[Path]:
    """config.yaml, the label files in use and the labelled images, as paths below `folder` as it was given.

    Reads the label files but no image; raises UserError as `read_project` does.
    """
    folder = Path(folder)
    labels, tables = _read_labels(folder, _read_config(folder))
    return [folder / "config.yaml", *tables, *(label.path for label in labels)]


def project_keypoints(folder: Path) -> tuple[str, ...]:
    """The keypoints that config.yaml names; raises UserError as `read_project` does."""
    return _read_config(Path(folder)).keypoints


def read_label_file(path: Path, keypoints: Sequence[str], config: Path) -> dict[str, np.ndarray]:
    """The labels of one label file by image name, float64 [K, 2] px; all NaN where a row holds none.

    No image is looked for, so that a file can be read in which frames were struck out. Raises UserError as
    `read_project` does; `config` is the config.yaml that it names.
    """
    table = _read_h5(path) if path.suffix == ".h5" else _read_csv(path)
    xy = _coordinates(table, tuple(keypoints), config)
    labels: dict[str, np.ndarray] = {}
    for parts, row in zip(table.frames, xy, strict=True):
        image = _image_name(path, parts, path.parent)
        if image in labels:
            raise UserError(f"{path}: has more than one row for {image}; keep one of them")
        labels[image] = row
    return labels


def csv_rows_images(path: Path) -> list[str]:
    """The image that each row of a label CSV names, in any layout that `read_project` reads."""
    return ["/".join(parts) for parts in _read_csv(path).frames]


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Sort key under which img2 comes before img10."""
    parts = re.split(r"([0-9]+)", name)
    return [int(part) if i % 2 else part.casefold() for i, part in enumerate(parts)], name


# -- config.yaml ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Config:
    scorer: str
    keypoints: tuple[str, ...]
    skeleton: tuple[tuple[str, str], ...]


def _read_config(folder: Path) -> _Config:
    path = folder / "config.yaml"
    if folder.is_file():
        raise UserError(f"{folder}: is a file; give the project folder, the one that holds config.yaml")
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; give a DeepLabCut project's, or a label file")
    values = _load_yaml(path)
    keypoints = _strings(values.get("bodyparts"))
    if _is_true(values.get("multianimalproject")) or values.get("bodyparts") == "MULTI!":
        raise _multi_animal(path)
    if not keypoints:
        raise UserError(f"{path}: names no bodyparts; list the labelled keypoints under `bodyparts:`")
    for name, count in Counter(keypoints).items():
        if count > 1:
            raise UserError(f"{path}: names the bodypart '{name}' {count} times; list it once")
    scorer = values.get("scorer")
    return _Config(
        scorer=scorer.strip() if isinstance(scorer, str) else "",
        keypoints=keypoints,
        skeleton=_skeleton(values.get("skeleton"), keypoints),
    )


def _load_yaml(path: Path) -> dict[str, Any]:
    # The base loader leaves every scalar the text it is: a bodypart `no` or a scorer `007` must not become
    # False or 7. It builds nothing but str, list and dict.
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        values = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=loader)
    except FileNotFoundError:
        raise UserError(f"{path}: is missing; give the folder of a DeepLabCut project") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({_one_line(error)}); mend it, or its permissions") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise UserError(f"{path}: is not valid YAML ({_one_line(error)}); mend it") from error
    if not isinstance(values, dict):
        raise UserError(f"{path}: is not a DeepLabCut configuration; give the folder of a DeepLabCut project")
    return values


def _strings(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(item.strip() for item in value if isinstance(item, str) and item.strip())


def _is_true(value: Any) -> bool:
    return isinstance(value, str) and value.strip().lower() in ("true", "yes", "on")


def _skeleton(value: Any, keypoints: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    pairs = [_strings(pair) for pair in value] if isinstance(value, list) else []
    return tuple((pair[0], pair[1]) for pair in pairs if len(pair) == 2 and set(pair) <= set(keypoints))


def _multi_animal(path: Path) -> UserError:
    return UserError(
        f"{path}: belongs to a multi-animal project, which frameworth cannot weigh yet; "
        "give a single-animal project (`multianimalproject: false`)"
    )


# -- label files ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Label:
    video: str
    image: str
    path: Path
    xy: np.ndarray  # float64 [K, 2]


@dataclass(frozen=True)
class _Table:
    """A label file as it is stored."""

    path: Path
    frames: list[tuple[str, ...]]  # parts of the image's path, one tuple per row
    columns: list[tuple[str, str]]  # (keypoint, coordinate)
    values: np.ndarray  # float64 [rows, columns]


def _read_labels(root: Path, config: _Config) -> tuple[list[_Label], list[Path]]:
    """All labelled frames in natural order, and the label files they come from."""
    labels: list[_Label] = []
    tables: list[Path] = []
    for folder in _video_folders(root):
        path = _label_file(folder, config.scorer)
        if path is None:
            continue
        tables.append(path)
        table = _read_h5(path) if path.suffix == ".h5" else _read_csv(path)
        labels += _labels_of(table, folder, config.keypoints, root / "config.yaml")
    if not labels:
        raise UserError(
            f"{root / 'labeled-data'}: holds no labels (no CollectedData_*.h5 or .csv with a frame); "
            "label frames in DeepLabCut first"
        )
    return labels, tables


def _video_folders(root: Path) -> list[Path]:
    data = root / "labeled-data"
    if not data.is_dir():
        raise UserError(f"{data}: there is no such folder; give a DeepLabCut project with labelled frames")
    folders = [path for path in data.iterdir() if path.is_dir() and not path.name.startswith(".")]
    folders = [path for path in folders if not path.name.endswith(IGNORED_FOLDERS)]
    return sorted(folders, key=lambda path: natural_key(path.name))


def _label_file(folder: Path, scorer: str) -> Path | None:
    """The label file of the scorer, or else the only scorer's there is; the h5 if there are both kinds."""
    pattern = re.compile(r"CollectedData_(.*)\.(h5|csv)", re.DOTALL)
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        match = pattern.fullmatch(path.name)
        if match and path.is_file():
            found.setdefault(match[1], []).append(path)
    if not found:
        return None
    if scorer not in found and len(found) > 1:
        raise UserError(
            f"{folder}: has labels by {', '.join(sorted(found))}, but none by the scorer '{scorer}' of "
            "config.yaml; write the scorer you mean into config.yaml"
        )
    candidates = found[scorer] if scorer in found else next(iter(found.values()))
    return max(candidates, key=lambda path: path.suffix == ".h5")


def _labels_of(table: _Table, folder: Path, keypoints: tuple[str, ...], config: Path) -> list[_Label]:
    xy = _coordinates(table, keypoints, config)
    labels = {}
    for row, parts in enumerate(table.frames):
        image = _image_name(table.path, parts, folder)
        if image in labels:
            raise UserError(f"{table.path}: has more than one row for {image}; keep one of them")
        path = folder / image
        if not path.is_file():
            raise UserError(
                f"{path}: is labelled in {table.path.name} but does not exist; put the image back, or remove "
                "its labels (deeplabcut.dropannotationfileentriesduetodeletedimages)"
            )
        _check_row(path, xy[row], keypoints, table.path)
        labels[image] = _Label(folder.name, image, path, xy[row])
    return [labels[image] for image in sorted(labels, key=natural_key)]


def _coordinates(table: _Table, keypoints: tuple[str, ...], config: Path) -> np.ndarray:
    """float64 [rows, K, 2] in the order of `keypoints`; a keypoint with half a position counts as missing."""
    for (name, coordinate), count in Counter(table.columns).items():
        if count > 1:
            raise UserError(f"{table.path}: has {count} columns '{name}' {coordinate}; keep one of them")
    at = {column: i for i, column in enumerate(table.columns)}
    for name in {name: None for name, _ in table.columns}:
        if name not in keypoints:
            raise UserError(
                f"{table.path}: labels '{name}', which is not among the bodyparts of {config.name}; "
                "add it there, or remove its columns"
            )
    for name in keypoints:
        if (name, "x") not in at or (name, "y") not in at:
            raise UserError(
                f"{table.path}: has no x and y of '{name}', a bodypart of {config.name}; label it, or remove it there"
            )
    order = [[at[name, "x"], at[name, "y"]] for name in keypoints]
    xy = table.values[:, order]
    return np.where(np.isnan(xy).any(axis=2, keepdims=True), np.nan, xy)


def _image_name(table: Path, parts: tuple[str, ...], folder: Path) -> str:
    if not parts or parts[-1] in ("", ".", ".."):
        raise UserError(f"{table}: a row names no image ('{'/'.join(parts)}'); remove the row")
    if len(parts) > 1 and parts[-2] != folder.name:
        raise UserError(
            f"{table}: the row '{'/'.join(parts)}' belongs to the video '{parts[-2]}', but lies in "
            f"the folder '{folder.name}'; give the folder its old name, or correct the row"
        )
    return parts[-1]


def _check_row(image: Path, xy: np.ndarray, keypoints: tuple[str, ...], table: Path) -> None:
    infinite = np.isinf(xy).any(axis=1)
    if infinite.any():
        name = keypoints[int(np.argmax(infinite))]
        raise UserError(f"{image}: '{name}' lies at infinity in {table.name}; label it again")
    if np.isnan(xy).all():
        raise UserError(f"{image}: has no labelled keypoint in {table.name}; label it, or remove its row from the file")


# -- CSV --------------------------------------------------------------------------------------------------


def _read_csv(path: Path) -> _Table:
    rows = _csv_rows(path)
    names = [row[0].strip() for row in rows[:4]]
    if "individuals" in names[:3]:
        raise _multi_animal(path)
    if names[:3] != ["scorer", "bodyparts", "coords"]:
        raise UserError(f"{path}: does not open with the rows scorer, bodyparts, coords; save it again from DeepLabCut")
    # A three-level index leaves the header cells above its second and third level empty.
    width = next((i for i, cell in enumerate(rows[0]) if i and cell.strip()), len(rows[0]))
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise UserError(f"{path}: row {number} has {len(row)} fields, not {len(rows[0])}; mend the row")
    columns = [(name.strip(), coord.strip()) for name, coord in zip(rows[1], rows[2], strict=True)][width:]
    keep = [i for i, (_, coord) in enumerate(columns) if coord != "likelihood"]
    frames = [_path_parts(row[:width]) for row in rows[3:]]
    values = np.full((len(frames), len(keep)), np.nan)
    for i, row in enumerate(rows[3:]):
        for j, column in enumerate(keep):
            values[i, j] = _number(path, frames[i], columns[column], row[width + column])
    return _Table(path, frames, [columns[i] for i in keep], values)


def _csv_rows(path: Path) -> list[list[str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        return [row for row in csv.reader(io.StringIO(text, newline="")) if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read ({_one_line(error)}); save it again from DeepLabCut") from error


def _number(path: Path, frame: tuple[str, ...], column: tuple[str, str], cell: str) -> float:
    try:
        return float(cell) if cell.strip() else np.nan
    except ValueError:
        raise UserError(
            f"{path}: {column[1]} of '{column[0]}' in {frame[-1]} is '{cell}', not a number; correct it, or "
            "leave it empty where the keypoint is not labelled"
        ) from None


def _path_parts(levels: list[str]) -> tuple[str, ...]:
    """Parts of an image's path, from one path string (of Windows or not) or from the levels of an index."""
    return tuple("/".join(level.strip() for level in levels).replace("\\", "/").split("/"))


# -- HDF5 -------------------------------------------------------------------------------------------------


class _UnreadableError(Exception):
    """Why a label file cannot be read, or not safely."""


class _PlainUnpickler(pickle.Unpickler):
    """Builds lists, tuples, strings and numbers only: no class or function is ever looked up."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        raise pickle.UnpicklingError(f"it asks for {module_name}.{global_name}, which may run a program")


# What h5py and numpy raise for a file that is broken or not laid out as expected.
_H5_ERRORS = (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError)


def _read_h5(path: Path) -> _Table:
    twin = path.with_suffix(".csv").name
    try:
        with h5py.File(path, "r") as file:
            group = _pandas_group(file)
            kind = _text(group.attrs.get("pandas_type", b""))
            if kind not in ("frame_table", "frame"):
                raise _UnreadableError(f"its table is of the kind '{kind}'")
            frames, columns, values = _read_table(group) if kind == "frame_table" else _read_fixed(group)
    except (_UnreadableError, *_H5_ERRORS) as error:
        raise UserError(
            f"{path}: cannot be read safely ({_one_line(error)}); move it out of the project, so that "
            f"{twin} is read instead, or save the labels again in DeepLabCut"
        ) from error
    levels = {len(column) for column in columns}
    if levels == {4}:
        raise _multi_animal(path)
    if levels - {3}:
        raise UserError(f"{path}: its columns are not scorer, bodyparts, coords; save the labels again in DeepLabCut")
    keep = [i for i, column in enumerate(columns) if column[2] != "likelihood"]
    return _Table(path, [_path_parts(list(f)) for f in frames], [columns[i][1:] for i in keep], values[:, keep])


# rows of the index, columns as tuples of their levels, float64 [rows, columns]
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
    """The layout of `to_hdf(format="table")`: one row holds the path and all numbers of a frame."""
    table = group["table"]
    fields = list(table.dtype.names or ())
    blocks = [name for name in fields if name.startswith("values_block_")]
    if set(fields) - set(blocks) != {"index"}:
        raise _UnreadableError(f"its table has the fields {', '.join(fields)}")
    rows = table[()]
    columns: list[tuple[str, ...]] = []
    values = [np.empty((len(rows), 0))]
    for block in blocks:
        columns += _unpickled_columns(table.attrs[f"{block}_kind"])
        values.append(_numbers(rows[block]).reshape(len(rows), -1))
    return [(name,) for name in _strings_of(rows["index"])], columns, _joined(values, columns)


def _read_fixed(group: h5py.Group) -> _Stored:
    """The layout of `to_hdf(format="fixed")`: arrays of values, and of the levels and codes of both axes."""
    frames = _fixed_axis(group, "axis1")
    columns: list[tuple[str, ...]] = []
    values = [np.empty((len(frames), 0))]
    for block in range(int(group.attrs["nblocks"])):
        columns += _fixed_axis(group, f"block{block}_items")
        values.append(_numbers(_array(group[f"block{block}_values"])).reshape(len(frames), -1))
    return frames, columns, _joined(values, columns)


def _joined(values: list[np.ndarray], columns: list[tuple[str, ...]]) -> np.ndarray:
    joined = np.concatenate(values, axis=1)
    if joined.shape[1] != len(columns):
        raise _UnreadableError(f"it names {len(columns)} columns but has {joined.shape[1]}")
    return joined


def _fixed_axis(group: h5py.Group, axis: str) -> list[tuple[str, ...]]:
    if _text(group.attrs[f"{axis}_variety"]) == "regular":
        return [(name,) for name in _strings_of(_array(group[axis]))]
    levels = []
    for level in range(int(group.attrs[f"{axis}_nlevels"])):
        names = _strings_of(_array(group[f"{axis}_level{level}"]))
        codes = _array(group[f"{axis}_label{level}"])
        if codes.size and not (codes.min() >= 0 and codes.max() < len(names)):
            raise _UnreadableError(f"{axis} misses a name")
        levels.append([names[code] for code in codes])
    return list(zip(*levels, strict=True))


def _array(dataset: h5py.Dataset) -> np.ndarray:
    if "shape" in dataset.attrs and "value_type" in dataset.attrs:
        return np.empty(0)  # how pandas writes an array without elements
    if dataset.dtype.hasobject:
        raise _UnreadableError(f"{dataset.name} holds pickled objects, which may run a program")
    return dataset[()]


def _numbers(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "fiu":
        raise _UnreadableError(f"its coordinates are stored as {values.dtype}, not as numbers")
    return values.astype(np.float64)


def _strings_of(values: np.ndarray) -> list[str]:
    if values.dtype.hasobject:
        raise _UnreadableError("its names are pickled objects, which may run a program")
    return [_text(value) for value in values]


def _unpickled_columns(attribute: Any) -> list[tuple[str, ...]]:
    data = bytes(attribute) if isinstance(attribute, bytes | np.void) else b""
    if not 0 < len(data) <= MAX_PICKLE:
        raise _UnreadableError("its column names are not where pandas writes them")
    try:
        columns = _PlainUnpickler(io.BytesIO(data), encoding="utf-8").load()
    except Exception as error:  # a broken pickle may raise anything
        raise _UnreadableError(f"its column names: {_one_line(error)}") from error
    if not isinstance(columns, list) or not all(isinstance(column, tuple) for column in columns):
        raise _UnreadableError("its column names are not a list of scorer, bodypart, coordinate")
    if not all(isinstance(level, str | int) for column in columns for level in column):
        raise _UnreadableError("its column names are not text")
    return [tuple(str(level) for level in column) for column in columns]


def _text(value: Any) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
