"""A study's artefacts as one xarray dataset with named dimensions, units and provenance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from frameworth.attribution.influence_file import influence_unit
from frameworth.errors import UserError
from frameworth.labels.frames import read_frames
from frameworth.labels.labels import read_labels
from frameworth.labels.subsets import read_subsets
from frameworth.results.study_files import ESTIMATED, being_read, require, require_one_study
from frameworth.storage.files import read_json, read_table
from frameworth.storage.hdf5 import open_hdf5, read_arrays, read_attributes

VALUE_UNITS = {"out_of_bag_error": "px", "memorization": "px", "value_px": "px"}
IN_THE_STUDYS_SCORE = (
    "value", "tested_value", "standard_error", "ci_low", "ci_high", "called_ci_low", "called_ci_high",
    "absolute_value", "tested_absolute_value",
)  # fmt: skip
INFLUENCE_DIMS = ("score", "estimator", "group", "training_frame", "frame", "keypoint")


def load(folder: Path | str) -> xr.Dataset:
    """A finished study as a dataset.

    Variables, N frames, K keypoints, S subsets:
        label [frame, keypoint, xy] in px, NaN where not labelled; inclusion [subset, frame], whether the subset
        contains the frame; the scores of scores.h5 by their names [subset, frame, keypoint] (consensus_pose with xy);
        the columns of frame_values.csv by their names [frame], missing for held-out frames; influence,
        influence_standard_error and influence_q_value [score, estimator, group, training_frame, frame, keypoint].
        Only the parts of these three that you use are read from influence.h5: select before you compute.
    Coordinates:
        frame and training_frame (0…N−1) with video, image, split (planted); subset (its name) with percent, seed,
        design, cluster; keypoint (its name); xy.

    Args:
        folder: `results/{study}`.

    Raises UserError if the folder is not a study, if the study is not finished, or if its files were made from other
    labels or subsets than those now in the folder.
    """
    folder = Path(folder)
    if not (folder / "frames.csv").is_file():
        raise UserError(f"{folder}: is no study (it holds no frames.csv); give the folder results/{{study}}")
    with being_read(folder):
        require(folder, (*ESTIMATED, "summary.json"))
        require_one_study(folder)
        return _dataset(folder)


def _dataset(folder: Path) -> xr.Dataset:
    frames, labels = read_frames(folder / "frames.csv"), read_labels(folder / "labels.h5")
    subsets, inclusion = read_subsets(folder)
    variables: dict[str, Any] = {
        "label": (("frame", "keypoint", "xy"), labels.xy, {"units": "px"}),
        "inclusion": (("subset", "frame"), inclusion),
        **{
            name: (array.dims, array.values, {"units": array.unit})
            for name, array in read_arrays(folder / "scores.h5").items()
        },
        **_frame_values(folder, frames),
    }
    coordinates: dict[str, Any] = {
        "frame": np.arange(len(frames)),
        "training_frame": np.arange(len(frames)),
        "keypoint": list(labels.keypoints),
        "xy": ["x", "y"],
        "subset": subsets["subset"].to_numpy(str),
        **{name: ("subset", subsets[name].to_numpy()) for name in ("percent", "seed")},
        **{name: ("subset", subsets[name].to_numpy(str)) for name in ("design", "cluster")},
    }
    for name in ("video", "image", "split", "planted"):
        if name in frames:
            texts = frames[name].fillna("").to_numpy(str)
            coordinates[name] = ("frame", texts)
            coordinates[f"training_{name}"] = ("training_frame", texts)
    influence, of_influence = _influence(folder / "influence.h5", len(frames), len(labels.keypoints))
    return xr.Dataset(variables | influence, coordinates | of_influence, _provenance(folder))


def _frame_values(folder: Path, frames: pd.DataFrame) -> dict[str, Any]:
    """The columns of frame_values.csv over all frames; NaN, or '' in text columns, for a frame without a row."""
    table = read_table(folder / "frame_values.csv").set_index("frame")
    table = table.drop(columns=["video", "image"]).reindex(frames["frame"])
    unit = read_json(folder / "summary.json").get("score_unit", "")
    units = VALUE_UNITS | dict.fromkeys(IN_THE_STUDYS_SCORE, unit)
    return {
        name: (
            "frame",
            column.fillna("").to_numpy(str) if column.dtype == object else column.to_numpy(float),
            {"units": units.get(name, "")},
        )
        for name, column in table.items()
    }


def _influence(path: Path, frames: int, keypoints: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Variables that read the file only when indexed, and the coordinates of their first three dimensions."""
    with open_hdf5(path) as file:
        there: list[str] = []
        file.visit(lambda name: there.append(name) if name.endswith("/value") else None)
    parts = [name.split("/")[:3] for name in there]
    scores, estimators, groups = (list(dict.fromkeys(part[axis] for part in parts)) for axis in range(3))
    # `all` first, then the groups of percents by size.
    groups.sort(key=lambda group: [int(percent) for percent in group.split("-")] if group != "all" else [])
    shape = (len(scores), len(estimators), len(groups), frames, frames, keypoints)
    variables = {
        "influence" if kind == "value" else f"influence_{kind}": xr.Variable(
            INFLUENCE_DIMS,
            indexing.LazilyIndexedArray(_InfluenceArray(path, kind, (scores, estimators, groups), shape)),
            {"sign": "with minus without", "units": "the score's, see score_unit" if kind != "q_value" else ""},
        )
        for kind in ("value", "standard_error", "q_value")
    }
    units = ("score", [influence_unit(score) for score in scores])
    return variables, {"score": scores, "score_unit": units, "estimator": estimators, "group": groups}


class _InfluenceArray(BackendArray):
    """All datasets of one kind in influence.h5 as one array, read when indexed; NaN where the file has no dataset."""

    def __init__(
        self, path: Path, kind: str, names: tuple[Sequence[str], Sequence[str], Sequence[str]], shape: tuple[int, ...]
    ) -> None:
        self.path, self.kind, self.names, self.shape = path.resolve(), kind, names, shape
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._read)

    def _read(self, key: tuple[int | slice, ...]) -> np.ndarray:
        chosen = [np.arange(len(names))[part] for names, part in zip(self.names, key[:3], strict=True)]
        # h5py refuses slices with a negative step, so numpy applies the slices.
        inner = tuple(part if isinstance(part, int | np.integer) else slice(None) for part in key[3:])
        left = tuple(part for part in key[3:] if isinstance(part, slice))
        with open_hdf5(self.path) as file:
            parts = [
                self._dataset(file, [names[i] for names, i in zip(self.names, place, strict=True)], inner)[left]
                for place in np.stack(np.meshgrid(*chosen, indexing="ij"), axis=-1).reshape(-1, 3)
            ]
        outer = tuple(size for which in chosen for size in which.shape)
        return np.stack(parts).reshape((*outer, *parts[0].shape))

    def _dataset(self, file: h5py.File, names: list[str], inner: tuple[int | slice, ...]) -> np.ndarray:
        name = "/".join([*names, self.kind])
        if name in file:
            return np.asarray(file[name][inner])
        sizes = [size for size, part in zip(self.shape[3:], inner, strict=True) if isinstance(part, slice)]
        return np.full(sizes, np.nan, self.dtype)


def _provenance(folder: Path) -> dict[str, str]:
    """The versions of the packages that made the scores, and the digests of the study's HDF5 files."""
    made = {key: value for key, value in read_attributes(folder / "scores.h5").items() if key != "digest"}
    files = ("labels.h5", "subsets.h5", "scores.h5", "influence.h5")
    return {"study": folder.resolve().name, **made} | {
        f"{name.removesuffix('.h5')}_digest": read_attributes(folder / name)["digest"] for name in files
    }
