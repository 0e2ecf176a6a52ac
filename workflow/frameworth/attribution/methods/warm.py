"""Warm influence: what a few more gradient steps on one frame do to a trained network.

One base network at a time: its weights are restored in memory for every frame. Each step sees the frame alone, with
the normalisation layers' statistics as they were after training: of the ways tried, the one that told spoilt labels
best, and the cheapest (docs/validation.md). In theory the proximal Bregman response (Bae et al. 2022,
arXiv 2209.05364).
"""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from frameworth.engine.augmentation import Augmentation, is_covered
from frameworth.engine.networks import (
    PoseModel,
    Predictor,
    build_network,
    choose_device,
    make_deterministic,
    optimizer_of,
    pose_config,
    seed_network,
)
from frameworth.errors import UserError
from frameworth.labels.frames import read_frames
from frameworth.labels.labels import Labels, read_labels
from frameworth.labels.subsets import Subset, read_subset
from frameworth.plan.names import subset_name
from frameworth.storage.files import digest_of_json
from frameworth.storage.hdf5 import Array, read_attributes, read_hdf5, write_hdf5
from frameworth.training.divergence import has_diverged
from frameworth.training.gpus import take_gpu
from frameworth.training.loop import train_step
from frameworth.training.scaling import ScaledFrames

_PREDICTED_AT_ONCE = 32


def changes_by_frame(
    network: PoseModel,
    subset: Subset,
    frames: ScaledFrames,
    candidates: Sequence[int] | np.ndarray,
    training: dict[str, Any],
    warm: dict[str, Any],
    seed: int,
    device: torch.device,
) -> np.ndarray:
    """Change of the log error at every frame and keypoint by continued training on each candidate frame.

    Args:
        network: a trained network; left as it was.
        candidates: [M] frames of the pool outside the subset.
        warm: `steps`, `learning_rate`, `augment`.
        seed: of the augmentation, common to all candidates.

    Returns float32 [M, N, K]: log(1 + px) afterwards minus before; NaN where there is no label.
    """
    labels = frames.labels
    config = pose_config(training, subset.keypoints)
    options = config["data"]["train"]
    if not warm["augment"]:
        options = options | dict.fromkeys(("affine", "motion_blur", "gaussian_noise"))
    if not is_covered(options):
        raise UserError("influence.warm: works with DeepLabCut's default augmentation only; set warm.augment: false")
    candidates = list(candidates)
    xy = labels.xy[candidates] * frames.factors[candidates][:, None, :]
    augment = Augmentation(options, [frames.image(frame) for frame in candidates], xy, device)
    network = network.to(device, memory_format=torch.channels_last).eval()
    start = copy.deepcopy(network.state_dict())
    predictor = Predictor(config, network, device)
    before = _log_errors(predictor, frames)
    out = np.full((len(candidates), *before.shape), np.nan, np.float32)
    for place in range(len(candidates)):
        optimizer = optimizer_of(config, network, warm["learning_rate"])
        for step in range(warm["steps"]):
            seed_network(device, seed, 5, step)
            batch, keypoints = augment([place], (seed, 5, step))
            train_step(network, optimizer, batch, keypoints, training["precision"])
        out[place] = _log_errors(predictor, frames) - before
        network.load_state_dict(start)
    return out


def write_warm_network(
    subset_json: Path,
    labels_h5: Path,
    frames_csv: Path,
    network_file: Path,
    out: Path,
    *,
    training: dict[str, Any],
    warm: dict[str, Any],
    study_seed: int,
    device: str,
) -> None:
    """The warm influence of all frames of the pool outside one base network's subset, to `out`.

    All NaN for a network that diverged: there is nothing to continue.
    """
    subset, labels = read_subset(subset_json), read_labels(labels_h5)
    pool = (read_frames(frames_csv)["split"] == "pool").to_numpy()
    pool[subset.frames] = False
    candidates = np.flatnonzero(pool)
    if device != "cpu":
        take_gpu()
    chosen = choose_device(device)
    make_deterministic(chosen)
    seed = int(np.random.SeedSequence([study_seed, subset.percent, subset.seed, 6]).generate_state(1)[0])
    started = time.monotonic()
    change = np.full((len(pool), *labels.xy.shape[:2]), np.nan, np.float32)
    name = subset_name(subset.percent, subset.seed)
    if has_diverged(network_file):
        print(f"{name}: its network diverged, so that it tells nothing", file=sys.stderr)
        candidates = candidates[:0]
    else:
        network = build_network(pose_config(training, subset.keypoints), str(network_file), 0)
        frames = ScaledFrames(labels, training["scale"])
        change[candidates] = changes_by_frame(network, subset, frames, candidates, training, warm, seed, chosen)
        print(f"{name}: {len(candidates)} frames in {time.monotonic() - started:.0f} s", file=sys.stderr)
    seconds = time.monotonic() - started
    held = np.zeros(len(pool), bool)
    held[subset.frames] = True
    write_hdf5(
        out,
        {
            "change": Array(change, ("training_frame", "evaluated_frame", "keypoint"), "log(1 + px)"),
            "inclusion": Array(held, ("training_frame",)),
        },
        _scales(labels),
        {
            "network": name,
            "seed": seed,
            "steps_taken": len(candidates) * warm["steps"],
            "seconds": seconds,
            "options": digest_of_json(warm),
            **warm,
        },
    )


def collect_warm(files: Sequence[Path], warm_influence_h5: Path) -> None:
    """`warm_influence.h5`: `change` [network, frame i, frame j, keypoint], NaN where the network had seen i."""
    parts = [read_hdf5(file) for file in files]
    attributes = [read_attributes(file) for file in files]
    dims = ("network", "training_frame", "evaluated_frame", "keypoint")
    names = [str(each["network"]) for each in attributes]
    write_hdf5(
        warm_influence_h5,
        {
            "change": Array(np.stack([part["change"] for part in parts]), dims, "log(1 + px)"),
            "inclusion": Array(np.stack([part["inclusion"] for part in parts]), dims[:2]),
            "seed": Array(np.array([int(each["seed"]) for each in attributes]), dims[:1]),
            "steps_taken": Array(np.array([int(each["steps_taken"]) for each in attributes]), dims[:1]),
        },
        {"network": np.array(names)} | {name: parts[0][name] for name in dims[1:]},
        {name: attributes[0][name] for name in ("steps", "learning_rate", "augment")},
    )


def _scales(labels: Labels) -> dict[str, np.ndarray]:
    numbers = np.arange(len(labels.xy))
    return {"training_frame": numbers, "evaluated_frame": numbers, "keypoint": np.array(labels.keypoints)}


def _log_errors(predictor: Predictor, frames: ScaledFrames) -> np.ndarray:
    labels = frames.labels
    errors = np.full(labels.xy.shape[:2], np.nan)
    for size in np.unique(frames.sizes, axis=0):
        same = np.flatnonzero((frames.sizes == size).all(axis=1))
        for start in range(0, len(same), _PREDICTED_AT_ONCE):
            some = same[start : start + _PREDICTED_AT_ONCE]
            pose = predictor([frames.image(frame) for frame in some]).pose / frames.factors[some][:, None, :]
            errors[some] = np.linalg.norm(pose - labels.xy[some], axis=-1)
    return np.log1p(errors)
