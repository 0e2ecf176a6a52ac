"""A copy of a project with corrected labels, whose tables can replace those of the project."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from frameworth.labels.deeplabcut import LabelledProject
from frameworth.labels.deeplabcut_tables import write_stored_labels
from frameworth.labels.labellers import labellers_file
from frameworth.labels.names import is_file
from frameworth.labels.readers.deeplabcut_labels import label_tables, row_images
from frameworth.labels.readers.deeplabcut_table import DeepLabCutTable
from frameworth.storage.files import copy_file

Name = tuple[str, str]  # video, image


def write_corrected_copy(source: LabelledProject, folder: Path, changes: Mapping[Name, np.ndarray | None]) -> None:
    """Copy the files of `source` that frameworth reads to `folder` with `changes`; all other labels keep their bits.

    The tables keep what frameworth does not use: bodyparts that config.yaml does not list, rows without a label, labels
    outside their image, and the level of individuals.

    Args:
        changes: new labels [K, 2] px by frame; None for a frame that loses all its labels.
    """
    for path in (source.root / "config.yaml", *labellers_file(source.root)):
        copy_file(path, folder / path.name)
    for table in label_tables(source.root):
        origin, target = table.path.parent, folder / "labeled-data" / table.path.parent.name
        images = row_images(table)
        for image in images:
            if is_file(origin / image):
                copy_file(origin / image, target / image)
        if images:
            write_stored_labels(target / table.path.name, images, *_corrected(table, images, source, changes))


def _corrected(
    table: DeepLabCutTable, images: list[str], source: LabelledProject, changes: Mapping[Name, np.ndarray | None]
) -> tuple[list[tuple[str, ...]], np.ndarray]:
    """The header and the cells of a table with `changes`; a newly labelled keypoint without columns gets columns."""
    video, header, cells = table.path.parent.name, list(table.header), table.cells.copy()
    at = dict(zip(table.columns, table.used, strict=True))
    labels = dict(zip(zip(source.videos, source.images, strict=True), source.xy, strict=True))
    for row, image in enumerate(images):
        if (video, image) not in changes:
            continue
        before, now = labels[video, image], changes[video, image]
        now = np.full_like(before, np.nan) if now is None else now
        for keypoint in np.flatnonzero(((before != now) & ~(np.isnan(before) & np.isnan(now))).any(axis=1)):
            for axis, value in zip("xy", now[keypoint], strict=True):
                place = source.keypoints[keypoint], axis
                if place not in at:
                    at[place] = len(header)
                    header.append((*header[table.used[0]][:-2], *place))
                    cells = np.column_stack([cells, np.full(len(cells), np.nan)])
                cells[row, at[place]] = value
    return header, cells
