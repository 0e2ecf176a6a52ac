"""All images of a project looked at once: their sizes, which are the same picture, and what is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from frameworth.errors import FEW_FILES, Problem, UserError, problem_of, summed, warning
from frameworth.labels.deeplabcut import LabelledProject
from frameworth.labels.images import inspect_header, inspect_image, pixel_digest

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
    films = films or {}
    files = [index for index in range(len(project.paths)) if index not in films]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:  # decoders work while others run Python
        look = pool.map if decode else map
        looked = dict(zip(files, look(_decoded if decode else _header, [project.paths[i] for i in files]), strict=True))
    for index, film in films.items():  # one after the other: these read from open videos
        looked[index] = _film(film) if decode else _Looked(None, [])
    in_order = [looked[index] for index in range(len(project.paths))]
    sizes = np.array([one.size or (0, 0) for one in in_order], int).reshape(-1, 2)
    problems = [problem for one in in_order for problem in one.problems]
    if not decode:
        return Pictures(sizes, None, None), summed(problems)
    digests = tuple(one.digest or str(index) for index, one in enumerate(in_order))  # unreadable: the twin of nothing
    nothing = np.zeros(THUMBNAIL**2, np.float32)
    thumbnails = np.stack([nothing if one.thumbnail is None else one.thumbnail for one in in_order])
    return Pictures(sizes, digests, thumbnails), summed([*problems, *_twins(project, digests)])


@dataclass(frozen=True)
class _Looked:
    """What one image is; its digest and thumbnail if it was decoded."""

    size: tuple[int, int] | None
    problems: list[Problem]
    digest: str = ""
    thumbnail: np.ndarray | None = None


def _header(path: Path) -> _Looked:
    return _Looked(*inspect_header(path))


def _decoded(path: Path) -> _Looked:
    image, problems = inspect_image(path)
    if image is None:
        return _Looked(None, problems)
    return _Looked(image.rgb.shape[1::-1], problems, image.pixels, _thumbnail(image.rgb))


def _film(read: Callable[[], np.ndarray]) -> _Looked:
    try:
        pixels = read()
    except UserError as refused:
        return _Looked(None, [problem_of(refused)])
    rgb = np.ascontiguousarray(np.broadcast_to(pixels[..., :3], (*pixels.shape[:2], 3)))
    return _Looked(rgb.shape[1::-1], [], pixel_digest(rgb), _thumbnail(rgb))


def _twins(project: LabelledProject, digests: Sequence[str]) -> Iterator[Problem]:
    groups: dict[str, list[int]] = {}
    for index, digest in enumerate(digests):
        groups.setdefault(digest, []).append(index)
    for first, *others in groups.values():
        if others:
            names = ", ".join(f"{project.videos[other]}/{project.images[other]}" for other in others[:FEW_FILES])
            names += f" and {len(others) - FEW_FILES} more" if len(others) > FEW_FILES else ""
            what = f"is the same picture as {names}; they are kept on one side of the split"
            todo = "remove all but one of them and their labels"
            yield warning(project.paths[first], what, todo, kind="twins", count=len(others))


def _thumbnail(rgb: np.ndarray) -> np.ndarray:
    import cv2  # slow to import, and not needed for headers

    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
