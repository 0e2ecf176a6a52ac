"""The drawn demo: the same bytes from the same seed, errors planted only in the pool, all other labels true."""

from __future__ import annotations

import csv
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from demo.drawing import KEYPOINTS, draw_project
from frameworth.cli.costs import DEMO_KEYPOINTS
from frameworth.labels.deeplabcut import LabelledProject, read_project

FRAMES, WIDTH, HEIGHT = 60, 96, 80
SNOUT, LEFT, RIGHT, TAIL = range(4)


def three_of_four(videos: Sequence[str], images: Sequence[str]) -> np.ndarray:
    return np.arange(len(videos)) % 4 != 0


def draw(folder: Path, *, frames: int = FRAMES, seed: int = 1, planted: float = 0.2) -> Path:
    draw_project(folder, frames=frames, width=WIDTH, height=HEIGHT, seed=seed, planted=planted, pool=three_of_four)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def project(folder: Path) -> LabelledProject:
    return read_project(folder)


@pytest.fixture(scope="module")
def kinds(folder: Path, project: LabelledProject) -> np.ndarray:
    """Kind of planted error of each frame, '' for none."""
    with (folder / "planted.csv").open(newline="") as stream:
        planted = {(row["video"], row["image"]): row["planted"] for row in csv.DictReader(stream)}
    names = list(zip(project.videos, project.images, strict=True))
    assert set(planted) <= set(names)
    return np.array([planted.get(name, "") for name in names])


def test_what_a_study_will_take_is_worked_out_for_as_many_keypoints_as_are_drawn() -> None:
    assert len(KEYPOINTS) == DEMO_KEYPOINTS


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_same_seed_gives_the_same_bytes_at_another_time(tmp_path: Path) -> None:
    first = contents(draw(tmp_path / "first", frames=4))
    time.sleep(1.1)  # HDF5 keeps times in whole seconds
    assert contents(draw(tmp_path / "second", frames=4)) == first
    other = contents(draw(tmp_path / "other", frames=4, seed=2))
    assert other.keys() == first.keys()
    assert all(other[name] != first[name] for name in first if name.endswith((".png", ".h5")))


@pytest.mark.slow
def test_read_project_reads_what_was_drawn(project: LabelledProject) -> None:
    assert project.keypoints == KEYPOINTS
    assert project.scorer == "demo"
    assert project.xy.shape == (FRAMES, 4, 2)
    assert len(set(project.videos)) == 3
    assert {Image.open(path).size for path in project.paths} == {(WIDTH, HEIGHT)}
    assert {Image.open(path).mode for path in project.paths} == {"RGB"}
    assert {name for pair in project.skeleton for name in pair} == set(KEYPOINTS)


def test_the_label_files_are_indexed_as_deeplabcut_does(folder: Path) -> None:
    for video in (folder / "labeled-data").iterdir():
        table = pd.read_hdf(video / "CollectedData_demo.h5", key="df_with_missing")
        assert table.index[0] == ("labeled-data", video.name, "img0000.png")
        assert list(table.columns.names) == ["scorer", "bodyparts", "coords"]
        twin = pd.read_csv(video / "CollectedData_demo.csv", header=[0, 1, 2], index_col=[0, 1, 2])
        np.testing.assert_array_equal(twin.to_numpy(), table.to_numpy())
        assert list(twin.index) == list(table.index)


def test_no_path_of_this_machine_is_written(folder: Path) -> None:
    for name, data in contents(folder).items():
        assert str(folder).encode() not in data, name


def test_errors_are_planted_in_the_pool_only_and_in_the_share_asked_for(
    project: LabelledProject, kinds: np.ndarray
) -> None:
    pool = three_of_four(project.videos, project.images)
    assert not (kinds[~pool] != "").any()
    assert (kinds != "").sum() == round(0.2 * pool.sum())
    counts = pd.Series(kinds[kinds != ""]).value_counts()
    assert counts["moved"] == np.ceil(counts.sum() / 2)
    gross = counts.drop("moved")
    assert set(gross.index) == {"shifted", "swapped", "distractor"}
    assert gross.max() - gross.min() <= 1


def test_nothing_is_planted_when_nothing_is_asked_for(tmp_path: Path) -> None:
    draw(tmp_path, frames=4, planted=0)
    assert (tmp_path / "planted.csv").read_text() == "video,image,planted\n"


def test_a_few_keypoints_are_missing_and_no_frame_is_without_labels(project: LabelledProject) -> None:
    missing = np.isnan(project.xy).any(axis=2)
    assert 0.01 < missing.mean() < 0.1
    assert missing.sum(axis=1).max() <= 2


def side(xy: np.ndarray, keypoint: int) -> np.ndarray:
    """[N] on which side of the line from tail to snout a keypoint lies: negative on the animal's left."""
    forward = xy[:, SNOUT] - xy[:, TAIL]
    offset = xy[:, keypoint] - xy[:, TAIL]
    return forward[:, 0] * offset[:, 1] - forward[:, 1] * offset[:, 0]


def test_labels_without_a_planted_error_have_the_shape_of_the_animal(
    project: LabelledProject, kinds: np.ndarray
) -> None:
    clean = (kinds == "") & ~np.isnan(project.xy).any(axis=(1, 2))
    xy = project.xy[clean]
    length = np.linalg.norm(xy[:, SNOUT] - xy[:, TAIL], axis=1)
    assert (length > 0.26 * HEIGHT).all()
    assert (length < 0.6 * HEIGHT).all()
    ears = np.linalg.norm(xy[:, LEFT] - xy[:, RIGHT], axis=1)
    of_video = pd.Series(ears).groupby(np.array(project.videos)[clean]).agg(["mean", "std"])
    assert (of_video["std"] < 0.1 * of_video["mean"]).all()
    assert (side(xy, LEFT) < side(xy, RIGHT)).all()
    to_snout = np.linalg.norm(xy[:, [LEFT, RIGHT]] - xy[:, [SNOUT]], axis=2)
    to_tail = np.linalg.norm(xy[:, [LEFT, RIGHT]] - xy[:, [TAIL]], axis=2)
    assert (to_snout < to_tail).all()


@pytest.mark.slow
def test_each_planted_error_is_what_its_name_says(folder: Path, tmp_path: Path, kinds: np.ndarray) -> None:
    """Drawn again without planted errors, the same pictures tell where the labels should have been."""
    clean = read_project(draw(tmp_path, planted=0))
    spoilt = read_project(folder)
    for clean_path, spoilt_path in zip(clean.paths, spoilt.paths, strict=True):
        assert clean_path.read_bytes() == spoilt_path.read_bytes()
    for row, kind in enumerate(kinds):
        truth, xy = clean.xy[row], spoilt.xy[row]
        moved = np.linalg.norm(xy - truth, axis=1)
        if kind == "":
            np.testing.assert_array_equal(xy, truth)
        elif kind == "moved":
            (distance,) = moved[moved > 0]
            length = np.nanmax(np.linalg.norm(truth[:, None] - truth, axis=2))
            assert 0.099 < distance / length < 0.251
        elif kind == "shifted":
            assert np.ptp((xy - truth)[np.isfinite(moved)], axis=0).max() < 0.01
            assert 0.149 * WIDTH < np.nanmin(moved) <= np.nanmax(moved) < 0.301 * WIDTH
        elif kind == "swapped":
            np.testing.assert_allclose(xy, truth[[TAIL, RIGHT, LEFT, SNOUT]], atol=0.01)
        else:
            assert np.nanmean(moved) > 10


def test_the_labels_lie_on_the_animal_in_the_picture(project: LabelledProject, kinds: np.ndarray) -> None:
    """Cameras stand still: at the middle of the labels a frame differs from the median of its video."""
    videos, middles = np.array(project.videos), np.nanmean(project.xy, axis=1)
    on_animal = []
    for video in sorted(set(videos)):
        rows = np.flatnonzero(videos == video)
        grey = np.stack([np.asarray(Image.open(project.paths[row]).convert("L"), dtype=float) for row in rows])
        relative = np.log(grey / np.median(grey, axis=(1, 2), keepdims=True))  # exposures differ
        away = np.abs(relative - np.median(relative, axis=0))
        for row, map_ in zip(rows, away, strict=True):
            x, y = middles[row].astype(int)
            if kinds[row] == "" and not np.isnan(project.xy[row]).any():
                on_animal.append(map_[y - 1 : y + 2, x - 1 : x + 2].mean() > 2 * np.median(map_))
    assert np.mean(on_animal) > 0.9


def test_each_video_has_a_look_of_its_own(project: LabelledProject) -> None:
    """Mean colours differ more between videos than within them."""
    colour = np.array([np.asarray(Image.open(path)).mean(axis=(0, 1)) for path in project.paths])
    ratio = pd.DataFrame({"red": colour[:, 0] / colour[:, 2], "video": project.videos}).groupby("video")["red"]
    assert ratio.mean().sort_values().diff().min() > ratio.std().max()


def test_neighbouring_frames_differ(project: LabelledProject, kinds: np.ndarray) -> None:
    xy = np.where(kinds[:, None, None] == "", project.xy, np.nan)
    same_video = np.array(project.videos)[1:] == np.array(project.videos)[:-1]
    steps = np.linalg.norm(np.diff(xy, axis=0), axis=2)[same_video]
    steps = np.nanmax(np.where(np.isnan(steps), -1, steps), axis=1)
    assert (steps[steps >= 0] > 4).all()


def test_an_image_too_small_to_draw_on_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 48 x 48 px"):
        draw_project(tmp_path, frames=4, width=20, height=20, seed=1, planted=0.1, pool=three_of_four)
