"""A label file of DeepLabCut as it is stored, and what the readers of its two kinds have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from frameworth.errors import RefusedError, refusal


@dataclass(frozen=True)
class DeepLabCutTable:
    """A label file as it is stored."""

    path: Path
    frames: list[tuple[str, ...]]  # parts of the image's path, one tuple per row
    columns: list[tuple[str, str]]  # (keypoint, coordinate)
    values: np.ndarray  # float64 [rows, columns]
    scorers: set[str]


def refuse_several_animals(path: Path, individuals: Sequence[str], columns: Sequence[tuple[str, str]]) -> None:
    """Raise RefusedError if a bodypart is of several animals; the level of individuals may name one, or nothing."""
    owners: dict[tuple[str, str], set[str]] = {}
    for individual, column in zip(individuals, columns, strict=bool(individuals)):
        owners.setdefault(column, set()).add(individual)
    if any(len(names) > 1 for names in owners.values()):
        raise multi_animal(path)


def multi_animal(path: Path) -> RefusedError:
    return refusal(
        path,
        "belongs to a multi-animal project, which frameworth cannot weigh yet",
        "give a project of one animal (`multianimalproject: false`, or one name under `individuals:`)",
    )


def path_parts(levels: list[str]) -> tuple[str, ...]:
    """Parts of an image's path, from one path string (of Windows or not) or from the levels of an index."""
    return tuple("/".join(levels).replace("\\", "/").split("/"))


def decoded(path: Path) -> tuple[str, bool]:
    """A file's text, and whether it is UTF-8; else it is read as an older Windows writes it."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig"), True
    except UnicodeDecodeError:
        return data.decode("cp1252"), False
