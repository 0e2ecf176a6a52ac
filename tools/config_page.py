"""Write config/README.md from the model of a config: each key, its default, and what it does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from frameworth.config.model import config_model

HEAD = """# The config of a study

A config is a YAML file, given with `--configfile config/mine.yaml`. Two keys are enough, `study` and `labels`. Keys
that are not listed here are refused. `demo.yaml` is the bundled demo, which Snakemake takes when no config is given.
The other files here are examples to copy. Threads, memory and partitions belong to profiles.

This page is written from the model in `workflow/frameworth/config` by `make config-page`.

| key | default | what it is |
|---|---|---|
"""


def config_page() -> str:
    """The page as Markdown."""
    return HEAD + "".join(f"| `{key}` | {default} | {text} |\n" for key, default, text in config_rows())


def config_rows() -> Iterator[tuple[str, str, str]]:
    """Each key of a config with its default and its description; a section's keys follow the section."""
    schema = config_model().model_json_schema()
    return _rows(schema, "", schema["$defs"])


def _rows(schema: dict[str, Any], prefix: str, sections: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for key, given in schema.get("properties", {}).items():
        name, part = prefix + key, _resolved(given, sections)
        default = part.get("default")
        shown = "" if default is None or isinstance(default, dict) else f"`{json.dumps(default)}`"
        text = " ".join(part.get("description", "").split())
        if "enum" in part:
            named = (value if isinstance(value, str) else json.dumps(value) for value in part["enum"])
            text += f" One of {', '.join(f'`{value}`' for value in named)}."
        yield name, "required" if key in schema.get("required", []) else shown, text.replace("|", "\\|")
        yield from _rows(part, f"{name}.", sections)
        yield from _rows(_resolved(part.get("items", {}), sections), f"{name}[].", sections)
        if isinstance(part.get("additionalProperties"), dict):
            yield from _rows(_resolved(part["additionalProperties"], sections), f"{name}.{{name}}.", sections)


def _resolved(part: dict[str, Any], sections: dict[str, Any]) -> dict[str, Any]:
    """A part of a JSON schema, with the section that it refers to filled in, and without the choice of null."""
    filled = [kind for kind in part.get("anyOf", []) if kind != {"type": "null"}]
    if filled:
        return _resolved(filled[0], sections) | part
    return sections[part["$ref"].rpartition("/")[2]] | part if "$ref" in part else part


if __name__ == "__main__":
    print(config_page(), end="")
