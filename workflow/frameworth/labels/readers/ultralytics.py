"""Reads Ultralytics pose sets: data.yaml names a folder of images per split; each image has a text file of labels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from frameworth.errors import Problem, UserError, warning
from frameworth.labels.images import image_size
from frameworth.labels.label_files import images_of
from frameworth.labels.readers.tables import LabelTable, NamedFiles, Picture, named_bones, points_of
from frameworth.text import counted, counted_verb

SPLITS = ("train", "val", "valid", "test")


def is_pose_set(path: Path) -> bool:
    """Whether a YAML file is the data.yaml of a pose set, which has the key `kpt_shape`."""
    return path.is_file() and re.search(rb"^kpt_shape\s*:", path.read_bytes(), re.MULTILINE) is not None


def read_ultralytics(folder: Path) -> LabelTable:
    """The labels of all splits; raises UserError naming the split or the label file that cannot be read."""
    path = folder / "data.yaml"
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
        count, per_keypoint = map(int, settings["kpt_shape"])
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        raise UserError(f"{path}: names no kpt_shape of keypoints; give the data.yaml of a pose set") from None
    problems: list[Problem] = []
    animals: dict[Path, list[np.ndarray]] = {}
    for source, images in list(_sources(folder, settings, problems)):
        labels = {image: _labels_folder(image.parent) / f"{image.stem}.txt" for image in images}
        bare = [image for image in images if not labels[image].is_file()]
        if bare:
            what = f"{counted_verb(len(bare), 'image', 'has', 'have')} no label file ({bare[0].name}): left out"
            problems.append(warning(source, what, f"put it into {labels[bare[0]].parent}, or leave it as it is"))
        for image in images:
            if labels[image].is_file():
                animals[image] = _animals(labels[image], image, count, per_keypoint)
    keypoints = _keypoint_names(settings, count)
    if len(keypoints) != count:
        raise UserError(f"{path}: names {counted(len(keypoints), 'keypoint')}, but kpt_shape has {count}; correct it")
    bones = [(int(first), int(second)) for first, second in settings.get("skeleton") or ()]
    rows = tuple((Picture(image), xy) for image, each in animals.items() for xy in each)
    return LabelTable(keypoints, named_bones(keypoints, bones), rows, tuple(problems))


def _keypoint_names(settings: dict[str, Any], count: int) -> tuple[str, ...]:
    """The names of the keypoints, of the first class if each class has its own; numbers where there are none."""
    names = settings.get("node_names") or settings.get("kpt_names")
    if isinstance(names, dict):
        names = next(iter(names.values()), None)
    return tuple(map(str, names or range(count)))


def _sources(folder: Path, settings: dict[str, Any], problems: list[Problem]) -> Iterator[tuple[Path, list[Path]]]:
    """The folders of images, or files that list images, of all splits, with the images of each.

    Roboflow writes `../train/images` for a folder that is beside data.yaml.
    """
    named: list[tuple[str, str]] = []
    for split in SPLITS:
        given = settings.get(split) or []
        named += [(split, str(name).replace("\\", "/")) for name in (given if isinstance(given, list) else [given])]
    if not named:
        raise UserError(f"{folder / 'data.yaml'}: names no folder of images (train, val, test); correct it")
    base, seen = folder / str(settings.get("path") or ""), set[Path]()
    for split, name in named:
        places = [base / name, folder / name, folder / name.removeprefix("../")]
        there = [images for images in places if images.is_dir()]
        images = next((images for images in there if _labels_folder(images).is_dir()), None)
        listing = next((path for path in places if path.is_file()), None)
        if images is not None:
            yield images, _images_below(images, seen)
        elif listing is not None:
            yield listing, _listed_images(listing, [base, folder])
        elif split == "test" and not there:  # Roboflow names it even if it does not exist
            what = f"of the split {split} there is no folder {name}: left out"
            problems.append(warning(folder / "data.yaml", what, "put it there, or leave it as it is"))
        else:
            raise UserError(
                f"{folder / 'data.yaml'}: of the split {split} there is no folder {name} with its labels; put it "
                "there, or remove the split"
            )


def _images_below(folder: Path, seen: set[Path]) -> list[Path]:
    """The images of a folder and its subfolders, as in Ultralytics, without folders in `seen`, which it extends."""
    if folder.resolve() in seen:
        return []
    seen.add(folder.resolve())
    folders = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return [folder / name for name in images_of(folder)] + [
        image for below in folders for image in _images_below(below, seen)
    ]


def _listed_images(listing: Path, bases: list[Path]) -> list[Path]:
    """The images that the lines of a file name, relative to the file's folder or to `bases`."""
    try:
        lines = [line.strip() for line in listing.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as problem:
        raise UserError(f"{listing}: cannot be read ({problem}); save it again, or remove its split") from None
    files = NamedFiles(listing, lines, [listing.parent, *bases])
    return [files.need(line) for line in lines]


def _labels_folder(images: Path) -> Path:
    """The path with its last folder `images` replaced by `labels`."""
    parts = list(images.parts)
    for index in reversed(range(len(parts))):
        if parts[index] == "images":
            parts[index] = "labels"
            return Path(*parts)
    return images


def _animals(labels: Path, image: Path, count: int, per_keypoint: int) -> list[np.ndarray]:
    animals = []
    try:
        lines = labels.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise UserError(f"{labels}: cannot be read ({problem}); save it again, or remove it") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            values = [float(cell) for cell in line.split()]
        except ValueError:
            values = []
        if len(values) != 5 + count * per_keypoint:
            raise UserError(
                f"{labels}: line {number} does not hold {5 + count * per_keypoint} numbers (class, box, and "
                f"{per_keypoint} for each of {count} keypoints); correct it"
            )
        animals.append(points_of(values[5:], per_keypoint) * image_size(image))
    return animals
