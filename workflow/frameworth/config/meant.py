"""Values of a config, taken as people mean them: what YAML or a text editor made of them is undone.

`1e-3`, which YAML takes for a text, is a number, 50.0 is 50 where a whole number is wanted, 2024-05-01 is a name and no
day, an empty section is one that was left out, one value is a list of one, and ~ or $HOME a folder.
"""

from __future__ import annotations

import datetime
import os
import re
from typing import Any

_EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")


def as_meant(value: Any, schema: dict[str, Any]) -> Any:
    """`value` as it is meant where `schema` describes it; what cannot be told stays, for the schema to refuse."""
    if "oneOf" in schema:
        listed = [kind for kind in schema["oneOf"] if isinstance(value, list) == (kind.get("type") == "array")]
        schema = listed[0] if listed else {}
    kinds = kinds_of(schema)
    if isinstance(value, dict) and "object" in kinds:
        parts, others = schema.get("properties", {}), schema.get("additionalProperties")
        known = {key: parts.get(key, others or {}) for key in value}
        filled = {key: each for key, each in value.items() if each is not None or not _is_optional(known[key])}
        return {key: as_meant(each, known[key]) for key, each in filled.items()}
    if "array" in kinds and value is not None:
        items = schema["items"]
        if "array" in kinds_of(items):  # a single value could be one list or several
            lists = value if isinstance(value, list) else []
            return [as_meant(each, items) if isinstance(each, list) else each for each in lists] or value
        return [as_meant(each, items) for each in (value if isinstance(value, list) else [value])]
    if isinstance(value, str) and kinds & {"integer", "number"} and _EXPONENT.fullmatch(value):
        value = float(value)
    if isinstance(value, float) and value.is_integer() and ("integer" in kinds or "enum" in schema):
        return int(value)
    if "string" in kinds and type(value) is datetime.date:
        value = value.isoformat()
    return expanded(value) if schema.get("format") == "path" and isinstance(value, str) else value


def expanded(path: str) -> str:
    """A path with ~ and $HOME written out as a shell does, unless there is something of just this name."""
    return path if os.path.exists(path) else os.path.expanduser(os.path.expandvars(path))  # noqa: PTH110, PTH111 (pathlib raises for some)


def kinds_of(schema: dict[str, Any]) -> set[str]:
    """The types of JSON that a schema allows."""
    kinds = schema.get("type", [])
    return {kinds} if isinstance(kinds, str) else set(kinds)


def _is_optional(schema: dict[str, Any]) -> bool:
    """Whether a key with nothing after it can only mean its default."""
    return "default" in schema and "oneOf" not in schema and "null" not in kinds_of(schema)
