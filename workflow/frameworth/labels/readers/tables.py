"""Labels on image files, as the readers of other tools' files give them, and where these images are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from frameworth.errors import Problem, UserError

IMAGE_FOLDERS = ("", "images", "imgs", "data/images")  # below a label file's folder


@dataclass(frozen=True)
class LabelTable:
    """Labelled animals on image files: R rows, K keypoints.

    Attributes:
        edges: pairs of keypoints, by number.
        rows: [R] image and labels [K, 2] in px, NaN where not labelled; an image has a row per animal.
        problems: warnings of what was left out or guessed.
    """

    keypoints: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    rows: tuple[tuple[Path, np.ndarray], ...]
    problems: tuple[Problem, ...] = ()


def points_of(numbers: Sequence[float], per_keypoint: int) -> np.ndarray:
    """Labels [K, 2] of x, y and, with 3 numbers per keypoint, visibility, of which 0 is not labelled."""
    values = np.asarray(numbers, float).reshape(-1, per_keypoint)
    hidden = values[:, 2] == 0 if per_keypoint == 3 else (values == 0).all(axis=1)
    return np.where(hidden[:, None], np.nan, values[:, :2])


def find_image(name: str, bases: Iterable[Path]) -> Path | None:
    """The file of an image's name: as it is, or by the end of its path below one of the folders `bases`.

    A name without its folder finds only what lies in a folder of that name, as images of two videos share names.
    """
    bases, parts = list(bases), [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    for base in bases:
        for path in (base / name, base / name.replace("\\", "/")):
            if path.is_file():
                return path
    for start in range(1, len(parts)):
        for base in bases:
            path = base.joinpath(*parts[start:])
            if path.is_file() and path.resolve().parent.name == parts[-2]:
                return path
    return None


def need_image(name: str, bases: Iterable[Path], labels: Path) -> Path:
    """As `find_image`; raises UserError if it is not there."""
    found = find_image(name, bases)
    if found is None:
        raise UserError(
            f"{labels}: names {name}, but there is no such image, seen from the file's folder; put it there, or remove "
            "it from the file"
        )
    return found
