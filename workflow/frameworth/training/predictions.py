"""`predictions.h5` and `consensus.h5`: what the networks of one subset say of all frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd

from frameworth.storage.files import atomic_path
from frameworth.storage.hdf5 import Array, read_hdf5, write_hdf5
from frameworth.storage.pytables import write_pytables
from frameworth.training.scoremaps import CONSENSUS_FORMS


@dataclass(frozen=True)
class Predictions:
    """What R networks say of N frames and K keypoints; positions in px of the original image.

    Attributes:
        pose: [R, N, K, 2]; confidence: [R, N, K], the map at the decoded cell.
        confidence_at_label, probability_at_label: [R, N, K], NaN where not labelled.
        distractor_pose [R, N, K, 2], distractor_confidence [R, N, K]: highest peak away from the label.
        consensus_pose: [forms, N, K, 2], in the order of `CONSENSUS_FORMS`.
        consensus_confidence: [N, K], the mean map's maximum.
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
        """Everything NaN, for so many members, frames and keypoints."""
        per_member = (members, frames, keypoints)
        shapes = {
            "pose": (*per_member, 2),
            "distractor_pose": (*per_member, 2),
            "consensus_pose": (len(CONSENSUS_FORMS), frames, keypoints, 2),
            "consensus_confidence": (frames, keypoints),
            "spread": (frames, keypoints),
        }
        return cls(**{f.name: np.full(shapes.get(f.name, per_member), np.nan, np.float32) for f in fields(cls)})

    def among(self, speak: np.ndarray) -> Predictions:
        """The same with a row of NaN for each network that was not asked; `speak` bool, True for the R that were."""
        rows = {}
        for name in _PER_MEMBER:
            own = getattr(self, name)
            rows[name] = np.full((len(speak), *own.shape[1:]), np.nan, own.dtype)
            rows[name][speak] = own
        return replace(self, **rows)


_PER_MEMBER = [field.name for field in fields(Predictions)[:6]]


def write_predictions(
    predictions: Predictions, keypoints: Sequence[str], predictions_h5: Path, consensus_h5: Path
) -> None:
    """Write both files of one subset."""
    members, frames = predictions.confidence.shape[:2]
    scales = {"frame": np.arange(frames), "keypoint": np.array(keypoints), "xy": np.array(["x", "y"])}
    per_member = ("member", "frame", "keypoint")
    units = {"pose": "px", "distractor_pose": "px"}
    write_hdf5(
        predictions_h5,
        {
            name: Array(values, per_member + (("xy",) if values.ndim == 4 else ()), units.get(name, ""))
            for name in _PER_MEMBER
            for values in [getattr(predictions, name)]
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
    """Read what `write_predictions` wrote."""
    own, consensus = read_hdf5(predictions_h5), read_hdf5(consensus_h5)
    return Predictions(
        **{name: own[name] for name in _PER_MEMBER},
        consensus_pose=consensus["pose"],
        consensus_confidence=consensus["confidence"],
        spread=consensus["spread"],
    )


def labelled_images_index(names: Sequence[str]) -> pd.MultiIndex:
    """The index of DeepLabCut's tables of labelled images, of names `video/image`."""
    return pd.MultiIndex.from_tuples([("labeled-data", *name.split("/", 1)) for name in names])


def read_distractors(predictions_h5: Path) -> tuple[np.ndarray, np.ndarray]:
    """Of what `write_predictions` wrote: `distractor_pose` [R, N, K, 2] px and `distractor_confidence` [R, N, K]."""
    own = read_hdf5(predictions_h5, ["distractor_pose", "distractor_confidence"])
    return own["distractor_pose"], own["distractor_confidence"]


def write_deeplabcut_table(
    pose: np.ndarray, confidence: np.ndarray, keypoints: Sequence[str], index: pd.Index, scorer: str, stem: Path
) -> None:
    """Write positions as DeepLabCut writes predictions: scorer / bodyparts / x, y, likelihood.

    Args:
        pose: [N, K, 2] px. confidence: [N, K].
        index: [N], that of labelled images, or the frames' numbers in a video.
        stem: the two files' path without `.h5` and `.csv`.
    """
    columns = pd.MultiIndex.from_product(
        [[scorer], list(keypoints), ["x", "y", "likelihood"]], names=["scorer", "bodyparts", "coords"]
    )
    values = np.dstack([pose, confidence])
    table = pd.DataFrame(values.reshape(len(index), -1).astype(float), index=index, columns=columns)
    with atomic_path(stem.with_suffix(".csv")) as temporary:
        table.to_csv(temporary)
    # As DeepLabCut: videos as a PyTables table, which an index of several levels does not allow.
    layout = "fixed" if index.nlevels > 1 else "table"
    write_pytables(stem.with_suffix(".h5"), table, layout)
