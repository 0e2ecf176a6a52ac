"""`config.json`: the config that a study was last run with, and what has changed since."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from frameworth.config.model import StudyConfig
from frameworth.errors import Problem, UserError, error, warning
from frameworth.labels.deeplabcut import LabelledProject
from frameworth.plan.config import checked_config
from frameworth.plan.pilot import chosen_training
from frameworth.storage.digests import keep_digests, verified
from frameworth.storage.files import read_json, write_json
from frameworth.text import counted

NAME = "config.json"


def write_record(config: StudyConfig) -> None:
    """Write the checked config with all defaults to the study's folder, if it differs from the recorded one.

    From then on, digests of the files written into the folder are kept.
    """
    keep_digests(config.folder)
    if recorded_config(config) != config:
        write_json(config.folder / NAME, config.model_dump())


def record_problems(config: StudyConfig, project: LabelledProject | None) -> Iterator[Problem]:
    """Problems of running `config` in its study's folder, which may have results already.

    Args:
        project: the labelled project, if it is the user's own and can be read.
    """
    folder, record = config.folder, recorded_config(config)
    todo = f"give this study another name, or remove {folder}"
    if record and "demo" in (record.labels, config.labels) and record.labels != config.labels:
        what = f"{folder} holds the results of another study of this name, of labels: {record.labels}"
        yield error("config: study", what, todo)
        return
    frames = recorded_frames(folder)
    names = set(zip(project.videos, project.images, strict=True)) if project is not None else set()
    if frames and names and names.isdisjoint(frames):
        what = f"{folder} holds the results of another study of this name, which shares no frame with this one"
        yield error("config: study", what, todo)
        return
    trained = len(list(folder.glob("ensembles/*/*/training.json")))
    if not record or not trained:
        return
    before, now = (_what_networks_depend_on(each) for each in (record, config))
    keys = [*dict.fromkeys((*before, *now))]
    if chosen_training(config) is None:  # size and steps are not known yet
        before, now = (
            parts | {"pilot": of.pilot and of.pilot.model_dump()} for parts, of in ((before, record), (now, config))
        )
        keys = [*now]
    for key in keys:
        if before.get(key) != now.get(key):
            yield warning(
                f"config: {key}",
                f"was {before.get(key)} when {counted(trained, 'subset')} of the study had been trained and is "
                f"{now.get(key)}; what depends on it is trained again",
                "set it back, or give the study another name to keep both",
            )


def recorded_split(config: StudyConfig, project: LabelledProject) -> np.ndarray | None:
    """Which frames are held out by the study's frames.csv, bool [N]; None if it does not belong to this config."""
    record, frames = recorded_config(config), recorded_frames(config.folder)
    names = list(zip(project.videos, project.images, strict=True))
    if not record or (record.seed, record.held_out) != (config.seed, config.held_out) or frames.keys() != set(names):
        return None
    return np.array([frames[name] == "held-out" for name in names])


def recorded_config(config: StudyConfig) -> StudyConfig | None:
    """The config that the study was last run with; None if there is no readable record."""
    try:
        return checked_config(read_json(config.folder / NAME))
    except (OSError, ValueError, UserError):  # an invalid key is a ValueError, too
        return None


def recorded_frames(folder: Path) -> dict[tuple[str, str], str]:
    """The `split` of each frame (video, image) in the study's frames.csv; empty if it cannot be read.

    It is read without pandas, which would double the time of planning.
    """
    try:
        with verified(folder / "frames.csv").open(newline="") as file:
            return {(row["video"], row["image"]): row["split"] for row in csv.DictReader(file)}
    except (OSError, KeyError, UnicodeDecodeError, csv.Error, UserError):
        return {}


def _what_networks_depend_on(config: StudyConfig) -> dict[str, Any]:
    content = config.model_dump()
    parts = {key: content.get(key) for key in ("seed", "plant")}
    parts |= {f"held_out.{key}": value for key, value in content["held_out"].items()}
    training = chosen_training(config) or config.training
    return parts | {f"training.{key}": value for key, value in training.for_weights.items()}
