"""The labelled frames of a study as they are now; they may differ from its `labels.h5` and `frames.csv`."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from frameworth.cli.study_record import recorded_config, recorded_frames
from frameworth.config.model import StudyConfig
from frameworth.errors import UserError
from frameworth.labels.corrected import Name
from frameworth.labels.deeplabcut import LabelledProject, read_project
from frameworth.labels.frames import collect_frames
from frameworth.labels.imported import is_import
from frameworth.labels.labels import Labels, read_labels
from frameworth.labels.sources import study_sources
from frameworth.plan.split import hold_out


@dataclass(frozen=True)
class PresentFrames:
    """The properties of N frames that networks depend on.

    Attributes:
        keypoints: K names. digests: [N] SHA-256 of each image file. xy: [N, K, 2] px, NaN where not labelled.
        pool: numbers of the frames that may be trained on.
        same_pool: whether the study's frames.csv has the same frames in the pool, with the same images.
        same_labels: whether labels.h5 also has the same labels, so that no job must read them again.
    """

    keypoints: tuple[str, ...]
    digests: tuple[str, ...]
    xy: np.ndarray
    pool: np.ndarray
    same_pool: bool
    same_labels: bool


def present_frames(config: StudyConfig) -> PresentFrames | None:
    """The frames of a checked config; None if a rule must first make their project, or make it again.

    Images are read only if frames were added or removed, if an image was touched, or if some show the same picture.
    Raises UserError if the labels cannot be read.
    """
    root, folder = project_folder(config), config.folder
    if root is None:
        return None
    project, split = read_project(root), recorded_frames(folder)
    names = list(zip(project.videos, project.images, strict=True))
    share = config.held_out
    held_out = hold_out(
        project.videos, project.images, fraction=share.fraction, by=share.by, seed=config.seed, pictures=None
    )
    before = _recorded_labels(folder / "labels.h5", project)
    recorded = None if before is None or _touched(project, folder / "labels.h5") else before
    if recorded is None or not _is_split(split, names, held_out):
        with tempfile.TemporaryDirectory() as name:
            files = Path(name) / "frames.csv", Path(name) / "labels.h5"
            collect_frames(root, share.model_dump(), config.seed, *files)
            recorded, drawn = read_labels(files[1]), recorded_frames(files[0].parent)
            held_out = np.array([drawn[name] == "held-out" for name in names])
    same_pool = before is not None and before.digests == recorded.digests and _is_split(split, names, held_out)
    same = before is not None and same_pool and before.keypoints == project.keypoints
    same &= before is not None and np.array_equal(before.xy, project.xy, equal_nan=True)
    xy = np.where(np.isfinite(project.xy).all(axis=2, keepdims=True), project.xy, np.nan)
    return PresentFrames(project.keypoints, recorded.digests, xy, np.flatnonzero(~held_out), same_pool, same)


def in_order(*paths: Path) -> bool:
    """Whether all these files exist, and none is older than the one before it."""
    try:
        times = [path.stat().st_mtime for path in paths]
    except OSError:
        return False
    return times == sorted(times)


def _is_split(split: dict[Name, str], names: list[Name], held_out: np.ndarray) -> bool:
    """Whether frames.csv has exactly these frames, in this order, and exactly these held out."""
    return list(split) == names and [split[name] == "held-out" for name in names] == held_out.tolist()


def _recorded_labels(labels_h5: Path, project: LabelledProject) -> Labels | None:
    """The labels in the study's labels.h5; None if it is missing, damaged, or for other image files."""
    try:
        recorded = read_labels(labels_h5)
    except (UserError, OSError):
        return None
    return recorded if recorded.paths == tuple(map(str, project.paths)) else None


def _touched(project: LabelledProject, labels_h5: Path) -> bool:
    """Whether an image was touched after labels.h5 was written; copying it or changing permissions counts, too."""
    try:
        stats = [path.stat() for path in project.paths]
    except OSError:
        return True
    since = labels_h5.stat().st_mtime
    return any(max(stat.st_mtime, stat.st_ctime) > since for stat in stats)


def project_folder(config: StudyConfig) -> Path | None:
    """The folder that stage `frames` reads; None if it is not made yet, or was made from other inputs."""
    given, folder = Path(config.labels), config.folder
    if config.labels == "demo":
        made, made_from = folder / "project", ["labels", "demo", "seed", "held_out"]
    elif config.plant:
        made, made_from = folder / "planted_project", ["labels", "plant", "seed", "held_out"]
    elif is_import(given):
        made, made_from = folder / "imported_project", ["labels", "plant"]
    else:
        return given
    record, stamp = recorded_config(config), made / "config.yaml"
    same = record and stamp.exists() and all(getattr(record, key) == getattr(config, key) for key in made_from)
    return made if same and all(in_order(source, stamp) for source in study_sources(config)) else None
