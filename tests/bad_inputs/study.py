"""A small good study on disk, for a case to spoil."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from PIL import Image

from frameworth.plan.config import check_config
from frameworth.storage.files import write_json
from label_tables import label_table, write_table
from tiny import TRAINING

SCORER, KEYPOINTS, WIDTH, HEIGHT, FRAMES = "Ann", ("snout", "tail"), 64, 48, 12
DLC_CONFIG = """Task: reach
scorer: Ann
multianimalproject: false
project_path: WILL BE AUTOMATICALLY UPDATED BY DEMO CODE
video_sets:
  WILL BE AUTOMATICALLY UPDATED BY DEMO CODE:
    crop: 0, 640, 0, 480
bodyparts:
- snout
- tail
skeleton:
- - bodypart1
  - objectA
"""


@dataclass
class Study:
    """A study of 24 frames of 64×48 px in the videos `day1` (labels as CSV) and `day2` (as HDF5)."""

    folder: Path  # the working directory
    config: dict[str, Any] = field(
        default_factory=lambda: {
            "study": "mine",
            "labels": "project",
            "subsets": [{"design": "balanced", "percents": [50], "seeds": 8}],
            "training": TRAINING.for_weights | {"device": "cpu"},
        }
    )
    text: str | bytes | None = None  # of the config file, in place of `config`

    def __post_init__(self) -> None:
        self.project = self.folder / "project"
        rng = np.random.default_rng(5)
        for video in ("day1", "day2"):
            (self.project / "labeled-data" / video).mkdir(parents=True)
            for index in range(FRAMES):
                grey = rng.integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
                Image.fromarray(grey).save(self.image(index, video))
            write_table(self.table(video, rng), self.labels(video))
        self.dlc_config.write_text(DLC_CONFIG)

    @property
    def config_file(self) -> Path:
        """The study's YAML."""
        return self.folder / "study.yaml"

    @property
    def dlc_config(self) -> Path:
        """The project's config.yaml."""
        return self.project / "config.yaml"

    def image(self, index: int = 0, video: str = "day1") -> Path:
        """An image of the project."""
        return self.project / "labeled-data" / video / f"img{index:02d}.png"

    def labels(self, video: str = "day1") -> Path:
        """The label file of a video."""
        kind = "csv" if video == "day1" else "h5"
        return self.project / "labeled-data" / video / f"CollectedData_{SCORER}.{kind}"

    def table(self, video: str, rng: np.random.Generator) -> pd.DataFrame:
        """Labels well inside the images."""
        images = [self.image(index).name for index in range(FRAMES)]
        return label_table(video, images, rng.uniform(5, 40, (FRAMES, 4)).round(2), KEYPOINTS)

    def relabel(self, change: Callable[[pd.DataFrame], pd.DataFrame | None], video: str = "day1") -> None:
        """Change a video's labels; `change` works in place or returns another table."""
        if video == "day1":
            table = pd.read_csv(self.labels(), header=[0, 1, 2], index_col=[0, 1, 2])
        else:
            table = pd.read_hdf(self.labels(video))
        changed = change(table)
        write_table(table if changed is None else changed, self.labels(video))

    def lay_out_as_table(self) -> None:
        """Write the labels of `day2` in pandas's `table` layout, with a path per row."""
        table = pd.read_hdf(self.labels("day2"))
        table.index = ["/".join(row) for row in table.index]
        write_table(table, self.labels("day2"), "table")

    def picture(self) -> Image.Image:
        """The first image, to be stored in another way."""
        return Image.open(self.image()).convert("RGB")

    def rename_video(self, name: str) -> None:
        """Give the video `day1` another name, in its rows too."""
        target = self.project / "labeled-data" / name
        self.labels().parent.rename(target)
        path = target / f"CollectedData_{SCORER}.csv"
        table = pd.read_csv(path, header=[0, 1, 2], index_col=[0, 1, 2])
        table.index = pd.MultiIndex.from_tuples([("labeled-data", name, image) for *_, image in table.index])
        table.to_csv(path)

    def rename_image(self, name: str) -> None:
        """Give the first image of `day1` another name, in its row too."""
        self.image().rename(self.image().parent / name)

        def change(table: pd.DataFrame) -> None:
            rest = list(table.index[1:])
            table.index = pd.MultiIndex.from_tuples([("labeled-data", "day1", name), *rest])

        self.relabel(change)

    def rename_keypoint(self, name: str) -> None:
        """Give `tail` another name, in config.yaml and in the labels."""
        values = yaml.safe_load(DLC_CONFIG) | {"bodyparts": ["snout", name]}
        self.dlc_config.write_text(yaml.safe_dump(values, allow_unicode=True))
        for video in ("day1", "day2"):
            self.relabel(lambda table: table.rename(columns={"tail": name}, level=1), video)

    def has_run(self, **changes: Any) -> None:
        """Leave what a study leaves when half of its networks are trained; `changes` are to the config it ran with."""
        results = self.folder / "results" / self.config["study"]
        config = check_config(json.loads(json.dumps(self.config | changes)))
        write_json(results / "config.json", config.model_dump())
        for seed in range(1, 5):
            write_json(results / f"ensembles/percent-050/seed-{seed}/training.json", {"members": []})

    def copied_to(self, folder: Path) -> Study:
        """The same study in another working directory, to be changed there."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        study = copy.deepcopy(self)
        study.folder, study.project = folder, folder / "project"
        return study

    def write(self) -> Path:
        """Write the config, and return its path."""
        text = yaml.safe_dump(self.config, allow_unicode=True) if self.text is None else self.text
        self.config_file.write_bytes(text.encode() if isinstance(text, str) else text)
        return self.config_file
