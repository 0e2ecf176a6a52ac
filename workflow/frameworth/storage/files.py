"""Atomic writing and digests of files: a reader sees either the old file or the new one, never a part of one."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from frameworth.storage.digests import announce, damaged, forget, settle, verified
from frameworth.storage.full_disk import disk_full_as_user_error
from frameworth.storage.renaming import LEFTOVER, renamed

if TYPE_CHECKING:  # planning uses no tables, and should not wait for pandas
    import pandas as pd


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is synced to disk and renamed to `path`.

    Parent folders are made. If the block raises, the temporary file is removed and `path` is unchanged.
    In a study, the SHA-256 of the new file is recorded. Raises UserError naming `path` if the disk is full.
    """
    path = Path(path)
    with disk_full_as_user_error(path):
        with renamed(path) as temporary:
            yield temporary
            digest = announce(path, temporary)
        settle(path, digest)


@contextmanager
def replaced_folder(path: Path | str) -> Iterator[Path]:
    """Yield an empty folder beside `path` that replaces `path` on success; if the block raises, `path` is unchanged.

    The old folder is moved aside before the new one is moved in, so that neither is lost if the process is killed.
    """
    path = Path(path)
    with disk_full_as_user_error(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        workplace = Path(tempfile.mkdtemp(prefix=f".{path.name[:80]}.", suffix=LEFTOVER, dir=path.parent))
    try:
        new = workplace / "new"
        new.mkdir()
        yield new
        if path.exists():
            path.replace(workplace / "old")
        new.replace(path)
    finally:
        if path.exists() or not (workplace / "old").exists():
            shutil.rmtree(workplace)


def write_bytes(path: Path | str, data: bytes) -> None:
    """Write `data` to `path` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path | str, text: str) -> None:
    """Write `text` to `path` as UTF-8, atomically."""
    write_bytes(path, text.encode())


def json_plain(value: Any, digits: int | None = None) -> Any:
    """`value` in JSON's types only: arrays become lists, keys become text, and NaN and infinity become None.

    With `digits`, floats are rounded to that number of significant digits.
    """
    if isinstance(value, dict):
        return {str(key): json_plain(item, digits) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_plain(item, digits) for item in value]
    if hasattr(value, "tolist"):
        return json_plain(value.tolist(), digits)
    if isinstance(value, float):
        return (float(f"{value:.{digits}g}") if digits else value) if math.isfinite(value) else None
    return value


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` to `path` as indented JSON, atomically; raises ValueError for NaN, which JSON does not have."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def read_json(path: Path | str) -> Any:
    """The content of a JSON file; raises UserError if the file is damaged, FileNotFoundError if it is missing."""
    try:
        return json.loads(verified(path).read_text())
    except ValueError as error:
        raise damaged(path, str(error)) from None


def read_table(path: Path | str, text: Sequence[str] = ()) -> pd.DataFrame:
    """The CSV table at `path`, with the columns `text` as strings; empty fields are missing values.

    Raises UserError if the file is damaged, FileNotFoundError if it is missing.
    """
    import pandas as pd

    return pd.read_csv(verified(path), dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=[""])


def write_csv(path: Path | str, table: pd.DataFrame) -> None:
    """Write `table` without its index to `path`, atomically; missing values become empty fields."""
    with atomic_path(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def write_tables(stem: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    """Write the first table as `{stem}.csv`, and each other one as `{stem}_{name}.csv`."""
    for number, (name, table) in enumerate(tables.items()):
        write_csv(stem.with_name(f"{stem.name}_{name}.csv" if number else f"{stem.name}.csv"), table)


def link_or_copy(source: Path, path: Path) -> None:
    """Put the file `source` at `path`, atomically: as a hard link if the file system allows it, else as a copy.

    Raises UserError if `source` is damaged, because `path` would be recorded as undamaged.
    """
    with atomic_path(path) as temporary:
        verified(source)
        temporary.unlink()
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)


def copy_file(source: Path | str, path: Path | str) -> None:
    """Put a copy of the file `source` at `path`, atomically."""
    with atomic_path(path) as temporary:
        shutil.copyfile(source, temporary)


def remove_file(path: Path) -> None:
    """Remove `path`, if it exists, and the record of its digest."""
    path.unlink(missing_ok=True)
    forget(path)


def digest_of_json(value: Any) -> str:
    """SHA-256 of `value` in canonical JSON, in hex."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def canonical_json(value: Any) -> str:
    """The JSON text of `value` with sorted keys and no spaces; raises ValueError for NaN, which JSON does not have."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
