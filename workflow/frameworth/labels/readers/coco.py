"""Reads COCO keypoints, which CVAT, Label Studio and other tools export."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from frameworth.errors import UserError
from frameworth.labels.readers.tables import (
    IMAGE_FOLDERS,
    LabelTable,
    NamedFiles,
    Picture,
    folder_and_above,
    named_bones,
    points_of,
)


def is_coco(content: Any) -> bool:
    """Whether the content of a JSON file has the parts of a COCO file."""
    return isinstance(content, dict) and all(
        isinstance(content.get(key), list) for key in ("images", "annotations", "categories")
    )


def read_coco(path: Path, content: dict[str, Any]) -> LabelTable:
    """The annotations with keypoints; if each category has one keypoint, they are combined to one animal per image.

    Raises UserError, naming the annotation or category, if it cannot be read.
    """
    images = {image["id"]: image for image in content["images"]}
    names = {key: str(image["file_name"]) for key, image in images.items()}
    used = {annotation["category_id"] for annotation in content["annotations"] if annotation.get("keypoints")}
    categories = {each["id"]: each for each in content["categories"] if each["id"] in used and each.get("keypoints")}
    unnamed = {each["id"]: each.get("name") for each in content["categories"] if not each.get("keypoints")}
    parts = {key: tuple(map(str, category["keypoints"])) for key, category in categories.items()}
    single = len(parts) > 1 and all(len(keypoints) == 1 for keypoints in parts.values())
    if len(set(parts.values())) > 1 and not single:
        kinds = " and ".join(", ".join(keypoints) for keypoints in dict.fromkeys(parts.values()))
        raise UserError(f"{path}: labels {len(parts)} kinds of animal (categories), with keypoints {kinds}; keep one")
    if single:
        keypoints = tuple(keypoint for (keypoint,) in parts.values())
        if len(set(keypoints)) < len(keypoints):  # then each keypoint has its category's name
            keypoints = tuple(str(category["name"]) for category in categories.values())
    else:
        keypoints = next(iter(parts.values()), ())
    place = {key: index for index, key in enumerate(parts)}
    rows: list[tuple[Picture, np.ndarray]] = []
    together: dict[Picture, np.ndarray] = {}
    sizes: dict[Picture, tuple[Any, Any]] = {}
    files = NamedFiles(path, names.values(), _bases(path))
    for annotation in content["annotations"]:
        flat, key = annotation.get("keypoints"), annotation["category_id"]
        if not flat or isinstance(annotation.get("score"), float):  # a prediction
            continue
        where = f"{path}: annotation {annotation.get('id')}"
        if key in unnamed:
            todo = "list them under its 'keypoints', in the order of the annotations' numbers"
            raise UserError(f"{path}: the category '{unnamed[key]}' names no keypoints; {todo}")
        if annotation["image_id"] not in names or key not in parts:
            raise UserError(f"{where} is of an image or category that the file does not list; correct the file")
        if len(flat) != 3 * len(parts[key]):
            raise UserError(
                f"{where} of {names[annotation['image_id']]} holds {len(flat)} numbers, not 3 for each of "
                f"{len(parts[key])} keypoints; correct the file"
            )
        xy = points_of(flat, 3)
        if not np.isfinite(xy).any():
            continue
        picture, image = Picture(files.need(names[annotation["image_id"]])), images[annotation["image_id"]]
        sizes[picture] = image.get("width"), image.get("height")
        if not single:
            rows.append((picture, xy))
            continue
        whole = together.setdefault(picture, np.full((len(keypoints), 2), np.nan))
        if np.isfinite(whole[place[key]]).any():
            name = keypoints[place[key]]
            raise UserError(f"{where} labels '{name}' in {picture.path.name} once more; keep one of them")
        whole[place[key]] = xy[0]
    bones = () if single else next((category.get("skeleton") or () for category in categories.values()), ())
    bones = [(int(bone[0]) - 1, int(bone[1]) - 1) for bone in bones if len(bone) == 2]
    return LabelTable(keypoints, named_bones(keypoints, bones), (*rows, *together.items()), sizes=sizes)


def _bases(path: Path) -> list[Path]:
    """Folders that image names are relative to; CVAT's images/<subset>/ has its name from the end of the file name."""
    subset = re.sub(r"^(person_keypoints|instances|annotations)_", "", path.stem)
    folders = (*IMAGE_FOLDERS, f"images/{subset}", subset)
    return [root / folder for root in folder_and_above(path, 1) for folder in folders]
