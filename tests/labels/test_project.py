"""Reading DeepLabCut projects: label formats, index styles, what is refused, and that nothing runs."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import label_tables
from frameworth.errors import UserError
from frameworth.labels.deeplabcut import inspect_project, read_project
from frameworth.labels.names import natural_key
from label_tables import of_individuals, write_table

OPENFIELD = Path(
    os.environ.get("FRAMEWORTH_OPENFIELD")
    or Path(__file__).resolve().parents[3] / "shared" / "data" / "openfield-Pranav-2018-10-30"
)
CONFIG = """# Project definitions (do not edit)
Task: reach
scorer: 'Ann'
date: Oct30
multianimalproject: false
project_path: WILL BE AUTOMATICALLY UPDATED BY DEMO CODE
video_sets:
  WILL BE AUTOMATICALLY UPDATED BY DEMO CODE:
    crop: 0, 640, 0, 480
bodyparts:
- snout
- no
skeleton:
- - snout
  - no
- - snout
  - tail
"""
IMAGES = ["img10.png", "img2.png"]
VALUES = np.array([[1.5, 2.25, 3.0, 4.0], [5.0, 6.0, np.nan, np.nan]])  # rows as IMAGES; snout x y, no x y


def label_table(video: str = "mouse", keypoints: tuple[str, ...] = ("snout", "no"), sign: str = "") -> pd.DataFrame:
    return label_tables.label_table(video, IMAGES, VALUES, keypoints, sign)


def make_video(root: Path, video: str) -> Path:
    folder = root / "labeled-data" / video
    folder.mkdir(parents=True)
    for image in IMAGES:
        Image.new("L", (16, 12)).save(folder / image)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project of one video with images but without labels."""
    root = tmp_path / "reach-Ann"
    make_video(root, "mouse")
    (root / "config.yaml").write_text(CONFIG)
    return root


def label_path(root: Path, suffix: str = "csv", scorer: str = "Ann") -> Path:
    return root / "labeled-data" / "mouse" / f"CollectedData_{scorer}.{suffix}"


def assert_hand_made(root: Path) -> None:
    project = read_project(root)
    assert project.images == ("img2.png", "img10.png")
    assert project.videos == ("mouse", "mouse")
    assert project.keypoints == ("snout", "no")
    expected = [[[5.0, 6.0], [np.nan, np.nan]], [[1.5, 2.25], [3.0, 4.0]]]
    assert project.xy.dtype == np.float64
    np.testing.assert_array_equal(project.xy, expected)


@pytest.mark.parametrize(
    ("layout", "sign"),
    [("fixed", ""), ("fixed", "/"), ("fixed", "\\"), ("table", "/")],
)
def test_both_h5_layouts_and_both_index_styles_are_read(root: Path, layout: str, sign: str) -> None:
    write_table(label_table(sign=sign), label_path(root, "h5"), layout)
    assert_hand_made(root)


@pytest.mark.parametrize("sign", ["", "/", "\\"])
def test_a_csv_of_each_index_style_is_read(root: Path, sign: str) -> None:
    label_table(sign=sign).to_csv(label_path(root))
    assert_hand_made(root)


def test_a_csv_with_windows_line_ends_and_a_byte_order_mark_is_read(root: Path) -> None:
    text = label_table().to_csv()
    label_path(root).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode() + b"\r\n")
    assert_hand_made(root)


def test_the_configuration_is_read_as_text(root: Path) -> None:
    label_table().to_csv(label_path(root))
    project = read_project(root)
    assert project.scorer == "Ann"
    assert project.keypoints == ("snout", "no")  # YAML 1.1 would make it False
    assert project.skeleton == (("snout", "no"),)  # the pair with an unknown keypoint is dropped
    assert project.root == root.resolve()
    assert all(path.is_absolute() and path.is_file() for path in project.paths)


def test_videos_and_images_come_in_natural_order(root: Path) -> None:
    label_table().to_csv(label_path(root))
    for video in ("day10", "day2", "Day1"):
        folder = make_video(root, video)
        label_table(video).to_csv(folder / "CollectedData_Ann.csv")
    project = read_project(root)
    assert project.videos == ("Day1", "Day1", "day2", "day2", "day10", "day10", "mouse", "mouse")
    assert project.images == ("img2.png", "img10.png") * 4
    assert sorted(["b2", "a10", "a2", "a"], key=natural_key) == ["a", "a2", "a10", "b2"]


def test_folders_without_labels_and_drawn_copies_are_ignored(root: Path) -> None:
    label_table().to_csv(label_path(root))
    make_video(root, "unlabelled")
    for name in ("mouse_labeled", "mouse_cropped"):
        folder = make_video(root, name)
        label_table(name).to_csv(folder / "CollectedData_Ann.csv")
    assert_hand_made(root)


def test_the_only_other_scorer_is_used_but_never_one_of_several(root: Path) -> None:
    label_table().to_csv(label_path(root, scorer="Bob"))
    write_table(label_table(), label_path(root, "h5", scorer="Bob"))
    assert_hand_made(root)
    label_table().to_csv(label_path(root, scorer="Cai"))
    with pytest.raises(UserError, match=r"labels by Bob, Cai, but none by the scorer 'Ann'"):
        read_project(root)


def test_source_files_are_the_configuration_the_labels_and_the_images(root: Path) -> None:
    label_table().to_csv(label_path(root))
    write_table(label_table(), label_path(root, "h5"))
    make_video(root, "unlabelled")
    names = [path.relative_to(root).as_posix() for path in inspect_project(root).sources]
    video = "labeled-data/mouse"
    assert names == [
        "config.yaml",
        f"{video}/CollectedData_Ann.h5",
        f"{video}/img2.png",
        f"{video}/img10.png",
    ]


# -- what could run ---------------------------------------------------------------------------------------


class Hostile:
    """Makes a file when unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.target,))


def test_a_hostile_pickle_is_not_run(root: Path) -> None:
    target = root.parent / "it-ran"
    path = label_path(root, "h5")
    write_table(label_table(sign="/"), path, "table")
    bomb = np.bytes_(pickle.dumps(Hostile(target), 0))
    with h5py.File(path, "r+") as file:
        group = file["df_with_missing"]
        for name in ("non_index_axes", "info", "index_cols"):
            group.attrs[name] = bomb
        group["table"].attrs["values_block_0_kind"] = bomb
    with pytest.raises(UserError, match=r"cannot be read safely .*CollectedData_Ann\.csv is read instead"):
        read_project(root)
    assert not target.exists()
    with pytest.raises(Exception):  # noqa: B017  what happens to it afterwards does not matter
        pd.read_hdf(path)
    assert target.exists(), "the bomb must be live, or the test proves nothing"


def test_a_hostile_pickle_in_an_attribute_that_is_not_needed_is_not_run(root: Path) -> None:
    target = root.parent / "it-ran"
    write_table(label_table(), label_path(root, "h5"))
    with h5py.File(label_path(root, "h5"), "r+") as file:
        for item in file["df_with_missing"].values():
            item.attrs["name"] = np.bytes_(pickle.dumps(Hostile(target), 0))
    assert_hand_made(root)
    assert not target.exists()


@pytest.mark.parametrize("content", [b"", b"not HDF5 at all", b"\x89HDF\r\n\x1a\n" + bytes(200)])
def test_a_broken_h5_is_an_error_that_names_it(root: Path, content: bytes) -> None:
    label_path(root, "h5").write_bytes(content)
    with pytest.raises(UserError, match=r"CollectedData_Ann\.h5: cannot be read safely"):
        read_project(root)


# -- what is refused --------------------------------------------------------------------------------------


def test_a_label_file_of_several_individuals_is_refused(root: Path) -> None:
    table = label_table(keypoints=("snout", "snout"))
    columns = [("Ann", f"mouse{i // 2}", *column[1:]) for i, column in enumerate(table.columns)]
    table.columns = pd.MultiIndex.from_tuples(columns, names=["scorer", "individuals", "bodyparts", "coords"])
    table.to_csv(label_path(root))
    with pytest.raises(UserError, match="multi-animal"):
        read_project(root)
    write_table(table, label_path(root, "h5"))
    with pytest.raises(UserError, match=r"\.h5: .*multi-animal"):
        read_project(root)


@pytest.mark.parametrize("suffix", ["csv", "h5"])
def test_of_several_individuals_the_one_with_labels_is_read(root: Path, suffix: str) -> None:
    config = CONFIG.replace("multianimalproject: false", "multianimalproject: true\nindividuals: [a, b, c]")
    (root / "config.yaml").write_text(config.replace("bodyparts:", "multianimalbodyparts:"))
    table = label_table()
    mice = {"a": np.nan * table, "b": table, "c": np.nan * table}
    write_table(of_individuals(mice), label_path(root, suffix))
    assert np.array_equal(read_project(root).xy.reshape(2, 4), VALUES[::-1], equal_nan=True)


def test_a_project_without_labels_is_an_error(root: Path) -> None:
    with pytest.raises(UserError, match="holds no labels"):
        read_project(root)
    label_table().iloc[:0].to_csv(label_path(root))
    with pytest.raises(UserError, match="holds no labels"):
        read_project(root)


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
