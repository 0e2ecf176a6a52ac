"""A DeepLabCut project of two videos with the same labels, for tests to spoil."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from PIL import Image

from frameworth.labels.deeplabcut import LabelledProject, inspect_project
from label_tables import label_table, write_table

NAMES = ("snout", "ear", "tail")
IMAGES = [f"img{index:02d}.png" for index in range(12)]
XY = np.random.default_rng(3).uniform(5, 40, (12, 3, 2)).round(2)
BOTH = np.concatenate([XY, XY])


class TwoVideos:
    """Two videos, day1 and day2, of twelve frames of 64×48 px."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.config: dict[str, Any] = {"scorer": "Ann", "bodyparts": list(NAMES)}
        self.listed("day1", "day2")
        for video in ("day1", "day2"):
            self.add(video)

    def listed(self, *videos: str) -> None:
        """Name other videos in config.yaml."""
        self.config["video_sets"] = {f"C:\\videos\\{video}.avi": {"crop": "0, 64, 0, 48"} for video in videos}
        self.write()

    def write(self) -> None:
        """Write config.yaml."""
        (self.root / "config.yaml").write_text(yaml.safe_dump(self.config, allow_unicode=True))

    def add(self, video: str) -> None:
        """One video more."""
        self.folder(video).mkdir(parents=True)
        for image in IMAGES:
            Image.new("L", (64, 48)).save(self.folder(video) / image)
        self.save(self.table(video), video)

    def folder(self, video: str = "day1") -> Path:
        """Where a video's images and labels lie."""
        return self.root / "labeled-data" / video

    def table(self, video: str = "day1", names: Sequence[str] = NAMES, sign: str = "") -> pd.DataFrame:
        """The labels of a video; see `label_table` for `sign`."""
        return label_table(video, IMAGES, XY.reshape(12, 6).copy(), names, sign)

    def save(
        self, table: pd.DataFrame, video: str = "day1", suffixes: Sequence[str] = ("csv", "h5"), layout: str = "fixed"
    ) -> None:
        """Write labels in place of what there is."""
        for path in self.folder(video).glob("CollectedData_*"):
            path.unlink()
        for suffix in suffixes:
            write_table(table, self.folder(video) / f"CollectedData_Ann.{suffix}", layout)

    def csv(self, change: Callable[[str], str]) -> None:
        """Leave day1 with its CSV alone, changed."""
        path = self.folder() / "CollectedData_Ann.csv"
        path.with_suffix(".h5").unlink()
        path.write_text(change(path.read_text()))

    def read(self, *words: str) -> LabelledProject:
        """The project, which has one warning for each of `words` and no other."""
        inspection = inspect_project(self.root)
        assert [problem.severity for problem in inspection.problems] == ["warning"] * len(words), inspection.problems
        assert all(word in str(problem) for word, problem in zip(words, inspection.problems, strict=True)), (
            inspection.problems
        )
        assert inspection.project is not None
        return inspection.project


def same(project: LabelledProject, expected: np.ndarray) -> None:
    """The project's labels are `expected` [N, K, 2]."""
    np.testing.assert_allclose(project.xy, expected, rtol=0, atol=1e-9)
