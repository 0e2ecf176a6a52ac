"""`predictions.h5` and `consensus.h5`: what the networks of one subset say of all frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd

from frameworth.engine.networks import Predictor
from frameworth.files import atomic_path
from frameworth.hdf5 import Array, read_hdf5, write_hdf5
from frameworth.scaling import ScaledFrames
from frameworth.scoremaps import CONSENSUS_FORMS, at_position, distractors, probability_maps

_BATCH_PIXELS = 4_000_000  # images predicted at once, by their size: bounds the memory of maps


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


def predict(predictors: Sequence[Predictor], images: ScaledFrames, *, distractor_radius: float) -> Predictions:
    """Predict all frames with all networks in one pass; each image is decoded once, no map outlives its batch.

    Args:
        distractor_radius: px of the original image.
    """
    labels = images.labels
    members, (frames, keypoints) = len(predictors), labels.xy.shape[:2]
    per_member = (members, frames, keypoints)
    out = Predictions(
        pose=np.full((*per_member, 2), np.nan, np.float32),
        confidence=np.full(per_member, np.nan, np.float32),
        confidence_at_label=np.full(per_member, np.nan, np.float32),
        probability_at_label=np.full(per_member, np.nan, np.float32),
        distractor_pose=np.full((*per_member, 2), np.nan, np.float32),
        distractor_confidence=np.full(per_member, np.nan, np.float32),
        consensus_pose=np.full((len(CONSENSUS_FORMS), frames, keypoints, 2), np.nan, np.float32),
        consensus_confidence=np.full((frames, keypoints), np.nan, np.float32),
        spread=np.full((frames, keypoints), np.nan, np.float32),
    )
    for batch in _batches_of_one_size(images.sizes):
        factors = images.factors[batch][:, None, :]
        target = labels.xy[batch] * factors
        pictures = [images.image(index) for index in batch]
        maps = [predictor(pictures) for predictor in predictors]
        stride = maps[0].stride
        confidence = np.stack([one.confidence for one in maps])
        everyone = np.broadcast_to(target, (members, *target.shape))
        out.pose[:, batch] = np.stack([one.pose for one in maps]) / factors
        out.confidence[:, batch] = np.stack([one.pose_confidence for one in maps])
        out.confidence_at_label[:, batch] = at_position(confidence, everyone, stride)
        out.probability_at_label[:, batch] = at_position(probability_maps(confidence), everyone, stride)
        radius = distractor_radius * factors.mean(axis=(1, 2))[None, :, None]
        place, height = distractors(confidence, everyone, stride, radius)
        out.distractor_pose[:, batch] = place / factors
        out.distractor_confidence[:, batch] = height
        poses = np.stack([np.dstack([one.pose, one.pose_confidence]) for one in maps])
        offsets = np.stack([one.offset for one in maps])
        for form, rule in enumerate(CONSENSUS_FORMS.values()):
            out.consensus_pose[form, batch] = rule(confidence, poses, offsets, stride) / factors
        out.consensus_confidence[batch] = confidence.mean(axis=0).max(axis=(-2, -1))
    deviation = out.pose - out.pose.mean(axis=0)
    out.spread[:] = np.sqrt((deviation**2).sum(axis=-1).mean(axis=0))
    return out


def write_predictions(
    predictions: Predictions, keypoints: Sequence[str], predictions_h5: Path, consensus_h5: Path
) -> None:
    """Write both files of one subset."""
    members, frames = predictions.confidence.shape[:2]
    scales = {"frame": np.arange(frames), "keypoint": np.array(keypoints), "xy": np.array(["x", "y"])}
    per_member = ("member", "frame", "keypoint")
    units = {"pose": "px", "distractor_pose": "px"}
    names = [field.name for field in fields(Predictions)[:6]]
    write_hdf5(
        predictions_h5,
        {
            name: Array(values, per_member + (("xy",) if values.ndim == 4 else ()), units.get(name, ""))
            for name in names
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
    names = [field.name for field in fields(Predictions)[:6]]
    return Predictions(
        **{name: own[name] for name in names},
        consensus_pose=consensus["pose"],
        consensus_confidence=consensus["confidence"],
        spread=consensus["spread"],
    )


def write_deeplabcut_table(
    predictions: Predictions,
    form: str,
    keypoints: Sequence[str],
    names: Sequence[str],
    scorer: str,
    stem: Path,
) -> None:
    """Write the consensus as DeepLabCut writes predictions: scorer / bodyparts / x, y, likelihood.

    Args:
        form: which of `CONSENSUS_FORMS`.
        names: [N] `video/image`, as in `labeled-data/`.
        stem: the two files' path without `.h5` and `.csv`.
    """
    columns = pd.MultiIndex.from_product(
        [[scorer], list(keypoints), ["x", "y", "likelihood"]], names=["scorer", "bodyparts", "coords"]
    )
    index = pd.MultiIndex.from_tuples([("labeled-data", *name.split("/", 1)) for name in names])
    pose = predictions.consensus_pose[list(CONSENSUS_FORMS).index(form)]
    values = np.dstack([pose, predictions.consensus_confidence])
    table = pd.DataFrame(values.reshape(len(names), -1).astype(float), index=index, columns=columns)
    with atomic_path(stem.with_suffix(".csv")) as temporary:
        table.to_csv(temporary)
    with atomic_path(stem.with_suffix(".h5")) as temporary:
        table.to_hdf(temporary, key="df_with_missing", mode="w")


def _batches_of_one_size(sizes: np.ndarray) -> list[np.ndarray]:
    batches = []
    for size in np.unique(sizes, axis=0):
        same = np.flatnonzero((sizes == size).all(axis=1))
        per_batch = max(1, int(_BATCH_PIXELS / size.prod()))
        batches += [same[start : start + per_batch] for start in range(0, len(same), per_batch)]
    return batches
