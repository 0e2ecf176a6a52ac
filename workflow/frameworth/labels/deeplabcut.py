"""Read a single-animal DeepLabCut project (2.x or 3) without DeepLabCut, and without running code that is in it.

What DeepLabCut leaves out of its training is also left out here, with a warning for each cause and file: frames without
a label, labels that it treats as not visible, folders that `video_sets` does not list, and bodyparts that a table or
config.yaml lacks.

The project is never changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from frameworth.errors import Problem, RefusedError, commands_a_terminal, error, grouped, refuse_errors, warning
from frameworth.labels.labellers import labeller_problems, labellers_file
from frameworth.labels.readers.deeplabcut_config import read_project_config
from frameworth.labels.readers.deeplabcut_labels import FrameLabels, read_labelled_frames

FEW_LABELS = 8  # a keypoint with labels in fewer frames gets a warning


@dataclass(frozen=True)
class LabelledProject:
    """The labelled frames of a project, sorted by video and then by image name, both in natural order.

    N labelled frames, K keypoints in the order of config.yaml; every frame has a labelled keypoint.
    """

    root: Path  # absolute
    scorer: str
    keypoints: tuple[str, ...]  # [K]
    skeleton: tuple[tuple[str, str], ...]  # pairs of keypoints to connect by a line; may be empty
    videos: tuple[str, ...]  # [N] folder below labeled-data
    images: tuple[str, ...]  # [N] file name
    paths: tuple[Path, ...]  # [N] absolute path of the image
    xy: np.ndarray  # float64 [N, K, 2], px of the original image, NaN where missing


@dataclass(frozen=True)
class Inspection:
    """The project in a folder, its files and its problems."""

    project: LabelledProject | None  # None if an error prevents reading it
    sources: tuple[Path, ...]  # config.yaml, all tables in use and the labelled images, below the folder as given
    problems: tuple[Problem, ...]


def inspect_project(folder: Path) -> Inspection:
    """Read config.yaml and all label files of the project in `folder`, and collect all their problems.

    Only the headers of images are read. Frames that have an error themselves are left out of the project.
    """
    folder = Path(folder)
    problems: list[Problem] = []
    labels: list[FrameLabels] = []
    try:
        config = read_project_config(folder, problems)
        labels, tables = read_labelled_frames(folder, config, problems)
    except RefusedError as refused:
        problems += refused.problems
    if not labels:
        return Inspection(None, (), tuple(grouped(problems)))
    root = folder.resolve()
    project = LabelledProject(
        root=root,
        scorer=config.scorer,
        keypoints=config.keypoints,
        skeleton=config.skeleton,
        videos=tuple(label.video for label in labels),
        images=tuple(label.image for label in labels),
        paths=tuple(root / label.path.relative_to(folder) for label in labels),
        xy=np.stack([label.xy for label in labels]),
    )
    problems += keypoint_problems(project, folder / "config.yaml")
    problems += labeller_problems(folder, set(zip(project.videos, project.images, strict=True)))
    sources = (folder / "config.yaml", *labellers_file(folder), *tables, *(label.path for label in labels))
    problems += misread_names(sources)
    return Inspection(project, sources, tuple(grouped(problems)))


def read_project(folder: Path) -> LabelledProject:
    """Read config.yaml and all label files of the project in `folder`.

    Raises RefusedError, naming files, frames and keypoints, if anything in them is an error.
    """
    inspection = inspect_project(folder)
    refuse_errors(inspection.problems)
    assert inspection.project is not None
    return inspection.project


def misread_names(paths: Iterable[Path]) -> Iterator[Problem]:
    """An error for names with braces, which are wildcards in Snakemake, or control characters, which it prints."""
    for path in dict.fromkeys(part for whole in paths for part in (*reversed(whole.parents), whole)):
        if set(path.name) & set("{}"):
            yield error(path, "its name holds a brace, which Snakemake takes for a wildcard", "rename it without")
        if commands_a_terminal(path.name):
            yield error(path, "its name holds a control character, which a terminal obeys", "rename it without")


def keypoint_problems(project: LabelledProject, config: Path) -> Iterator[Problem]:
    """Problems of keypoints that are labelled in no frame or in few; `config` is the file that names the keypoints."""
    total = len(project.xy)
    for name, count in zip(project.keypoints, np.isfinite(project.xy).all(axis=2).sum(axis=0), strict=True):
        if count == 0:
            todo = f"label it, or take it out of {config.name} and of the label files"
            yield error(config, f"the bodypart '{name}' is labelled in no frame", todo)
        elif count < FEW_LABELS <= total:
            what = f"the bodypart '{name}' is labelled in {count} of {total} frames"
            yield warning(config, what, "its errors rest on few labels; label it in more frames")
