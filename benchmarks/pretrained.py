"""Seconds per step of the pretrained network: frameworth's loop, and DeepLabCut's runner with the same network.

    make benchmark-speed

Stock DeepLabCut cannot load this backbone, so its runner, data loader and transforms are given the network that timm
makes, with the same weights and frozen stages. Each pair trains on the same frames from the same initial weights for
as many steps, one after the other on one thread; ratios and errors are compared in pairs. Writes
`results/benchmarks/pretrained.json`.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from scipy import stats

from demo.drawing import draw_project
from frameworth.config.training import Training
from frameworth.engine.deeplabcut import backbones
from frameworth.labels.frames import collect_frames
from frameworth.labels.labels import distance, read_labels
from frameworth.labels.subsets import Subset, read_subset, write_subsets
from frameworth.plan.names import subset_path
from frameworth.storage.files import write_json
from frameworth.training.ensemble import training_data
from frameworth.training.loop import NetworkJob, train_network
from frameworth.training.predict import load_predictors, predict
from frameworth.training.scaling import ScaledFrames
from frameworth.training.store import Entry

OUT = Path("results/benchmarks/pretrained.json")
HELD_OUT: dict[str, Any] = {"fraction": 0.5, "by": "frame"}
FRAMES, SIDE = 128, 192  # half of the pool is 32 frames: whole epochs of four batches
TRAINING = Training.model_validate({
    "net_type": "resnet_50",
    "backbone": "tf_efficientnet_lite0",
    "weights": "imagenet",
    "batch_size": 8,
    "learning_rate": 0.0005,
    "drops": [[0.6, 0.25], [0.85, 0.05]],
    "scale": SIDE / 160,
    "crop": None,
    "target_radius": 10,
    "augmentation": {},
    "precision": "float32",
})  # fmt: skip


def main() -> None:
    """Measure, print, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=80, help="a multiple of 4")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw_project(
            folder / "project", frames=FRAMES, width=160, height=128, seed=1, planted=0.0,
            pool=lambda videos, images: np.ones(len(images), bool),
        )  # fmt: skip
        collect_frames(folder / "project", HELD_OUT, 1, folder / "frames.csv", folder / "labels.h5")
        pairs = [measure_pair(folder, seed, arguments.steps) for seed in range(1, arguments.pairs + 1)]
    step = {engine: [pair[engine]["seconds"] / arguments.steps for pair in pairs] for engine in ("fast", "stock")}
    error = {engine: [pair[engine]["error_px"] for pair in pairs] for engine in ("fast", "stock")}
    ratios = np.array(step["stock"]) / step["fast"]
    difference = np.log(error["fast"]) - np.log(error["stock"])
    low, high = stats.t.interval(0.95, len(difference) - 1, difference.mean(), stats.sem(difference))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    write_json(
        OUT,
        {
            "seconds_per_step": step,
            "stock_to_frameworth": ratios.tolist(),
            "median_error_px": error,
            "log_error_difference": float(difference.mean()),
            "log_error_interval": [float(low), float(high)],
        },
    )
    ours, theirs, times = (float(np.median(values)) for values in (step["fast"], step["stock"], ratios))
    print(
        f"{TRAINING.backbone}, 8 images of {SIDE} px, one thread: {ours:.3f} s per step, DeepLabCut's runner "
        f"{theirs:.3f} s: {times:.2f} times (median of {len(ratios)} pairs); difference of log error "
        f"{difference.mean():+.3f} [{low:+.3f}, {high:+.3f}]"
    )


def measure_pair(folder: Path, seed: int, steps: int) -> dict[str, dict[str, float]]:
    """Seconds of training, and median error (px) on frames not trained on, for `fast` and `stock` with one seed.

    Args:
        folder: a folder with the files `frames.csv` and `labels.h5`.
    """
    files = folder / "frames.csv", folder / "labels.h5"
    write_subsets(folder, *files, design="balanced", percent=50, seeds=[seed], study_seed=1)
    subset = read_subset(folder / f"{subset_path(50, seed)}.json")
    # Only frameworth folds batch normalisation into convolutions; DeepLabCut's runner gets timm's unchanged network.
    with mock.patch.object(backbones, "_fold_norms"):
        stock = _train(folder, subset, seed, {"engine": "stock", "steps": steps})
    return {"fast": _train(folder, subset, seed, {"engine": "fast", "steps": steps}), "stock": stock}


def _train(folder: Path, subset: Subset, seed: int, changes: dict[str, Any]) -> dict[str, float]:
    training = TRAINING | changes
    labels = read_labels(folder / "labels.h5")
    frames = ScaledFrames(labels, training.scale)
    images, xy = training_data(subset, frames)
    entry = Entry(folder / f"{changes['engine']}-{seed}")
    entry.folder.mkdir()
    device = torch.device("cpu")
    train_network(NetworkJob(subset.keypoints, images, xy, training, seed, device), entry)
    predictors = load_predictors([entry.network], training, subset.keypoints, device)
    error = distance(predict(predictors, frames, distractor_radius=16).pose[0], labels.xy)
    error[subset.frames] = np.nan
    return {"seconds": entry.read_record()["wall_seconds"], "error_px": float(np.nanmedian(error))}


if __name__ == "__main__":
    main()
