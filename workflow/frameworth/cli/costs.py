"""The costs of a study and its jobs (time, memory, disk), from the study's size and from measurements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from frameworth.attribution.methods import method
from frameworth.attribution.methods.base import Frames
from frameworth.config.model import StudyConfig
from frameworth.config.training import Training
from frameworth.errors import UserError
from frameworth.labels.images import DECODED_BYTES_KEPT, image_size
from frameworth.labels.imported import is_import, read_imported
from frameworth.labels.readers.deeplabcut_config import project_keypoints
from frameworth.plan.designs import subset_size
from frameworth.plan.grid import PlannedSubset, base_subsets, method_options
from frameworth.plan.pilot import chosen_training, pilot_budget, possible_trainings, recorded_pilot
from frameworth.plan.split import held_out_count
from frameworth.storage.files import read_json
from frameworth.training.measured import Measured, measured_networks, network_seconds

DEMO_KEYPOINTS = 4  # of the demo's animals; reading it from the demo would import its drawing code
_TABLES = (".yaml", ".yml", ".h5", ".csv")

# Peak memory of a process, measured on a CPU: imports and one network, and the gradients for each px of a batch.
# The values are those of ResNet-50; smaller networks need less.
_BASE_MIB = 1500
_GPU_BASE_MIB = 4000  # with CUDA's libraries and pinned buffers; not measured
_BYTES_PER_PX = 4000

# Memory of a job that predicts a video: a network's weights (measured: 92 MiB for ResNet-50) with its maps of a batch,
# and the intermediate results of a network for a batch (measured on a CPU: below 1000).
_NETWORK_MIB = 150
_VIDEO_BATCH_MIB = 1500

# Assumption before anything was measured: an old GPU's time in s for a step with eight crops of 448 px.
_ASSUMED_STEP = 0.25
_ASSUMED_PX = 8 * 448 * 448
_ASSUMED_CPU_MINUTES = 240

# Jobs ask for this many times the expected time, and some minutes to start on a slow file system.
_RESERVE = 3
_START_MINUTES = 10


@dataclass(frozen=True)
class StudySize:
    """Number of labelled frames, size of the first in px, and number of keypoints."""

    frames: int
    width: int
    height: int
    keypoints: int


def study_size(config: StudyConfig, sources: Sequence[Path]) -> StudySize:
    """The size of a study from its config, or from its labels; `sources` is from `labels.sources.study_sources`.

    Raises UserError if the first image cannot be read.
    """
    demo, labels = config.demo, Path(config.labels)
    if config.labels == "demo":
        return StudySize(demo.frames, demo.width, demo.height, DEMO_KEYPOINTS)
    if is_import(labels):
        imported = read_imported(labels)
        return StudySize(len(imported.pictures), *imported.pictures[0].size(), len(imported.keypoints))
    images = [path for path in sources if path.suffix.lower() not in _TABLES]
    return StudySize(len(images), *image_size(images[0]), len(project_keypoints(labels)))


def measured(config: StudyConfig) -> Measured | None:
    """Measurements of the study's finished networks with the config's steps and batch size; None without any.

    Before the first network of the grid is finished, those of the network that the pilot chose are used.
    """
    training = chosen_training(config)
    return (measured_networks(config.folder, training) or _measured_by_pilot(config)) if training else None


def _measured_by_pilot(config: StudyConfig) -> Measured | None:
    pilot = recorded_pilot(config)
    if pilot is None:
        return None
    network = config.folder / ".store" / pilot["tries"][pilot["taken"]]["hash"]
    try:
        record = read_json(network / "training.json")
        file_bytes = (network / "network.pt").stat().st_size if config.keep_snapshots else 0
    except (UserError, OSError, ValueError):
        return None
    return Measured(record["wall_seconds"] / record["steps"], record["device_type"], 1, file_bytes)


@dataclass(frozen=True)
class Costs:
    """The costs of the parts of a study.

    Minutes and MiB have a reserve and are meant for a scheduler; seconds are the expected time.

    Attributes:
        size: size of the study. speed: measurements; if None, times are based on an assumption.
    """

    config: StudyConfig
    size: StudySize
    speed: Measured | None

    @cached_property
    def training(self) -> Training:
        """The options with the pilot's choice; before the choice, with the largest images of all choices."""
        return max(possible_trainings(self.config), key=self._batch_px)

    @property
    def pool(self) -> int:
        """The number of frames in the pool, by the config's share of held-out frames."""
        return self.size.frames - held_out_count(self.config.held_out.fraction, self.size.frames)

    @property
    def step(self) -> float:
        """Seconds of a gradient step; predicting as many frames takes a third of it."""
        if self.speed:
            return self.speed.step
        return max(0.02, _ASSUMED_STEP * self._batch_px(self.training) / _ASSUMED_PX)

    def pilot_seconds(self) -> float:
        """Seconds, at most, to train all networks of the pilot one after the other and predict all frames."""
        assert self.config.pilot is not None
        networks, steps = pilot_budget(self.config.pilot, self.config.training)
        return steps * self.step + networks * self.size.frames / self.training.batch_size * self.step / 3

    def job_seconds(self, subsets: Sequence[PlannedSubset]) -> float:
        """Seconds to train all members of these subsets and predict all frames with them."""
        return sum(
            subset.members
            * network_seconds(self.training, subset_size(subset.percent, self.pool), self.size.frames, self.step)
            for subset in subsets
        )

    def method_seconds(self, name: str) -> float:
        """Seconds that a method takes for one base network."""
        chosen = method(name)
        options = chosen.options(**method_options(self.config, name))
        subset = subset_size(base_subsets(self.config, name)[0].percent, self.pool)
        samples = chosen.samples(options, self.training, Frames(subset, self.pool, self.size.frames))
        return samples * self.step / self.training.batch_size

    def video_seconds(self, frames: int, networks: int) -> float:
        """Seconds to predict a video of `frames` frames, as large as the labelled ones, with `networks` networks."""
        return networks * frames / self.training.batch_size * self.step / 3

    def minutes(self, seconds: float) -> int:
        """Minutes to ask a scheduler for, if `seconds` are expected."""
        if self.speed is None and self.config.training.device == "cpu":
            return _ASSUMED_CPU_MINUTES
        return _START_MINUTES + math.ceil(_RESERVE * seconds / 60)

    def job_memory(self) -> int:
        """MiB of a job that trains: the process, the decoded frames, and on a CPU the gradients."""
        size, scale = self.size, self.training.scale
        frames = min(DECODED_BYTES_KEPT, size.frames * 3 * size.width * size.height * scale**2)
        if self.training.device != "cpu":
            return _GPU_BASE_MIB + math.ceil(frames / 2**20)
        return _BASE_MIB + math.ceil((frames + _BYTES_PER_PX * self._batch_px(self.training)) / 2**20)

    def method_memory(self, name: str) -> int:
        """MiB that a method needs for one base network."""
        return self.job_memory() + method(name).memory

    def video_memory(self, networks: int) -> int:
        """MiB for a video: the process, a batch of images and maps, and the networks that predict it."""
        base = _BASE_MIB if self.config.training.device == "cpu" else _GPU_BASE_MIB
        return base + _VIDEO_BATCH_MIB + networks * _NETWORK_MIB

    def _batch_px(self, training: Training) -> float:
        side = training.crop
        px = side * side if side else self.size.width * self.size.height * training.scale**2
        return training.batch_size * px


def study_memory(size: StudySize, subsets: int) -> int:
    """MiB for the stages after training, for scores [subsets, frames, keypoints] and frames² · keypoints matrices."""
    scores = subsets * size.frames * size.keypoints
    matrix = size.frames**2 * size.keypoints
    return 1500 + math.ceil((70 * scores + 160 * matrix) / 2**20)


def prediction_bytes(size: StudySize, members: int) -> int:
    """Approximate bytes on disk of one subset's predictions and consensus, with the DeepLabCut tables."""
    return round(size.frames * size.keypoints * (45 * members + 110) + 60_000)
