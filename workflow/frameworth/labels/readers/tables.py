"""The table of labels that the readers of other tools' files return, and the search for the images of the labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
from PIL import Image

from frameworth.errors import Problem, UserError, one_line
from frameworth.labels.images import FORMATS, image_size
from frameworth.labels.names import is_file

if TYPE_CHECKING:
    import sleap_io

ADVICE = "give a label file that sleap-io reads, such as .slp, COCO or Label Studio .json, .nwb, Lightning Pose .csv"
IMAGE_FOLDERS = ("", "images", "imgs", "data/images")  # below a label file's folder


@dataclass(frozen=True)
class Picture:
    """The place of a labelled frame's image: an image file, or frame `index` of `video`.

    Attributes:
        path: path of the image, of the video, or of the file that contains the video in its `dataset`.
    """

    path: Path
    index: int = 0
    video: sleap_io.Video | None = None
    dataset: str = ""

    def __str__(self) -> str:
        return str(self.path) if self.video is None else f"frame {self.index} of {self.path}"

    @property
    def place(self) -> tuple[str, str]:
        """A key that is the same for all frames of one folder or of one video."""
        return (str(self.path.parent), "") if self.video is None else (str(self.path), self.dataset)

    @property
    def one_size(self) -> tuple[Path, str, int]:
        """A key that only pictures of one size share: one key per video, image file or embedded image."""
        return self.path, self.dataset, self.index if self.dataset else 0

    def pixels(self) -> np.ndarray:
        """The frame of a video, uint8 [height, width, 1 or 3]; raises UserError if it cannot be decoded."""
        assert self.video is not None
        try:
            return np.asarray(self.video[self.index])
        except Exception as error:  # decoders may raise anything
            raise UserError(
                f"{self.path}: frame {self.index} cannot be read ({one_line(error)}); put a whole video there, or "
                "remove its labels"
            ) from None

    def size(self) -> tuple[int, int]:
        """Width and height in px; raises UserError if the image cannot be read."""
        if self.video is None:
            return image_size(self.path)
        if self.dataset and (size := self._embedded_size()):
            return size
        height, width = self.pixels().shape[:2]
        return width, height

    def _embedded_size(self) -> tuple[int, int] | None:
        """The size from the header of an image embedded as the bytes of a file; None if it must be decoded."""
        assert self.video is not None
        backend: Any = self.video.backend
        if not getattr(backend, "has_embedded_images", False):
            return None
        try:
            with h5py.File(self.path, "r") as file:
                content = file[self.dataset][backend.frame_map[self.index]].tobytes()
            with Image.open(BytesIO(content), formats=FORMATS) as image:
                return image.size
        except Exception:  # a damaged file may raise anything
            return None


@dataclass(frozen=True)
class LabelTable:
    """Labelled animals: R rows, K keypoints.

    Attributes:
        skeleton: pairs of keypoints.
        rows: [R] picture and labels [K, 2] in px, NaN where not labelled; a picture has one row per animal.
        problems: warnings about what was left out or guessed.
        labellers: who labelled a picture, if the file says so.
        sizes: width and height of a picture in px, if the file states them.
    """

    keypoints: tuple[str, ...]
    skeleton: tuple[tuple[str, str], ...]
    rows: tuple[tuple[Picture, np.ndarray], ...]
    problems: tuple[Problem, ...] = ()
    labellers: Mapping[Picture, str] = field(default_factory=dict)
    sizes: Mapping[Picture, tuple[Any, Any]] = field(default_factory=dict)


def named_bones(keypoints: Sequence[str], bones: Iterable[Sequence[int]]) -> tuple[tuple[str, str], ...]:
    """The pairs of keypoint numbers `bones` as pairs of names; pairs with unknown numbers are left out."""
    known = range(len(keypoints))
    return tuple((keypoints[bone[0]], keypoints[bone[1]]) for bone in bones if bone[0] in known and bone[1] in known)


def points_of(numbers: Sequence[float], per_keypoint: int) -> np.ndarray:
    """Labels [K, 2] from x, y and, with 3 numbers per keypoint, visibility; NaN if visibility or (x, y) is 0."""
    values = np.asarray(numbers, float).reshape(-1, per_keypoint)
    hidden = values[:, 2] == 0 if per_keypoint == 3 else (values == 0).all(axis=1)
    return np.where(hidden[:, None], np.nan, values[:, :2])


def find_image(name: str, bases: Iterable[Path]) -> Path | None:
    """The file of an image in one of the folders `bases`, by its whole name or by the end of its path.

    An end of the path must contain the file's folder, because images of two videos often have the same file name.
    """
    bases, parts = list(bases), [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    for base in bases:
        for path in (base / name, base / name.replace("\\", "/")):
            if is_file(path):
                return path
    for start in range(1, len(parts)):
        for base in bases:
            path = base.joinpath(*parts[start:])
            # The names of the unresolved path count too, as the image may be a link.
            if is_file(path) and parts[-2] in (path.parent.name, path.parent.resolve().name):
                return path
    return None


class NamedFiles:
    """Finds the images and videos that a label file lists, in the folders `bases`.

    Args:
        labels: the label file. listed: the names of all images and videos in it, with labels or without.
    """

    def __init__(self, labels: Path, listed: Iterable[str], bases: Iterable[Path]) -> None:
        self._labels, self._bases = labels, list(bases)
        self._namesakes: dict[str, set[str]] = {}  # by file name, because folders may be of another machine
        for name in listed:
            self._namesakes.setdefault(file_name(name), set()).add(name)
        self._found: dict[str, Path | None] = {}

    def is_only(self, name: str) -> bool:
        """Whether no other listed name has the same file name."""
        return len(self._namesakes[file_name(name)]) == 1

    def find(self, name: str) -> Path | None:
        """`find_image`; raises UserError if a file found by the end of its path may belong to another listed name."""
        path = self._find(name)
        if path is None or path.as_posix().endswith(name.replace("\\", "/")):
            return path
        for other in sorted(self._namesakes[file_name(name)] - {name}):
            if self._find(other) == path:
                what = f"{name} is labelled, but {path} may as well be {other}, which is listed, too"
                raise UserError(f"{self._labels}: {what}; put both there, or correct their paths in the labels")
        return path

    def need(self, name: str) -> Path:
        """Like `find`, but raises UserError if there is no such file."""
        if path := self.find(name):
            return path
        raise UserError(
            f"{self._labels}: names {one_line(name)}, but there is no such image, seen from the file's folder; "
            "put it there, or remove it from the file"
        )

    def _find(self, name: str) -> Path | None:
        if name not in self._found:
            self._found[name] = find_image(name, self._bases)
        return self._found[name]


def folder_and_above(path: Path, levels: int) -> list[Path]:
    """The folder of a file and `levels` folders above it, also if `path` is relative and does not name them."""
    folders = [path.parent]
    for _ in range(levels):
        folders.append(folders[-1] / ".." if folders[-1].name in ("", "..") else folders[-1].parent)
    return folders


def file_name(path: str) -> str:
    """The last part of a path, which may be of any system."""
    return path.replace("\\", "/").rpartition("/")[2]
