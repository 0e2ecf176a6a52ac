"""What a study's files were written as: `.digests/{file}` in its folder holds the SHA-256 of each, of whatever kind.

A line is as `sha256sum` writes it, so that `sha256sum --check` reads it too. Each file has a record of its own, which
no two jobs share, and paths are relative to the study: it may be moved. While a file is replaced, its record holds the
old digest and the new one: whenever a process is killed, the file that is there agrees with its record.
"""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from functools import lru_cache
from pathlib import Path

from frameworth.errors import UserError
from frameworth.storage.renaming import LEFTOVER, renamed

FOLDER = ".digests"


def keep_digests(study: Path) -> None:
    """From now on, record what is written into the folder `study`."""
    (study / FOLDER).mkdir(parents=True, exist_ok=True)


def study_of(path: Path | str) -> Path | None:
    """The folder of the study that `path` lies in; None if it lies in none whose digests are kept."""
    parents = Path(os.path.abspath(path)).parents  # noqa: PTH100  resolve() would leave the study through a link
    return next((parent for parent in parents if (parent / FOLDER).is_dir()), None)


def digest_of_file(path: Path | str) -> str:
    """SHA-256 of the bytes of a file, in hex."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def announce(path: Path, written: Path) -> None:
    """Record that `written` is about to take the place of `path`, whose digest stays recorded."""
    if (record := record_of(path)) is not None:
        _write(record, path, [*(_recorded(record, path) or []), digest_of_file(written)])


def settle(path: Path) -> None:
    """After `announce` and the renaming: only the last digest stays recorded."""
    if (record := record_of(path)) is not None and len(digests := _recorded(record, path) or []) > 1:
        _write(record, path, digests[-1:])


def forget(path: Path) -> None:
    """Drop the record of a file that is removed."""
    if (record := record_of(path)) is not None:
        record.unlink(missing_ok=True)


def record_of(path: Path) -> Path | None:
    """Where the digest of `path` is recorded; None outside of studies, and for what lies in an unfinished folder."""
    study = study_of(path)
    if study is None:
        return None
    inside = _inside(study, path)
    return None if any(part.endswith(LEFTOVER) for part in inside.parts) else study / FOLDER / inside


def is_recorded(path: Path) -> bool | None:
    """Whether `path` is as it was written; None if that is not recorded, or its record cannot be read."""
    record = record_of(path)
    digests = _recorded(record, path) if record is not None else None
    return None if digests is None else digest_of_file(path) in digests


def whole(path: Path | str) -> Path:
    """`path`, for its reader; raises UserError if the file is not as it was written. A missing file passes.

    A file is looked at once in a process, unless it changes: what is read in many small parts is read fast.
    """
    path = Path(path)
    if path.is_file():
        stat = path.stat()
        if _is_recorded(path.absolute(), (stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size)) is False:
            raise damaged(path)
    return path


def damaged(path: Path | str, why: str = "its SHA-256 is not that of what was written") -> UserError:
    """The error that refuses a damaged file, with the command that mends it."""
    study = study_of(path)
    if study is None:
        return UserError(f"{path}: damaged or not a frameworth file ({why}); delete it and run again")
    shown = study.relative_to(Path.cwd()) if study.is_relative_to(Path.cwd()) else study
    return UserError(f"{path}: damaged ({why}); remove it with `frameworth verify {shown} --remove` and run again")


@lru_cache(maxsize=1024)
def _is_recorded(path: Path, changed: tuple[int, ...]) -> bool | None:
    return is_recorded(path)


def _inside(study: Path, path: Path) -> Path:
    return Path(os.path.abspath(path)).relative_to(study)  # noqa: PTH100


def _recorded(record: Path, path: Path) -> list[str] | None:
    """The digests in a record; None if there is none, or it is damaged itself."""
    try:
        text, _, check = record.read_bytes().decode().rpartition("# ")
    except (OSError, UnicodeDecodeError):
        return None
    if check != _check(text):
        return None
    return re.findall(r"^([0-9a-f]{64})  ", text, re.M)


def _write(record: Path, path: Path, digests: list[str]) -> None:
    name = record.relative_to(next(parent for parent in record.parents if parent.name == FOLDER))
    text = "".join(f"{digest}  {name}\n" for digest in digests)
    with renamed(record) as temporary:
        temporary.write_bytes(f"{text}# {_check(text)}".encode())


def _check(text: str) -> str:
    """What shows that the record itself is whole; `sha256sum` takes it for a comment."""
    return f"CRC-32 of the above: {zlib.crc32(text.encode()):08x}\n"
