"""The protocol of an engine: a pose framework whose networks are trained and asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from frameworth.errors import UserError

if TYPE_CHECKING:
    from frameworth.engine.cutout import Cutout


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


class Augment(Protocol):
    """Makes batches of the training frames of one network.

    Attributes:
        patches: how many patches were erased so far.
    """

    patches: int

    def __call__(self, chosen: Sequence[int], seed: Sequence[int]) -> tuple[torch.Tensor, np.ndarray]:
        """The batch of the frames `chosen` (indices), a pure function of them and `seed`.

        Returns images as the network wants them, float32 [B, 3, h, w] on the device, and labels float32 [B, K, 3] in
        px of these: x, y, and 2 where the keypoint is labelled and in the image, else 0.
        """
        ...


# A trained network that is asked: what it says of images of one size, uint8 [h, w, 3].
Predictor = Callable[[Sequence[np.ndarray]], Maps]

# A framework's whole training: of a network in place, with images, xy, steps, seed and device.
OwnLoop = Callable[[torch.nn.Module, Sequence[np.ndarray], np.ndarray, int, int, torch.device], list[float]]


class Engine(Protocol):
    """A pose framework, for one study's training options and keypoints.

    Images are uint8 [h, w, 3], at the training's scale, and positions are in px of these. Everything that determines
    weights is in the options, which enter a network's hash, and in the arguments. What has a body here suits an engine
    without pretrained weights and without a training loop of its own.
    """

    def build(self, weights: str, seed: int) -> torch.nn.Module:
        """A network with initial weights: `random`, `imagenet`, or those of a file.

        Random weights are drawn from `seed`. Raises UserError for weights that cannot be had.
        """
        ...

    def optimizer(self, network: torch.nn.Module, learning_rate: float | None) -> torch.optim.Optimizer:
        """The optimizer of the network, at `learning_rate` or at the engine's own rate."""
        ...

    def augmentation(
        self,
        images: Sequence[np.ndarray],
        xy: np.ndarray,
        device: torch.device,
        cutout: Cutout | None = None,
        augmented: bool = True,
    ) -> Augment:
        """What makes batches of training frames.

        Args:
            images: [M] of the training frames. xy: labels in px of these, [M, K, 2], NaN where missing.
            cutout: patches to erase, of an arm.
            augmented: whether images are moved, blurred and so on at random.
        """
        ...

    def loss(self, network: torch.nn.Module, images: torch.Tensor, keypoints: np.ndarray) -> torch.Tensor:
        """The loss of the network for a batch, a scalar that can be differentiated."""
        ...

    def predictor(self, network: torch.nn.Module, device: torch.device) -> Predictor:
        """The network, ready to be asked on the device."""
        ...

    def heads_start_random(self, weights: str) -> bool:
        """Whether `build` draws at random those of the weights that make the maps."""
        return weights in ("imagenet", "random")

    def own_loop(self) -> OwnLoop | None:
        """The framework's own training loop, if the options ask for it in place of single steps.

        It gives losses that lie evenly over the steps.
        """
        return None

    def weights_are_installed(self) -> bool:
        """Whether the ImageNet weights came with the installed packages, so that nothing is downloaded."""
        return False

    def imagenet_weights(self) -> dict[str, torch.Tensor]:
        """The weights that `imagenet` stands for; saved as a file, `build` takes them from there.

        Raises UserError if they cannot be had.
        """
        raise UserError("training.weights: this engine has no ImageNet weights; set weights: random")
