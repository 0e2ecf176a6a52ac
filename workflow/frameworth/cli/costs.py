"""What a study and its jobs take: run time, memory, device-hours, disk; from the study's size and what was measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frameworth.attribution.methods import method
from frameworth.errors import UserError
from frameworth.labels.deeplabcut import project_keypoints
from frameworth.labels.images import DECODED_BYTES_KEPT, image_size
from frameworth.labels.imported import is_import, read_imported
from frameworth.plan.designs import subset_size
from frameworth.plan.grid import PlannedSubset, method_options, study_folder
from frameworth.plan.pilot import chosen_training, pilot_budget, possible_trainings, recorded_pilot
from frameworth.plan.split import held_out_count
from frameworth.storage.files import read_json
from frameworth.training.measured import Measured, measured_networks, network_seconds

DEMO_KEYPOINTS = 4  # of the drawn animals; looking them up would import what drawing needs
_TABLES = (".yaml", ".yml", ".h5", ".csv")

# Peak memory of a process measured on a CPU: imports and one network, and what the gradients of a px of a batch need.
# ResNet-50's share stands for all networks, as those that are smaller need less.
_BASE_MIB = 1500
_GPU_BASE_MIB = 4000  # with CUDA's libraries and pinned buffers; not measured
_BYTES_PER_PX = 4000

# Of a job that looks at a video: a network's weights (measured: 92 MiB for ResNet-50) with its maps of a batch, and
# what a network computes in between for a batch (measured on a CPU: below 1000).
_NETWORK_MIB = 150
_VIDEO_BATCH_MIB = 1500

# Before anything has been measured: an old GPU's time for a step of eight crops of 448 px. An assumption.
_ASSUMED_STEP = 0.25
_ASSUMED_PX = 8 * 448 * 448
_ASSUMED_CPU_MINUTES = 240

# What is asked for is this many times what is expected, and some minutes to start on a cold file system.
_RESERVE = 3
_START_MINUTES = 10


@dataclass(frozen=True)
class StudySize:
    """Labelled frames, the size of the first in px, and keypoints."""

    frames: int
    width: int
    height: int
    keypoints: int

    def pool(self, config: dict[str, Any]) -> int:
        """Frames that may be trained on, as the config's share says."""
        return self.frames - held_out_count(config["held_out"]["fraction"], self.frames)


def study_size(config: dict[str, Any], sources: Sequence[Path]) -> StudySize:
    """The size of a study from its config, or from its labels, whose files `project.sources.study_sources` lists.

    Raises UserError if the first image cannot be read.
    """
    if config["labels"] == "demo":
        demo = config["demo"]
        return StudySize(demo["frames"], demo["width"], demo["height"], DEMO_KEYPOINTS)
    if is_import(Path(config["labels"])):
        imported = read_imported(Path(config["labels"]))
        return StudySize(len(imported.pictures), *imported.pictures[0].size(), len(imported.keypoints))
    images = [path for path in sources if path.suffix.lower() not in _TABLES]
    return StudySize(len(images), *image_size(images[0]), len(project_keypoints(Path(config["labels"]))))


def measured(config: dict[str, Any]) -> Measured | None:
    """What the study's finished networks of this many steps and this batch size took; None if there are none.

    Before the grid's first network is finished, that network of the pilot whose options were taken tells.
    """
    training = chosen_training(config)
    if training is None:
        return None
    found = measured_networks(study_folder(config), training)
    return found or (_measured_by_pilot(config) if config.get("pilot") else None)


def _measured_by_pilot(config: dict[str, Any]) -> Measured | None:
    told = recorded_pilot(config)
    if told is None:
        return None
    network = study_folder(config) / ".store" / told["tries"][told["taken"]]["hash"]
    try:
        record = read_json(network / "training.json")
        file_bytes = (network / "network.pt").stat().st_size if config["keep_snapshots"] else 0
    except (UserError, OSError, ValueError):
        return None
    return Measured(record["wall_seconds"] / record["steps"], record["device_type"], 1, file_bytes)


def dearest(config: dict[str, Any], size: StudySize) -> dict[str, Any]:
    """The config with what its pilot chose in place of the pilot; before that, with those options that take longest."""
    plain = {key: part for key, part in config.items() if key != "pilot"}
    possible = [plain | {"training": training} for training in possible_trainings(config)]
    return max(possible, key=lambda one: _batch_px(one, size))


def pilot_minutes(config: dict[str, Any], size: StudySize, found: Measured | None) -> int:
    """Minutes to ask of a scheduler for the pilot: all its networks at the largest size."""
    if found is None and config["training"]["device"] == "cpu":
        return _ASSUMED_CPU_MINUTES
    step = _step(dearest(config, size), size, found)
    return _START_MINUTES + math.ceil(_RESERVE * pilot_seconds(config, size, step) / 60)


def pilot_seconds(config: dict[str, Any], size: StudySize, step: float) -> float:
    """Most seconds of training all networks of a pilot, one after the other, and predicting all frames with each.

    Args:
        step: as for `job_seconds`, at the largest size.
    """
    networks, steps = pilot_budget(config)
    return steps * step + networks * size.frames / config["training"]["batch_size"] * step / 3


def job_seconds(config: dict[str, Any], size: StudySize, subsets: Sequence[PlannedSubset], step: float) -> float:
    """Expected seconds of training all members of these subsets and predicting all frames with them.

    Args:
        step: seconds of a gradient step; a prediction of as many frames takes a third.
    """
    pool, training = size.pool(config), config["training"]
    return sum(
        subset.members * network_seconds(training, subset_size(subset.percent, pool), size.frames, step)
        for subset in subsets
    )


def job_minutes(
    config: dict[str, Any], size: StudySize, subsets: Sequence[PlannedSubset], found: Measured | None
) -> int:
    """Minutes to ask of a scheduler for one job, with a reserve; from `found`, or an assumption where nothing was."""
    if found is None and config["training"]["device"] == "cpu":
        return _ASSUMED_CPU_MINUTES
    seconds = job_seconds(config, size, subsets, _step(config, size, found))
    return _START_MINUTES + math.ceil(_RESERVE * seconds / 60)


def method_minutes(config: dict[str, Any], size: StudySize, found: Measured | None, name: str) -> int:
    """Minutes to ask of a scheduler for one base network of a method, by the samples that the method trains."""
    if found is None and config["training"]["device"] == "cpu":
        return _ASSUMED_CPU_MINUTES
    seconds = method_seconds(config, size, name, _step(config, size, found))
    return _START_MINUTES + math.ceil(_RESERVE * seconds / 60)


def method_seconds(config: dict[str, Any], size: StudySize, name: str, step: float) -> float:
    """Expected seconds of asking one base network by a method; `step` as for `job_seconds`."""
    training, asked_by = config["training"], method(name)
    options = asked_by.options(**method_options(config, name))
    samples = asked_by.samples(options, training, size.pool(config), size.frames)
    return samples * step / training["batch_size"]


def method_memory(config: dict[str, Any], size: StudySize, name: str) -> int:
    """MiB to ask of a scheduler for one base network of a method."""
    return job_memory(config, size) + method(name).memory


def job_memory(config: dict[str, Any], size: StudySize) -> int:
    """MiB to ask of a scheduler for a job that trains: the process, the decoded frames, on a CPU the gradients too."""
    scale = config["training"]["scale"]
    frames = min(DECODED_BYTES_KEPT, size.frames * 3 * size.width * size.height * scale**2)
    if config["training"]["device"] != "cpu":
        return _GPU_BASE_MIB + math.ceil(frames / 2**20)
    return _BASE_MIB + math.ceil((frames + _BYTES_PER_PX * _batch_px(config, size)) / 2**20)


def video_minutes(config: dict[str, Any], size: StudySize, found: Measured | None, frames: int, networks: int) -> int:
    """Minutes to ask for a video of so many frames, as large as the labelled ones, seen by so many networks."""
    if found is None and config["training"]["device"] == "cpu":
        return _ASSUMED_CPU_MINUTES
    return _START_MINUTES + math.ceil(
        _RESERVE * video_seconds(config, _step(config, size, found), frames, networks) / 60
    )


def video_seconds(config: dict[str, Any], step: float, frames: int, networks: int) -> float:
    """Expected seconds of predicting so many frames with so many networks; `step` as for `job_seconds`."""
    return networks * frames / config["training"]["batch_size"] * step / 3


def video_memory(config: dict[str, Any], networks: int) -> int:
    """MiB for a video: the process, a batch of images and maps, and the networks that look at it."""
    base = _BASE_MIB if config["training"]["device"] == "cpu" else _GPU_BASE_MIB
    return base + _VIDEO_BATCH_MIB + networks * _NETWORK_MIB


def study_memory(size: StudySize, subsets: int) -> int:
    """MiB for the stages after training, which hold scores [subsets, frames, keypoints] and matrices of frames²."""
    scores = subsets * size.frames * size.keypoints
    matrix = size.frames**2 * size.keypoints
    return 1500 + math.ceil((70 * scores + 160 * matrix) / 2**20)


def prediction_bytes(size: StudySize, members: int) -> int:
    """About what the predictions and consensus of one subset take on disk, with the DeepLabCut tables."""
    return round(size.frames * size.keypoints * (45 * members + 110) + 60_000)


def _step(config: dict[str, Any], size: StudySize, found: Measured | None) -> float:
    return found.step if found else max(0.02, _ASSUMED_STEP * _batch_px(config, size) / _ASSUMED_PX)


def _batch_px(config: dict[str, Any], size: StudySize) -> float:
    training = config["training"]
    side = training["crop"]
    px = side * side if side else size.width * size.height * training["scale"] ** 2
    return training["batch_size"] * px
