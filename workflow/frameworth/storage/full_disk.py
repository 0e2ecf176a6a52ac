"""A disk that is full: one line that names the file, whatever was writing it.

HDF5 ends the process (a segmentation fault, seen with HDF5 1.14) when a file cannot be written to its end, and PyTables
may say nothing and leave holes in it. Files of theirs therefore go to disk through Python.
"""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from frameworth.errors import UserError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_FULL = (errno.ENOSPC, errno.EDQUOT)


def is_full(error: OSError) -> bool:
    """Whether the error is that of a full disk, or of a quota that is used up."""
    return error.errno in _FULL


def full_disk_line(path: Path | str) -> str:
    """What to tell of a file that could not be written."""
    return (
        f"{path}: cannot be written, there is no space left on its disk (or the quota is used up); make room and run "
        "the same command again: what is finished is kept"
    )


@contextmanager
def told_if_full(path: Path) -> Iterator[None]:
    """Within the block an error of a full disk becomes a UserError that names `path`."""
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        raise UserError(full_disk_line(path)) from error


@contextmanager
def written_to_its_end(path: Path) -> Iterator[ForgivingFile]:
    """The file `path`, emptied, for a library that must not see a write fail; what failed is raised at the end."""
    with ForgivingFile(path) as file:
        try:
            yield file
        finally:
            if file.failure is not None:
                raise file.failure


class ForgivingFile(io.FileIO):
    """A file that takes all that is written to it, and keeps what went wrong in `failure`."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+")
        self.failure: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        """Write all of `data`, or as if."""
        left = memoryview(data).cast("B")
        count = len(left)
        try:
            while self.failure is None and len(left):
                left = left[super().write(left) :]
        except OSError as error:
            self.failure = error
        return count

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill all of `buffer`; with zeros where nothing was written."""
        room = memoryview(buffer).cast("B")
        done = super().readinto(room) or 0
        room[done:] = bytes(len(room) - done)
        return len(room)

    def truncate(self, size: int | None = None) -> int:
        """Truncate, or as if."""
        try:
            return super().truncate(size)
        except OSError as error:
            self.failure = self.failure or error
            return size or 0
