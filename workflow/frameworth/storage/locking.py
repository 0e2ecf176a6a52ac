"""Waiting for a file's lock, also on file systems that have none."""

from __future__ import annotations

import errno
import fcntl
import sys
from pathlib import Path
from typing import TextIO

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
_noted: set[Path] = set()


def wait_for_lock(handle: TextIO, folder: Path) -> None:
    """Lock the open file for this process alone, and wait for another that has it.

    Where the file system knows no locks it is only noted, once per `folder` and process: two runs that are kept from
    each other by Snakemake's own lock do not need this one.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        if folder not in _noted:
            _noted.add(folder)
            print(
                f"warning: {folder}: its file system knows no locks ({error.strerror}); let no two runs train there at "
                "the same time, or the same network may be trained twice",
                file=sys.stderr,
            )
