"""Measure how much time each optimisation saves on this machine's CPU, and how costs grow with size.

    make benchmark-levers

All numbers are medians for the demo's network, batches of 8 frames of 96 × 80 px, and one thread. It writes
`results/benchmarks/levers.json`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.func import functional_call, grad, stack_module_state, vmap

from benchmarks.speed import MEMORY, ONE_THREAD, REPOSITORY
from frameworth.config.training import Training
from frameworth.engine import engine_of
from frameworth.engine.deeplabcut.augmentation import Augmentation
from frameworth.engine.deeplabcut.networks import Predictor, build_network, pose_config, targets_of
from frameworth.engine.deeplabcut.stock import StockAugmentation
from frameworth.engine.devices import make_deterministic
from frameworth.labels.labels import Labels
from frameworth.storage.files import write_json
from frameworth.training.loop import train_step
from frameworth.training.predict import predict
from frameworth.training.scaling import ScaledFrames
from frameworth.training.variants import batch_indices

OUT = Path("results/benchmarks/levers.json")
CPU = torch.device("cpu")
SIZE, FRAMES, BATCH = (96, 80), 32, 8
TRAINING = Training(backbone="test_resnet", crop=None, target_radius=8)


def main() -> None:
    """Measure, print two tables, and write the file."""
    if len(sys.argv) > 1:
        print(json.dumps(_whole_step()))
        return
    torch.set_num_threads(1)
    rows = _parts()
    environments = {"freed memory goes back": {}, "freed memory is kept": MEMORY}
    # The ways take turns, because this machine's speed may drift.
    turns = [{way: _in_process(ONE_THREAD | extra) for way, extra in environments.items()} for _ in range(5)]
    rows += [("a whole step", way, float(np.median([turn[way] for turn in turns]))) for way in environments]
    print(f"{'part of a step':28}{'way':44}{'ms':>8}")
    for part, way, milliseconds in rows:
        print(f"{part:28}{way:44}{milliseconds:8.2f}")
    costs = _costs()
    print(f"\n{'cost of':28}{'at sizes':24}{'seconds':>24}")
    for what, seconds in costs.items():
        print(f"{what:28}{' '.join(map(str, seconds)):24}" + " ".join(f"{value:.3f}" for value in seconds.values()))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    write_json(OUT, {"parts": rows, "costs": {what: list(seconds.items()) for what, seconds in costs.items()}})


def _milliseconds(work: Callable[[int], Any], repeats: int = 60) -> float:
    times = []
    for number in range(repeats):
        started = time.perf_counter()
        work(number)
        times.append(time.perf_counter() - started)
    return 1000 * float(np.median(times[repeats // 6 :]))


def _data(keypoints: int = 4) -> tuple[dict[str, Any], list[np.ndarray], np.ndarray]:
    rng = np.random.default_rng(0)
    config = pose_config(TRAINING, [str(number) for number in range(keypoints)])
    images = [rng.integers(0, 255, (SIZE[1], SIZE[0], 3), dtype=np.uint8) for _ in range(FRAMES)]
    return config, images, rng.uniform(5, 75, (FRAMES, keypoints, 2))


def _parts() -> list[tuple[str, str, float]]:
    config, images, xy = _data()
    options, chosen = config["data"]["train"], list(range(BATCH))
    rows = []
    for way, kind in (("albumentations, image by image", StockAugmentation), ("tensors, batch by batch", Augmentation)):
        augment = kind(options, images, xy, CPU)

        def augmented(number: int, augment: StockAugmentation | Augmentation = augment) -> None:
            augment(chosen, (1, number))

        rows.append(("augmentation", way, _milliseconds(augmented)))
    batch, labels = Augmentation(options, images, xy, CPU)(chosen, (1, 1))
    engine = engine_of(TRAINING, config["metadata"]["bodyparts"])
    network = build_network(config, "random", 1).train()
    outputs, keypoints = network(batch), {"keypoints": torch.from_numpy(labels[:, None])}
    rows.append(("targets", "DeepLabCut's loops", _milliseconds(lambda _: network.get_target(outputs, keypoints))))
    rows.append(("targets", "whole batch", _milliseconds(lambda _: targets_of(network, outputs, labels))))
    for way, layout in (("channels first", torch.contiguous_format), ("channels last", torch.channels_last)):
        network.to(memory_format=layout)
        laid = batch.contiguous(memory_format=layout)

        def forward_backward(_: int, laid: torch.Tensor = laid) -> None:
            network.zero_grad()
            engine.loss(network, laid, labels).backward()

        rows.append(("forward and backward", way, _milliseconds(forward_backward)))
    for way, fused in (("AdamW, a loop over weights", None), ("AdamW, fused", True)):
        optimizer = torch.optim.AdamW(network.parameters(), fused=fused)

        def step(_: int, optimizer: torch.optim.AdamW = optimizer) -> None:
            optimizer.step()

        rows.append(("optimizer", way, _milliseconds(step)))
    rows.append(("seeding", "torch.manual_seed", _milliseconds(torch.manual_seed)))
    rows.append(("seeding", "the device's generator", _milliseconds(torch.default_generator.manual_seed)))
    rows += _members(config, batch)
    return rows


def _members(config: dict[str, Any], batch: torch.Tensor) -> list[tuple[str, str, float]]:
    """Four networks one after the other, and stacked into one batched network, with the same loss."""
    networks = [build_network(config, "random", seed).eval() for seed in range(4)]
    base = networks[0]

    def loss(parameters: dict, buffers: dict) -> torch.Tensor:
        return functional_call(base, (parameters, buffers), (batch,))["bodypart"]["heatmap"].square().mean()

    states = [(dict(network.named_parameters()), dict(network.named_buffers())) for network in networks]
    single = grad(loss)
    stacked = vmap(single)
    together = stack_module_state(networks)
    return [
        (
            "4 networks, ms per network",
            "one after the other",
            _milliseconds(lambda _: [single(*s) for s in states], 18) / 4,
        ),
        ("4 networks, ms per network", "stacked (torch.func)", _milliseconds(lambda _: stacked(*together), 18) / 4),
    ]


def _whole_step() -> float:
    make_deterministic(CPU)
    config, images, xy = _data()
    network = build_network(config, "random", 1).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)
    augment = Augmentation(config["data"]["train"], images, xy, CPU)
    engine = engine_of(TRAINING, config["metadata"]["bodyparts"])

    def step(number: int) -> None:
        train_step(engine, network, optimizer, *augment(batch_indices(FRAMES, BATCH, number, 1), (1, number)))

    return _milliseconds(step, 120)


def _in_process(extra: dict[str, str]) -> float:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "workflow")} | extra
    command = [sys.executable, "-m", "benchmarks.levers", "step"]
    return float(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


def _costs() -> dict[str, dict[int, float]]:
    """Seconds of 100 training steps by number of keypoints, and of predictions by networks, frames and keypoints."""
    costs: dict[str, dict[int, float]] = {}
    costs["100 steps, keypoints"] = {count: _steps(count) for count in (4, 8, 16)}
    costs["prediction, networks"] = {count: _prediction(count, 64, 4) for count in (2, 4, 8)}
    costs["prediction, frames"] = {count: _prediction(2, count, 4) for count in (64, 128, 256)}
    costs["prediction, keypoints"] = {count: _prediction(2, 64, count) for count in (4, 8, 16)}
    return costs


def _steps(keypoints: int) -> float:
    config, images, xy = _data(keypoints)
    network = build_network(config, "random", 1).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)
    augment = Augmentation(config["data"]["train"], images, xy, CPU)
    engine = engine_of(TRAINING, config["metadata"]["bodyparts"])
    return _milliseconds(lambda i: train_step(engine, network, optimizer, *augment(list(range(BATCH)), (1, i)))) / 10


def _prediction(networks: int, frames: int, keypoints: int) -> float:
    rng = np.random.default_rng(0)
    names = tuple(str(number) for number in range(keypoints))
    config = pose_config(TRAINING, names)
    sizes = np.tile(SIZE, (frames, 1))
    xy = rng.uniform(5, 75, (frames, keypoints, 2))

    class Noise(ScaledFrames):
        def image(self, frame: int) -> np.ndarray:
            return rng.integers(0, 255, (SIZE[1], SIZE[0], 3), dtype=np.uint8)

    pictures = Noise(Labels(xy, names, np.zeros((0, 2), int), ("",) * frames, ("",) * frames, sizes), 1)
    predictors = [Predictor(config, build_network(config, "random", seed), CPU) for seed in range(networks)]
    return _milliseconds(lambda _: predict(predictors, pictures, distractor_radius=16), 7) / 1000


if __name__ == "__main__":
    main()
