"""A machine's GPUs where no scheduler deals them out: each job takes a place on one of them.

Snakemake counts GPUs but hands none out, so that two jobs side by side would both land on the first. A place is a file
that is locked (flock) until the process that took it ends, however it ends. Networks on one GPU are separate processes.
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
# More networks than this share a GPU's arithmetic and gain nothing: an estimate as well.
_MOST_NETWORKS = 4
_PAUSE = 1.0

_locks: list[TextIO] = []  # of this process


def take_device(wanted: str) -> torch.device:
    """The device for the rest of this process, for `auto`, `cpu` or `cuda`, and made to compute the same twice.

    Where it is a GPU, a place on one of the visible ones is taken, and waited for. Where CUDA_VISIBLE_DEVICES names one
    alone, somebody, such as SLURM, has chosen. Raises UserError if a GPU was asked for but is unusable.
    """
    from frameworth.engine.devices import choose_device, make_deterministic  # slow: it imports PyTorch

    if wanted != "cpu":
        _take_gpu()
    device = choose_device(wanted)
    make_deterministic(device)
    return device


def _take_gpu() -> None:
    """Make a GPU with a free place PyTorch's current one."""
    import torch

    if _locks or is_chosen(os.environ.get("CUDA_VISIBLE_DEVICES", "")) or not torch.cuda.is_available():
        return
    gpus = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    places = [networks_per_gpu(gpu.total_memory, os.environ.get(NETWORKS_PER_GPU)) for gpu in gpus]
    index = take_place([str(gpu.uuid) for gpu in gpus], places, lease_folder(), _say)
    _say(f"trains on GPU {index}, {gpus[index].name}")
    torch.cuda.set_device(index)


def machine_has_gpu() -> bool:
    """Whether there is an NVIDIA driver, by its device files: asking PyTorch takes seconds."""
    return any(Path(name).exists() for name in ("/dev/nvidiactl", "/dev/dxg"))


def is_chosen(visible: str) -> bool:
    """Whether CUDA_VISIBLE_DEVICES, `visible`, names one GPU alone."""
    return bool(visible) and "," not in visible


def networks_per_gpu(memory: int, chosen: str | None) -> int:
    """How many networks train at once on a GPU of `memory` bytes: what was `chosen`, else what it has room for."""
    return min(max(1, memory // _BYTES_PER_NETWORK), _MOST_NETWORKS) if chosen is None else int(chosen)


def take_place(gpus: Sequence[str], places: Sequence[int], folder: Path, say: Callable[[str], None]) -> int:
    """Take a place on one of `gpus` until this process ends, and wait for one if all are taken; the GPU's index.

    Every GPU gets its first network before one gets a second.

    Args:
        gpus: names that tell the machine's GPUs apart.
        places: how many each has.
        folder: where the locks lie, the same for all who share the GPUs.
        say: called once with a line if there is nothing to do but wait.
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
    """This user's folder of locks on this machine, made if need be."""
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
