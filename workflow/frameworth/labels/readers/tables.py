"""Labels as the readers of other tools' files give them, and where their images are."""

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

if TYPE_CHECKING:
    import sleap_io

ADVICE = "give a label file that sleap-io reads, such as .slp, COCO or Label Studio .json, .nwb, Lightning Pose .csv"
IMAGE_FOLDERS = ("", "images", "imgs", "data/images")  # below a label file's folder


@dataclass(frozen=True)
class Picture:
    """Where the image of a labelled frame is: a file of its own, or frame `index` of `video`.

    Attributes:
        path: of the image, of the video, or of the file that the video is embedded in as its `dataset`.
    """

    path: Path
    index: int = 0
    video: sleap_io.Video | None = None
    dataset: str = ""

    def __str__(self) -> str:
        return str(self.path) if self.video is None else f"frame {self.index} of {self.path}"

    @property
    def place(self) -> tuple[str, str]:
        """What the frames of one folder, or of one video, have in common."""
        return (str(self.path.parent), "") if self.video is None else (str(self.path), self.dataset)

    @property
    def one_size(self) -> tuple[Path, str, int]:
        """What pictures of one size have in common: a film has one, and each image its own, an embedded one, too."""
        return self.path, self.dataset, self.index if self.dataset else 0

    def pixels(self) -> np.ndarray:
        """The frame of a video, uint8 [height, width, 1 or 3]; raises UserError if it cannot be decoded."""
        assert self.video is not None
        try:
            return np.asarray(self.video[self.index])
        except Exception as error:  # whatever a decoder raises
            raise UserError(
                f"{self.path}: frame {self.index} cannot be read ({one_line(error)}); put a whole video there, or "
                "remove its labels"
            ) from None

    def size(self) -> tuple[int, int]:
        """Width and height in px."""
        if self.video is None:
            return image_size(self.path)
        if self.dataset and (size := self._embedded_size()):
            return size
        height, width = self.pixels().shape[:2]
        return width, height

    def _embedded_size(self) -> tuple[int, int] | None:
        """From the header of an image that is embedded as the bytes of a file; None if `pixels` has to tell."""
        assert self.video is not None
        backend: Any = self.video.backend
        if not getattr(backend, "has_embedded_images", False):
            return None
        try:
            with h5py.File(self.path, "r") as file:
                content = file[self.dataset][backend.frame_map[self.index]].tobytes()
            with Image.open(BytesIO(content), formats=FORMATS) as image:
                return image.size
        except Exception:  # whatever a torn file makes them raise
            return None


@dataclass(frozen=True)
class LabelTable:
    """Labelled animals: R rows, K keypoints.

    Attributes:
        skeleton: pairs of keypoints.
        rows: [R] picture and labels [K, 2] in px, NaN where not labelled; a picture has a row per animal.
        problems: warnings of what was left out or guessed.
        labellers: who labelled a picture, where the file says so.
        sizes: width and height of a picture as the file has them, where it does.
    """

    keypoints: tuple[str, ...]
    skeleton: tuple[tuple[str, str], ...]
    rows: tuple[tuple[Picture, np.ndarray], ...]
    problems: tuple[Problem, ...] = ()
    labellers: Mapping[Picture, str] = field(default_factory=dict)
    sizes: Mapping[Picture, tuple[Any, Any]] = field(default_factory=dict)


def named_bones(keypoints: Sequence[str], bones: Iterable[Sequence[int]]) -> tuple[tuple[str, str], ...]:
    """Pairs of keypoints by name, of those `bones` that join two by their numbers."""
    known = range(len(keypoints))
    return tuple((keypoints[bone[0]], keypoints[bone[1]]) for bone in bones if bone[0] in known and bone[1] in known)


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
            # The image may be a link to where nothing has a name.
            if path.is_file() and parts[-2] in (path.parent.name, path.parent.resolve().name):
                return path
    return None


def need_image(name: str, bases: Iterable[Path], labels: Path) -> Path:
    """As `find_image`; raises UserError if it is not there."""
    if image := find_image(name, bases):
        return image
    raise UserError(
        f"{labels}: names {name}, but there is no such image, seen from the file's folder; put it there, or remove it "
        "from the file"
    )
