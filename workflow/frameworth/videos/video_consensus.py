"""`videos/{video}/consensus.h5`, `consensus_dlc.*`: the consensus of networks over a video, and their disagreement."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from frameworth.labels.deeplabcut_tables import write_predicted_table
from frameworth.storage.hdf5 import Array, pose_scales, read_attributes, read_hdf5, write_hdf5


@dataclass(frozen=True)
class VideoConsensus:
    """The consensus over F frames of a video and K keypoints; positions in px of the video.

    Attributes:
        video: the path of the video as in the config.
        size: int [2], width and height in px.
        keypoints: K names.
        seconds: float [F], the time of each frame in s.
        pose: [F, K, 2]; confidence: [F, K], the maximum of the mean map.
        disagreement: [F, K] px, root mean square distance of the ensembles' consensus from their mean.
    """

    video: str
    size: np.ndarray
    keypoints: tuple[str, ...]
    seconds: np.ndarray
    pose: np.ndarray
    confidence: np.ndarray
    disagreement: np.ndarray

    @cached_property
    def frame_disagreement(self) -> np.ndarray:
        """Disagreement at each frame, [F] px; the mean over keypoints is taken of log(1 + px).

        Therefore one keypoint that is a hundred px off matters, but does not hide the others.
        """
        return np.expm1(np.log1p(self.disagreement.astype(float)).mean(axis=1))


def write_video_consensus(folder: Path, consensus: VideoConsensus, scorer: str, attributes: dict[str, str]) -> None:
    """Write a video's files into its folder; `consensus.h5`, which later stages read, comes last."""
    frames = pd.Index(np.arange(len(consensus.seconds)))
    write_predicted_table(
        consensus.pose, consensus.confidence, consensus.keypoints, frames, scorer, folder / "consensus_dlc"
    )
    write_hdf5(
        folder / "consensus.h5",
        {
            "pose": Array(consensus.pose, ("frame", "keypoint", "xy"), "px"),
            "confidence": Array(consensus.confidence, ("frame", "keypoint")),
            "disagreement": Array(consensus.disagreement, ("frame", "keypoint"), "px"),
            "seconds": Array(consensus.seconds, ("frame",), "s"),
            "size": Array(consensus.size, ("width_height",), "px"),
        },
        pose_scales(len(consensus.seconds), consensus.keypoints),
        {"video": consensus.video, "scorer": scorer, **attributes},
    )


def read_video_consensus(consensus_h5: Path) -> VideoConsensus:
    """Read the `consensus.h5` of a video; raises UserError if the file is missing or damaged."""
    arrays = read_hdf5(consensus_h5)
    return VideoConsensus(
        video=read_attributes(consensus_h5)["video"],
        keypoints=tuple(arrays["keypoint"].tolist()),
        **{name: arrays[name] for name in ("size", "seconds", "pose", "confidence", "disagreement")},
    )
