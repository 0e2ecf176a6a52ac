"""The types of values in a config. Each accepts what people usually write.

What YAML, a text editor or a command line made of a value is undone: `1e-3`, which YAML takes for a text, is a number,
and so is the text "5", which Snakemake makes of `--config training='{steps: 5}'`; 50.0 is 50 where an integer is
wanted, 2024-05-01 is a name and not a day, a single value is a list of one, and ~ or $HOME is a folder.
A number stays as it was written: everything that hashes a config distinguishes 1 from 1.0.
"""

from __future__ import annotations

import datetime
import math
import os
import re
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, PlainValidator, Tag
from pydantic_core import PydanticCustomError

T = TypeVar("T")
A_NUMBER, A_LIST = "a number", "a list"  # what `OneOrList` says of a value, on the way to what is wrong with it

_NUMBER = re.compile(r"(?a:[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?)")


def expanded(path: str) -> str:
    """A path with ~ and $HOME written out as a shell does, unless there is something of just this name."""
    return path if os.path.exists(path) else os.path.expanduser(os.path.expandvars(path))  # noqa: PTH110, PTH111 (pathlib raises for some)


def _read_number(value: Any) -> Any:
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        return value
    return int(value) if value.isdecimal() else float(value)


def as_integer(value: Any) -> Any:
    """50 for 50.0, "50" and "5e1"; anything else as it is."""
    value = _read_number(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _as_number(value: Any) -> float:
    value = _read_number(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("number_type", "not a number")
    if not math.isfinite(value):
        raise PydanticCustomError("finite_number", "not finite")
    return value


def _as_number_or_flag(value: Any) -> float:
    return value if isinstance(value, bool) else _as_number(value)


def as_list(value: Any) -> Any:
    """One value as a list of it."""
    return value if isinstance(value, list) or value is None else [value]


def _day_as_text(value: Any) -> Any:
    return value.isoformat() if type(value) is datetime.date else value


def distinct(values: list[T]) -> list[T]:
    """The values, no two of which may be equal."""
    if len(set(values)) < len(values):
        raise PydanticCustomError("twice", "names something twice")
    return values


def _not_empty(value: Any) -> Any:
    if value is None:
        raise PydanticCustomError("empty", "is empty")
    return value


Text = Annotated[str, BeforeValidator(_day_as_text)]
FilePath = Annotated[Text, Field(min_length=1), AfterValidator(expanded)]
Name = Annotated[Text, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Integer = Annotated[int, BeforeValidator(as_integer)]
Number = Annotated[float, PlainValidator(_as_number, json_schema_input_type=float)]
NumberOrFlag = Annotated[float, PlainValidator(_as_number_or_flag, json_schema_input_type=float)]
Count = Annotated[Integer, Field(ge=1)]
Percent = Annotated[Integer, Field(ge=1, le=100)]

Pair = Annotated[list[T], Field(min_length=2, max_length=2)]
Distinct = Annotated[list[T], Field(min_length=1), AfterValidator(distinct), BeforeValidator(as_list)]
# A key that may be left out, but not be there with nothing after it.
LeftOut = Annotated[T | None, BeforeValidator(_not_empty)]

WHICH = Discriminator(lambda value: A_LIST if isinstance(value, list) else A_NUMBER)
IsNumber, IsList = Tag(A_NUMBER), Tag(A_LIST)
