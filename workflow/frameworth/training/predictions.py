"""`predictions.h5` and `consensus.h5`: the predictions of one subset's networks for all frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from frameworth.storage.hdf5 import Array, pose_scales, read_hdf5, write_hdf5
from frameworth.training.scoremaps import CONSENSUS_FORMS


@dataclass(frozen=True)
class Predictions:
    """The predictions of R networks for N frames and K keypoints; positions in px of the original image.

    Attributes:
        pose: [R, N, K, 2]; confidence: [R, N, K], the value of the map at the decoded cell.
        confidence_at_label, probability_at_label: [R, N, K], NaN where not labelled.
        distractor_pose [R, N, K, 2], distractor_confidence [R, N, K]: highest peak away from the label.
        consensus_pose: [forms, N, K, 2], in the order of `CONSENSUS_FORMS`.
        consensus_confidence: [N, K], the maximum of the mean map.
        spread: [N, K] px, root mean square distance of the members from their mean.
    """

    pose: np.ndarray
    confidence: np.ndarray
    confidence_at_label: np.ndarray
    probability_at_label: np.ndarray
    distractor_pose: np.ndarray
    distractor_confidence: np.ndarray
    consensus_pose: np.ndarray
    consensus_confidence: np.ndarray
    spread: np.ndarray

    @classmethod
    def unknown(cls, members: int, frames: int, keypoints: int) -> Predictions:
        """Predictions that are all NaN, for these numbers of members, frames and keypoints."""
        per_member = (members, frames, keypoints)
        shapes = {
            "pose": (*per_member, 2),
            "distractor_pose": (*per_member, 2),
            "consensus_pose": (len(CONSENSUS_FORMS), frames, keypoints, 2),
            "consensus_confidence": (frames, keypoints),
            "spread": (frames, keypoints),
        }
        return cls(**{f.name: np.full(shapes.get(f.name, per_member), np.nan, np.float32) for f in fields(cls)})

    def among(self, converged: np.ndarray) -> Predictions:
        """The same with a row of NaN for each network that did not predict; `converged` is True for the R that did."""
        rows = {}
        for name in _PER_MEMBER:
            values = getattr(self, name)
            rows[name] = np.full((len(converged), *values.shape[1:]), np.nan, values.dtype)
            rows[name][converged] = values
        return replace(self, **rows)


_PER_MEMBER = [field.name for field in fields(Predictions)[:6]]


def write_predictions(
    predictions: Predictions, keypoints: Sequence[str], predictions_h5: Path, consensus_h5: Path
) -> None:
    """Write both files of one subset."""
    members, frames = predictions.confidence.shape[:2]
    scales = pose_scales(frames, keypoints)
    dims = ("member", "frame", "keypoint", "xy")
    per_member = {name: getattr(predictions, name) for name in _PER_MEMBER}
    write_hdf5(
        predictions_h5,
        {
            name: Array(values, dims[: values.ndim], "px" if name.endswith("pose") else "")
            for name, values in per_member.items()
        },
        {"member": np.arange(members), **scales},
    )
    write_hdf5(
        consensus_h5,
        {
            "pose": Array(predictions.consensus_pose, ("form", "frame", "keypoint", "xy"), "px"),
            "confidence": Array(predictions.consensus_confidence, ("frame", "keypoint")),
            "spread": Array(predictions.spread, ("frame", "keypoint"), "px"),
        },
        {"form": np.array(list(CONSENSUS_FORMS)), **scales},
    )


def read_predictions(predictions_h5: Path, consensus_h5: Path) -> Predictions:
    """Read the files of `write_predictions`."""
    predictions, consensus = read_hdf5(predictions_h5), read_hdf5(consensus_h5)
    return Predictions(
        **{name: predictions[name] for name in _PER_MEMBER},
        consensus_pose=consensus["pose"],
        consensus_confidence=consensus["confidence"],
        spread=consensus["spread"],
    )


def read_distractors(predictions_h5: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read only `distractor_pose` [R, N, K, 2] px and `distractor_confidence` [R, N, K] of `predictions.h5`."""
    arrays = read_hdf5(predictions_h5, ["distractor_pose", "distractor_confidence"])
    return arrays["distractor_pose"], arrays["distractor_confidence"]
