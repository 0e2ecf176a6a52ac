"""Import the labels of other tools as a single-animal DeepLabCut project. The source is never changed."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from frameworth.errors import Problem, RefusedError, UserError, error, one_line, refuse_errors
from frameworth.labels import labellers
from frameworth.labels.deeplabcut import LabelledProject
from frameworth.labels.deeplabcut_tables import write_collected_data
from frameworth.labels.label_files import IGNORED_FOLDERS
from frameworth.labels.names import is_file
from frameworth.labels.project_config import project_config
from frameworth.labels.readers.coco import is_coco, read_coco
from frameworth.labels.readers.deeplabcut_labels import drop_invisible
from frameworth.labels.readers.label_studio import is_json_min, is_label_studio, read_label_studio
from frameworth.labels.readers.lightning_pose import read_lightning_pose
from frameworth.labels.readers.sleap import read_sleap
from frameworth.labels.readers.tables import ADVICE, LabelTable, Picture
from frameworth.labels.readers.ultralytics import read_ultralytics
from frameworth.storage.files import atomic_path, copy_file, write_csv, write_text
from frameworth.text import counted, counted_verb

SCORER = "imported"
# Other formats of sleap-io have poses that are not hand labels (JABS, analysis files), or no poses.
SUFFIXES = (".slp", ".nwb", ".json", ".csv")


@dataclass(frozen=True)
class ImportedLabels(LabelledProject):
    """The hand-labelled frames of a label file, as a project of N frames; the images stay in their places."""

    pictures: tuple[Picture, ...]  # [N]
    labellers: tuple[str, ...]  # [N] who labelled the frame; empty where the file does not say
    sources: tuple[Path, ...]  # the label file and the images or videos
    problems: tuple[Problem, ...]  # warnings


def is_import(labels: Path) -> bool:
    """Whether this module reads `labels`: a label file or an Ultralytics folder, not a DeepLabCut project."""
    if is_file(labels):
        return labels.suffix.lower() not in (".yaml", ".yml")
    return is_file(labels / "data.yaml") and not (labels / "config.yaml").exists()


def read_imported(labels: Path) -> ImportedLabels:
    """Read the hand-labelled frames of `labels`; predictions and frames without a label are left out.

    Raises UserError, naming file and frame, if a file cannot be read or is missing, or if a frame has several animals.
    """
    stat = labels.stat()
    return _read(labels, (stat.st_mtime_ns, stat.st_size))


def write_imported(labels: Path, folder: Path) -> None:
    """Write the result of `read_imported` as a DeepLabCut project; images are copied, video frames saved as PNG."""
    imported = read_imported(labels)
    sizes: dict[str, tuple[int, int]] = {}
    for video, image, picture in zip(imported.videos, imported.images, imported.pictures, strict=True):
        target = folder / "labeled-data" / video / image
        if picture.video is None:
            sizes[video] = picture.size()
            copy_file(picture.path, target)
        else:
            pixels = picture.pixels()
            sizes[video] = (pixels.shape[1], pixels.shape[0])
            with atomic_path(target) as temporary:
                Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(temporary, format="PNG")
    write_collected_data(
        folder, SCORER, imported.keypoints, imported.videos, imported.images, imported.xy, decimals=None
    )
    if any(imported.labellers):
        rows = zip(imported.videos, imported.images, imported.labellers, strict=True)
        write_csv(folder / labellers.FILE, pd.DataFrame(rows, columns=labellers.COLUMNS))
    task = _safe(labels.stem) or "labels"
    write_text(folder / "config.yaml", project_config(task, SCORER, imported.keypoints, imported.skeleton, sizes))


@lru_cache(maxsize=1)  # the workflow calls it twice at its start: for the files, and for the study's size
def _read(path: Path, changed: tuple[int, int]) -> ImportedLabels:
    table = _table(path)
    rows = [(picture, xy) for picture, xy in table.rows if np.isfinite(xy).all(axis=1).any()]
    if not rows:
        raise UserError(f"{path}: holds no hand-labelled frame (predictions are none); label frames first")
    for picture, count in Counter(picture for picture, _ in rows).items():
        if count > 1:
            raise UserError(
                f"{path}: {picture} has {count} labelled animals, which frameworth cannot weigh yet; keep the labels "
                "of one"
            )
    keypoints = [name.strip() for name in table.keypoints]
    for name, count in Counter(keypoints).items():
        if count > 1 or not name:
            raise UserError(
                f"{path}: has {counted(count, 'keypoint')} of the name '{name}'; give each a name of its own"
            )
    pictures = [picture for picture, _ in rows]
    xy, problems = _inside(np.array([xy for _, xy in rows], float), pictures, keypoints, path, table.sizes)
    refuse_errors(problems)
    kept = np.flatnonzero(np.isfinite(xy).all(axis=2).any(axis=1))
    if not len(kept):
        raise UserError(f"{path}: no label lies within its image; correct the labels")
    pictures = [pictures[index] for index in kept]
    videos, images = _names(pictures)
    for (video, image), count in Counter(zip(videos, images, strict=True)).items():
        if count > 1:
            raise UserError(f"{path}: labels {video}/{image} {count} times; keep one of them")
    return ImportedLabels(
        root=path.resolve(),
        scorer=SCORER,
        keypoints=tuple(keypoints),
        skeleton=tuple((first.strip(), second.strip()) for first, second in table.skeleton),
        videos=videos,
        images=images,
        paths=tuple(picture.path for picture in pictures),
        xy=xy[kept],
        pictures=tuple(pictures),
        labellers=tuple(table.labellers.get(picture, "") for picture in pictures),
        sources=tuple(dict.fromkeys([*_own_files(path), *(picture.path for picture in pictures)])),
        problems=(*table.problems, *problems),
    )


def _table(path: Path) -> LabelTable:
    """The table from the reader for this kind of file: sleap-io, except for formats that it reads only in part."""
    if path.is_file() and path.suffix.lower() not in SUFFIXES:
        raise UserError(f"{path}: is no label file; {ADVICE}")
    table = None
    try:
        if path.is_dir():
            return read_ultralytics(path)
        if path.suffix.lower() == ".csv":
            table = read_lightning_pose(path)
        if path.suffix.lower() == ".json":
            content = _json(path)
            if is_coco(content):
                return read_coco(path, content)
            if is_label_studio(content):
                return read_label_studio(path, content)
            if is_json_min(content):
                what = "is Label Studio's JSON-MIN export, which frameworth does not read"
                raise UserError(f"{path}: {what}; export the labels as JSON")
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        what = f"{type(error).__name__} {one_line(error)}"
        raise UserError(f"{path}: is not as its kind of file should be ({what}); {ADVICE}") from None
    return table or read_sleap(path)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError):
        return None  # sleap-io then raises an error that explains it


def _inside(
    xy: np.ndarray,
    pictures: list[Picture],
    keypoints: list[str],
    path: Path,
    stated: Mapping[Picture, tuple[Any, Any]],
) -> tuple[np.ndarray, list[Problem]]:
    """The labels without those outside their images, which DeepLabCut also leaves out, and the problems found."""
    sizes, known = np.zeros((len(pictures), 2), int), dict[object, tuple[int, int]]()
    for index, picture in enumerate(pictures):
        try:
            if picture.one_size not in known:
                known[picture.one_size] = picture.size()
            sizes[index] = known[picture.one_size]
        except RefusedError:  # the error is reported when the images are inspected
            continue
    others = [index for index, picture in enumerate(pictures) if _differ(stated.get(picture), *sizes[index])]
    if others:  # it is unknown in which of the two sizes labels are
        first = pictures[others[0]]
        (width, height), (w, h) = sizes[others[0]], stated[first]
        what = (
            f"{counted_verb(len(others), 'frame', 'has an image', 'have images')} of another size than it says "
            f"({first.path.name}: {width}×{height} px, not {w:g}×{h:g})"
        )
        return xy, [error(path, what, "put the images there that were labelled, or correct their sizes in the file")]
    return drop_invisible(path, xy, sizes, keypoints, [picture.path.name for picture in pictures])


def _differ(stated: tuple[Any, Any] | None, width: int, height: int) -> bool:
    """Whether the file states a valid size that differs from the image's size (0 if that is unknown)."""
    is_size = stated is not None and all(isinstance(side, int | float) and side > 0 for side in stated)
    return is_size and width > 0 and stated != (width, height)


def _own_files(labels: Path) -> Iterable[Path]:
    if labels.is_file():
        return [labels]
    return sorted(path for path in labels.rglob("*") if path.suffix in (".txt", ".yaml"))


def _names(pictures: list[Picture]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """For each frame, the names of its folder (one per image folder or video) and file in a DeepLabCut project."""
    paths = {picture.place: _path_of_names(picture) for picture in pictures}
    wanted = _distinct(set(paths.values()))
    folders: dict[tuple[str, str], str] = {}
    for place in sorted(paths):
        name, number = wanted[paths[place]], 1
        while name.casefold() in {taken.casefold() for taken in folders.values()}:
            number += 1
            name = f"{wanted[paths[place]]}-{number}"
        folders[place] = name
    images = (
        _safe(picture.path.name) if picture.video is None else f"img{picture.index:06d}.png" for picture in pictures
    )
    return tuple(folders[picture.place] for picture in pictures), tuple(images)


def _distinct(paths: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """A folder name for each path: its last name, preceded by as many parent folders as make it unique."""
    groups: dict[str, list[tuple[str, ...]]] = {}
    for path in paths:
        groups.setdefault(_folder_name(path[-1:]).casefold(), []).append(path)
    names: dict[tuple[str, ...], str] = {}
    for alike in groups.values():
        for count in (*range(1, max(map(len, alike)) + 1), 1):  # the last name alone if no number of folders is enough
            named = {path: _folder_name(path[-count:]) for path in alike}
            if len({name.casefold() for name in named.values()}) == len(alike):
                break
        names |= named
    return names


def _path_of_names(picture: Picture) -> tuple[str, ...]:
    """The folder names of an image's path; for a video, those of its folders and its own name without suffix."""
    if picture.video is None:
        folder = picture.path.parent.resolve()  # not the image's own path, which may be a link
        return tuple(path.name for path in (*reversed(folder.parents), folder))
    source = getattr(picture.video.backend, "source_filename", None)
    if isinstance(source, list | tuple):  # of embedded images
        source = Path(str(source[0])).parent if source else None
    *folders, name = re.split(r"[\\/]", str(source or picture.path.absolute()))
    return (*folders, Path(name).stem)


def _folder_name(names: tuple[str, ...]) -> str:
    name = _safe("_".join(names)) or "video"
    return f"{name}_" if name.endswith(IGNORED_FOLDERS) else name


def _safe(name: str) -> str:
    """`name` without characters that have a special meaning in paths, tables, Snakemake or DeepLabCut."""
    name = re.sub(r"[\x00-\x1f\x7f-\x9f/\\{}]", "_", name).strip()
    return f"_{name}" if name.startswith(".") else name
