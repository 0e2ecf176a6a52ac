"""The exact reverse pass through the last steps of one training: how each label changes a score at the end.

Each step of AdamW is a function of the weights, the two moments and the batch. `Backward` has the derivatives of the
score with respect to weights and moments (the adjoint) after a step, and computes those before the step. On the way it
finds the derivatives with respect to the weight and the position of each label in the batch (Engstrom et al. 2025,
arXiv 2503.13751; Ilyas and Engstrom 2025, arXiv 2504.16430). It needs the training's states, so the steps are repeated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch.func import functional_call

from frameworth.engine.deeplabcut.augmentation import Augmentation, per_grey_level
from frameworth.engine.deeplabcut.label_losses import check_loss, label_losses
from frameworth.engine.grouped_convolutions import FastSecondDerivatives
from frameworth.errors import UserError
from frameworth.training.loop import Descent

# The number of states kept at a time. With the fewest, a window of a thousand steps is run almost three times.
_FEWEST_STATES, _MOST_STATES = 20, 64


@dataclass(frozen=True)
class State:
    """The state in which a step begins: the trained weights and AdamW's two moments, in the host's memory."""

    weights: list[torch.Tensor]
    first: list[torch.Tensor]
    second: list[torch.Tensor]


@dataclass(frozen=True)
class LabelDerivatives:
    """Derivatives of the score at the end of training with respect to M training frames' labels, in the window's steps.

    Attributes:
        weight: [M, K], by the weight of each label's part of the loss, which is 1 in training. The sum over keypoints
            is the derivative by the frame's weight. Above 0 is harm: with more weight on the label the score would be
            higher.
        position: [M, K, 2], by the label's position (x, y) in px of the images that are trained on.
        uses: int [M], the number of batches that each frame was in.
        pixels: [h, w, 3], by the grey levels of the requested frame; None without a request. Motion blur, which would
            spread the derivative over a few px, is left out.
    """

    weight: np.ndarray
    position: np.ndarray
    uses: np.ndarray
    pixels: np.ndarray | None


def check_differentiable(descent: Descent) -> None:
    """Raise UserError if this training cannot be differentiated here."""
    group = descent.optimizer.param_groups[0]
    if not isinstance(descent.optimizer, torch.optim.AdamW) or group["amsgrad"] or group["maximize"]:
        raise UserError(
            "influence.metagradient: this network is not trained by AdamW; take another training.net_type, or leave "
            "out influence.metagradient"
        )
    if not isinstance(descent.augment, Augmentation):
        raise UserError("influence.metagradient: works with DeepLabCut's default augmentation only")
    check_loss(descent.network)


class Replay:
    """A training whose states can be saved and restored.

    Attributes:
        names: the names of the weights that are trained.
    """

    def __init__(self, descent: Descent) -> None:
        self.descent = descent
        self.names = [name for name, value in descent.network.named_parameters() if value.requires_grad]
        self._values = [value for value in descent.network.parameters() if value.requires_grad]

    def state(self) -> State:
        """A copy of the current state."""
        moments = [self.descent.optimizer.state.get(value, {}) for value in self._values]
        pairs = list(zip(self._values, moments, strict=True))
        first, second = (
            [_kept(moment.get(name, torch.zeros_like(value))) for value, moment in pairs]
            for name in ("exp_avg", "exp_avg_sq")
        )
        return State([_kept(value) for value in self._values], first, second)

    def put_back(self, step: int, state: State) -> None:
        """Restore `state`, the state before the step with this number."""
        moments = self.descent.optimizer.state
        if step == 0:
            moments.clear()
        for value, weights, first, second in zip(self._values, state.weights, state.first, state.second, strict=True):
            value.data.copy_(weights)
            if value in moments:
                moments[value]["exp_avg"].copy_(first)
                moments[value]["exp_avg_sq"].copy_(second)
                moments[value]["step"].fill_(step)


class Backward:
    """The adjoint of one training, step by step backwards.

    Args:
        adjoint: the derivative of the score by the trained weights at the end, one tensor for each.
        frames, keypoints: the numbers M and K.
        pixels: zeros [h, w, 3] for the requested frame, which is number `place` of the M frames; or None.
    """

    def __init__(
        self,
        replay: Replay,
        adjoint: list[torch.Tensor],
        frames: int,
        keypoints: int,
        place: int = -1,
        pixels: np.ndarray | None = None,
    ) -> None:
        self._replay, self._place = replay, place
        self.pixels = pixels
        self._weights = adjoint
        self._first = [torch.zeros_like(value) for value in adjoint]
        self._second = [torch.zeros_like(value) for value in adjoint]
        self.weight = np.zeros((frames, keypoints))
        self.position = np.zeros((frames, keypoints, 2))
        self.uses = np.zeros(frames, int)

    def step(self, step: int, state: State) -> None:
        """Turn the derivatives after a step into those before it. The step began with `state`."""
        descent = self._replay.descent
        batch, keypoints = descent.prepare(step)
        chosen = np.asarray(descent.chosen(step))
        shown = np.flatnonzero(chosen == self._place)
        batch.requires_grad_(len(shown) > 0)
        weights = [value.to(descent.job.device).requires_grad_() for value in state.weights]
        labels = torch.from_numpy(keypoints).to(descent.job.device).double()
        positions = labels[..., :2].clone().requires_grad_()
        buffers = {name: value.clone() for name, value in descent.network.named_buffers()}
        named = dict(zip(self._replay.names, weights, strict=True)) | buffers
        with FastSecondDerivatives():
            outputs = functional_call(descent.network, named, (batch,))
        losses = label_losses(descent.network, outputs, torch.cat([positions, labels[..., 2:]], dim=2))
        shares = torch.ones_like(losses, requires_grad=True)
        gradients = torch.autograd.grad((losses * shares).sum(), weights, create_graph=True, allow_unused=True)
        # A weight that the loss does not depend on has no gradient, and AdamW does not change it.
        trained = [(index, gradient) for index, gradient in enumerate(gradients) if gradient is not None]
        directions = [self._through_adamw(index, step, state, gradient.detach()) for index, gradient in trained]
        moved = torch.stack([(g * d).sum() for (_, g), d in zip(trained, directions, strict=True)]).sum()
        ends = [weights[index] for index, _ in trained]
        inputs = [shares, positions, *([batch] if len(shown) else [])]
        derivatives = torch.autograd.grad(moved, [*ends, *inputs], allow_unused=True, materialize_grads=True)
        more, (by_share, by_position, *by_pixel) = derivatives[: len(ends)], derivatives[len(ends) :]
        for (index, _), change in zip(trained, more, strict=True):
            self._weights[index] = self._weights[index] + change
        assert isinstance(descent.augment, Augmentation)
        matrices = descent.augment.affine_parts(chosen, descent.draw(step))
        np.add.at(self.weight, chosen, by_share.double().cpu().numpy())
        np.add.at(self.position, chosen, np.einsum("bij,bki->bkj", matrices[:, :, :2], by_position.cpu().numpy()))
        np.add.at(self.uses, chosen, 1)
        for row in shown:
            self._add_pixels(per_grey_level(by_pixel[0])[row].permute(1, 2, 0).double().cpu().numpy(), matrices[row])

    def _add_pixels(self, derivatives: np.ndarray, matrix: np.ndarray) -> None:
        """Add derivatives [h, w, 3] by the pixels of a batch image, mapped back to the pixels of the frame."""
        assert self.pixels is not None
        size = self.pixels.shape[1::-1]
        there = cv2.warpAffine(derivatives, matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        self.pixels += there * abs(np.linalg.det(matrix[:, :2]))

    def _through_adamw(self, index: int, step: int, state: State, gradient: torch.Tensor) -> torch.Tensor:
        """Take the adjoint of a tensor of weights back through AdamW's rule; return the derivative by its gradient."""
        group = self._replay.descent.optimizer.param_groups[0]
        rate, decay, epsilon, (beta1, beta2) = (group[key] for key in ("lr", "weight_decay", "eps", "betas"))
        first, second = (moment[index].to(gradient.device) for moment in (state.first, state.second))
        correction1, correction2 = 1 - beta1 ** (step + 1), 1 - beta2 ** (step + 1)
        first = beta1 * first + (1 - beta1) * gradient
        second = beta2 * second + (1 - beta2) * gradient.square()
        root = (second / correction2).sqrt()
        below = root + epsilon
        pull = rate * self._weights[index] / below / correction1
        self._first[index] -= pull
        # Where all gradients so far are 0, the root has no derivative, and it counts as 0.
        half = torch.where(root > 0, 0.5 * first / (below * root * correction2), 0)
        self._second[index] += pull * half
        direction = (1 - beta1) * self._first[index] + 2 * (1 - beta2) * gradient * self._second[index]
        self._weights[index] = (1 - rate * decay) * self._weights[index]
        self._first[index] *= beta1
        self._second[index] *= beta2
        return direction

    def derivatives(self) -> LabelDerivatives:
        """The derivatives summed over the steps so far."""
        return LabelDerivatives(self.weight, self.position, self.uses, self.pixels)


def differentiate(
    descent: Descent,
    first: int,
    frames: int,
    keypoints: int,
    score_gradient: Callable[[], list[torch.Tensor]],
    most_bytes: int,
    place: int = -1,
    pixels: np.ndarray | None = None,
) -> LabelDerivatives:
    """Take the steps from `first` to the end of training, and go back through them.

    Steps are repeated from kept states. These are placed so that the number of repeated steps is the smallest possible
    for the number of states (Griewank and Walther 2000, doi:10.1145/347837.347846).

    Args:
        descent: before the step `first`; it is there again at the end.
        frames, keypoints: the numbers M and K.
        score_gradient: called once, at the end of training; returns the derivative of the score by the trained weights.
        most_bytes: the host memory that kept states may take; at least twenty states are kept in any case.
        place, pixels: for the frame whose pixels are requested, as for `Backward`.
    """
    check_differentiable(descent)
    replay = Replay(descent)
    fit = most_bytes // (3 * sum(value.nbytes for value in replay.state().weights))
    backward: list[Backward] = []

    def through(begin: int, end: int, states: int) -> None:
        before = replay.state()
        while end - begin > 1:
            middle = begin + steps_before_next_state(end - begin, states)
            for step in range(begin, middle):
                descent.advance(step)
            through(middle, end, states - 1)
            replay.put_back(begin, before)
            end = middle
        if not backward:
            descent.advance(begin)
            backward.append(Backward(replay, score_gradient(), frames, keypoints, place, pixels))
        backward[0].step(begin, before)

    before = replay.state()
    through(first, descent.job.steps, min(max(fit, _FEWEST_STATES), _MOST_STATES) - 1)
    replay.put_back(first, before)
    return backward[0].derivatives()


def steps_before_next_state(steps: int, states: int) -> int:
    """The number of steps to take forward before the next state is kept.

    Args:
        steps: the steps to go back through, at least two. states: how many more states may be kept, at least one.
    """
    again = 0
    while math.comb(states + again, again) < steps:
        again += 1
    # The most steps before the next state, and the fewest after it, if each step is taken at most `again` times.
    most_before, least_behind = math.comb(states + again - 1, again - 1), math.comb(states + again - 2, again - 1)
    return min(most_before, steps - least_behind)


def _kept(value: torch.Tensor) -> torch.Tensor:
    return value.detach().to("cpu", copy=True)
