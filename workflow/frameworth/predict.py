"""Predicting all frames with all networks of an ensemble, and their consensus, in one pass over the frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from frameworth.engine.networks import Predictor
from frameworth.predictions import Predictions
from frameworth.scaling import ScaledFrames
from frameworth.scoremaps import CONSENSUS_FORMS, at_position, distractors, probability_maps

_BATCH_PIXELS = 4_000_000  # images predicted at once, by their size: bounds the memory of maps


def predict(predictors: Sequence[Predictor], images: ScaledFrames, *, distractor_radius: float) -> Predictions:
    """Predict all frames with all networks in one pass; each image is decoded once, no map outlives its batch.

    Args:
        distractor_radius: px of the original image.
    """
    labels = images.labels
    members, (frames, keypoints) = len(predictors), labels.xy.shape[:2]
    out = Predictions.unknown(members, frames, keypoints)
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


def _batches_of_one_size(sizes: np.ndarray) -> list[np.ndarray]:
    batches = []
    for size in np.unique(sizes, axis=0):
        same = np.flatnonzero((sizes == size).all(axis=1))
        per_batch = max(1, int(_BATCH_PIXELS / size.prod()))
        batches += [same[start : start + per_batch] for start in range(0, len(same), per_batch)]
    return batches
