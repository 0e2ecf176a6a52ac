"""Predict all labelled frames with several networks in one pass; videos use parts of this module, too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from frameworth.config.training import Training
from frameworth.engine import engine_of
from frameworth.engine.base import Engine, Predictor
from frameworth.training.predictions import Predictions
from frameworth.training.scaling import ScaledFrames, batches_of_one_size
from frameworth.training.scoremaps import CONSENSUS_FORMS, at_position, distractors, probability_maps
from frameworth.training.store import read_archive

_BATCH_PIXELS = 4_000_000  # pixels of the images predicted at once; this limits the memory of maps


@dataclass(frozen=True)
class JointMaps:
    """The predictions of R networks for the same F images, in px of these images.

    Attributes:
        confidence: float32 [R, F, K, h, w] in [0, 1], as in `frameworth.engine.base.Maps`.
        offset: float32 [R, F, K, h, w, 2], location refinement of each cell, px.
        poses: float32 [R, F, K, 3], decoded positions and their confidence.
        stride: px per cell.
    """

    confidence: np.ndarray
    offset: np.ndarray
    poses: np.ndarray
    stride: float

    @classmethod
    def of(cls, predictors: Sequence[Predictor], pictures: Sequence[np.ndarray]) -> JointMaps:
        """Predict images of equal size, [F] uint8 [h, w, 3]."""
        maps = [predictor(pictures) for predictor in predictors]
        return cls(
            confidence=np.stack([output.confidence for output in maps]),
            offset=np.stack([output.offset for output in maps]),
            poses=np.stack([np.dstack([output.pose, output.pose_confidence]) for output in maps]),
            stride=maps[0].stride,
        )

    def members(self, chosen: slice) -> JointMaps:
        """The maps of some of the networks."""
        return JointMaps(self.confidence[chosen], self.offset[chosen], self.poses[chosen], self.stride)

    def consensus(self, form: str) -> np.ndarray:
        """The networks' consensus [F, K, 2] in px of the images; `form` is one of `CONSENSUS_FORMS`."""
        return CONSENSUS_FORMS[form](self.confidence, self.poses, self.offset, self.stride)

    def consensus_confidence(self) -> np.ndarray:
        """The maximum of the mean map, [F, K]."""
        return self.confidence.mean(axis=0).max(axis=(-2, -1))


def load_predictors(
    networks: Sequence[Path], training: Training, keypoints: Sequence[str], device: torch.device
) -> list[Predictor]:
    """Load trained networks from their files, ready to predict; raises UserError naming a file that is damaged."""
    engine = engine_of(training, keypoints)
    return [engine.predictor(load_network(engine, file), device) for file in networks]


def load_network(engine: Engine, file: Path) -> torch.nn.Module:
    """Load a trained network from its file; raises UserError naming the file if it is damaged."""
    network = engine.build("random", 0)
    network.load_state_dict(read_archive(file)["model"])
    return network


def frames_at_once(size: np.ndarray) -> int:
    """How many images of this size (width, height) are predicted together."""
    return max(1, int(_BATCH_PIXELS / size.prod()))


def spread_of(poses: np.ndarray) -> np.ndarray:
    """Root mean square distance of poses [R, F, K, 2] from their mean over R; [F, K], in the unit of the poses."""
    deviation = poses - poses.mean(axis=0)
    return np.sqrt((deviation**2).sum(axis=-1).mean(axis=0))


def predict(predictors: Sequence[Predictor], images: ScaledFrames, *, distractor_radius: float) -> Predictions:
    """Predict all frames with all networks in one pass; maps are dropped after each batch.

    Without networks, everything in the result is NaN.

    Args:
        distractor_radius: px of the original image.
    """
    labels = images.labels
    members, (frames, keypoints) = len(predictors), labels.xy.shape[:2]
    out = Predictions.unknown(members, frames, keypoints)
    if not members:
        return out
    for batch in batches_of_one_size(images.sizes, frames_at_once):
        factors = images.factors[batch][:, None, :]
        target = labels.xy[batch] * factors
        maps = JointMaps.of(predictors, [images.image(index) for index in batch])
        everyone = np.broadcast_to(target, (members, *target.shape))
        out.pose[:, batch] = maps.poses[..., :2] / factors
        out.confidence[:, batch] = maps.poses[..., 2]
        out.confidence_at_label[:, batch] = at_position(maps.confidence, everyone, maps.stride)
        out.probability_at_label[:, batch] = at_position(probability_maps(maps.confidence), everyone, maps.stride)
        radius = distractor_radius * factors.mean(axis=(1, 2))[None, :, None]
        place, height = distractors(maps.confidence, everyone, maps.stride, radius)
        out.distractor_pose[:, batch] = place / factors
        out.distractor_confidence[:, batch] = height
        for form, name in enumerate(CONSENSUS_FORMS):
            out.consensus_pose[form, batch] = maps.consensus(name) / factors
        out.consensus_confidence[batch] = maps.consensus_confidence()
    out.spread[:] = spread_of(out.pose)
    return out
