"""Warm influence: how a few more gradient steps on one frame change a trained network.

Base networks are used one at a time, and the weights are restored in memory for every frame. Each step uses this frame
alone, with the normalisation layers' statistics as they were after training. Of the ways tried, this one found spoilt
labels best and was the cheapest (docs/validation.md). In theory it is the proximal Bregman response (Bae et al. 2022,
arXiv 2209.05364).
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from frameworth.attribution.methods.base import Answer, Axes, Frames, Method, Options, TrainedNetwork
from frameworth.config.kinds import Integer, Number

if TYPE_CHECKING:
    from frameworth.config.training import Training
    from frameworth.engine.base import Predictor
    from frameworth.training.scaling import ScaledFrames

_PREDICTED_AT_ONCE = 32


class WarmOptions(Options):
    """How the training is continued."""

    steps: Annotated[Integer, Field(ge=1)] = 20
    """Further gradient steps on each frame alone."""
    learning_rate: Annotated[Number, Field(gt=0)] = 0.0002
    """Rate of these steps; a high one wrecks the network."""
    augment: bool = False
    """Whether the frame is augmented in these steps."""


def ask(trained: TrainedNetwork, options: WarmOptions) -> Answer:
    """The change of the log error at all labels by further training on each frame of the pool outside the subset.

    Returns `change` float32 [N, N, K]: log(1 + px) afterwards minus before; NaN for training frames in the subset or
    outside the pool, and where there is no label.
    """
    import torch

    from frameworth.engine.devices import seed_network
    from frameworth.training.loop import train_step

    network, frames, labels, device = trained.network, trained.frames, trained.frames.labels, trained.device
    candidates = np.setdiff1d(np.flatnonzero(trained.pool), trained.subset.frames)
    change = np.full((len(labels.xy), *labels.xy.shape[:2]), np.nan, np.float32)
    if not len(candidates):
        return Answer({"change": change}, 0)
    xy = labels.xy[candidates] * frames.factors[candidates][:, None, :]
    images = [frames.image(frame) for frame in candidates]
    augment = trained.engine.augmentation(images, xy, device, augmented=options.augment)
    network.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]  # the stubs lack it
    start = copy.deepcopy(network.state_dict())
    predictor = trained.engine.predictor(network, device)
    before = _log_errors(predictor, frames)
    for place, candidate in enumerate(candidates):
        optimizer = trained.engine.optimizer(network, options.learning_rate)
        for step in range(options.steps):
            seed_network(device, trained.seed, 5, step)
            batch, keypoints = augment([place], (trained.seed, 5, step))
            train_step(trained.engine, network, optimizer, batch, keypoints, trained.training.precision)
        change[candidate] = _log_errors(predictor, frames) - before
        network.load_state_dict(start)
    return Answer({"change": change}, len(candidates) * options.steps)


def per_network(change: np.ndarray, inclusion: np.ndarray) -> np.ndarray:
    """Mean change over the other out-of-bag frames and their keypoints, minus the network's mean, [B, N].

    Args:
        change: [B, N, N, K] log error at frame j and keypoint k with frame i minus without; NaN if i is in the subset.
        inclusion: bool [B, N], the network was trained on the frame.
    """
    networks, frames = inclusion.shape
    per_frame = np.full((networks, frames), np.nan)
    for network in range(networks):
        for i in np.flatnonzero(np.isfinite(change[network]).any(axis=(1, 2))):
            others = ~inclusion[network]
            others[i] = False
            per_frame[network, i] = np.nanmean(change[network, i, others])
    known = np.isfinite(per_frame)
    means = np.where(known, per_frame, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return per_frame - means[:, None]


def _samples(options: WarmOptions, training: Training, frames: Frames) -> float:
    """Each frame of the pool outside the subset takes its steps and a prediction of all frames."""
    return (frames.pool - frames.subset) * (options.steps + frames.all / 3)


def _log_errors(predictor: Predictor, frames: ScaledFrames) -> np.ndarray:
    from frameworth.training.scaling import batches_of_one_size

    labels = frames.labels
    errors = np.full(labels.xy.shape[:2], np.nan)
    for some in batches_of_one_size(frames.sizes, lambda _: _PREDICTED_AT_ONCE):
        pose = predictor([frames.image(frame) for frame in some]).pose / frames.factors[some][:, None, :]
        errors[some] = np.linalg.norm(pose - labels.xy[some], axis=-1)
    return np.log1p(errors)


METHOD = Method(
    name="warm",
    artefact="warm_influence.h5",
    description="Warm influence: continue the training of finished networks with each frame they have not seen, a "
    "cheap second look at which labels harm. Left out, there is none.",
    sentence="A few more training steps on it change other frames' log error by",
    options=WarmOptions,
    networks=8,
    gives={"change": Axes(("training_frame", "evaluated_frame", "keypoint"), "log(1 + px)")},
    sign=1,
    score="log_error",
    ask=ask,
    per_network=per_network,
    samples=_samples,
)
