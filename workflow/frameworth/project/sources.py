"""What a study's labels come from, whatever tool they were made with: a DeepLabCut project, or a label file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from frameworth.errors import RefusedError, UserError, problem_of, refuse_errors
from frameworth.project.imported import SCORER, is_import, read_imported
from frameworth.project.labelled_project import Inspection, LabelledProject, inspect_project, keypoint_problems


def inspect_labels(labels: Path) -> Inspection:
    """Read the labels of a DeepLabCut project's folder or another tool's label file, and tell what is wrong with them.

    Of a label file the paths are those of images and videos, where they lie before they are imported.
    """
    try:
        if not is_import(labels):
            return inspect_project(labels)
    except (OSError, ValueError):  # a name that no file can have
        return inspect_project(labels)
    try:
        imported = read_imported(labels)
    except RefusedError as refused:
        return Inspection(None, (), refused.problems)
    except UserError as refused:
        return Inspection(None, (), (problem_of(refused),))
    project = LabelledProject(
        root=labels.resolve(),
        scorer=SCORER,
        keypoints=imported.keypoints,
        skeleton=imported.skeleton,
        videos=imported.videos,
        images=imported.images,
        paths=tuple(picture.path for picture in imported.pictures),
        xy=imported.xy,
    )
    return Inspection(project, imported.sources, tuple(keypoint_problems(project, labels)))


def study_sources(config: dict[str, Any]) -> list[Path]:
    """Label files and images or videos; none for the demo. Raises RefusedError for what is missing or unreadable."""
    if config["labels"] == "demo":
        return []
    found = inspect_labels(Path(config["labels"]))
    refuse_errors(found.problems)
    return list(found.sources)
