"""The protocol of an engine: a pose framework that trains networks and predicts with them."""

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
    """A network's predictions for F images, in px of the network's images.

    Attributes:
        confidence: float32 [F, K, h, w] in [0, 1]; cell (row, column) lies at ((column, row) + ½) · stride.
        offset: float32 [F, K, h, w, 2], location refinement (x, y) of each cell, px.
        pose: float32 [F, K, 2] px, decoded like in DeepLabCut (the best cell plus its refinement).
        pose_confidence: float32 [F, K], the value of the map at the best cell.
        stride: px per cell.
    """

    confidence: np.ndarray
    offset: np.ndarray
    pose: np.ndarray
    pose_confidence: np.ndarray
    stride: float


class Augment(Protocol):
    """A callable that makes batches from the training frames of one network.

    Attributes:
        patches: the number of patches erased so far.
    """

    patches: int

    def __call__(self, chosen: Sequence[int], seed: Sequence[int]) -> tuple[torch.Tensor, np.ndarray]:
        """Make the batch of the frames `chosen` (indices); it depends only on them and `seed`.

        Returns images as the network needs them, float32 [B, 3, h, w] on the device, and labels float32 [B, K, 3]:
        x and y in px of these images, and 2 if the keypoint is labelled and in the image, else 0.
        """
        ...


# A trained network's predictions for images of equal size, uint8 [h, w, 3].
Predictor = Callable[[Sequence[np.ndarray]], Maps]

# A framework's own training of a network, in place, with images, xy, steps, seed and device; it returns losses.
OwnLoop = Callable[[torch.nn.Module, Sequence[np.ndarray], np.ndarray, int, int, torch.device], list[float]]


class Engine(Protocol):
    """A pose framework, for one study's training options and keypoints.

    Images are uint8 [h, w, 3], at the training's scale, and positions are in px of these. Weights may depend only on
    the options, which enter a network's hash, and on the arguments. The methods with a body are right for an engine
    without pretrained weights and without a training loop of its own.
    """

    def build(self, weights: str, seed: int) -> torch.nn.Module:
        """Build a network with initial weights: `random`, `imagenet`, or the path of a file with weights.

        Random weights are drawn from `seed`. Raises UserError if the weights are not available.
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
        """The callable that makes batches of training frames.

        Args:
            images: [M], the training frames. xy: labels in px of these, [M, K, 2], NaN where missing.
            cutout: patches to erase, for an arm.
            augmented: whether images are moved, blurred and so on at random.
        """
        ...

    def loss(self, network: torch.nn.Module, images: torch.Tensor, keypoints: np.ndarray) -> torch.Tensor:
        """The loss of the network for a batch, a differentiable scalar."""
        ...

    def predictor(self, network: torch.nn.Module, device: torch.device) -> Predictor:
        """The network, ready to predict on the device."""
        ...

    def heads_start_random(self, weights: str) -> bool:
        """Whether `build` draws the weights of the heads, which make the maps, at random."""
        return weights in ("imagenet", "random")

    def own_loop(self) -> OwnLoop | None:
        """The framework's own training loop if the options ask for it; None to train step by step.

        The losses that it returns must be spread evenly over the steps.
        """
        return None

    def weights_are_installed(self) -> bool:
        """Whether the ImageNet weights came with the installed packages, so that nothing is downloaded."""
        return False

    def imagenet_weights(self) -> dict[str, torch.Tensor]:
        """The weights that `imagenet` means, in a form that `build` can read from a file.

        Raises UserError if they are not available.
        """
        raise UserError("training.weights: this engine has no ImageNet weights; set weights: random")
