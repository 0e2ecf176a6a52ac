"""What DeepLabCut would train on in users' projects: which frames, which labels, at which positions."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from frameworth.labels.deeplabcut import inspect_project
from two_videos import BOTH, NAMES, XY, TwoVideos, same


@pytest.fixture
def project(tmp_path: Path) -> TwoVideos:
    return TwoVideos(tmp_path)


def test_folders_that_are_not_listed_and_copies_that_are(project: TwoVideos) -> None:
    project.add("day3_cropped")
    project.listed("day1", "day3_cropped")
    read = project.read("1 labelled folder is not listed under video_sets of config.yaml (day2)")
    assert set(read.videos) == {"day1", "day3_cropped"}
    same(read, BOTH)


def test_a_bodypart_that_a_table_lacks(project: TwoVideos) -> None:
    project.save(project.table().drop(columns="tail", level="bodyparts"))
    expected = BOTH.copy()
    expected[:12, 2] = np.nan
    same(project.read("no x and y of 'tail'"), expected)


@pytest.mark.parametrize("individual", ["", "mouse1"])
@pytest.mark.parametrize("multi", [False, True])
@pytest.mark.parametrize("h5", [False, True])
def test_one_individual(project: TwoVideos, individual: str, multi: bool, h5: bool) -> None:
    table = project.table()
    columns = [(scorer, individual, *rest) for scorer, *rest in table.columns]
    table.columns = pd.MultiIndex.from_tuples(columns, names=["scorer", "individuals", "bodyparts", "coords"])
    project.save(table)
    if not h5:
        project.csv(str)
    if multi:
        several = {"multianimalproject": True, "bodyparts": "MULTI!", "individuals": ["mouse1"]}
        project.config |= several | {"multianimalbodyparts": list(NAMES), "uniquebodyparts": []}
        project.write()
    same(project.read(), BOTH)


@pytest.mark.parametrize("suffix", ["csv", "h5"])
def test_a_table_with_likelihoods_below_1_may_be_of_a_network(project: TwoVideos, suffix: str) -> None:
    table = project.table()
    for name in NAMES:
        table["Ann", name, "likelihood"] = np.linspace(0.4, 1, 12)
    project.save(table, suffixes=[suffix])
    same(project.read("has likelihoods"), BOTH)


def test_labels_at_zero_and_outside(project: TwoVideos) -> None:
    table = project.table()
    table.iloc[[1, 3], [0, 1]] = 0.0
    table.iloc[2, 2], table.iloc[4, 5] = 64.0, -2.5
    project.save(table)
    expected = BOTH.copy()
    expected[[1, 3, 2, 4], [0, 0, 1, 2]] = np.nan
    same(project.read("2 labels lie at (0, 0)", "2 of 34 labels lie outside"), expected)


def test_hdf5_and_csv_that_differ(project: TwoVideos) -> None:
    table = project.table()
    table.iloc[3, 0] += 9
    table.drop(table.index[5]).to_csv(project.folder("day1") / "CollectedData_Ann.csv")
    same(project.read("differs from CollectedData_Ann.h5 in 2 frames (img03.png)"), BOTH)


def test_a_table_without_rows(project: TwoVideos) -> None:
    project.save(project.table().iloc[:0])
    same(project.read("holds no rows"), XY)


def test_names_of_macos(project: TwoVideos) -> None:
    project.add("M\u00e4use")
    project.listed("day1", "M\u00e4use")
    project.folder("M\u00e4use").rename(project.folder(unicodedata.normalize("NFD", "M\u00e4use")))
    for path in sorted(project.folder("day1").iterdir()):
        path.with_name(f"._{path.name}").write_bytes(b"\x00\x05\x16\x07")
    same(project.read("(day2)"), BOTH)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(",", ";").replace(".", ",").replace(",png", ".png"),
        lambda text: "".join(f"{line},,\n" for line in text.splitlines()) + "," * 10 + "\n",
        lambda text: "\ufeff" + text.replace("\n", "\r\n") + "\r\n",
    ],
    ids=["semicolons", "empty columns", "Windows"],
)
def test_a_csv_of_a_spreadsheet(project: TwoVideos, change: Callable[[str], str]) -> None:
    project.csv(change)
    same(project.read(), BOTH)


def test_labels_by_others_than_the_scorer_are_left_out_if_there_are_hers(project: TwoVideos) -> None:
    table = project.table("day2")
    project.save(table, "day2", suffixes=[])  # which takes away what there is
    table.to_csv(project.folder("day2") / "CollectedData_Bob.csv")
    same(project.read("1 folder has labels by others than the scorer 'Ann' of config.yaml (day2: Bob)"), XY)
    project.save(table.rename(columns={"Ann": "Bob"}, level="scorer"), "day2")
    same(project.read("its columns are by 'Bob', not by the scorer 'Ann': left out"), XY)


def test_all_folders_are_read_if_those_listed_have_no_labels(project: TwoVideos) -> None:
    project.listed("day3")
    project.folder("day3").mkdir()
    project.add("day1_cropped")
    read = project.read("1 labelled folder looks like a cropped copy of another (day1_cropped): left out")
    assert set(read.videos) == {"day1", "day2"}
    same(read, BOTH)


def test_a_line_tells_what_many_folders_have_in_common(project: TwoVideos) -> None:
    for number in range(3, 12):
        project.add(f"day{number}")
    project.listed(*(f"day{number}" for number in range(1, 12)))
    for number in range(1, 12):
        table = project.table(f"day{number}")
        table.iloc[:number] = np.nan
        table.iloc[11, 0] = 70.0
        project.save(table, f"day{number}")
    outside = "1 of 33 labels lies outside the image or on its edge"
    read = project.read(outside, "1 frame of day1 has no label (img00.png): left out; so with 65 more in "
                        "day2 (2), day3 (3), day4 (4) and 7 more folders")  # fmt: skip
    assert len(read.images) == 66


def test_a_bodypart_with_a_blank(project: TwoVideos) -> None:
    project.config["bodyparts"] = ["snout", "ear", "tail "]
    project.write()
    project.save(project.table(names=("snout", "ear", "tail ")))
    same(project.read(), BOTH)


def test_cells_that_pandas_takes_for_missing(project: TwoVideos) -> None:
    table = project.table()
    table.iloc[2:, :2] = np.nan
    project.csv(lambda _: table.to_csv(na_rep="NA"))
    expected = BOTH.copy()
    expected[2:12, 0] = np.nan
    same(project.read(), expected)


def test_cells_that_are_no_numbers_are_reported_in_a_line(project: TwoVideos) -> None:
    table = project.table().astype(object)
    table.iloc[2:, :2] = "left"
    project.csv(lambda _: table.to_csv())
    (problem,) = [problem for problem in inspect_project(project.root).problems if problem.severity == "error"]
    assert "x of 'snout' in img02.png is 'left'" in str(problem)
    assert "19 more" in str(problem)


def test_a_labelled_image_whose_name_is_too_long_for_a_file_is_reported_as_missing(project: TwoVideos) -> None:
    project.csv(lambda text: text.replace("img03.png", f"{'i' * 300}.png"))
    (problem,) = (each for each in inspect_project(project.root).problems if each.severity == "error")
    assert "i.png: is labelled in CollectedData_Ann.csv but does not exist" in str(problem)


def test_what_is_counted_agrees_with_one_and_with_several(project: TwoVideos) -> None:
    for rows, words in (
        ([4], ["1 of 33 labels lies outside", "1 frame of day1 has no label"]),
        ([4, 5], ["2 of 30 labels lie outside", "2 frames of day1 have no label"]),
    ):
        table = project.table()
        table.iloc[rows] = np.nan
        table.iloc[[row - 2 for row in rows], 0] = 500
        project.save(table)
        project.read(*words)
