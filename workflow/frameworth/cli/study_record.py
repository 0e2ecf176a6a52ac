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
from frameworth.storage.digests import keep_digests, whole
from frameworth.storage.files import read_json, write_json

NAME = "config.json"


def write_record(config: StudyConfig) -> None:
    """Write the checked config, defaults and all, to the study's folder, where it differs from what is there.

    From then on, digests are kept of what is written into the folder.
    """
    keep_digests(config.folder)
    if recorded_config(config) != config:
        write_json(config.folder / NAME, config.model_dump())


def record_problems(config: StudyConfig, project: LabelledProject | None) -> Iterator[Problem]:
    """What speaks against running `config` in the folder of its study, which may hold results.

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
    if chosen_training(config) is None:  # of size and steps nothing is known yet
        before, now = (
            parts | {"pilot": of.pilot and of.pilot.model_dump()} for parts, of in ((before, record), (now, config))
        )
        keys = [*now]
    for key in keys:
        if before.get(key) != now.get(key):
            yield warning(
                f"config: {key}",
                f"was {before.get(key)} when {trained} subsets of the study were trained and is {now.get(key)}; "
                "what depends on it is trained again",
                "set it back, or give the study another name to keep both",
            )


def recorded_split(config: StudyConfig, project: LabelledProject) -> np.ndarray | None:
    """Which frames the study holds out, bool [N], as its frames.csv says; None if that is not of this config."""
    record, frames = recorded_config(config), recorded_frames(config.folder)
    names = list(zip(project.videos, project.images, strict=True))
    if not record or (record.seed, record.held_out) != (config.seed, config.held_out) or frames.keys() != set(names):
        return None
    return np.array([frames[name] == "held-out" for name in names])


def recorded_config(config: StudyConfig) -> StudyConfig | None:
    """The config that the study was last run with; None if it was not, or the record cannot be read."""
    try:
        return checked_config(read_json(config.folder / NAME))
    except (OSError, ValueError, UserError):  # a key that does not fit is a ValueError, too
        return None


def recorded_frames(folder: Path) -> dict[tuple[str, str], str]:
    """`split` by (video, image) of the frames that the study's results are of; empty where there are none.

    Read without pandas, which would double the time that planning takes.
    """
    try:
        with whole(folder / "frames.csv").open(newline="") as file:
            return {(row["video"], row["image"]): row["split"] for row in csv.DictReader(file)}
    except (OSError, KeyError, UnicodeDecodeError, csv.Error, UserError):
        return {}


def _what_networks_depend_on(config: StudyConfig) -> dict[str, Any]:
    content = config.model_dump()
    parts = {key: content.get(key) for key in ("seed", "plant")}
    parts |= {f"held_out.{key}": value for key, value in content["held_out"].items()}
    training = chosen_training(config) or config.training
    return parts | {f"training.{key}": value for key, value in training.for_weights.items()}
