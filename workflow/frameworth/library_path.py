"""Keeps programs that are started from here from loading libraries in the working directory.

When OpenCV is imported, it puts a folder and a colon before LD_LIBRARY_PATH. If the variable was empty, it then ends
with an empty entry, which the dynamic linker reads as the working directory. Every program that is started would run
any file there that has the name of a library.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from frameworth.errors import Problem, error

_NAME = "LD_LIBRARY_PATH"
# NVIDIA's cuSPARSELt, which comes with PyTorch, was linked with an empty entry: it looks for CUDA's driver at each of
# these paths in the working directory before it asks the system.
_DRIVERS = [f"{place}libcuda.so.1" for place in ("", "glibc-hwcaps/*/", "tls/**/", "x86_64/**/")]


def name_no_empty_place() -> None:
    """Drop empty entries from LD_LIBRARY_PATH; if none is left, set a folder without libraries for OpenCV to extend."""
    places = [place for place in os.environ.get(_NAME, "").split(":") if place]
    os.environ[_NAME] = ":".join(places or [str(Path(__file__).resolve().parent)])


def libraries_here() -> Iterator[Problem]:
    """An error for each file in the working directory that PyTorch would run as a library."""
    for pattern in _DRIVERS:
        for path in Path().glob(pattern):
            what = "lies in the working directory, where PyTorch would run it as the driver of a GPU"
            yield error(path, what, "move it away, or work in another folder")
