"""Measure the forward and backward pass of the benchmark's network alone, on one thread, in samples per second.

    python -m benchmarks._floor TRAINING WIDTH HEIGHT SECONDS

TRAINING is JSON. It runs the network, DeepLabCut's loss for fixed targets and its gradient, and prints the rate of the
faster memory layout.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import torch

from frameworth.config.training import Training
from frameworth.engine.deeplabcut.networks import build_network, pose_config, targets_of


def main(training: Training, width: int, height: int, seconds: float) -> None:
    """Run each memory layout for `seconds` and print the higher rate (median over steps)."""
    torch.set_num_threads(1)
    keypoints = ("a", "b", "c", "d")
    network = build_network(pose_config(training, keypoints), "random", 1).train()
    rng = np.random.default_rng(0)
    labels = np.concatenate([rng.uniform(5, min(width, height) - 5, (training.batch_size, 4, 2)),
                             np.full((training.batch_size, 4, 1), 2)], axis=2).astype(np.float32)  # fmt: skip
    images = torch.randn(training.batch_size, 3, height, width)
    targets = targets_of(network, network(images), labels)
    rates = []
    for layout in (torch.contiguous_format, torch.channels_last):
        network.to(memory_format=layout)
        batch = images.contiguous(memory_format=layout)
        times, started = [], time.monotonic()
        while time.monotonic() - started < seconds:
            before = time.perf_counter()
            network.zero_grad()
            network.get_loss(network(batch), targets)["total_loss"].backward()
            times.append(time.perf_counter() - before)
        rates.append(training.batch_size / float(np.median(times)))
    print(max(rates))


if __name__ == "__main__":
    main(Training.model_validate(json.loads(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
