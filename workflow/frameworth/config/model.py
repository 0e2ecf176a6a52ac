"""The keys of a config: kinds, bounds, defaults and descriptions, and what is said of a value that does not fit."""

from __future__ import annotations

import difflib
import json
import math
import reprlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from frameworth.attribution.estimators import estimator_names
from frameworth.attribution.methods import method, method_names
from frameworth.config.meant import as_meant, kinds_of
from frameworth.errors import Problem, error

_SCHEMA = Path(__file__).parents[2] / "schemas" / "config.schema.yaml"
_MOST_VALUES = 200_000  # more than the largest grid that the schema allows to list


def config_schema() -> dict[str, Any]:
    """The JSON schema of a config, with the estimators and the methods that there are."""
    schema = yaml.safe_load(_SCHEMA.read_text())
    influence = schema["properties"]["influence"]["properties"]
    influence["estimator"]["enum"] = estimator_names()
    influence |= {name: method(name).config_schema() for name in method_names()}
    schema["properties"]["prune"]["properties"]["by"]["enum"] += [method(name).value_column for name in method_names()]
    return schema


def asked_methods(influence: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The methods that a config's `influence` asks for, by name, and the options of each (with `networks`)."""
    return {name: influence[name] for name in method_names() if influence.get(name)}


def inspect_keys(given: dict[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """The keys as they are meant, without defaults, and what does not fit the schema."""
    if _is_vast(given):
        what = f"holds more than {_MOST_VALUES} values, or one that holds itself"
        return given, [error("config", what, "write out what is meant, without YAML's aliases")]
    schema = config_schema()
    given = as_meant(given, schema)
    validator = jsonschema.Draft202012Validator(schema)
    problems = [problem for found in validator.iter_errors(given) for problem in _explain(found)]
    problems += _not_finite(given, ())
    return given, list(dict.fromkeys(problems))


def with_defaults(given: dict[str, Any]) -> dict[str, Any]:
    """A config that fits the schema, with the defaults of the keys that it leaves out."""
    return _with_defaults(given, config_schema())


def _is_vast(value: Any) -> bool:
    """Whether `value` holds too many values to look at: aliases can make billions of a few lines of YAML."""
    waiting, count = [value], 0
    while waiting and count <= _MOST_VALUES:
        value = waiting.pop()
        count += 1
        if isinstance(value, dict | list):
            waiting += value.values() if isinstance(value, dict) else value
    return count > _MOST_VALUES


def _not_finite(value: Any, path: tuple[Any, ...]) -> Iterator[Problem]:
    """YAML knows .nan and .inf, which no bound of the schema refuses."""
    if isinstance(value, float) and not math.isfinite(value):
        yield error(f"config: {_key(path)}", f"{value} is no finite number", "give a number")
    elif isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _not_finite(item, (*path, key))


def _with_defaults(value: Any, schema: dict[str, Any]) -> Any:
    if isinstance(value, dict) and "properties" in schema:
        filled = dict(value)
        for key, part in schema["properties"].items():
            if key not in filled and "default" in part:
                filled[key] = part["default"]
            if key in filled:
                filled[key] = _with_defaults(filled[key], part)
        return filled
    if isinstance(value, dict) and isinstance(schema.get("additionalProperties"), dict):
        return {key: _with_defaults(each, schema["additionalProperties"]) for key, each in value.items()}
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return [_with_defaults(item, schema["items"]) for item in value]
    return value


def _explain(found: jsonschema.ValidationError) -> Iterator[Problem]:
    """What the schema refuses, in words; values are shown shortened."""
    key = _key(found.absolute_path)
    where, value = f"config: {key}" if key else "config", reprlib.repr(found.instance)
    wanted = found.validator_value
    if found.validator == "additionalProperties":
        known = list(found.schema["properties"])
        for name in found.instance:
            if name not in known:
                near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(known)}"
                yield error("config", f"unknown key {f'{key}.' if key else ''}{name}", hint)
    elif found.validator == "required":
        for name in wanted:
            if name not in found.instance:
                about = found.schema["properties"][name].get("description", "").rstrip(".")
                yield error(where, f"the key {name} is missing ({about})", "add it")
    elif found.validator == "enum":
        yield error(where, f"{value} is not one of {', '.join(map(str, wanted))}", "take one of them")
    elif found.validator in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
        sign = {"minimum": "at least", "maximum": "at most"}.get(found.validator)
        sign = sign or ("above" if found.validator == "exclusiveMinimum" else "below")
        yield error(where, f"{value} must be {sign} {wanted}", "change it")
    elif found.validator == "type":
        name = key.rpartition(".")[2]
        yield error(where, *_of_other_type(name, found.instance, found.schema))
    elif found.validator == "oneOf":
        bounds = [_bounds(kind) for kind in wanted]
        yield error(where, f"{value} must be {' or '.join(bounds)}", "change it")
    elif found.validator == "pattern":
        what = f"{value} may hold letters, digits, '.', '_' and '-' only, up to 80, and starts with a letter or digit"
        yield error(where, what, "give it such a name")
    elif found.validator in ("minItems", "maxItems", "minLength"):
        sign = "at most" if found.validator == "maxItems" else "at least"
        yield error(where, f"{value} must hold {sign} {wanted}", "change it")
    elif found.validator == "uniqueItems":
        yield error(where, f"{value} names something twice", "keep one of each")
    else:
        yield error(where, f"{value} is not allowed ({found.validator})", "see config/README.md")


def _of_other_type(name: str, value: Any, schema: dict[str, Any]) -> tuple[str, str]:
    """What is wrong with a value of another type than the schema's, and what to write; `name` is its key's."""
    kinds, shown = kinds_of(schema), reprlib.repr(value)
    if "object" in kinds:
        parts = schema.get("properties", {})
        if value is None:
            write = (
                f"keys below it ({', '.join(parts)})" if schema.get("required") else f"{name}: {{}} for the defaults"
            )
            return "is empty", f"write {write}, or leave it out"
        fitting = [key for key, part in parts.items() if jsonschema.Draft202012Validator(part).is_valid(value)]
        todo = f"write {name}: {{{fitting[0]}: {json.dumps(value)}}}" if fitting else f"give keys: {', '.join(parts)}"
        return f"{shown} stands where keys and their values are meant", todo
    if value is None:
        return "is empty", "write a value, or leave it out"
    if "array" in kinds:
        return f"{shown} stands where a list is meant", f"write lists within the list, such as [[{shown}, ...]]"
    if kinds == {"string"}:
        return f"{shown} is no text to YAML", "write it in quotes"
    return f"{shown} must be of type {' or '.join(sorted(kinds))}", "change it"


def _bounds(kind: dict[str, Any]) -> str:
    """A kind of value in words, as the schema bounds it."""
    bounds = [f"{word} {kind[key]}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in kind]
    items = f" of {_bounds(kind['items'])}" if "items" in kind else ""
    return " ".join([f"{kind.get('type', 'value')}{items}", *bounds])


def _key(path: Any) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text
