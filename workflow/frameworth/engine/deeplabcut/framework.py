"""DeepLabCut as an engine, with the protocol of `base.Engine`."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import cast

import numpy as np
import torch

from frameworth.config.training import Training
from frameworth.engine.base import Augment, Engine, OwnLoop
from frameworth.engine.cutout import Cutout
from frameworth.engine.deeplabcut.augmentation import Augmentation, is_covered
from frameworth.engine.deeplabcut.backbones import is_packaged
from frameworth.engine.deeplabcut.networks import PoseModel, Predictor, build_network, pose_config, targets_of
from frameworth.engine.deeplabcut.weights_download import check_download


class DeepLabCut(Engine):
    """DeepLabCut's networks, targets, losses, optimizers and augmentation for one study's options.

    Attributes:
        config: DeepLabCut's configuration of the network.
    """

    def __init__(self, training: Training, keypoints: Sequence[str]) -> None:
        self._training = training
        self.config = pose_config(training, keypoints)

    def build(self, weights: str, seed: int) -> torch.nn.Module:
        return build_network(self.config, weights, seed)

    def heads_start_random(self, weights: str) -> bool:
        if super().heads_start_random(weights):
            return True
        state = torch.load(weights, map_location="cpu", weights_only=True, mmap=True)["model"]
        return not any(name.startswith("heads.") for name in state)

    def optimizer(self, network: torch.nn.Module, learning_rate: float | None) -> torch.optim.Optimizer:
        spec = self.config["runner"]["optimizer"]
        rate = {} if learning_rate is None else {"lr": learning_rate}
        # A fused optimizer updates all weights in one pass, in a quarter of the time on a CPU.
        return getattr(torch.optim, spec["type"])(network.parameters(), fused=True, **spec["params"] | rate)

    def augmentation(
        self,
        images: Sequence[np.ndarray],
        xy: np.ndarray,
        device: torch.device,
        cutout: Cutout | None = None,
        augmented: bool = True,
    ) -> Augment:
        options = self.config["data"]["train"]
        if not augmented:
            options = options | dict.fromkeys(("affine", "motion_blur", "gaussian_noise"))
        if is_covered(options):
            return Augmentation(options, images, xy, device, cutout)
        from frameworth.engine.deeplabcut.stock import StockAugmentation

        return StockAugmentation(options, images, xy, device)

    def loss(self, network: torch.nn.Module, images: torch.Tensor, keypoints: np.ndarray) -> torch.Tensor:
        model = cast(PoseModel, network)
        outputs = model(images)
        return model.get_loss(outputs, targets_of(model, outputs, keypoints))["total_loss"]

    def predictor(self, network: torch.nn.Module, device: torch.device) -> Predictor:
        return Predictor(self.config, cast(PoseModel, network), device)

    def own_loop(self) -> OwnLoop | None:
        if self._training.engine != "stock":
            return None
        from frameworth.engine.deeplabcut.stock import train_stock

        return functools.partial(train_stock, self.config, self._training)

    def weights_are_installed(self) -> bool:
        return is_packaged(self._training.backbone or "")

    def imagenet_weights(self) -> dict[str, torch.Tensor]:
        state = self.build("imagenet", 0).state_dict()
        if not self.weights_are_installed():
            check_download(self.config["model"]["backbone"]["model_name"])
        return {name: value for name, value in state.items() if name.startswith("backbone.")}
