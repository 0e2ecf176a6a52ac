"""Full disks: a one-line error that names the file, whichever library was writing it.

If a file cannot be written completely, HDF5 crashes the process (a segmentation fault, seen with HDF5 1.14), and
PyTables may raise nothing and leave holes in the file. Python therefore writes the files of both to disk.
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
    """Whether the error means that the disk is full or the quota is used up."""
    return error.errno in _FULL


def full_disk_line(path: Path | str) -> str:
    """The message for a file that could not be written because the disk is full."""
    return (
        f"{path}: cannot be written, there is no space left on its disk (or the quota is used up); make room and run "
        "the same command again: what is finished is kept"
    )


@contextmanager
def disk_full_as_user_error(path: Path) -> Iterator[None]:
    """Turn the error of a full disk in the block into a UserError that names `path`."""
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        raise UserError(full_disk_line(path)) from error


@contextmanager
def written_to_its_end(path: Path) -> Iterator[ForgivingFile]:
    """Yield the emptied file `path` for a library that must not see a write fail; a failure is raised at the end."""
    with ForgivingFile(path) as file:
        try:
            yield file
        finally:
            if file.failure is not None:
                raise file.failure


class ForgivingFile(io.FileIO):
    """A file that accepts all writes and keeps the first error in `failure`."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+")
        self.failure: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        """Write all of `data`; after a failure, write nothing but return as if all was written."""
        left = memoryview(data).cast("B")
        count = len(left)
        try:
            while self.failure is None and len(left):
                left = left[super().write(left) :]
        except OSError as error:
            self.failure = error
        return count

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill all of `buffer`, with zeros beyond the end of the file."""
        room = memoryview(buffer).cast("B")
        done = super().readinto(room) or 0
        room[done:] = bytes(len(room) - done)
        return len(room)

    def truncate(self, size: int | None = None) -> int:
        """Truncate the file; if that fails, keep the error and return as if it was truncated."""
        try:
            return super().truncate(size)
        except OSError as error:
            self.failure = self.failure or error
            return size or 0
