"""Inspects all images of a project: their sizes, which of them are the same picture, and their problems."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from frameworth.errors import FEW, Problem, UserError, grouped, problem_of, warning
from frameworth.labels.deeplabcut import LabelledProject
from frameworth.labels.images import inspect_header, inspect_image, middle_rows, pixel_digest

THUMBNAIL = 64


@dataclass(frozen=True)
class Pictures:
    """Sizes, digests and thumbnails of the images of N frames.

    Attributes:
        sizes: int [N, 2], width and height in px; 0 for an image that cannot be read.
        digests: [N] equal for frames of the same picture; None if only headers were read.
        thumbnails: float32 [N, THUMBNAIL²], grey levels; None if they were not requested.
    """

    sizes: np.ndarray
    digests: tuple[str, ...] | None
    thumbnails: np.ndarray | None


def inspect_pictures(
    project: LabelledProject,
    decode: bool,
    films: Mapping[int, Callable[[], np.ndarray]] | None = None,
    *,
    thumbnails: bool = False,
) -> tuple[Pictures, list[Problem]]:
    """Inspect the images of a project, and collect their problems.

    Args:
        decode: whether to decode them; if not, only their headers are read, which is fast.
        films: for each frame of a video, by the frame's number: a function that reads its picture.
        thumbnails: whether to make thumbnails of the decoded images.
    """
    looked = _look(project.paths, films or {}, decode, thumbnails)
    sizes = np.array([look.size or (0, 0) for look in looked], int).reshape(-1, 2)
    problems = [problem for look in looked for problem in look.problems]
    if not decode:
        return Pictures(sizes, None, None), grouped(problems)
    digests = tuple(look.digest or str(index) for index, look in enumerate(looked))  # unreadable: equal to none
    nothing = np.zeros(THUMBNAIL**2, np.float32)
    small = [nothing if look.thumbnail is None else look.thumbnail for look in looked] if thumbnails else None
    pictures = Pictures(sizes, digests, None if small is None else np.stack(small))
    return pictures, grouped([*problems, *_twins(project, digests)])


@dataclass(frozen=True)
class _Looked:
    """The size and problems of one image, its digest if it was decoded, its thumbnail if it was decoded whole."""

    size: tuple[int, int] | None
    problems: list[Problem]
    digest: str = ""
    thumbnail: np.ndarray | None = None


def _look(
    paths: Sequence[Path], films: Mapping[int, Callable[[], np.ndarray]], decode: bool, thumbnails: bool
) -> list[_Looked]:
    frames = range(len(paths))
    if not decode:
        return [_Looked(None, []) if frame in films else _Looked(*inspect_header(paths[frame])) for frame in frames]
    looked = _decode(frames, paths, films, whole=thumbnails)
    if not thumbnails:  # images with the same middle rows are compared in full
        seen = Counter(look.digest for look in looked.values() if look.digest)
        alike = [frame for frame in frames if seen[looked[frame].digest] > 1]
        looked |= _decode(alike, paths, films, whole=True)
    return [looked[frame] for frame in frames]


def _decode(
    frames: Sequence[int], paths: Sequence[Path], films: Mapping[int, Callable[[], np.ndarray]], whole: bool
) -> dict[int, _Looked]:
    files = [frame for frame in frames if frame not in films]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:  # decoding releases Python's lock
        decoded = pool.map(lambda frame: _decoded(paths[frame], whole), files)
        looked = dict(zip(files, decoded, strict=True))
    # These are read one after the other, because they share open videos.
    return looked | {frame: _film(films[frame], whole) for frame in frames if frame in films}


def _decoded(path: Path, whole: bool) -> _Looked:
    image, problems = inspect_image(path, whole)
    if image is None:
        return _Looked(None, problems)
    return _Looked(image.size, problems, image.pixels, _thumbnail(image.rgb) if whole else None)


def _film(read: Callable[[], np.ndarray], whole: bool) -> _Looked:
    try:
        pixels = read()
    except UserError as refused:
        return _Looked(None, [replace(problem_of(refused), kind="unreadable")])
    height, width = pixels.shape[:2]
    part = pixels if whole else pixels[middle_rows(height)]
    rgb = np.ascontiguousarray(np.broadcast_to(part[..., :3], (*part.shape[:2], 3)))
    return _Looked((width, height), [], pixel_digest(rgb), _thumbnail(rgb) if whole else None)


def _twins(project: LabelledProject, digests: Sequence[str]) -> Iterator[Problem]:
    groups: dict[str, list[int]] = {}
    for index, digest in enumerate(digests):
        groups.setdefault(digest, []).append(index)
    for first, *others in groups.values():
        if others:
            names = ", ".join(f"{project.videos[other]}/{project.images[other]}" for other in others[:FEW])
            names += f" and {len(others) - FEW} more" if len(others) > FEW else ""
            what = f"is the same picture as {names}; they are kept on one side of the split"
            todo = "remove all but one of them and their labels"
            yield warning(project.paths[first], what, todo, kind="twins", count=len(others))


def _thumbnail(rgb: np.ndarray) -> np.ndarray:
    import cv2  # slow to import, and not needed for headers

    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
