"""A corrected copy of a project holds all that the project's tables hold, except what was corrected."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from frameworth.labels.corrected import write_corrected_copy
from frameworth.labels.deeplabcut import read_project
from label_tables import label_table, of_individuals, write_table

IMAGES = [f"img{index}.png" for index in range(6)]
LISTED = ["snout", "tail", "ear"]


@pytest.mark.parametrize("individuals", [(), ("mouse1",), ("gone", "mouse1")])
@pytest.mark.parametrize("suffix", ["csv", "h5"])
def test_what_frameworth_does_not_use_is_kept_and_other_cells_stay_to_the_bit(
    tmp_path: Path, suffix: str, individuals: tuple[str, ...]
) -> None:
    """Config.yaml lists no whisker, the first video has no ear."""
    tables = {}
    for video, names in (("day1", ["tail", "whisker", "snout"]), ("day2", ["tail", "ear", "snout"])):
        values = np.random.default_rng(2).uniform(5, 40, (6, 6))
        values[2, 0] = 70.5  # outside the image
        values[4, [0, 1, 4, 5]] = np.nan  # of day1 only the whisker has a label
        values[5] = np.nan
        table = label_table(video, IMAGES, values, names)
        if individuals:
            table = of_individuals({name: table * (np.nan if name == "gone" else 1) for name in individuals})
        tables[video] = table
        folder = tmp_path / "mine" / "labeled-data" / video
        folder.mkdir(parents=True)
        for image in IMAGES:
            Image.new("L", (64, 48)).save(folder / image)
        write_table(table, folder / f"CollectedData_Ann.{suffix}")
    several = {"multianimalproject": True, "bodyparts": "MULTI!", "multianimalbodyparts": LISTED}
    config = {"scorer": "Ann", "bodyparts": LISTED} | (several if individuals else {})
    (tmp_path / "mine" / "config.yaml").write_text(yaml.safe_dump(config))
    source = read_project(tmp_path / "mine")
    moved = source.xy[0].copy()
    moved[1:] = [[20, 30], [7, 8]]
    write_corrected_copy(source, tmp_path / "copy", {("day1", "img0.png"): moved, ("day1", "img3.png"): None})

    owner = ("Ann", *individuals[-1:])
    day1 = tables["day1"]
    day1.loc[day1.index[0], [(*owner, "tail", "x"), (*owner, "tail", "y")]] = 20, 30
    day1.loc[day1.index[3], [(*owner, name, axis) for name in ("tail", "snout") for axis in "xy"]] = np.nan
    for axis, value in zip("xy", (7.0, 8.0), strict=True):
        day1[(*owner, "ear", axis)] = [value, *[np.nan] * 5]
    for video, table in tables.items():
        stem = tmp_path / "copy" / "labeled-data" / video / "CollectedData_Ann"
        levels = list(range(table.columns.nlevels))
        pd.testing.assert_frame_equal(pd.read_hdf(stem.with_suffix(".h5")), table, check_exact=True)
        written = pd.read_csv(
            stem.with_suffix(".csv"), header=levels, index_col=[0, 1, 2], float_precision="round_trip"
        )
        np.testing.assert_array_equal(written, table)
        assert all((stem.parent / image).is_file() for image in IMAGES)
    copy = read_project(tmp_path / "copy")
    names = list(zip(copy.videos, copy.images, strict=True))
    assert ("day1", "img3.png") not in names
    assert np.array_equal(copy.xy[names.index(("day1", "img0.png"))], moved)
