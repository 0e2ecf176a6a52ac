"""`marked_right.csv`: frames whose labels a person checked and found right, with a digest of these labels."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from frameworth.storage.files import read_table, write_csv

FILE = "marked_right.csv"


def marked_right(study: Path) -> dict[tuple[str, str], str]:
    """The digests of the labels that were found right, by video and image; empty if no frame was marked."""
    path = study / FILE
    if not path.exists():
        return {}
    table = read_table(path, text=("video", "image", "labels"))
    return {(row.video, row.image): row.labels for row in table.itertuples()}


def write_marked_right(study: Path, marked: Mapping[tuple[str, str], str]) -> None:
    """Write the file, a row per frame."""
    rows = [(*name, digest) for name, digest in sorted(marked.items())]
    write_csv(study / FILE, pd.DataFrame(rows, columns=["video", "image", "labels"]))


def digest_of_labels(xy: np.ndarray) -> str:
    """SHA-256 of a frame's labels [K, 2], to a hundredth px."""
    return hashlib.sha256(repr(np.round(xy, 2).tolist()).encode()).hexdigest()


def is_marked(study: Path, videos: Sequence[str], images: Sequence[str], xy: np.ndarray) -> np.ndarray:
    """Bool [N]: the frame was marked as right with the labels [N, K, 2] that it has now."""
    marked = marked_right(study)
    names = zip(videos, images, strict=True)
    return np.array([marked.get(name) == digest_of_labels(label) for name, label in zip(names, xy, strict=True)], bool)
