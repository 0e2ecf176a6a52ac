"""Networks per hour on a GPU: DeepLabCut's own loop, and frameworth's in full and mixed precision, side by side.

    make benchmark-gpu

A ResNet-50 from random weights, batches of 8 crops of 448 px, on drawn frames of 640 × 480 px. DeepLabCut's runner
is timed for a few epochs; frameworth's loop in float32 and bfloat16, and with several networks at once (a process
each). Prints images per second, the GPU's busy share, the share of its arithmetic limit (a large matrix product,
measured in the same run) and memory, and writes `results/benchmarks/gpu.json`. `--tiny` tries the script on a CPU.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from frameworth.config.training import Training
from frameworth.engine import engine_of
from frameworth.storage.files import write_json
from frameworth.training.loop import NetworkJob, train_network
from frameworth.training.store import Entry

OUT = Path("results/benchmarks/gpu.json")
KEYPOINTS = ("a", "b", "c", "d")
_PATIENCE = 900  # seconds
STEPS_OF_A_NETWORK = 20_000  # the paper's number of steps, used for networks per hour


def main() -> None:
    """Measure all variants, print one table, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--at-once", type=int, nargs="*", default=[2, 4, 8])
    parser.add_argument("--tiny", action="store_true", help="a tiny network on the CPU, to try the script")
    arguments = parser.parse_args()
    if not arguments.tiny and not torch.cuda.is_available():
        sys.exit("benchmark-gpu: PyTorch sees no CUDA GPU here; nothing was measured (--tiny tries the script)")
    device = torch.device("cpu" if arguments.tiny else "cuda")
    training = _training(arguments.tiny)
    limits = {precision: _arithmetic_limit(device, precision) for precision in ("float32", "bfloat16")}
    work = _operations_per_image(training)
    rows = [_variant("stock", training | {"engine": "stock"}, 1, max(arguments.steps // 4, 8), device)]
    for precision in limits:
        rows.append(_variant(precision, training | {"precision": precision}, 1, arguments.steps, device))
    for count in arguments.at_once:
        precise = training | {"precision": "bfloat16"}
        rows.append(_variant(f"bfloat16 × {count}", precise, count, arguments.steps, device))
    for row in rows:
        limit = limits["bfloat16" if "bfloat16" in row["variant"] else "float32"]
        row["share_of_arithmetic_limit"] = row["images_per_second"] * work / limit
        row["networks_per_hour"] = 3600 * row["images_per_second"] / (STEPS_OF_A_NETWORK * training.batch_size)
        row["ratio_to_stock"] = row["images_per_second"] / rows[0]["images_per_second"]
    name = torch.cuda.get_device_name() if device.type == "cuda" else "cpu"
    OUT.parent.mkdir(parents=True, exist_ok=True)
    write_json(OUT, {"device": name, "operations_per_image": work, "limits": limits, "variants": rows})
    print(f"{name}, {work / 1e9:.1f} GFLOP per image (forward and backward)")
    print(f"{'':16}{'images/s':>10}{'× stock':>9}{'busy':>7}{'of limit':>10}{'GiB':>7}")
    for row in rows:
        print(
            f"{row['variant']:16}{row['images_per_second']:10.1f}{row['ratio_to_stock']:9.1f}"
            f"{row['busy_share'] or 0:7.2f}{row['share_of_arithmetic_limit']:10.3f}{row['peak_gib']:7.1f}"
        )


def _training(tiny: bool) -> Training:
    training = {
        "net_type": "resnet_50", "weights": "random", "batch_size": 8, "drops": [], "scale": 1, "crop": 448,
        "target_radius": 17, "augmentation": {}, "engine": "fast", "precision": "float32",
    }  # fmt: skip
    return Training.model_validate(training | ({"backbone": "test_resnet", "crop": 64} if tiny else {}))


def _variant(name: str, training: Training, at_once: int, steps: int, device: torch.device) -> dict[str, Any]:
    """Images per second of `at_once` processes that start together and train at the same time."""
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(at_once + 1), context.Queue()
    processes = [
        context.Process(target=_train, args=(training, steps, str(device), barrier, answers), daemon=True)
        for _ in range(at_once)
    ]
    for process in processes:
        process.start()
    barrier.wait(_PATIENCE)  # a process that failed breaks it
    with _busy_share(device) as busy:
        rows = [answers.get(timeout=_PATIENCE) for _ in processes]
    for process in processes:
        process.join()
    return {
        "variant": name,
        "images_per_second": sum(row["images_per_second"] for row in rows),
        "busy_share": float(np.mean(busy)) if busy else None,
        "peak_gib": sum(row["peak_gib"] for row in rows),
    }


def _train(training: Training, steps: int, device_name: str, barrier: Any, answers: Any) -> None:
    device, rng = torch.device(device_name), np.random.default_rng(0)
    side = 64 if training.crop == 64 else 480
    images = [rng.integers(0, 255, (side, side * 4 // 3, 3), dtype=np.uint8) for _ in range(32)]
    xy = rng.uniform(0, side, (len(images), len(KEYPOINTS), 2))
    with tempfile.TemporaryDirectory() as folder:
        for name, count in (("warm-up", min(steps, 8)), ("measured", steps)):
            entry = Entry(Path(folder) / name)
            entry.folder.mkdir()
            if name == "measured":
                barrier.wait(_PATIENCE)
            options = training | {"steps": count}
            train_network(NetworkJob(KEYPOINTS, images, xy, options, 0, device), entry)
        record = entry.read_record()
    peak = torch.cuda.max_memory_reserved() / 2**30 if device.type == "cuda" else record["peak_memory_mib"] / 1024
    answers.put({"images_per_second": record["samples_per_second"], "peak_gib": peak})


@contextlib.contextmanager
def _busy_share(device: torch.device) -> Iterator[list[float]]:
    """Shares of time in which the GPU was busy, which the driver reports twice a second."""
    shares: list[float] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.5):
            with contextlib.suppress(Exception):  # needs the driver's management library
                shares.append(torch.cuda.utilization() / 100)

    thread = threading.Thread(target=watch)
    if device.type == "cuda":
        thread.start()
    yield shares
    done.set()
    if device.type == "cuda":
        thread.join()


def _arithmetic_limit(device: torch.device, precision: str) -> float:
    """Operations per second of a large matrix product, the median of ten."""
    side = 512 if device.type == "cpu" else 8192
    a = torch.randn(side, side, device=device, dtype=getattr(torch, precision))
    rates = []
    for _ in range(10):
        started = time.perf_counter()
        a @ a
        if device.type == "cuda":
            torch.cuda.synchronize()
        rates.append(2 * side**3 / (time.perf_counter() - started))
    return float(np.median(rates))


def _operations_per_image(training: Training) -> float:
    engine = engine_of(training, KEYPOINTS)
    network, side = engine.build("random", 0).train(), training.crop or 0
    labels = np.full((1, len(KEYPOINTS), 3), 20, np.float32)
    with FlopCounterMode(display=False) as counter:
        engine.loss(network, torch.zeros(1, 3, side, side), labels).backward()
    return float(counter.get_total_flops())


if __name__ == "__main__":
    main()
