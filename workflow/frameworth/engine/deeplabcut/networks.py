"""DeepLabCut's networks: configuration, initial weights, targets, losses and decoding.

Everything here speaks of images as uint8 [height, width, 3] and of positions as px of the image given to the
network; scaling from and to the original image is the caller's.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import timm
import torch

from frameworth.engine.base import Maps
from frameworth.engine.deeplabcut.augmentation import normalised
from frameworth.engine.deeplabcut.backbones import DEFAULT_FREEZE, feature_level, is_packaged, is_resnet
from frameworth.engine.deeplabcut.bare_packages import bare_packages
from frameworth.engine.deeplabcut.weights_download import check_download
from frameworth.engine.devices import seed_everything
from frameworth.errors import UserError
from frameworth.storage.digests import whole

# DeepLabCut's packages import its video, tracking and project code on the way: half of a short job's start.
with bare_packages("deeplabcut", "deeplabcut.utils", "deeplabcut.pose_estimation_pytorch"):
    from deeplabcut.pose_estimation_pytorch.config import PoseConfig
    from deeplabcut.pose_estimation_pytorch.models import PoseModel
    from deeplabcut.pose_estimation_pytorch.models.target_generators import HeatmapGaussianGenerator

HEAD = "bodypart"
_USE = "use resnet_50, resnet_101, hrnet_w18, hrnet_w32 or hrnet_w48"


def pose_config(training: dict[str, Any], keypoints: Sequence[str]) -> dict[str, Any]:
    """DeepLabCut's stock configuration of `training["net_type"]`, with the study's choices put in.

    Raises UserError for a network that has no single-animal heatmap head.
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
    net_type = training["net_type"]
    try:
        config = PoseConfig.build(project, "pose_config.yaml", net_type=net_type, top_down=False).to_dict()
    except (ValueError, KeyError, FileNotFoundError) as error:
        raise UserError(f"training.net_type: DeepLabCut cannot build {net_type!r} ({error}); {_USE}") from None
    head = config["model"]["heads"].get(HEAD)
    if config["method"] != "bu" or head is None or "heatmap_config" not in head:
        raise UserError(f"training.net_type: {net_type!r} is no single-animal network with a heatmap head; {_USE}")
    if training.get("backbone"):
        _replace_backbone(config["model"], training)
    if config["model"]["backbone"]["type"] != "TimmFeatures":
        for key in ("freeze", "batch_norm"):
            if key in training:
                raise UserError(f"training.{key}: is for a `backbone` that is no ResNet; leave it out")
    if "target_radius" in training:
        head["target_generator"]["pos_dist_thresh"] = training["target_radius"]
    if "augmentation" in training:
        config["data"]["train"].update(training["augmentation"])
    crop = training.get("crop")
    if crop is None:
        config["data"]["train"]["crop_sampling"] = None
    else:
        config["data"]["train"]["crop_sampling"].update(width=crop, height=crop)
    return config


def _replace_backbone(model: dict[str, Any], training: dict[str, Any]) -> None:
    """Put the backbone that `training` names into DeepLabCut's configuration of a ResNet."""
    name = training["backbone"]
    if is_resnet(name):
        # DeepLabCut's ResNet takes any of timm's.
        if not timm.is_model(name):
            raise UserError(f"training.backbone: timm knows no {name!r}; see timm.list_models('*resnet*')")
        with torch.random.fork_rng():
            width = cast(int, timm.create_model(name, pretrained=False).num_features)
        model["backbone"]["model_name"] = name
    else:
        level, width, stride = feature_level(name)
        model["backbone"] = {
            "type": "TimmFeatures",
            "model_name": name,
            "level": level,
            "stride": stride,
            "freeze": training.get("freeze", 0 if training["weights"] == "random" else DEFAULT_FREEZE),
            "freeze_bn_stats": training.get("batch_norm", "frozen") == "frozen" and training["weights"] != "random",
        }
    model["backbone_output_channels"] = width
    head = model["heads"][HEAD]
    for part in ("heatmap_config", "locref_config"):
        head[part]["channels"][0] = width


def build_network(config: dict[str, Any], weights: str, seed: int) -> PoseModel:
    """A network with initial weights: `random`, `imagenet` (the backbone's), or a snapshot file's.

    Random weights, the heads' included, are drawn from `seed`. A snapshot gives all weights whose shapes agree.
    Raises UserError if ImageNet weights cannot be had, or a file is damaged or holds no weights for this network.
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


def heads_start_random(weights: str) -> bool:
    """Whether `build_network` draws the heads' weights: always, unless `weights` is a file that holds some."""
    if weights in ("imagenet", "random"):
        return True
    state = torch.load(weights, map_location="cpu", weights_only=True, mmap=True)["model"]
    return not any(name.startswith("heads.") for name in state)


def imagenet_weights(net_type: str, backbone: str | None) -> dict[str, torch.Tensor]:
    """The ImageNet weights of a network's backbone, from timm's cache or the internet.

    Saved as a snapshot, they give `build_network` the same network as `imagenet` does, bit for bit. Raises UserError
    if they cannot be had, or are not what the hub says it sent.
    """
    config = pose_config({"net_type": net_type, "backbone": backbone, "weights": "imagenet"}, ["any"])
    state = build_network(config, "imagenet", 0).state_dict()
    name = config["model"]["backbone"]["model_name"]
    if not is_packaged(name):
        check_download(name)
    return {name: value for name, value in state.items() if name.startswith("backbone.")}


def _load_snapshot(network: PoseModel, path: Path) -> None:
    whole(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)["model"]
    except Exception as error:
        raise UserError(f"training.weights: {path} is not a readable DeepLabCut snapshot ({error})") from None
    own = network.state_dict()
    fitting = {name: value for name, value in state.items() if name in own and own[name].shape == value.shape}
    if not any(name.startswith("backbone.") for name in fitting):
        raise UserError(f"training.weights: {path} holds no backbone weights that fit this network")
    network.load_state_dict(fitting, strict=False)


def optimizer_of(config: dict[str, Any], network: PoseModel, learning_rate: float | None) -> torch.optim.Optimizer:
    """DeepLabCut's optimizer for the network, at `learning_rate` or its stock rate.

    Fused: one pass over all weights, a quarter of the time on a CPU.
    """
    spec = config["runner"]["optimizer"]
    params = dict(spec["params"])
    if learning_rate is not None:
        params["lr"] = learning_rate
    kind: Callable[..., torch.optim.Optimizer] = getattr(torch.optim, spec["type"])
    return kind(network.parameters(), fused=True, **params)


def loss_of(network: PoseModel, images: torch.Tensor, keypoints: np.ndarray) -> torch.Tensor:
    """The network's total loss for normalised images [B, 3, h, w] and labels [B, K, 3] with visibility."""
    outputs = network(images)
    return network.get_loss(outputs, targets_of(network, outputs, keypoints))["total_loss"]


def targets_of(
    network: PoseModel, outputs: dict[str, dict[str, torch.Tensor]], keypoints: np.ndarray
) -> dict[str, dict[str, dict[str, torch.Tensor]]]:
    """DeepLabCut's targets and weights of labels [B, K, 3] for the maps in `outputs`.

    Gaussian targets are made for the whole batch at once on the network's device; what they are is DeepLabCut's
    HeatmapGaussianGenerator for one animal. Other kinds of target are left to DeepLabCut's own generator.
    """
    generator = network.heads[HEAD].target_generator
    if not isinstance(generator, HeatmapGaussianGenerator) or generator.gradient_masking:
        return network.get_target(outputs, {"keypoints": torch.from_numpy(keypoints[:, None])})
    heatmap = outputs[HEAD]["heatmap"]
    batch, count, height, width = heatmap.shape
    stride = float(network.get_stride(HEAD))
    # Double precision until the end, as there.
    labels = torch.from_numpy(keypoints).to(heatmap.device).double()
    visible = (labels[..., 2] > 0)[..., None, None]
    columns = torch.arange(width, device=heatmap.device, dtype=torch.float64) * stride + stride / 2
    rows = torch.arange(height, device=heatmap.device, dtype=torch.float64) * stride + stride / 2
    across = (labels[..., 0, None] - columns)[:, :, None, :].expand(batch, count, height, width)
    down = (labels[..., 1, None] - rows)[:, :, :, None].expand(batch, count, height, width)
    squared = (across.square() + down.square()).sqrt().square()
    gaussian = torch.exp(-squared / (2 * generator.std**2)) * visible
    targets = {"heatmap": {"target": gaussian.float(), "weights": torch.ones_like(heatmap, dtype=torch.float32)}}
    if generator.generate_locref:
        offsets = torch.stack([across, down], dim=2) * generator.locref_scale * visible[:, :, None]
        near = ((squared <= generator.dist_thresh_sq) & visible)[:, :, None].expand_as(offsets)
        shape = (batch, 2 * count, height, width)
        targets["locref"] = {"target": offsets.float().reshape(shape), "weights": near.long().reshape(shape)}
    return {HEAD: targets}


class Predictor:
    """A trained network in evaluation mode."""

    def __init__(self, config: dict[str, Any], network: PoseModel, device: torch.device) -> None:
        self._network = network.to(device).eval()
        self._device = device
        self._sigmoid = bool(config["model"]["heads"][HEAD]["predictor"]["apply_sigmoid"])
        self._locref_std = float(config["model"]["heads"][HEAD]["predictor"]["locref_std"])

    @torch.inference_mode()
    def __call__(self, images: Sequence[np.ndarray]) -> Maps:
        """Confidence maps and decoded poses of images of one size."""
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
