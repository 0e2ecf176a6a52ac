"""config/README.md, written from the schema: every key, its default, what it does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from frameworth.config.model import config_schema

HEAD = """# The config of a study

A YAML file, given to Snakemake with `--configfile config/mine.yaml`. Two keys are enough, `study` and `labels`;
keys that are not listed here are refused. `demo.yaml` is the bundled demo and is read only when no config is
given; `openfield.yaml` and `paper.yaml` are examples to copy. Threads, memory and partitions belong to profiles.

This page is written from the schema by `make config-page`.

| key | default | what it is |
|---|---|---|
"""


def config_page() -> str:
    """The page as Markdown."""
    rows = _rows(config_schema(), "")
    return HEAD + "".join(f"| `{key}` | {default} | {text} |\n" for key, default, text in rows)


def _rows(schema: dict[str, Any], prefix: str) -> Iterator[tuple[str, str, str]]:
    for key, part in schema.get("properties", {}).items():
        name = prefix + key
        default = part.get("default", "required" if key in schema.get("required", []) else "")
        shown = "" if default in ("", {}) else default if default == "required" else f"`{json.dumps(default)}`"
        text = " ".join(part["description"].split())
        if "enum" in part:
            text += f" One of {', '.join(f'`{value}`' for value in part['enum'])}."
        yield name, shown, text.replace("|", "\\|")
        yield from _rows(part, f"{name}.")
        yield from _rows(part.get("items", {}), f"{name}[].")
        if isinstance(part.get("additionalProperties"), dict):
            yield from _rows(part["additionalProperties"], f"{name}.{{name}}.")


if __name__ == "__main__":
    print(config_page(), end="")
