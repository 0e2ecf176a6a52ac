"""Reads keypoints that Label Studio exports as JSON: a task per image, with positions in percent of its size."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np

from frameworth.errors import UserError
from frameworth.labels.names import natural_key
from frameworth.labels.readers.tables import IMAGE_FOLDERS, LabelTable, NamedFiles, Picture, folder_and_above


def is_label_studio(content: Any) -> bool:
    """Whether the content of a JSON file is tasks of images; tasks that sleap-io wrote have a video in `meta`."""
    return (
        isinstance(content, list)
        and bool(content)
        and all(
            isinstance(task, dict) and "annotations" in task and "video" not in (task.get("meta") or {})
            for task in content
        )
    )


def is_json_min(content: Any) -> bool:
    """Whether the content of a JSON file is Label Studio's smaller export, whose tasks have no `annotations`."""
    return (
        isinstance(content, list)
        and bool(content)
        and all(isinstance(task, dict) and "annotator" in task for task in content)
    )


def read_label_studio(path: Path, content: list[dict[str, Any]]) -> LabelTable:
    """The keypoints of annotated tasks; raises UserError naming the task that cannot be read."""
    labelled: dict[Picture, dict[str, tuple[float, float]]] = {}
    labellers: dict[Picture, str] = {}
    sizes: dict[Picture, tuple[Any, Any]] = {}
    bases = [root / folder for root in folder_and_above(path, 1) for folder in IMAGE_FOLDERS]
    fields = [_image_field(task) for task in content]
    files = NamedFiles(path, [_file_name(field) for field in fields if field is not None], bases)
    for task, field in zip(content, fields, strict=True):
        where = f"{path}: task {task.get('id')}"
        done = [each for each in task["annotations"] if not each.get("was_cancelled") and each.get("result")]
        if len(done) > 1:
            raise UserError(f"{where} has {len(done)} annotations; keep one of them")
        points = [result for each in done for result in each["result"] if result.get("type") == "keypointlabels"]
        if not points:
            continue
        if field is None:
            raise UserError(f"{where} names no image (data.image); export the labels of images, or give COCO")
        picture = Picture(files.need(_file_name(field)))
        xy = labelled.setdefault(picture, {})
        if labeller := _labeller(done[0].get("completed_by")):
            labellers[picture] = labeller
        for result in points:
            value = result["value"]
            for name in value["keypointlabels"]:
                if name in xy:
                    raise UserError(f"{where} labels '{name}' in {picture.path.name} more than once; keep one of them")
                width, height = sizes[picture] = result["original_width"], result["original_height"]
                xy[name] = (value["x"] / 100 * width, value["y"] / 100 * height)
    keypoints = tuple(sorted({name for points in labelled.values() for name in points}, key=natural_key))
    missing = (np.nan, np.nan)
    rows = ((picture, np.array([xy.get(name, missing) for name in keypoints])) for picture, xy in labelled.items())
    return LabelTable(keypoints, (), tuple(rows), labellers=labellers, sizes=sizes)


def _image_field(task: dict[str, Any]) -> str | None:
    data = task.get("data") or {}
    field = data.get("image") or data.get("img")
    return field if isinstance(field, str) else None


def _labeller(completed_by: Any) -> str:
    """Who made an annotation: a person's number, or the address in an object; empty if the export has neither."""
    if isinstance(completed_by, dict):
        completed_by = completed_by.get("email") or completed_by.get("id")
    return "" if completed_by is None else str(completed_by)


def _file_name(field: str) -> str:
    """The image's path from the field of a task: in local storage, of an upload, of an address, or the field itself."""
    if "/data/local-files/?d=" in field:
        return unquote(field.split("?d=", 1)[1])
    if upload := re.search(r"/data/upload/(?:\d+/)?([^/]+)$", field):
        return unquote(upload[1])
    if re.match(r"https?://", field):  # without what follows `?`, such as a signature
        return unquote(urlsplit(field).path).lstrip("/")
    return field
