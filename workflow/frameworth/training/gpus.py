"""The GPUs of a machine without a scheduler: each job takes a place on one of them.

Snakemake counts GPUs but assigns none, so two jobs at the same time would both use the first GPU. A place is a file
that stays locked (flock) until the process that took it ends for any reason. Each network on a GPU has its own process.
"""

from __future__ import annotations

import fcntl
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from frameworth.errors import UserError

if TYPE_CHECKING:
    import torch

NETWORKS_PER_GPU = "FRAMEWORTH_NETWORKS_PER_GPU"

# An estimate, not measured: ResNet-50 on batches of eight crops of 448 px takes less.
_BYTES_PER_NETWORK = 8 * 2**30
# With more networks than this on one GPU, training becomes no faster. This is an estimate, too.
_MOST_NETWORKS = 4
_PAUSE = 1.0

_locks: list[TextIO] = []  # of this process


def take_device(wanted: str) -> torch.device:
    """Choose the device for the rest of this process from `auto`, `cpu` or `cuda`, and make it deterministic.

    For a GPU, the process waits until a place on a visible GPU is free, and takes it. If CUDA_VISIBLE_DEVICES names one
    GPU only (SLURM does that), no place is taken. Raises UserError if `cuda` was asked for but is unusable.
    """
    from frameworth.engine.devices import choose_device, make_deterministic  # slow: it imports PyTorch

    if wanted != "cpu":
        _take_gpu()
    device = choose_device(wanted)
    make_deterministic(device)
    return device


def _take_gpu() -> None:
    """Take a place on a GPU and make this GPU PyTorch's current device."""
    import torch

    if _locks or is_chosen(os.environ.get("CUDA_VISIBLE_DEVICES", "")) or not torch.cuda.is_available():
        return
    gpus = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    places = [networks_per_gpu(gpu.total_memory, os.environ.get(NETWORKS_PER_GPU)) for gpu in gpus]
    index = take_place([str(gpu.uuid) for gpu in gpus], places, lease_folder(), _say)
    _say(f"trains on GPU {index}, {gpus[index].name}")
    torch.cuda.set_device(index)


def machine_has_gpu() -> bool:
    """Whether the device files of an NVIDIA driver exist; importing PyTorch to find out would take seconds."""
    return any(Path(name).exists() for name in ("/dev/nvidiactl", "/dev/dxg"))


def is_chosen(visible: str) -> bool:
    """Whether `visible`, the value of CUDA_VISIBLE_DEVICES, names exactly one GPU."""
    return bool(visible) and "," not in visible


def networks_per_gpu(memory: int, chosen: str | None) -> int:
    """How many networks train at once on a GPU of `memory` bytes: `chosen` if given, else as many as fit."""
    return min(max(1, memory // _BYTES_PER_NETWORK), _MOST_NETWORKS) if chosen is None else int(chosen)


def take_place(gpus: Sequence[str], places: Sequence[int], folder: Path, say: Callable[[str], None]) -> int:
    """Take a place on one of `gpus` until this process ends, wait if none is free, and return the GPU's index.

    Every GPU gets a first network before any GPU gets a second.

    Args:
        gpus: a unique name for each GPU of the machine.
        places: the number of places on each GPU.
        folder: folder of the lock files, the same for all processes that share the GPUs.
        say: called once with a line if the process has to wait.
    """
    rounds = [
        (index, f"{gpu}-{place + 1}.lock")
        for place in range(max(places))
        for index, gpu in enumerate(gpus)
        if place < places[index]
    ]
    waiting = False
    while True:
        for index, name in rounds:
            if _lock(folder / name):
                return index
        if not waiting:
            say(f"waits for a GPU: all {len(rounds)} places on {len(gpus)} GPUs are taken (locks in {folder})")
        waiting = True
        time.sleep(_PAUSE)


def lease_folder() -> Path:
    """Make this user's folder for lock files on this machine; raises UserError if it belongs to somebody else."""
    folder = Path(tempfile.gettempdir()) / f"frameworth-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise UserError(f"{folder} belongs to somebody else; remove it, or set TMPDIR to a folder of your own")
    return folder


def _lock(path: Path) -> bool:
    handle = path.open("w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        return False
    _locks.append(handle)
    return True


def _say(line: str) -> None:
    print(f"frameworth: {line}", file=sys.stderr, flush=True)
