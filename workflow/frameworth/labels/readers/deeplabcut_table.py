"""A DeepLabCut label file as it is stored, and functions that the readers of CSV and HDF5 share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from frameworth.errors import refusal
from frameworth.labels.names import plain_name


@dataclass(frozen=True)
class DeepLabCutTable:
    """A label file as it is stored: R rows and C columns; U of the columns are used as labels."""

    path: Path
    frames: list[tuple[str, ...]]  # [R] parts of the image's path
    header: list[tuple[str, ...]]  # [C] scorer, individual (optional), bodypart, coordinate
    cells: np.ndarray  # float64 [R, C]
    used: list[int]  # [U] numbers of the used columns

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Keypoint and coordinate of each used column, [U]."""
        return [(plain_name(self.header[i][-2]), self.header[i][-1]) for i in self.used]

    @property
    def values(self) -> np.ndarray:
        """The cells of the used columns, float64 [R, U]."""
        return self.cells[:, self.used]

    @property
    def scorers(self) -> set[str]:
        """The names of the scorers of the used columns."""
        return {plain_name(self.header[i][0]) for i in self.used}


def used_columns(path: Path, header: Sequence[tuple[str, ...]], cells: np.ndarray) -> list[int]:
    """The columns to use: no likelihoods and, if several individuals have a bodypart, only the labelled individual's.

    Raises RefusedError if several of these individuals have labels.
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
    """The parts of an image's path, from one string (a path of any system) or from the levels of an index."""
    return tuple("/".join(levels).replace("\\", "/").split("/"))


def decoded(path: Path) -> tuple[str, bool]:
    """A file's text, and whether it is UTF-8; if not, it is read as Windows' Western code page (cp1252)."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig"), True
    except UnicodeDecodeError:
        return data.decode("cp1252"), False
