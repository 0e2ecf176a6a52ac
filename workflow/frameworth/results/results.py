"""A study's folder as arrays and tables, which the figures, the report and the summary read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from frameworth.attribution.inference.values import subset_score
from frameworth.attribution.label_checks import read_label_checks
from frameworth.attribution.methods import method
from frameworth.attribution.methods.base import Method
from frameworth.config.model import Influence
from frameworth.config.registries import asked_methods
from frameworth.config.result_options import ResultOptions
from frameworth.labels.frames import read_frames
from frameworth.labels.labels import read_labels
from frameworth.labels.subsets import read_subsets
from frameworth.plan.designs import main_percent
from frameworth.plan.names import subset_path
from frameworth.scores.learning import Learning, learning
from frameworth.scores.registry import unit_of
from frameworth.storage.files import read_json, read_table
from frameworth.storage.hdf5 import read_attributes, read_hdf5
from frameworth.videos.video_consensus import VideoConsensus, read_video_consensus

T = TypeVar("T")


@dataclass(frozen=True)
class MethodAnswers:
    """The answers that one method got from B base networks.

    Attributes:
        harm: [B, N] in the method's unit; a frame with harm above 0 harms. NaN where a network has no answer.
        inclusion: bool [B, N], whether the network was trained on the frame.
    """

    method: Method[Any]
    harm: np.ndarray
    inclusion: np.ndarray


def _of(name: str, read: Callable[[Path], T]) -> cached_property[T]:
    """A property that reads the file `name` of the study's folder when it is first used."""
    return cached_property(lambda results: read(results.folder / name))


@dataclass(frozen=True)
class Results:
    """The collected artefacts of one study; each is read when it is first used. docs/formats.md describes the files.

    Args:
        folder: `results/{study}`.
        options: the parts of the study's config that reading them needs.
    """

    folder: Path
    options: ResultOptions = field(default_factory=ResultOptions)

    frames = _of("frames.csv", read_frames)  # a row per labelled frame
    labels = _of("labels.h5", read_labels)
    scores = _of("scores.h5", read_hdf5)  # arrays [S, N, K] (poses [S, N, K, 2]) by name
    members = _of("members.h5", read_hdf5)  # what `frameworth.scores.members.of_networks` returns, for all subsets
    rmse = _of("rmse.csv", read_table)  # a row per network and per consensus form of each subset, on held-out frames
    frame_values = _of("frame_values.csv", read_table)  # a row per pool frame, by `check_priority`
    label_checks = _of("labels_to_check.csv", read_label_checks)  # a row per labelled frame, most suspicious first
    validation = _of("validation.csv", read_table)  # a row per quantity, method and score
    distractors = _of("distractors.csv", read_table)  # a row per pool frame
    distractor_groups = _of("distractors_groups.csv", read_table)  # a row per group of frames
    distractor_places = _of("distractors_places.csv", read_table)  # a row per training frame and held-out label
    outliers = _of("outliers.csv", read_table)  # a row per pool frame, by score
    outlier_methods = _of("outliers_methods.csv", read_table)  # a row per quantity and method
    plan = _of("plan.csv", read_table)  # a row per method and effect
    plan_power = _of("plan_power.csv", read_table)  # a row per method, effect and number of networks
    plan_basis = _of("plan.json", read_json)  # what both plan tables are computed from
    add = _of("add.csv", read_table)  # a row per keypoint and each of three numbers of frames
    add_curve = _of("add_curve.csv", read_table)  # a row per keypoint and each of many numbers of frames
    add_poses = _of("add_poses.csv", read_table)  # a row per labelled frame
    frames_to_label = _of("frames_to_label.csv", read_table)  # a row per proposed frame of a video
    pilot = _of("pilot.json", read_json)  # the pilot's networks, and what the pilot chose
    summary = _of("summary.json", read_json)  # the study's answer in numbers

    @property
    def _influence(self) -> Influence:
        assert self.options.influence is not None
        return self.options.influence

    @property
    def level(self) -> float:
        """The level of the study's intervals, such as 0.95."""
        return self._influence.level

    @property
    def score(self) -> str:
        """The score by which frames are judged."""
        return self._influence.score

    @property
    def unit(self) -> str:
        """The unit of that score."""
        return unit_of(self.score)

    @property
    def estimator(self) -> str:
        """The estimator of the frames' values."""
        return self._influence.estimator

    @property
    def groups(self) -> list[list[int]]:
        """The groups of percents for which influence is also estimated separately."""
        return self._influence.groups

    @property
    def consensus(self) -> str:
        """The form of consensus that tables and figures use."""
        assert self.options.consensus is not None
        return self.options.consensus

    @property
    def flagged(self) -> np.ndarray:
        """Numbers of the pool frames whose labels are flagged, in the order of `check_priority`."""
        return self.frame_values.loc[self.frame_values["verdict"] == "check label", "frame"].to_numpy()

    @cached_property
    def pool(self) -> np.ndarray:
        """Bool [N]: whether the frame may be trained on."""
        return (self.frames["split"] == "pool").to_numpy()

    @cached_property
    def planted(self) -> np.ndarray | None:
        """Bool [N]: whether an error was planted in the frame's labels; None for a study without planted errors."""
        if "planted" not in self.frames:
            return None
        return self.frames["planted"].notna().to_numpy()

    @cached_property
    def subsets(self) -> pd.DataFrame:
        """`subsets.csv`, a row per subset."""
        return read_subsets(self.folder)[0]

    @property
    def main_percent(self) -> int:
        """The percent that most subsets have; of several such percents the largest."""
        return main_percent(self.percents)

    @cached_property
    def percents(self) -> np.ndarray:
        """Int [S]: the percent of each subset."""
        return self.subsets["percent"].to_numpy()

    @cached_property
    def clusters(self) -> np.ndarray:
        """Names [S]: the cluster of each subset."""
        return self.subsets["cluster"].to_numpy()

    @cached_property
    def inclusion(self) -> np.ndarray:
        """Bool [S, N]: whether the subset contains the frame."""
        return read_subsets(self.folder)[1]

    def held_out_score(self, score: str) -> np.ndarray:
        """Mean of a score over the held-out labels, [S]; NaN where all networks of a subset diverged."""
        return subset_score(self.scores[score], ~self.pool)

    @cached_property
    def learning(self) -> Learning:
        """Whether the networks have learned; if they have not, no frame is flagged, called or judged."""
        # Of several networks one that lost a keypoint moves the mean of log(1 + px) little, and the mean of px much.
        return learning(np.expm1(self.scores["log_error"]), self.labels.xy, self.inclusion, self.pool, self.percents)

    @cached_property
    def distractor_radius(self) -> float:
        """Distance from the label in px beyond which a peak counts as a distractor."""
        return float(read_attributes(self.folder / "members.h5")["distractor_radius_px"])

    @cached_property
    def networks(self) -> pd.DataFrame:
        """The rows of `rmse.csv` about single networks."""
        return self.rmse[self.rmse["kind"] == "network"]

    @cached_property
    def consensus_rmse(self) -> pd.DataFrame:
        """The rows of `rmse.csv` about the form of consensus that the config names."""
        return self.rmse[self.rmse["form"] == self.consensus]

    @cached_property
    def diverged(self) -> list[str]:
        """The networks that diverged, whose scores are NaN, such as `percent-050/seed-3 member 1`."""
        lost = self.networks[self.networks["mean_log_error"].isna()]
        names = zip(lost["percent"], lost["seed"], lost["member"], strict=True)
        return [f"{subset_path(percent, seed)} member {int(member)}" for percent, seed, member in names]

    @cached_property
    def methods(self) -> list[MethodAnswers]:
        """The answers of each method that the config asks for."""
        return [self._answers(chosen) for chosen in self.asked_methods]

    @property
    def asked_methods(self) -> list[Method[Any]]:
        """The methods that the config asks for."""
        return [method(name) for name in asked_methods(self._influence)]

    def _answers(self, chosen: Method[Any]) -> MethodAnswers:
        parts = read_hdf5(self.folder / chosen.artefact, ["change", "inclusion"])
        return MethodAnswers(chosen, chosen.harm(**parts), parts["inclusion"])

    @cached_property
    def label_harm(self) -> dict[str, pd.DataFrame]:
        """The tables, by method, of the methods that judge single labels: a row per label that was judged.

        Tables that do not exist yet are left out: the config may ask for a method before the study is run again.
        """
        tables = {chosen.name: chosen.label_table for chosen in self.asked_methods if chosen.label_table}
        text = ("video", "image", "keypoint")
        paths = {name: self.folder / table for name, table in tables.items()}
        return {name: read_table(path, text=text) for name, path in paths.items() if path.exists()}

    def experiment(self, name: str) -> pd.DataFrame | None:
        """`{name}.csv` of an experiment (`arms`, `arm_scores`, `variance_components`, `prune`); None if not there."""
        path = self.folder / f"{name}.csv"
        return read_table(path) if path.exists() else None

    @cached_property
    def videos(self) -> list[VideoConsensus]:
        """What was found for each of the study's videos, in the order of the config."""
        return [read_video_consensus(self.folder / "videos" / name / "consensus.h5") for name in self.options.videos]

    def influence(self, score: str, estimator: str, group: str = "all") -> dict[str, np.ndarray]:
        """One estimate from `influence.h5`: `value` and `standard_error` [N, N, K]; rows of held-out frames are NaN."""
        prefix = f"{score}/{estimator}/{group}/"
        names = [prefix + "value", prefix + "standard_error"]
        arrays = read_hdf5(self.folder / "influence.h5", names)
        return {name.removeprefix(prefix): values for name, values in arrays.items()}
