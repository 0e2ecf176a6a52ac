"""DeepLabCut's networks: configuration, initial weights, targets and decoding.

Images here are uint8 [height, width, 3], and positions are in px of the image that the network gets; the caller scales
from and to the original image.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import timm
import torch

from frameworth.config.training import Training
from frameworth.engine.base import Maps
from frameworth.engine.deeplabcut.augmentation import normalised
from frameworth.engine.deeplabcut.backbones import DEFAULT_FREEZE, feature_level, is_resnet
from frameworth.engine.deeplabcut.bare_packages import bare_packages
from frameworth.engine.devices import seed_everything
from frameworth.errors import UserError
from frameworth.storage.digests import verified

# DeepLabCut's packages also import code for videos, tracking and projects, which is half of a short job's start.
with bare_packages("deeplabcut", "deeplabcut.utils", "deeplabcut.pose_estimation_pytorch"):
    from deeplabcut.pose_estimation_pytorch.config import PoseConfig
    from deeplabcut.pose_estimation_pytorch.models import PoseModel
    from deeplabcut.pose_estimation_pytorch.models.target_generators import HeatmapGaussianGenerator

HEAD = "bodypart"
_USE = "use resnet_50, resnet_101, hrnet_w18, hrnet_w32 or hrnet_w48"


def pose_config(training: Training, keypoints: Sequence[str]) -> dict[str, Any]:
    """DeepLabCut's default configuration for `training.net_type`, with the study's options put in.

    Raises UserError for a network without a single-animal heatmap head, or options that do not fit the network.
    """
    project = {
        "multianimalproject": False,
        "bodyparts": list(keypoints),
        "individuals": [],
        "uniquebodyparts": [],
        "multianimalbodyparts": [],
        "identity": None,
        "project_path": ".",
    }
    net_type = training.net_type
    try:
        config = PoseConfig.build(project, "pose_config.yaml", net_type=net_type, top_down=False).to_dict()
    except (ValueError, KeyError, FileNotFoundError) as error:
        raise UserError(f"training.net_type: DeepLabCut cannot build {net_type!r} ({error}); {_USE}") from None
    head = config["model"]["heads"].get(HEAD)
    if config["method"] != "bu" or head is None or "heatmap_config" not in head:
        raise UserError(f"training.net_type: {net_type!r} is no single-animal network with a heatmap head; {_USE}")
    if training.backbone:
        _replace_backbone(config["model"], training.backbone, training)
    if config["model"]["backbone"]["type"] != "TimmFeatures":
        for key in ("freeze", "batch_norm"):
            if getattr(training, key) is not None:
                raise UserError(f"training.{key}: is for a `backbone` that is no ResNet; leave it out")
    head["target_generator"]["pos_dist_thresh"] = training.target_radius
    config["data"]["train"].update(training.augmentation.model_dump())
    if training.crop is None:
        config["data"]["train"]["crop_sampling"] = None
    else:
        config["data"]["train"]["crop_sampling"].update(width=training.crop, height=training.crop)
    return config


def _replace_backbone(model: dict[str, Any], name: str, training: Training) -> None:
    """Put the backbone of this name into DeepLabCut's configuration of a ResNet."""
    if is_resnet(name):
        # DeepLabCut's ResNet backbone accepts any ResNet of timm.
        if not timm.is_model(name):
            raise UserError(f"training.backbone: timm knows no {name!r}; see timm.list_models('*resnet*')")
        with torch.random.fork_rng():
            width = cast(int, timm.create_model(name, pretrained=False).num_features)
        model["backbone"]["model_name"] = name
    else:
        level, width, stride = feature_level(name)
        starts_random = training.weights == "random"
        model["backbone"] = {
            "type": "TimmFeatures",
            "model_name": name,
            "level": level,
            "stride": stride,
            "freeze": (0 if starts_random else DEFAULT_FREEZE) if training.freeze is None else training.freeze,
            "freeze_bn_stats": training.batch_norm != "trained" and not starts_random,
        }
    model["backbone_output_channels"] = width
    head = model["heads"][HEAD]
    for part in ("heatmap_config", "locref_config"):
        head[part]["channels"][0] = width


def build_network(config: dict[str, Any], weights: str, seed: int) -> PoseModel:
    """Build a network with initial weights: `random`, `imagenet` (the backbone's), or those of a snapshot file.

    All random weights are drawn from `seed`. A snapshot gives the weights of the backbone, and those of the heads
    whose shapes agree. Raises UserError if ImageNet weights are not available, or a file is damaged or lacks weights
    of the backbone.
    """
    seed_everything(seed, 0)
    model_config = copy.deepcopy(config["model"])
    try:
        network = PoseModel.build(model_config, pretrained_backbone=weights == "imagenet")
    except Exception as error:
        if weights != "imagenet":
            raise
        name = model_config["backbone"]["model_name"]
        raise UserError(
            f"training.weights: the ImageNet weights of {name} could not be fetched ({type(error).__name__}). "
            "Run `snakemake --until fetch_weights` with this config where there is internet, or use weights: random or "
            "a local snapshot file"
        ) from error
    if weights not in ("imagenet", "random"):
        _load_snapshot(network, Path(weights))
    return network


def _load_snapshot(network: PoseModel, path: Path) -> None:
    verified(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)["model"]
    except Exception as error:
        raise UserError(f"training.weights: {path} is not a readable DeepLabCut snapshot ({error})") from None
    wanted = network.state_dict()
    fitting = {name: value for name, value in state.items() if name in wanted and wanted[name].shape == value.shape}
    backbone = [name for name in wanted if name.startswith("backbone.") and not name.endswith("num_batches_tracked")]
    if missing := [name for name in backbone if name not in fitting]:  # missing weights would stay random
        raise UserError(
            f"training.weights: {path} lacks {len(missing)} of the {len(backbone)} backbone weights of this network "
            f"({missing[0]}); give weights of the same net_type, backbone and batch_norm"
        )
    network.load_state_dict(fitting, strict=False)


def targets_of(
    network: PoseModel, outputs: dict[str, dict[str, torch.Tensor]], keypoints: np.ndarray
) -> dict[str, dict[str, dict[str, torch.Tensor]]]:
    """DeepLabCut's targets and weights of labels [B, K, 3] for the maps in `outputs`.

    Gaussian targets are made for the whole batch at once on the network's device, as DeepLabCut's
    HeatmapGaussianGenerator makes them for one animal. DeepLabCut's own generators make other kinds of targets.
    """
    generator = network.heads[HEAD].target_generator
    if not isinstance(generator, HeatmapGaussianGenerator) or generator.gradient_masking:
        return network.get_target(outputs, {"keypoints": torch.from_numpy(keypoints[:, None])})
    heatmap = outputs[HEAD]["heatmap"]
    batch, count, height, width = heatmap.shape
    # DeepLabCut uses double precision until the end, too.
    labels = torch.from_numpy(keypoints).to(heatmap.device).double()
    visible = (labels[..., 2] > 0)[..., None, None]
    across, down = ways_to_labels(network, heatmap, labels)
    squared = (across.square() + down.square()).sqrt().square()
    gaussian = torch.exp(-squared / (2 * generator.std**2)) * visible
    targets = {"heatmap": {"target": gaussian.float(), "weights": torch.ones_like(heatmap, dtype=torch.float32)}}
    if generator.generate_locref:
        offsets = torch.stack([across, down], dim=2) * generator.locref_scale * visible[:, :, None]
        near = ((squared <= generator.dist_thresh_sq) & visible)[:, :, None].expand_as(offsets)
        shape = (batch, 2 * count, height, width)
        targets["locref"] = {"target": offsets.float().reshape(shape), "weights": near.long().reshape(shape)}
    return {HEAD: targets}


def ways_to_labels(
    network: PoseModel, heatmap: torch.Tensor, labels: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The distances in x and in y (px) from each cell of the maps to the label [B, K, (x, y, …)]; each [B, K, h, w]."""
    stride = float(network.get_stride(HEAD))
    height, width = heatmap.shape[2:]
    columns = torch.arange(width, device=heatmap.device, dtype=torch.float64) * stride + stride / 2
    rows = torch.arange(height, device=heatmap.device, dtype=torch.float64) * stride + stride / 2
    across = (labels[..., 0, None] - columns)[:, :, None, :].expand(heatmap.shape)
    down = (labels[..., 1, None] - rows)[:, :, :, None].expand(heatmap.shape)
    return across, down


class Predictor:
    """A trained network in evaluation mode."""

    def __init__(self, config: dict[str, Any], network: PoseModel, device: torch.device) -> None:
        self._network = network.to(device).eval()
        self._device = device
        self._sigmoid = bool(config["model"]["heads"][HEAD]["predictor"]["apply_sigmoid"])
        self._locref_std = float(config["model"]["heads"][HEAD]["predictor"]["locref_std"])

    @torch.inference_mode()
    def __call__(self, images: Sequence[np.ndarray]) -> Maps:
        """Confidence maps and decoded poses of images of equal size, uint8 [h, w, 3]."""
        batch = torch.from_numpy(np.stack(images)).to(self._device).permute(0, 3, 1, 2)
        outputs = self._network(normalised(batch))
        heatmap = outputs[HEAD]["heatmap"]
        confidence = heatmap.sigmoid() if self._sigmoid else heatmap.clip(0, 1)
        frames, keypoints, height, width = heatmap.shape
        offset = outputs[HEAD]["locref"].reshape(frames, keypoints, 2, height, width) * self._locref_std
        poses = self._network.get_predictions(outputs)[HEAD]["poses"][:, 0]
        return Maps(
            confidence=confidence.float().cpu().numpy(),
            offset=offset.float().permute(0, 1, 3, 4, 2).cpu().numpy(),
            pose=poses[..., :2].float().cpu().numpy(),
            pose_confidence=poses[..., 2].float().cpu().numpy(),
            stride=float(self._network.get_stride(HEAD)),
        )
