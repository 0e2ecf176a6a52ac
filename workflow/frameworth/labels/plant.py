"""Planted label errors: a copy of a project with errors in a share of the labels, to measure which are found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from frameworth.errors import UserError, refuse_errors
from frameworth.labels.deeplabcut import LabelledProject, read_project
from frameworth.labels.deeplabcut_tables import write_collected_data
from frameworth.labels.label_errors import (
    SHIFT,
    SMALL,
    animal_length,
    exchange_neighbours,
    farthest_keypoints,
    move_one,
    shift_inside,
)
from frameworth.labels.labellers import labellers_file
from frameworth.labels.pictures import inspect_pictures
from frameworth.labels.plant_groups import Planting, plant_bias, plant_runs
from frameworth.plan.split import hold_out
from frameworth.storage.files import copy_file, write_csv

GROUPS = {"biased": plant_bias, "run": plant_runs}  # kinds of errors over more than one frame


def plant_errors(
    source: Path,
    folder: Path,
    *,
    held_out: dict[str, Any],
    seed: int,
    share: float,
    kinds: Sequence[str],
    moved_by: Sequence[float] = SMALL,
) -> None:
    """Copy the labelled frames of the project `source` to `folder` and spoil a share of the pool's labels.

    The kinds are taken in turn: `shifted` (all keypoints by 15-30 % of the width), `swapped` (left and right by
    name, else the two keypoints that lie farthest apart), `elsewhere` (the whole animal at the opposite place of
    the image, as if another object had been labelled; shifted if that is outside or too near), `missing` (half of
    the keypoints lose their label), `moved` (one keypoint, by a distance drawn from `moved_by` times the largest
    distance between two labels of its frame), `exchanged` (one keypoint and its nearest labelled neighbour),
    `biased` (one keypoint in frames of one video, by one vector in the animal's own axes), `run` (one keypoint in
    three neighbouring frames, by the same px). Where the animal is too large to be shifted, or a frame has one label
    and cannot be exchanged, the error is `moved`. `planted.csv` lists the frames with their kind. Held-out frames
    and all other labels keep their bits, and the source is not changed.

    Args:
        share: of the pool's frames, 0 to 1. moved_by: the ends of the range of distances.

    Raises UserError if the share rounds to no frame, and RefusedError if pictures cannot be used.
    """
    project = read_project(source)
    pictures, problems = inspect_pictures(project, decode=True)  # frames of the same picture are split together
    refuse_errors(problems)
    split = hold_out(project.videos, project.images, seed=seed, pictures=pictures.digests, **held_out)
    pool = np.flatnonzero(~split)
    count = round(share * len(pool))
    if count == 0:
        raise UserError(f"plant.share: {share} of {len(pool)} frames of the pool is none; ask for more")
    rng = np.random.default_rng([seed, 7])
    xy, planted = project.xy.copy(), [""] * len(split)
    partners = _partners(project)
    over_frames = dict.fromkeys(GROUPS, 0)
    for place, row in enumerate(rng.permutation(pool)[:count]):
        kind = kinds[place % len(kinds)]
        if kind in GROUPS:
            over_frames[kind] += 1
            continue
        if kind == "exchanged" and np.isfinite(xy[row]).all(axis=1).sum() < 2:
            kind = "moved"
        if kind == "elsewhere" and not _has_opposite_place(xy[row], pictures.sizes[row]):
            kind = "shifted"
        try:
            xy[row] = _spoilt(kind, xy[row], pictures.sizes[row], partners, moved_by, rng)
        except ValueError:  # an animal as large as its image has no room to be shifted
            kind = "moved"
            xy[row] = _spoilt(kind, xy[row], pictures.sizes[row], partners, moved_by, rng)
        planted[row] = kind
    planting = Planting(xy, pictures.sizes, np.asarray(project.videos), moved_by, rng)
    for kind, wanted in over_frames.items():
        free = ~split & np.array([not spoilt for spoilt in planted])
        if not wanted:
            continue
        rows = GROUPS[kind](planting, free, wanted)
        if not len(rows):
            raise UserError(f"plant.kinds: no frames are left for {kind}; ask for a larger share, or for other kinds")
        for row in rows:
            planted[row] = kind
    copy_labelled_frames(project, folder)
    write_collected_data(folder, project.scorer, project.keypoints, project.videos, project.images, xy, decimals=None)
    table = pd.DataFrame({"video": project.videos, "image": project.images, "planted": planted})
    write_csv(folder / "planted.csv", table[table["planted"] != ""])


def copy_labelled_frames(project: LabelledProject, folder: Path) -> None:
    """Copy the images of a project's labelled frames, its config.yaml and its labellers.csv, without the labels."""
    for video, image, path in zip(project.videos, project.images, project.paths, strict=True):
        copy_file(path, folder / "labeled-data" / video / image)
    for path in (project.root / "config.yaml", *labellers_file(project.root)):
        copy_file(path, folder / path.name)


def _spoilt(
    kind: str,
    xy: np.ndarray,
    size: np.ndarray,
    partners: np.ndarray,
    moved_by: Sequence[float],
    rng: np.random.Generator,
) -> np.ndarray:
    shift = SHIFT[0] * size[0], SHIFT[1] * size[0]
    if kind == "shifted":
        return xy + shift_inside(xy, size, shift, rng)
    if kind == "swapped":
        return xy[partners]
    if kind == "moved":
        length = animal_length(xy, size)
        return move_one(xy, size, (moved_by[0] * length, moved_by[1] * length), rng)[0]
    if kind == "exchanged":
        return exchange_neighbours(xy, rng)[0]
    if kind == "elsewhere":
        return xy + _to_opposite_place(xy, size)
    known = np.flatnonzero(np.isfinite(xy).all(axis=1))
    out = xy.copy()
    out[rng.permutation(known)[: max(1, len(known) // 2)]] = np.nan
    return out


def _to_opposite_place(xy: np.ndarray, size: np.ndarray) -> np.ndarray:
    """The way from the animal's middle to the opposite place of the image, [2] px."""
    return size - 2 * np.nanmean(xy, axis=0)


def _has_opposite_place(xy: np.ndarray, size: np.ndarray) -> bool:
    """Whether the opposite place is inside the image, and another place than the animal's own."""
    way = _to_opposite_place(xy, size)
    moved = xy + way
    inside = ((moved > 0) & (moved < size) | np.isnan(moved)).all()
    return bool(inside and np.hypot(*way) >= SHIFT[0] * size[0])


def _partners(project: LabelledProject) -> np.ndarray:
    """For each keypoint the number of the keypoint whose place it takes when labels are swapped, int [K]."""
    names = [name.lower() for name in project.keypoints]
    order = np.arange(len(names))
    for index, name in enumerate(names):
        other = name.replace("left", "\0").replace("right", "left").replace("\0", "right")
        if other != name and other in names:
            order[index] = names.index(other)
    if (order == np.arange(len(names))).all() and len(names) > 1:
        first, second = farthest_keypoints(project.xy)
        order[[first, second]] = order[[second, first]]
    return order
