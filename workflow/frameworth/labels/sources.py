"""The source of a study's labels: a DeepLabCut project, or a label file of another tool."""

from __future__ import annotations

from pathlib import Path

from frameworth.config.model import StudyConfig
from frameworth.errors import Problem, RefusedError, UserError, error, grouped, problem_of, refuse_errors
from frameworth.labels.deeplabcut import (
    Inspection,
    LabelledProject,
    inspect_project,
    keypoint_problems,
    misread_names,
)
from frameworth.labels.imported import SUFFIXES, is_import, read_imported
from frameworth.labels.pictures import Pictures, inspect_pictures
from frameworth.labels.readers.deeplabcut_config import name_problems
from frameworth.labels.readers.ultralytics import is_pose_set


def inspect_labels(labels: Path) -> Inspection:
    """Read the labels of a DeepLabCut project's folder or of another tool's label file, and collect their problems.

    For a label file, the paths are those of the images and videos in their places before the import.
    """
    try:
        if not is_import(labels):
            if labels.is_dir() and not (labels / "config.yaml").exists():
                what = "is no DeepLabCut project (it has no config.yaml), but holds"
                if sets := [path.name for path in sorted(labels.glob("*.y*ml")) if is_pose_set(path)]:
                    todo = f"rename {sets[0]} to data.yaml"
                    return Inspection(None, (), (error(labels, f"{what} {sets[0]} of an Ultralytics set", todo),))
                if others := _label_files(labels):
                    todo = f"give {labels / others[0]}"
                    return Inspection(None, (), (error(labels, f"{what} {', '.join(others)}", todo),))
            return inspect_project(labels)
    except (OSError, ValueError):  # a name that no file can have
        return inspect_project(labels)
    try:
        imported = read_imported(labels)
    except RefusedError as refused:
        return Inspection(None, (), refused.problems)
    except UserError as refused:
        return Inspection(None, (), (problem_of(refused),))
    of_names = [*name_problems(labels, imported.keypoints), *misread_names(imported.sources)]
    problems = grouped([*imported.problems, *keypoint_problems(imported, labels), *of_names])
    return Inspection(imported, imported.sources, tuple(problems))


def _label_files(folder: Path) -> list[str]:
    """Names of at most three files that may be label files of another tool, the most likely first."""
    names = [path.name for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.name[0] != "."]
    return sorted(names, key=lambda name: (not name.startswith("CollectedData"), name))[:3]


def inspect_label_pictures(labels: Path, project: LabelledProject, decode: bool) -> tuple[Pictures, list[Problem]]:
    """`inspect_pictures`, also for another tool's labels before their import, which may be frames of a video."""
    if not is_import(labels):
        return inspect_pictures(project, decode)
    pictures = read_imported(labels).pictures
    films = {index: picture.pixels for index, picture in enumerate(pictures) if picture.video is not None}
    return inspect_pictures(project, decode, films)


def study_sources(config: StudyConfig) -> list[Path]:
    """Label files and images or videos; none for the demo. Raises RefusedError if any is missing or unreadable."""
    if config.labels == "demo":
        return []
    inspection = inspect_labels(Path(config.labels))
    refuse_errors(inspection.problems)
    return list(inspection.sources)
