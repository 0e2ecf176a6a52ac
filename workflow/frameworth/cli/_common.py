"""Parts that all commands share: types of options, and errors in one line."""

from __future__ import annotations

import errno
import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from pydantic import TypeAdapter

from frameworth.errors import UserError
from frameworth.storage.full_disk import full_disk_line, is_full
from frameworth.training.out_of_memory import is_out_of_memory, out_of_memory_line
from frameworth.training.preemption import EXIT_CODE, Preempted

FILE = click.Path(path_type=Path)
_NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)


class Json(click.ParamType):
    """An option whose value is JSON, such as a section of a config."""

    name = "json"

    def __init__(self, kind: Any) -> None:
        self._kind = TypeAdapter(kind)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parse `value`; an error is reported by click."""
        try:
            return self._kind.validate_python(json.loads(value))
        except ValueError as error:
            self.fail(f"not as it should be: {error}", param, ctx)


class Cores(click.ParamType):
    """A number of cores, at least 1, or `all`, as in Snakemake."""

    name = "N|all"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check `value`; click reports errors. It refuses 0, with which Snakemake would wait for ever."""
        if value == "all" or (value.isdecimal() and int(value) > 0):
            return value
        self.fail(f"{value} is no number of cores; give a number from 1, or all", param, ctx)


def friendly(command: Callable[..., None]) -> Callable[..., None]:
    """Print a UserError, or that disk, memory or permission lacks, and exit with 2; on Preempted with `EXIT_CODE`."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except UserError as error:
            print("\n".join(f"frameworth: {line}" for line in error.lines()), file=sys.stderr)
            raise SystemExit(2) from None
        except Exception as error:
            if isinstance(error, OSError) and is_full(error):
                line = full_disk_line(error.filename or Path.cwd())
            elif is_out_of_memory(error):
                line = out_of_memory_line(error, kwargs.get("training"))
            elif isinstance(error, OSError) and error.errno in _NOT_ALLOWED:
                where = Path(error.filename or ".").absolute()
                line = f"{where}: {error.strerror}; work in a folder that you may write to, or correct its permissions"
            else:
                raise
            print(f"frameworth: {line}", file=sys.stderr)
            raise SystemExit(2) from None
        except Preempted as preempted:
            print(f"frameworth: {preempted}", file=sys.stderr)
            raise SystemExit(EXIT_CODE) from None

    return run
