"""Reading DeepLabCut projects: label formats, index styles, and that no code in them runs."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from frameworth.errors import UserError
from frameworth.labels.deeplabcut import inspect_project, read_project
from frameworth.labels.names import natural_key
from label_tables import of_individuals
from two_videos import BOTH, IMAGES, TwoVideos, same

OPENFIELD = Path(
    os.environ.get("FRAMEWORTH_OPENFIELD")
    or Path(__file__).resolve().parents[3] / "shared" / "data" / "openfield-Pranav-2018-10-30"
)


@pytest.fixture
def project(tmp_path: Path) -> TwoVideos:
    return TwoVideos(tmp_path)


@pytest.mark.parametrize(
    ("suffix", "layout", "sign"),
    [*((kind, "fixed", sign) for kind in ("csv", "h5") for sign in ("", "/", "\\")), ("h5", "table", "/")],
)
def test_csv_and_both_layouts_of_hdf5_are_read_whatever_the_style_of_their_rows(
    project: TwoVideos, suffix: str, layout: str, sign: str
) -> None:
    project.save(project.table(sign=sign), suffixes=[suffix], layout=layout)
    same(project.read(), BOTH)


def test_the_configuration_is_read_as_text(project: TwoVideos) -> None:
    names = ("snout", "no", "tail")
    for video in ("day1", "day2"):
        project.save(project.table(video, names), video)
    project.config |= {"bodyparts": list(names), "skeleton": [["snout", "no"], ["snout", "paw"]]}
    project.write()
    config = project.root / "config.yaml"
    config.write_text(config.read_text().replace("'no'", "no"))  # YAML 1.1 would make it False
    read = project.read()
    assert (read.scorer, read.keypoints) == ("Ann", names)
    assert read.skeleton == (("snout", "no"),)  # the pair with an unknown keypoint is dropped
    assert read.root == project.root.resolve()
    assert all(path.is_absolute() and path.is_file() for path in read.paths)


def test_videos_and_images_come_in_natural_order_and_drawn_copies_are_ignored(project: TwoVideos) -> None:
    for video in ("day10", "Day3", "day1_labeled"):
        project.add(video)
    project.listed()  # so that all folders are read
    read = read_project(project.root)
    assert list(dict.fromkeys(read.videos)) == ["day1", "day2", "Day3", "day10"]
    assert read.images == (*IMAGES,) * 4
    assert sorted(["b2", "a10", "a2", "a"], key=natural_key) == ["a", "a2", "a10", "b2"]


def test_source_files_are_the_configuration_the_labels_and_the_images(project: TwoVideos) -> None:
    names = {path.relative_to(project.root).as_posix() for path in inspect_project(project.root).sources}
    of_videos = {
        f"labeled-data/{video}/{name}" for video in ("day1", "day2") for name in ("CollectedData_Ann.h5", *IMAGES)
    }
    assert names == {"config.yaml"} | of_videos


@pytest.mark.parametrize("suffix", ["csv", "h5"])
def test_of_several_individuals_the_one_with_labels_is_read(project: TwoVideos, suffix: str) -> None:
    project.config |= {"multianimalproject": True, "bodyparts": "MULTI!", "individuals": ["a", "b", "c"]}
    project.config["multianimalbodyparts"] = ["snout", "ear", "tail"]
    project.write()
    for video in ("day1", "day2"):
        table = project.table(video)
        mice = {"a": np.nan * table, "b": table, "c": np.nan * table}
        project.save(of_individuals(mice), video, [suffix])
    same(project.read(), BOTH)


def test_a_project_whose_tables_are_all_empty_is_an_error(project: TwoVideos) -> None:
    for video in ("day1", "day2"):
        project.save(project.table(video).iloc[:0], video)
    with pytest.raises(UserError, match="holds no labels"):
        read_project(project.root)


# -- what could run ---------------------------------------------------------------------------------------


class Hostile:
    """Makes a file when unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.target,))


def test_a_hostile_pickle_is_not_run(project: TwoVideos) -> None:
    target = project.root / "it-ran"
    project.save(project.table(sign="/"), suffixes=["h5"], layout="table")
    path = project.folder() / "CollectedData_Ann.h5"
    bomb = np.bytes_(pickle.dumps(Hostile(target), 0))
    with h5py.File(path, "r+") as file:
        group = file["df_with_missing"]
        for name in ("non_index_axes", "info", "index_cols"):
            group.attrs[name] = bomb
        group["table"].attrs["values_block_0_kind"] = bomb
    with pytest.raises(UserError, match=r"cannot be read safely .*CollectedData_Ann\.csv is read instead"):
        read_project(project.root)
    assert not target.exists()
    with pytest.raises(Exception):  # noqa: B017  what happens to it afterwards does not matter
        pd.read_hdf(path)
    assert target.exists(), "the bomb must be live, or the test proves nothing"


def test_a_hostile_pickle_in_an_attribute_that_is_not_needed_is_not_run(project: TwoVideos) -> None:
    target = project.root / "it-ran"
    with h5py.File(project.folder() / "CollectedData_Ann.h5", "r+") as file:
        for item in file["df_with_missing"].values():
            item.attrs["name"] = np.bytes_(pickle.dumps(Hostile(target), 0))
    same(project.read(), BOTH)
    assert not target.exists()


# -- the published open-field example ---------------------------------------------------------------------


@pytest.mark.skipif(not OPENFIELD.is_dir(), reason="the open-field example is absent (FRAMEWORTH_OPENFIELD)")
def test_the_open_field_example_is_read_as_it_is_and_its_csv_agrees(tmp_path: Path) -> None:
    project = read_project(OPENFIELD)
    assert project.xy.shape == (116, 4, 2)
    assert project.keypoints == ("snout", "leftear", "rightear", "tailbase")
    assert project.scorer == "Pranav"
    assert set(project.videos) == {"m4s1"}
    np.testing.assert_allclose(project.xy[0, 0], [21.521, 265.428], atol=1e-9)
    twin = tmp_path / "twin" / "labeled-data" / "m4s1"
    twin.mkdir(parents=True)
    (twin.parents[1] / "config.yaml").write_bytes((OPENFIELD / "config.yaml").read_bytes())
    for path in (OPENFIELD / "labeled-data" / "m4s1").iterdir():
        if path.suffix != ".h5":
            (twin / path.name).symlink_to(path.resolve())
    from_csv = read_project(twin.parents[1])
    assert from_csv.images == project.images
    np.testing.assert_allclose(from_csv.xy, project.xy, rtol=0, atol=1e-9, equal_nan=True)
