"""A label file of DeepLabCut as it is stored, and what the readers of its two kinds have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from frameworth.errors import refusal
from frameworth.labels.names import plain_name


@dataclass(frozen=True)
class DeepLabCutTable:
    """A label file as it is stored: R rows, C columns, of which U count as labels."""

    path: Path
    frames: list[tuple[str, ...]]  # [R] parts of the image's path
    header: list[tuple[str, ...]]  # [C] scorer, perhaps individual, bodypart, coordinate
    cells: np.ndarray  # float64 [R, C]
    used: list[int]  # [U] of the columns

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Keypoint and coordinate [U]."""
        return [(plain_name(self.header[i][-2]), self.header[i][-1]) for i in self.used]

    @property
    def values(self) -> np.ndarray:
        """float64 [R, U]."""
        return self.cells[:, self.used]

    @property
    def scorers(self) -> set[str]:
        return {plain_name(self.header[i][0]) for i in self.used}


def used_columns(path: Path, header: Sequence[tuple[str, ...]], cells: np.ndarray) -> list[int]:
    """The columns that count: no likelihoods, and of a bodypart of several individuals those of the labelled one.

    Raises RefusedError if several individuals with labels have the bodypart.
    """
    animals = [column[1] if len(column) == 4 else "" for column in header]
    places: dict[tuple[str, str], list[int]] = {}
    labelled = set()
    for i, column in enumerate(header):
        if column[-1] != "likelihood":
            places.setdefault((plain_name(column[-2]), column[-1]), []).append(i)
            labelled |= set() if np.isnan(cells[:, i]).all() else {animals[i]}
    used = []
    for same in places.values():
        owners = dict.fromkeys(animals[i] for i in same if animals[i] in labelled)
        if len(owners) > 1:
            what = (
                f"labels several animals ({', '.join(owners)}), and frameworth cannot weigh multi-animal projects yet"
            )
            raise refusal(path, what, "keep the labels of one animal", kind="several animals")
        owner = next(iter(owners), animals[same[0]])
        used += [i for i in same if animals[i] == owner]
    return sorted(used)


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
