"""Digests of a study's files: whenever a file is read, it is compared with the SHA-256 recorded when it was written.

The digest of `{file}` is the name of an empty file in `.sha256/{file}/` in the study's folder. Such a record has no
content that could be damaged, and no two jobs share one. Paths are relative to the study, so that it may be moved.
While a file is being replaced, the digests of its old and its new content are both recorded. So even if the process is
killed, the file agrees with its record.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from functools import lru_cache
from pathlib import Path

from frameworth.errors import UserError
from frameworth.storage.renaming import LEFTOVER, sync_folder

FOLDER = ".sha256"


def keep_digests(study: Path) -> None:
    """From now on, record the digests of files that are written into the folder `study`."""
    (study / FOLDER).mkdir(parents=True, exist_ok=True)


def study_of(path: Path | str) -> Path | None:
    """The folder of the study that contains `path`; None if no study that records digests contains it."""
    parents = Path(os.path.abspath(path)).parents  # noqa: PTH100  resolve() could follow a link out of the study
    return next((parent for parent in parents if (parent / FOLDER).is_dir()), None)


def digest_of_file(path: Path | str) -> str:
    """SHA-256 of the bytes of a file, in hex."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def announce(path: Path, written: Path) -> str:
    """Record the digest of `written`, which is about to replace `path`; returns the digest for `settle`.

    The digest of the present content of `path` stays recorded. Outside studies, nothing is done and the result is "".
    """
    record = record_of(path)
    if record is None:
        return ""
    digest = digest_of_file(written)
    record.mkdir(parents=True, exist_ok=True)
    (record / digest).touch()
    sync_folder(record)  # or a power cut could leave the new file with the old digest
    return digest


def settle(path: Path, digest: str) -> None:
    """Remove all recorded digests of `path` except `digest`; called after `announce` and the renaming."""
    if (record := record_of(path)) is not None:
        for other in record.iterdir():
            if other.name != digest:
                other.unlink(missing_ok=True)


def forget(path: Path) -> None:
    """Remove the digests of a file or folder that was removed."""
    if (record := record_of(path)) is not None:
        shutil.rmtree(record, ignore_errors=True)


def record_of(path: Path) -> Path | None:
    """The folder with the digests of `path`; None outside studies, and for files in an unfinished folder."""
    study = study_of(path)
    if study is None:
        return None
    inside = Path(os.path.abspath(path)).relative_to(study)  # noqa: PTH100
    return None if any(part.endswith(LEFTOVER) for part in inside.parts) else study / FOLDER / inside


def is_recorded(path: Path) -> bool | None:
    """Whether the content of `path` has a recorded digest; None if no digest of `path` is recorded."""
    record = record_of(path)
    digests = {digest.name for digest in record.iterdir()} if record is not None and record.is_dir() else set()
    return digest_of_file(path) in digests if digests else None


def verified(path: Path | str) -> Path:
    """Return `path`; raise UserError if the file is not as it was written. A missing file passes.

    A process checks each file once, unless the file changes, so that reading many small parts of it is fast.
    """
    path = Path(path)
    if path.is_file():
        stat = path.stat()
        if _is_recorded(path.absolute(), (stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size)) is False:
            raise damaged(path)
    return path


def damaged(path: Path | str, why: str = "its SHA-256 is not that of what was written") -> UserError:
    """The error for a damaged file, with the command that repairs the study."""
    study = study_of(path)
    if study is None:
        return UserError(f"{path}: damaged or not a frameworth file ({why}); delete it and run again")
    shown = study.relative_to(Path.cwd()) if study.is_relative_to(Path.cwd()) else study
    return UserError(f"{path}: damaged ({why}); remove it with `frameworth verify {shown} --remove` and run again")


@lru_cache(maxsize=1024)
def _is_recorded(path: Path, changed: tuple[int, ...]) -> bool | None:
    return is_recorded(path)
