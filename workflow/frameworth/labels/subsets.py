"""The files of subsets: one JSON file per subset, and a table and a matrix of all of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from frameworth.errors import UserError
from frameworth.labels.frames import read_frames
from frameworth.labels.labels import Labels, labels_as_lists, labels_from_lists, read_labels
from frameworth.plan.designs import cluster_of, draw_subset
from frameworth.plan.names import subset_name, subset_path
from frameworth.storage.files import read_json, read_table, write_csv, write_json
from frameworth.storage.hdf5 import Array, read_hdf5, write_hdf5

_OF_SUBSET = ("percent", "seed", "design", "cluster")  # in the file of each subset, and in the table of all


@dataclass(frozen=True)
class Subset:
    """The training frames of one subset (percent, seed), with all their data that training depends on.

    Attributes:
        frames: int [M], ascending.
        names: [M] `video/image`.
        digests: [M] SHA-256 of each image file.
        xy: float64 [M, K, 2], px of the original image, NaN where not labelled.
    """

    percent: int
    seed: int
    design: str
    cluster: str
    keypoints: tuple[str, ...]
    frames: np.ndarray
    names: tuple[str, ...]
    digests: tuple[str, ...]
    xy: np.ndarray


def write_subsets(
    folder: Path,
    frames_csv: Path,
    labels_h5: Path,
    *,
    design: str,
    percent: int,
    seeds: Sequence[int],
    study_seed: int,
) -> None:
    """Draw the subsets (percent, seed) and write each to its file below `folder`."""
    frames, labels = read_frames(frames_csv), read_labels(labels_h5)
    pool = np.flatnonzero(frames["split"] == "pool")
    for seed in seeds:
        chosen = pool[draw_subset(design, len(pool), percent, seed, study_seed)]
        path = folder / f"{subset_path(percent, seed)}.json"
        write_chosen(path, frames, labels, chosen, design, percent, seed, cluster_of(design, percent, seed))


def write_chosen(
    path: Path,
    frames: pd.DataFrame,
    labels: Labels,
    chosen: np.ndarray,
    design: str,
    percent: int,
    seed: int,
    cluster: str,
) -> None:
    """Write the subset of the frames numbered `chosen`, with all their data that training depends on, to `path`."""
    write_json(
        path,
        dict(zip(_OF_SUBSET, (percent, seed, design, cluster), strict=True))
        | {
            "keypoints": list(labels.keypoints),
            "frames": [
                {
                    "frame": int(frame),
                    "name": f"{frames.video[frame]}/{frames.image[frame]}",
                    "image_sha256": labels.digests[frame],
                    "labels": xy,
                }
                for frame, xy in zip(chosen, labels_as_lists(labels.xy[chosen]), strict=True)
            ],
        },
    )


def read_subset(path: Path | str) -> Subset:
    """Read the JSON file of one subset; raises UserError naming the file if it is damaged."""
    try:
        content: dict[str, Any] = read_json(path)
        rows = content["frames"]
        return Subset(
            **{name: content[name] for name in _OF_SUBSET},
            keypoints=tuple(content["keypoints"]),
            frames=np.array([row["frame"] for row in rows], dtype=int),
            names=tuple(row["name"] for row in rows),
            digests=tuple(row["image_sha256"] for row in rows),
            xy=labels_from_lists(row["labels"] for row in rows),
        )
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: damaged subset file ({error}); delete it and run again") from None


def collect_subsets(paths: Sequence[Path], frames_csv: Path, subsets_csv: Path, subsets_h5: Path) -> None:
    """Write `subsets.csv` and `subsets.h5` (`inclusion`, bool [S, N]) from the subsets' files, in the order given."""
    total = len(read_frames(frames_csv))
    rows, inclusion = [], np.zeros((len(paths), total), bool)
    for index, path in enumerate(paths):
        subset = read_subset(path)
        inclusion[index, subset.frames] = True
        shared = {name: getattr(subset, name) for name in _OF_SUBSET}
        rows.append({"subset": subset_name(subset.percent, subset.seed)} | shared | {"frames": len(subset.frames)})
    table = pd.DataFrame(rows)
    write_csv(subsets_csv, table)
    write_hdf5(
        subsets_h5,
        {"inclusion": Array(inclusion, ("subset", "frame"))},
        {"subset": table["subset"].to_numpy(), "frame": np.arange(total)},
    )


def read_subsets(folder: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """The table `subsets.csv`, and the inclusion matrix, bool [S, N], with its rows in the same order.

    Raises UserError if a file is missing or damaged.
    """
    path = folder / "subsets.csv"
    if not path.exists():
        raise UserError(f"{path}: there is no such file; run the workflow to make it")
    return read_table(path), read_hdf5(folder / "subsets.h5", ["inclusion"])["inclusion"]
