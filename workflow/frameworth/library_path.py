"""Where programs that are started from here look for their libraries: never in the working directory.

When OpenCV is imported it puts a folder and a colon before LD_LIBRARY_PATH. Where that was empty, it ends with an empty
place then, which the dynamic linker takes for the working directory: whatever lies there by the name of a library would
be run by every program that is started.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from frameworth.errors import Problem, error

_NAME = "LD_LIBRARY_PATH"
# NVIDIA's cuSPARSELt, which comes with PyTorch, was linked with an empty place and looks for CUDA's driver at each of
# these in the working directory, before it asks the system.
_DRIVERS = [f"{place}libcuda.so.1" for place in ("", "glibc-hwcaps/*/", "tls/**/", "x86_64/**/")]


def name_no_empty_place() -> None:
    """Drop empty places from LD_LIBRARY_PATH, and leave it one without libraries that OpenCV may put its own before."""
    places = [place for place in os.environ.get(_NAME, "").split(":") if place]
    os.environ[_NAME] = ":".join(places or [str(Path(__file__).resolve().parent)])


def libraries_here() -> Iterator[Problem]:
    """Files of the working directory that PyTorch would run as libraries."""
    for pattern in _DRIVERS:
        for path in Path().glob(pattern):
            what = "lies in the working directory, where PyTorch would run it as the driver of a GPU"
            yield error(path, what, "move it away, or work in another folder")
