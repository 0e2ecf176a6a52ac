"""When memory of the GPU or the machine runs out, one line says what the job used and what to do.

The batch is never made smaller automatically, because that would train other networks than the config asks for.
"""

from __future__ import annotations

import errno
import resource
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from frameworth.config.training import Training

# Messages of PyTorch's allocator, C++, the system, the library loader and oneDNN (the last two lines).
_OF_THE_CPU = (
    "DefaultCPUAllocator",
    "std::bad_alloc",
    "Cannot allocate memory",
    "failed to map segment from shared object",
    "could not create a primitive",
    "could not execute a primitive",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the error of PyTorch, NumPy or Python means that memory ran out; PyTorch is not imported."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    said_so = isinstance(error, (RuntimeError, ImportError)) and any(word in str(error) for word in _OF_THE_CPU)
    return said_so or _of_a_gpu(error)


def out_of_memory_line(error: BaseException, training: Training | None) -> str:
    """The line to print for the error; `training` is the config's, or None for a job without networks."""
    sizes = ""
    if training:
        keys = {"batch_size": training.batch_size, "crop": training.crop, "scale": training.scale}
        sizes = ", ".join(f"training.{key} ({'null' if value is None else value})" for key, value in keys.items())
    if _of_a_gpu(error):
        sentences = " ".join(str(error).removeprefix("CUDA out of memory.").split()).split(". ")
        return (
            f"the GPU's memory ran out ({'. '.join(sentences[:2]).rstrip('.')}); let fewer networks share a GPU "
            f"(networks_per_gpu), or lower {sizes}, which trains all networks again"
        )
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    allowed = "" if limit == resource.RLIM_INFINITY else f" (it may address {limit / 2**20:,.0f} MiB)"
    less = f", or lower {sizes}" if sizes else ""
    return (
        f"memory ran out: this job held {used:,.0f} MiB{allowed}; give it more (mem_mb in the profile, ulimit -v), or "
        f"run fewer jobs side by side (--cores){less}; what is finished is kept"
    )


def _of_a_gpu(error: BaseException) -> bool:
    return type(error).__name__ == "OutOfMemoryError" and isinstance(error, RuntimeError)
