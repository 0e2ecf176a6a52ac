"""Check with PyTorch and the engine whether a config's network can be built, and whether there is a GPU for it.

Importing them takes seconds, in which Python runs nothing else. Therefore this runs in its own process while images
are decoded.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from frameworth.config.training import Training
from frameworth.errors import Problem, UserError, error, warning
from frameworth.training.gpus import machine_has_gpu

NO_GPU = "cuda is asked for, but this machine has no GPU that can be used"


def torch_worker() -> Executor:
    """A worker for work with PyTorch: a new process, or a thread if PyTorch is imported already."""
    # A forked process would lack the threads of PyTorch.
    return ThreadPoolExecutor(1) if "torch" in sys.modules else ProcessPoolExecutor(1, get_context("fork"))


def has_usable_gpu() -> bool:
    """Whether PyTorch sees a GPU here; PyTorch is imported only if there is a driver."""
    if not machine_has_gpu():
        return False
    with torch_worker() as worker:
        return worker.submit(_torch_sees_gpu).result()


def network_problems(training: Training, needs_gpu: bool) -> list[Problem]:
    """Problems of the network and, if it `needs_gpu`, of this machine; this takes seconds."""
    return [*(_gpu_problems() if needs_gpu else ()), *_building_problems(training)]


def _torch_sees_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _gpu_problems() -> Iterator[Problem]:
    from frameworth.engine.devices import choose_device

    try:
        choose_device("cuda")
    except UserError:
        todo = "set it to auto or cpu if the study runs here; on a cluster its nodes have the GPUs"
        yield warning("config: training.device", NO_GPU, todo)


def _building_problems(training: Training) -> Iterator[Problem]:
    from frameworth.engine import engine_of

    given = training.weights
    try:
        engine = engine_of(training, ["any"])
        if given not in ("imagenet", "random") and Path(given).is_file():
            engine.build(given, 0)
    except UserError as refused:
        where, _, what = str(refused).partition(": ")
        yield error(f"config: {where}", what, "see config/README.md")
