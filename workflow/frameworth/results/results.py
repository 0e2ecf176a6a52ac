"""A study's folder as arrays and tables: what figures, report and summary read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from frameworth.attribution.label_checks import read_label_checks
from frameworth.attribution.methods import method
from frameworth.attribution.methods.base import Method
from frameworth.config.registries import asked_methods
from frameworth.scores.learning import Learning, learning
from frameworth.storage.files import read_json, read_table
from frameworth.storage.hdf5 import read_attributes, read_hdf5
from frameworth.labels.frames import read_frames
from frameworth.labels.labels import Labels, read_labels
from frameworth.plan.names import subset_path
from frameworth.labels.subsets import read_subsets
from frameworth.videos.video_consensus import VideoConsensus, read_video_consensus

@dataclass(frozen=True)
class MethodAnswers:
    """What B base networks told by one method.

    Attributes:
        harm: [B, N] in the method's unit, above 0 harms; NaN where a network tells nothing of a frame.
        inclusion: bool [B, N], the network was trained on the frame.
    """

    method: Method[Any]
    harm: np.ndarray
    inclusion: np.ndarray


@dataclass(frozen=True)
class Results:
    """The collected artefacts of one study, read when first asked for.

    Args:
        folder: `results/{study}`.
        options: the config's `influence` and `figures` parts and the form of consensus:
            `{"influence": {...}, "figures": {...}, "consensus": "argmax"}`; where there are videos, `videos`, the names
            of their folders; where there is a pilot, `pilot`, true; for the summary `training`.
    """

    folder: Path
    options: dict[str, Any]

    @cached_property
    def frames(self) -> pd.DataFrame:
        """`frames.csv`, a row per labelled frame."""
        return read_frames(self.folder / "frames.csv")

    @cached_property
    def labels(self) -> Labels:
        """Labels [N, K, 2] in px, keypoint names, skeleton, image paths and digests."""
        return read_labels(self.folder / "labels.h5")

    @cached_property
    def pool(self) -> np.ndarray:
        """Bool [N]: may be trained on."""
        return (self.frames["split"] == "pool").to_numpy()

    @cached_property
    def planted(self) -> np.ndarray | None:
        """Bool [N]: an error was planted in the labels; None for a study without planted errors."""
        if "planted" not in self.frames:
            return None
        return self.frames["planted"].notna().to_numpy()

    @cached_property
    def subsets(self) -> pd.DataFrame:
        """`subsets.csv`, a row per subset."""
        return read_subsets(self.folder)[0]

    @cached_property
    def inclusion(self) -> np.ndarray:
        """Bool [S, N]: subset holds frame."""
        return read_subsets(self.folder)[1]

    @cached_property
    def scores(self) -> dict[str, np.ndarray]:
        """`scores.h5`: arrays [S, N, K] (poses [S, N, K, 2]) by name."""
        return read_hdf5(self.folder / "scores.h5")

    @cached_property
    def learning(self) -> Learning:
        """Whether the networks have learned: where they have not, no frame is flagged, called or judged."""
        percents = self.subsets["percent"].to_numpy()
        return learning(self.scores["error"], self.labels.xy, self.inclusion, self.pool, percents)

    @cached_property
    def members(self) -> dict[str, np.ndarray]:
        """`members.h5`: what `frameworth.scores.members.of_networks` gives of all subsets, by name."""
        return read_hdf5(self.folder / "members.h5")

    @cached_property
    def distractor_radius(self) -> float:
        """Distance from the label in px beyond which a peak counts as a distractor."""
        return float(read_attributes(self.folder / "members.h5")["distractor_radius_px"])

    @cached_property
    def distractors(self) -> pd.DataFrame:
        """`distractors.csv`: rows about groups of training frames, single ones, and single evaluated frames."""
        return read_table(self.folder / "distractors.csv")

    @cached_property
    def outliers(self) -> pd.DataFrame:
        """`outliers.csv`: rows about frames, by score, and about what the score and its parts find."""
        return read_table(self.folder / "outliers.csv")

    @cached_property
    def plan(self) -> pd.DataFrame:
        """`plan.csv`: what a larger study would take."""
        return read_table(self.folder / "plan.csv")

    @cached_property
    def add(self) -> pd.DataFrame:
        """`add.csv`: the learning curve beyond the pool, and which poses the pool hardly holds."""
        return read_table(self.folder / "add.csv")

    @cached_property
    def rmse(self) -> pd.DataFrame:
        """`rmse.csv`: a row per network and per consensus form of each subset, on the held-out frames."""
        return read_table(self.folder / "rmse.csv")

    @cached_property
    def diverged(self) -> list[str]:
        """The networks that diverged, whose scores are NaN, such as `percent-050/seed-3 member 1`."""
        lost = self.rmse[(self.rmse["kind"] == "network") & self.rmse["mean_log_error"].isna()]
        names = zip(lost["percent"], lost["seed"], lost["member"], strict=True)
        return [f"{subset_path(percent, seed)} member {int(member)}" for percent, seed, member in names]

    @cached_property
    def frame_values(self) -> pd.DataFrame:
        """`frame_values.csv`, a row per pool frame, by `check_priority`."""
        return read_table(self.folder / "frame_values.csv")

    @cached_property
    def label_checks(self) -> pd.DataFrame:
        """`labels_to_check.csv`, a row per labelled frame, the most suspicious first; UserError without it."""
        return read_label_checks(self.folder / "labels_to_check.csv")

    @cached_property
    def validation(self) -> pd.DataFrame:
        """`validation.csv`: a row per quantity, method and score."""
        return read_table(self.folder / "validation.csv")

    @cached_property
    def methods(self) -> list[MethodAnswers]:
        """What the methods that the config asks for were told by their base networks."""
        return [self._answers(method(name)) for name in asked_methods(self.options["influence"])]

    def _answers(self, asked_by: Method[Any]) -> MethodAnswers:
        parts = read_hdf5(self.folder / asked_by.artefact, ["change", "inclusion"])
        return MethodAnswers(asked_by, asked_by.harm(**parts), parts["inclusion"])

    @cached_property
    def metagradient_labels(self) -> pd.DataFrame | None:
        """`metagradient_labels.csv`: a row per label that was told of; None where the config asks for none."""
        if "metagradient" not in asked_methods(self.options["influence"]):
            return None
        return read_table(self.folder / "metagradient_labels.csv", text=("video", "image", "keypoint"))

    def experiment(self, name: str) -> pd.DataFrame | None:
        """`{name}.csv` of an experiment (`arms`, `arm_scores`, `variance_components`, `prune`); None where not made."""
        path = self.folder / f"{name}.csv"
        return read_table(path) if path.exists() else None

    @cached_property
    def videos(self) -> list[VideoConsensus]:
        """What was found for each of the study's videos, in the order of the config."""
        return [read_video_consensus(self.folder / "videos" / name / "consensus.h5") for name in self.options["videos"]]

    @cached_property
    def frames_to_label(self) -> pd.DataFrame:
        """`frames_to_label.csv`: a row per frame of a video that is proposed for labelling."""
        return read_table(self.folder / "frames_to_label.csv")

    @cached_property
    def pilot(self) -> dict[str, Any]:
        """`pilot.json`: the pilot's networks, and what was chosen by them."""
        return read_json(self.folder / "pilot.json")

    @cached_property
    def summary(self) -> dict[str, Any]:
        """`summary.json`: the study's answer in numbers."""
        return read_json(self.folder / "summary.json")

    def influence(self, score: str, estimator: str, group: str = "all") -> dict[str, np.ndarray]:
        """One estimate from `influence.h5`: `value`, `standard_error` [N, N, K]; rows of held-out frames NaN."""
        prefix = f"{score}/{estimator}/{group}/"
        names = [prefix + "value", prefix + "standard_error"]
        arrays = read_hdf5(self.folder / "influence.h5", names)
        return {name.removeprefix(prefix): values for name, values in arrays.items()}
