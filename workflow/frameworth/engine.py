"""The one module that knows DeepLabCut: its networks, targets, losses, augmentation and decoding.

Everything here speaks of images as uint8 [height, width, 3] and of positions as px of the image given to the
network; scaling from and to the original image is the caller's.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from frameworth.bare_packages import bare_packages
from frameworth.errors import UserError

# DeepLabCut's packages import its video, tracking and project code on the way: half of a short job's start.
with bare_packages("deeplabcut", "deeplabcut.utils", "deeplabcut.pose_estimation_pytorch"):
    from deeplabcut.pose_estimation_pytorch.config import PoseConfig
    from deeplabcut.pose_estimation_pytorch.data import build_transforms
    from deeplabcut.pose_estimation_pytorch.data.utils import apply_transform
    from deeplabcut.pose_estimation_pytorch.models import PoseModel

HEAD = "bodypart"


@dataclass(frozen=True)
class Maps:
    """What a network says of F images, in the network's px.

    Attributes:
        confidence: float32 [F, K, h, w] in [0, 1]; cell (row, column) lies at ((column, row) + ½) · stride.
        offset: float32 [F, K, h, w, 2], location refinement (x, y) of each cell, px.
        pose: float32 [F, K, 2], as DeepLabCut decodes it (the best cell plus its refinement), px.
        pose_confidence: float32 [F, K], the map at the best cell.
        stride: px per cell.
    """

    confidence: np.ndarray
    offset: np.ndarray
    pose: np.ndarray
    pose_confidence: np.ndarray
    stride: float


def choose_device(wanted: str) -> torch.device:
    """The device to use for `auto`, `cpu` or `cuda`; raises UserError if a GPU was asked for but is unusable."""
    if wanted == "cpu":
        return torch.device("cpu")
    usable = torch.cuda.is_available()
    if usable:
        try:
            (torch.ones(8, device="cuda") * 2).sum().item()
        except RuntimeError as error:
            usable = False
            reason = str(error).splitlines()[0]
    else:
        reason = f"PyTorch {torch.__version__} sees no CUDA GPU"
    if usable:
        return torch.device("cuda")
    if wanted == "cuda":
        raise UserError(
            f"training.device: cuda was asked for, but {reason}. This build of PyTorch needs a GPU of compute "
            "capability 7.5 or newer and a driver for its CUDA version; or set training.device: cpu"
        )
    return torch.device("cpu")


def make_deterministic(device: torch.device) -> None:
    """One CPU thread and deterministic algorithms: the number of threads changes the last bits of weights."""
    torch.set_num_threads(1)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    if device.type == "cpu":
        torch.use_deterministic_algorithms(True)


def seed_everything(*numbers: int) -> None:
    """Seed Python, NumPy and PyTorch from `numbers`; augmentation draws from the first two."""
    python, numpy_, torch_ = np.random.SeedSequence(numbers).generate_state(3)
    random.seed(int(python))
    np.random.seed(int(numpy_))  # noqa: NPY002 (DeepLabCut's augmentation draws from the global generator)
    torch.manual_seed(int(torch_))


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
        raise UserError(f"training.net_type: DeepLabCut cannot build {net_type!r} ({error})") from None
    head = config["model"]["heads"].get(HEAD)
    if config["method"] != "bu" or head is None or "heatmap_config" not in head:
        raise UserError(
            f"training.net_type: {net_type!r} is no single-animal network with a heatmap head; "
            "use resnet_50, resnet_101, hrnet_w18, hrnet_w32 or hrnet_w48"
        )
    if backbone := training.get("backbone"):
        _replace_backbone(config["model"], backbone)
    head["target_generator"]["pos_dist_thresh"] = training["target_radius"]
    if "augmentation" in training:
        config["data"]["train"].update(training["augmentation"])
    crop = training["crop"]
    if crop is None:
        config["data"]["train"]["crop_sampling"] = None
    else:
        config["data"]["train"]["crop_sampling"].update(width=crop, height=crop)
    return config


def _replace_backbone(model: dict[str, Any], name: str) -> None:
    import timm

    if not timm.is_model(name) or "resnet" not in name:
        raise UserError(
            f"training.backbone: {name!r} is not a ResNet that timm knows; see timm.list_models('*resnet*')"
        )
    with torch.random.fork_rng():
        width = timm.create_model(name, pretrained=False).num_features
    model["backbone"]["model_name"] = name
    model["backbone_output_channels"] = width
    head = model["heads"][HEAD]
    for part in ("heatmap_config", "locref_config"):
        head[part]["channels"][0] = width


def build_network(config: dict[str, Any], weights: str, seed: int) -> PoseModel:
    """A network with initial weights: `random`, `imagenet` (the backbone's), or a snapshot file's.

    Random weights, the heads' included, are drawn from `seed`. A snapshot gives all weights whose shapes agree.
    Raises UserError if ImageNet weights cannot be had, or a file holds no weights for this network.
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
            "Fetch them once on a machine with internet, or use weights: random or a local snapshot file"
        ) from error
    if weights not in ("imagenet", "random"):
        _load_snapshot(network, Path(weights))
    return network


def _load_snapshot(network: PoseModel, path: Path) -> None:
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
    """DeepLabCut's optimizer for the network, at `learning_rate` or its stock rate."""
    spec = config["runner"]["optimizer"]
    params = dict(spec["params"])
    if learning_rate is not None:
        params["lr"] = learning_rate
    kind: type[torch.optim.Optimizer] = getattr(torch.optim, spec["type"])
    return kind(network.parameters(), **params)


class Augmentation:
    """DeepLabCut's training transforms, drawing from the global generators that `seed_everything` seeds."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._transform = build_transforms(config["data"]["train"])

    def __call__(self, image: np.ndarray, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Augment one image uint8 [h, w, 3] with labels [K, 2] (NaN where missing).

        Returns the normalised image float32 [3, h', w'] and labels float32 [K, 3], the third being
        DeepLabCut's visibility: 2 labelled, 0 missing or moved out of the image.
        """
        missing = ~np.isfinite(xy).all(axis=1)
        keypoints = np.column_stack([np.where(missing[:, None], -1.0, xy), np.where(missing, 0.0, 2.0)])
        names = [str(index) for index in range(len(keypoints))]
        done = apply_transform(self._transform, image, keypoints, np.zeros((0, 4)), class_labels=names)
        out = np.asarray(done["keypoints"], dtype=np.float32)
        out[missing, 2] = 0
        # A crop leaves NaN where a keypoint fell outside; its visibility says so, its place must be a number.
        lost = ~np.isfinite(out[:, :2]).all(axis=1)
        out[lost] = (-1.0, -1.0, 0.0)
        return done["image"].transpose(2, 0, 1), out


def loss_of(network: PoseModel, images: torch.Tensor, keypoints: torch.Tensor) -> torch.Tensor:
    """The network's total loss for images [B, 3, h, w] and labels [B, K, 3] as `Augmentation` gives them."""
    outputs = network(images)
    targets = network.get_target(outputs, {"keypoints": keypoints[:, None]})
    return network.get_loss(outputs, targets)["total_loss"]


class Predictor:
    """A trained network in evaluation mode."""

    def __init__(self, config: dict[str, Any], network: PoseModel, device: torch.device) -> None:
        self._normalise = build_transforms(config["data"]["inference"])
        self._network = network.to(device).eval()
        self._device = device
        self._sigmoid = bool(config["model"]["heads"][HEAD]["predictor"]["apply_sigmoid"])
        self._locref_std = float(config["model"]["heads"][HEAD]["predictor"]["locref_std"])

    @torch.inference_mode()
    def __call__(self, images: Sequence[np.ndarray]) -> Maps:
        """Confidence maps and decoded poses of images of one size."""
        batch = np.stack([self._prepared(image) for image in images])
        outputs = self._network(torch.from_numpy(batch).to(self._device))
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

    def _prepared(self, image: np.ndarray) -> np.ndarray:
        done = self._normalise(image=image, keypoints=[], class_labels=[], bboxes=[], bbox_labels=[])
        return np.ascontiguousarray(done["image"].transpose(2, 0, 1), dtype=np.float32)
