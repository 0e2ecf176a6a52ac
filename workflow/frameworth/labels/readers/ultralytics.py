"""An Ultralytics pose set: data.yaml names a folder of images per split, with a text file of labels for each image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from frameworth.errors import Problem, UserError, warning
from frameworth.labels.images import image_size
from frameworth.labels.label_files import images_of
from frameworth.labels.readers.tables import LabelTable, Picture, named_bones, points_of

SPLITS = ("train", "val", "valid", "test")


def read_ultralytics(folder: Path) -> LabelTable:
    """The labels of all splits; raises UserError, naming the split or the label file, for what cannot be read."""
    path = folder / "data.yaml"
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
        count, per_keypoint = map(int, settings["kpt_shape"])
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        raise UserError(f"{path}: names no kpt_shape of keypoints; give the data.yaml of a pose set") from None
    rows = []
    problems: list[Problem] = []
    for images in _image_folders(folder, settings, problems):
        bare = []
        for image in map(images.joinpath, images_of(images)):
            labels = _labels_folder(images) / f"{image.stem}.txt"
            if labels.is_file():
                rows += [(Picture(image), xy) for xy in _animals(labels, image, count, per_keypoint)]
            else:
                bare.append(image.name)
        if bare:
            what = f"{len(bare)} images have no label file ({bare[0]}) and are left out"
            problems.append(warning(images, what, f"put it into {_labels_folder(images)}, or leave them as they are"))
    names = settings.get("node_names") or next(iter((settings.get("kpt_names") or {}).values()), None) or range(count)
    keypoints = tuple(map(str, names))
    if len(keypoints) != count:
        raise UserError(f"{path}: names {len(keypoints)} keypoints, but kpt_shape has {count}; correct it")
    bones = [(int(first), int(second)) for first, second in settings.get("skeleton") or ()]
    return LabelTable(keypoints, named_bones(keypoints, bones), tuple(rows), tuple(problems))


def _image_folders(folder: Path, settings: dict[str, Any], problems: list[Problem]) -> list[Path]:
    """The image folders of all splits, each once; Roboflow's `../train/images` lies beside data.yaml."""
    folders: dict[Path, None] = {}
    for split in SPLITS:
        given = settings.get(split)
        for name in given if isinstance(given, list) else [given] if given else []:
            below = str(name).replace("\\", "/")
            candidates = [folder / str(settings.get("path") or "") / below, folder / below]
            candidates.append(folder / below.removeprefix("../"))
            there = [images for images in candidates if images.is_dir()]
            images = next((images for images in there if _labels_folder(images).is_dir()), None)
            if images is not None:
                folders[images.resolve()] = None
            elif split == "test" and not there:  # Roboflow names it all the same
                what = f"of the split {split} there is no folder {name}: left out"
                problems.append(warning(folder / "data.yaml", what, "put it there, or leave it as it is"))
            else:
                raise UserError(
                    f"{folder / 'data.yaml'}: of the split {split} there is no folder {name} with its labels; put it "
                    "there, or remove the split"
                )
    if not folders:
        raise UserError(f"{folder / 'data.yaml'}: names no folder of images (train, val, test); correct it")
    return list(folders)


def _labels_folder(images: Path) -> Path:
    """The last folder `images` of a path, as `labels`."""
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
