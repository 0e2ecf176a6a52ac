"""Metagradients: how more weight on a frame, in the last part of one training, would change a held-out score.

The last part of the training of a finished network is repeated by the same loop and ends with the same weights. It
starts from the state that the training kept, or from the first step if there is none. Then the derivative of a smooth
score of the held-out frames is taken back through it (`frameworth.attribution.adjoint`). One such pass covers all
labels that the network was trained on, and shows the direction in which each label would have to move.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from frameworth.attribution.methods.base import Answer, Axes, Frames, Method, Options, TrainedNetwork
from frameworth.plan.grid import window_start

if TYPE_CHECKING:
    import torch

    from frameworth.attribution.adjoint import LabelDerivatives
    from frameworth.config.training import Training
    from frameworth.training.scaling import ScaledFrames

_SCORED_AT_ONCE = 16
_STATES_BYTES = 2**30
# Twenty states of ResNet-50, the largest of DeepLabCut's usual networks, and the memory of one step back.
_MEMORY = 7000
_BACKWARD = 3  # a step back takes this many times as long as a step of training; measured on the demo's network, 2.9


class MetagradientOptions(Options):
    """What is differentiated."""

    window: float = Field(0.5, gt=0, le=1, description="The last part of the steps that the derivative goes through.")
    score: Literal["heatmap_loss", "log_probability"] = Field(
        "heatmap_loss", description="The smooth score of held-out labels that is differentiated."
    )


def ask(trained: TrainedNetwork, options: MetagradientOptions) -> Answer:
    """The derivatives of the held-out score by the weight and by the position of each label in the subset.

    Returns `change` [N, K], by the weight of each label's part of the loss, which is 1 in training, and `position`
    [N, K, 2], per px of the original image. NaN for frames that are in no batch of the window.
    """
    derivatives, first, steps = _derivatives(trained, options)
    change = np.full(trained.frames.labels.xy.shape[:2], np.nan)
    position = np.full(trained.frames.labels.xy.shape, np.nan)
    used = derivatives.uses > 0
    places = np.asarray(trained.subset.frames)[used]
    change[places] = derivatives.weight[used]
    position[places] = derivatives.position[used] * trained.frames.factors[places][:, None]
    work = first + (steps - first) * (1 + _BACKWARD)
    return Answer({"change": change, "position": position}, work * trained.training.batch_size)


def pixel_derivatives(trained: TrainedNetwork, options: MetagradientOptions, frame: int) -> np.ndarray:
    """The derivative of the held-out score by the grey levels of a frame of the subset, [h, w, 3] at training scale."""
    derivatives, _, _ = _derivatives(trained, options, frame)
    assert derivatives.pixels is not None
    return derivatives.pixels


def _derivatives(
    trained: TrainedNetwork, options: MetagradientOptions, frame: int | None = None
) -> tuple[LabelDerivatives, int, int]:
    """Derivatives from one pass (with pixels of `frame`), its first step, and the number of steps of the training."""
    import torch

    from frameworth.attribution.adjoint import check_differentiable, differentiate
    from frameworth.training.ensemble import training_data
    from frameworth.training.loop import Descent, NetworkJob
    from frameworth.training.store import before_step

    subset, frames, device = trained.subset, trained.frames, trained.device
    images, xy = training_data(subset, frames)
    job = NetworkJob(subset.keypoints, images, xy, trained.training, trained.network_seed, device)
    first = window_start(options.window, job.steps)
    kept_as = before_step(first)
    descent = Descent(job)
    network = descent.network
    check_differentiable(descent)
    if kept := trained.entry.read_state(kept_as):
        descent.put_back(kept)
    else:
        for step in range(first):
            descent.advance(step)
        trained.entry.write_state(kept_as, descent.state())  # a job that is killed later continues from here

    def score_gradient() -> list[torch.Tensor]:
        weights = zip(network.parameters(), trained.network.parameters(), strict=True)
        if not all(torch.equal(now.cpu(), then) for now, then in weights):
            print("the training that is differentiated ended with other weights than before, by rounding: it is of "
                  "another machine or version", file=sys.stderr)  # fmt: skip
        return held_out_gradient(network, frames, np.flatnonzero(~trained.pool), options.score, device)

    place = -1 if frame is None else list(subset.frames).index(frame)
    pixels = None if frame is None else np.zeros(images[place].shape)
    derivatives = differentiate(
        descent, first, len(images), len(subset.keypoints), score_gradient, _STATES_BYTES, place, pixels
    )
    trained.entry.drop_state(kept_as)
    return derivatives, first, job.steps


def held_out_gradient(
    network: torch.nn.Module, frames: ScaledFrames, held_out: np.ndarray, score: str, device: torch.device
) -> list[torch.Tensor]:
    """The derivative of the mean score over the labels of frames by each of the network's trained weights.

    The arguments are those of `held_out_score`.
    """
    import torch

    values = [value for value in network.parameters() if value.requires_grad]
    total = [torch.zeros_like(value) for value in values]
    for part in _score_in_parts(network, frames, held_out, score, device):
        gradients = torch.autograd.grad(part, values, allow_unused=True, materialize_grads=True)
        for place, more in zip(total, gradients, strict=True):
            place += more
    return total


def held_out_score(
    network: torch.nn.Module, frames: ScaledFrames, held_out: np.ndarray, score: str, device: torch.device
) -> float:
    """The mean score over the labels of frames; lower is better.

    Normalisation layers without frozen statistics use those of the frames that are scored together. Otherwise the score
    would depend on the weights at all earlier steps.

    Args:
        network: in training mode, in which it stays. held_out: numbers of frames. score: as in the options.
    """
    return sum(part.item() for part in _score_in_parts(network, frames, held_out, score, device))


def _score_in_parts(
    network: torch.nn.Module, frames: ScaledFrames, held_out: np.ndarray, score: str, device: torch.device
) -> Iterator[torch.Tensor]:
    """Yields the parts of the score, each of a few frames."""
    import torch

    from frameworth.engine.deeplabcut.augmentation import normalised
    from frameworth.engine.deeplabcut.label_losses import heatmap_losses, log_improbabilities
    from frameworth.training.scaling import batches_of_one_size

    losses = {"log_probability": log_improbabilities, "heatmap_loss": heatmap_losses}[score]
    labels = frames.labels.xy[held_out] * frames.factors[held_out][:, None]
    known = np.isfinite(labels).all(axis=2)
    still = [module for module in network.modules() if isinstance(module, torch.nn.modules.dropout._DropoutNd)]
    buffers = {name: value.clone() for name, value in network.named_buffers()}
    for module in still:
        module.eval()
    for some in batches_of_one_size(frames.sizes[held_out], lambda _: _SCORED_AT_ONCE):
        images = np.stack([frames.image(frame) for frame in held_out[some]])
        batch = normalised(torch.from_numpy(images).permute(0, 3, 1, 2).to(device))
        visible = 2.0 * known[some][..., None]
        keypoints = np.concatenate([np.nan_to_num(labels[some]), visible], axis=2)
        each = losses(network, network(batch), torch.from_numpy(keypoints).to(device))
        yield (each * torch.from_numpy(known[some]).to(device)).sum() / max(known.sum(), 1)
    for module in still:
        module.train()
    for name, value in network.named_buffers():
        value.copy_(buffers[name])


def per_network(change: np.ndarray, inclusion: np.ndarray) -> np.ndarray:
    """The sum over a frame's labels, minus the network's mean over its frames, [B, N].

    The mean is the effect of a higher learning rate, which does not differ between frames.

    Args:
        change: [B, N, K], NaN for frames without a derivative. inclusion: as in `Method.per_network`.
    """
    frame = change.sum(axis=2)
    known = np.isfinite(frame) & inclusion
    means = np.where(known, frame, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return np.where(known, frame - means[:, None], np.nan)


def _samples(options: MetagradientOptions, training: Training, frames: Frames) -> float:
    """The samples of one training, and of the steps back."""
    steps = training.total_steps(frames.subset)
    return steps * training.batch_size * (1 + options.window * _BACKWARD)


METHOD = Method(
    name="metagradient",
    artefact="metagradients.h5",
    description="Metagradients: differentiate the training of finished networks, to see what more weight on each "
    "frame that they were trained on would do to the held-out frames. Left out, there are none.",
    sentence="More weight on it in training would change the score of held-out labels, beside the average frame, at a "
    "rate of",
    options=MetagradientOptions,
    networks=12,
    gives={
        "change": Axes(("training_frame", "keypoint"), "1/weight"),
        "position": Axes(("training_frame", "keypoint", "xy"), "1/px"),
    },
    sign=1,
    score="log_probability",
    ask=ask,
    per_network=per_network,
    samples=_samples,
    memory=_MEMORY,
    calls_harm=True,
    window=lambda options: options.window,
    label_table="metagradient_labels.csv",
    pixels=pixel_derivatives,
)
