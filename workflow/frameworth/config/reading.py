"""The YAML of a config as its keys; nothing in it is run."""

from __future__ import annotations

from collections import Counter
from typing import Any

import yaml

from frameworth.errors import Problem, error


def encoding_problem(name: str, problem: UnicodeDecodeError) -> Problem:
    """The error for a config file that is not UTF-8."""
    return error(name, f"cannot be read, as it is not UTF-8 ({problem})", "save it as UTF-8 in the editor")


def parse_config(text: str, name: str) -> tuple[dict[str, Any], list[Problem]]:
    """The keys of a config's YAML, and what is wrong with it as a file of this name; nothing in it is run."""
    try:
        loader = _UniqueKeys(text)
        given = loader.get_single_data()
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as problem:
        return {}, [error(name, f"not valid YAML ({' '.join(str(problem).split())})", "correct it")]
    if not isinstance(given, dict):
        return {}, [error(name, "a config is a mapping", "give keys such as study and labels")]
    problems = [error(name, f"gives the key {key} twice", "keep one of them") for key in loader.repeated]
    if "__use_yte__" in given:
        todo = "write out the keys it would make: Snakemake runs such code while it reads the file, before any check"
        problems.append(error(name, "asks for template code (__use_yte__)", todo))
        given = {key: value for key, value in given.items() if not str(key).startswith("__")}
    return given, problems


class _UniqueKeys(yaml.SafeLoader):
    """Remembers keys that a mapping gives twice: YAML would silently take the last."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.repeated: list[str] = []

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        counts = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<")
        self.repeated += [name for name, count in counts.items() if count > 1 and name not in self.repeated]
        return super().construct_mapping(node, deep)
