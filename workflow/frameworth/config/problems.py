"""Messages about config values that do not fit their keys."""

from __future__ import annotations

import difflib
import json
import reprlib
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from frameworth.config.kinds import A_LIST, A_NUMBER
from frameworth.config.section import Section, description_of, section_at
from frameworth.errors import Problem, error

# By pydantic's kind of error: what is wrong, and what to do. Values are shown shortened.
_TEXTS = {
    "literal_error": ("{value} is not one of {expected}", "take one of them"),
    "greater_than_equal": ("{value} must be at least {ge}", "change it"),
    "less_than_equal": ("{value} must be at most {le}", "change it"),
    "greater_than": ("{value} must be above {gt}", "change it"),
    "less_than": ("{value} must be below {lt}", "change it"),
    "too_short": ("{value} must hold at least {min_length}", "change it"),
    "too_long": ("{value} must hold at most {max_length}", "change it"),
    "string_pattern_mismatch": (
        "{value} may hold letters, digits, '.', '_' and '-' only, and starts with a letter or digit",
        "give it such a name",
    ),
    "twice": ("{value} names something twice", "keep one of each"),
    "list_type": (
        "{value} stands where a list is meant",
        "write a list, or lists within the list, such as [[{value}, ...]]",
    ),
    "dict_type": ("{value} stands where names and their keys are meant", "give each a name"),
    "string_type": ("{value} is no text to YAML", "write it in quotes"),
    "int_type": ("{value} is not an integer", "change it"),
    "number_type": ("{value} is not a number", "change it"),
    "finite_number": ("{value} is no finite number", "give a number"),
    "bool_type": ("{value} is neither true nor false", "write one of them"),
}


def problems_of(refused: ValidationError, model: type[Section]) -> Iterator[Problem]:
    """A problem for each value of a config that does not fit `model`, with its key."""
    for detail in refused.errors(include_url=False):
        yield _problem(detail, model)


def _problem(detail: ErrorDetails, model: type[Section]) -> Problem:
    kind, place, value = detail["type"], detail["loc"], detail["input"]
    where = _where(place)
    if kind in ("extra_forbidden", "invalid_key"):
        known = list(section_at(model, place[:-1]).model_fields)
        near = difflib.get_close_matches(str(place[-1]), known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(known)}"
        return error("config", f"unknown key {_key(place)}", hint)
    if kind == "missing":
        about = description_of(section_at(model, place[:-1]), str(place[-1])).rstrip(".")
        return error(_where(place[:-1]), f"the key {place[-1]} is missing ({about})", "add it")
    section = section_at(model, place)
    if kind == "model_type" or (kind == "empty" and section is not section_at(model, place[:-1])):
        return error(where, *_no_section(section, _key(place).rpartition(".")[2], value))
    if value is None:
        return error(where, "is empty", "write a value, or leave it out")
    shown = detail.get("ctx", {}) | {"value": reprlib.repr(value), "message": detail["msg"]}
    what, todo = _TEXTS.get(kind, ("{value} is refused ({message})", "see config/README.md"))
    return error(where, what.format(**shown), todo.format(**shown))


def _no_section(section: type[Section], name: str, value: Any) -> tuple[str, str]:
    """What is wrong with a value in place of a section, and what to write; `name` is its key's."""
    keys = ", ".join(section.model_fields)
    if value is None:
        required = any(field.is_required() for field in section.model_fields.values())
        write = f"keys below it ({keys})" if required else f"{name}: {{}} for the defaults"
        return "is empty", f"write {write}, or leave it out"
    fitting = [key for key in section.model_fields if _fits(section, key, value)]
    todo = f"write {name}: {{{fitting[0]}: {json.dumps(value, default=str)}}}" if fitting else f"give keys: {keys}"
    return f"{reprlib.repr(value)} stands where keys and their values are meant", todo


def _fits(section: type[Section], key: str, value: Any) -> bool:
    try:
        section.model_validate({key: value})
    except ValidationError as refused:
        return all(detail["loc"][0] != key for detail in refused.errors(include_url=False))
    return True


def _where(place: Sequence[int | str]) -> str:
    return f"config: {_key(place)}" if place else "config"


def _key(place: Sequence[int | str]) -> str:
    """A place in a config as people write it, such as subsets[0].percents."""
    text = ""
    for part in place:
        if part not in (A_NUMBER, A_LIST, "[key]"):  # where pydantic says which kind of value it was looking at
            text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text
