"""Choose the device that computes, and make its results repeatable."""

from __future__ import annotations

import random

import numpy as np
import torch

from frameworth.errors import UserError


def choose_device(wanted: str) -> torch.device:
    """The device for `auto`, `cpu` or `cuda`; raises UserError if `cuda` was asked for but no GPU is usable.

    If there are several GPUs, it is PyTorch's current one, see `frameworth.training.gpus.take_device`.
    """
    if wanted == "cpu":
        return torch.device("cpu")
    usable = torch.cuda.is_available()
    if usable:
        try:
            (torch.ones(8, device="cuda") * 2).sum().item()
        except RuntimeError as error:
            usable = False
            reason = str(error).splitlines()[0]
    else:
        reason = f"PyTorch {torch.__version__} sees no CUDA GPU"
    if usable:
        return torch.device("cuda", torch.cuda.current_device())
    if wanted == "cuda":
        raise UserError(
            f"training.device: cuda was asked for, but {reason}. This build of PyTorch needs a GPU of compute "
            "capability 7.5 or newer and a driver for its CUDA version; or set training.device: cpu"
        )
    return torch.device("cpu")


def make_deterministic(device: torch.device) -> None:
    """Use one CPU thread and deterministic algorithms; the number of threads changes the last bits of weights."""
    torch.set_num_threads(1)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # mypy sees no property of a module
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    if device.type == "cpu":
        torch.use_deterministic_algorithms(True)


def seed_everything(*numbers: int) -> None:
    """Seed Python, NumPy and PyTorch from `numbers`; DeepLabCut's own transforms draw from the first two."""
    python, numpy_, torch_ = np.random.SeedSequence(numbers).generate_state(3)
    random.seed(int(python))
    np.random.seed(int(numpy_))  # noqa: NPY002 (DeepLabCut's augmentation draws from the global generator)
    torch.manual_seed(int(torch_))


def seed_network(device: torch.device, *numbers: int) -> None:
    """Seed only the generator of the network's layers (dropout); torch.manual_seed takes a CPU half a millisecond."""
    generator = torch.cuda.default_generators[device.index or 0] if device.type == "cuda" else torch.default_generator
    generator.manual_seed(int(np.random.SeedSequence(numbers).generate_state(1)[0]))
