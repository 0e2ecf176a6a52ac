"""All images of a project looked at once: their sizes, which are the same picture, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from frameworth.errors import Problem, UserError, problem_of, warning
from frameworth.labels.deeplabcut import LabelledProject
from frameworth.labels.images import inspect_header, inspect_image

THUMBNAIL = 64


@dataclass(frozen=True)
class Pictures:
    """What the images of N frames are.

    Attributes:
        sizes: int [N, 2], width and height in px; 0 for an image that cannot be read.
        digests: [N] equal for frames of the same picture; None if only headers were read.
        thumbnails: float32 [N, THUMBNAIL²], grey levels; None if only headers were read.
    """

    sizes: np.ndarray
    digests: tuple[str, ...] | None
    thumbnails: np.ndarray | None


def inspect_pictures(
    project: LabelledProject, decode: bool, films: Mapping[int, Callable[[], np.ndarray]] | None = None
) -> tuple[Pictures, list[Problem]]:
    """Look at the images of a project.

    Args:
        decode: whether to decode them; if not, only their headers are read, which takes no time.
        films: what reads the picture of a frame that is no image file, by the frame's number.
    """
    problems: list[Problem] = []
    sizes = np.zeros((len(project.paths), 2), int)
    digests, thumbnails = [], np.zeros((len(project.paths), THUMBNAIL**2), np.float32)
    for index, path in enumerate(project.paths):
        found: list[Problem]
        if films and index in films:
            found = []
            digests.append(str(index))
            if decode:
                try:
                    sizes[index] = films[index]().shape[1::-1]
                except UserError as refused:
                    found = [problem_of(refused)]
        elif decode:
            image, found = inspect_image(path)
            if image is not None:
                sizes[index] = image.rgb.shape[1::-1]
                thumbnails[index] = _thumbnail(image.rgb)
            # What cannot be read is the twin of nothing.
            digests.append(image.pixels if image is not None else str(index))
        else:
            size, found = inspect_header(path)
            sizes[index] = size or 0
        problems += found
    if not decode:
        return Pictures(sizes, None, None), problems
    problems += _twins(project, digests)
    return Pictures(sizes, tuple(digests), thumbnails), problems


def _twins(project: LabelledProject, digests: Sequence[str]) -> Iterator[Problem]:
    groups: dict[str, list[int]] = {}
    for index, digest in enumerate(digests):
        groups.setdefault(digest, []).append(index)
    for first, *others in groups.values():
        if others:
            names = ", ".join(f"{project.videos[other]}/{project.images[other]}" for other in others)
            what = f"is the same picture as {names}; they are kept on one side of the split"
            yield warning(project.paths[first], what, "remove all but one of them and their labels")


def _thumbnail(rgb: np.ndarray) -> np.ndarray:
    import cv2  # slow to import, and not needed for headers

    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
