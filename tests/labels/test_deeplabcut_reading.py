"""Frames, keypoints and positions of drawn projects, as DeepLabCut itself reads them for its training."""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from frameworth.labels.deeplabcut import inspect_project

Labels = dict[tuple[str, str], dict[str, tuple[float, float]]]  # by video and image, then by keypoint

NAMES = ("snout", "left ear", "tail")
WIDTH, HEIGHT, FRAMES = 64, 48, 6
# What frameworth refuses and DeepLabCut does not; the other frames are read alike.
STRICTER = ("is labelled in no frame", "but does not exist", "outside the image", "of any bodypart")
NOTHING = "holds no labels"


# -- both readings ----------------------------------------------------------------------------------------


def our_labels(folder: Path) -> Labels:
    """The labels that frameworth reads; errors but those of `STRICTER` fail the test."""
    inspection = inspect_project(folder)
    for problem in inspection.problems:
        assert problem.severity == "warning" or any(words in str(problem) for words in (*STRICTER, NOTHING)), problem
    if inspection.project is None:
        return {}
    project = inspection.project
    return {
        (video, image): {
            name: (x, y) for name, (x, y) in zip(project.keypoints, xy, strict=True) if np.isfinite([x, y]).all()
        }
        for video, image, xy in zip(project.videos, project.images, project.xy, strict=True)
    }


def deeplabcut_labels(folder: Path) -> Labels:
    """The labels that DeepLabCut's loader gives its networks, of a project that it may change.

    Labels that are only there as CSV are made HDF5 by DeepLabCut first, as its users have to, and rows of images that
    are gone are left out, where it would stop.
    """
    from deeplabcut.core.config.project_config import ProjectConfig
    from deeplabcut.generate_training_dataset.trainingsetmanipulation import merge_annotateddatasets
    from deeplabcut.pose_estimation_pytorch.data.dataset import PoseDatasetParameters
    from deeplabcut.pose_estimation_pytorch.data.dlcloader import DLCLoader

    _csv_to_hdf5(folder)
    merged_folder = folder / "merged"
    merged_folder.mkdir()
    with contextlib.redirect_stdout(io.StringIO()), _quiet():
        table = merge_annotateddatasets(ProjectConfig.from_yaml(folder / "config.yaml"), merged_folder)
    if table is None or table.empty:
        return {}
    if "individuals" in table.columns.names:  # one animal, with or without bodyparts of the scene
        table.columns = table.columns.droplevel("individuals")
    table = table[[folder.joinpath(*row).is_file() for row in table.index]]
    names = list(dict.fromkeys(table.columns.get_level_values("bodyparts")))
    coco = DLCLoader.to_coco(folder, table, PoseDatasetParameters(names, [], ["animal"]))
    paths = {image["id"]: Path(image["file_name"]) for image in coco["images"]}
    labels = {}
    for animal in coco["annotations"]:
        path = paths[animal["image_id"]]
        points = zip(names, animal["keypoints"], strict=True)
        labels[path.parent.name, path.name] = {name: (float(x), float(y)) for name, (x, y, seen) in points if seen}
    return labels


def _csv_to_hdf5(folder: Path) -> None:
    """Have DeepLabCut make an HDF5 of each CSV that has none beside it, whether its video is listed or not."""
    from deeplabcut.generate_training_dataset.trainingsetmanipulation import conversioncode

    config = folder / "config.yaml"
    text = config.read_text(encoding="utf-8")
    for table in folder.glob("labeled-data/*/CollectedData_*.h5"):
        table.with_suffix(".csv").unlink(missing_ok=True)
    alone = {path.parent.name for path in folder.glob("labeled-data/*/CollectedData_*.csv")}
    if not alone:
        return
    settings = yaml.safe_load(text) | {"video_sets": {f"/v/{name}.avi": {"crop": "0, 1, 0, 1"} for name in alone}}
    config.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    with contextlib.redirect_stdout(io.StringIO()), _quiet():
        conversioncode.convertcsv2h5(str(config), userfeedback=False)
    config.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def _quiet() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


def assert_same_reading(folder: Path) -> Labels:
    """Both readings of a project give the same labels, which are returned."""
    ours = our_labels(folder)
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(folder, Path(copy) / "project")
        theirs = deeplabcut_labels(Path(copy) / "project")
    assert sorted(ours) == sorted(theirs)
    for frame, points in theirs.items():
        assert sorted(ours[frame]) == sorted(points), frame
        for name, xy in points.items():
            np.testing.assert_allclose(ours[frame][name], xy, rtol=1e-12, err_msg=f"{name} in {frame}")
    return ours


# -- drawn projects ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Folder:
    """A folder of frames with quirks."""

    name: str
    listed: bool
    files: tuple[str, ...]  # label files: h5, csv
    scorer: str  # of the label files' names
    columns_by: str  # the scorer in the columns
    rows: str  # how a row names its image: levels of an index, or one path of Linux or Windows
    order: tuple[str, ...]  # of the bodyparts
    lacking: str | None  # a bodypart that the table has no columns of
    beyond: bool  # a bodypart that config.yaml does not list
    likelihood: bool
    odd: tuple[tuple[int, int, float, float], ...]  # frame, keypoint, x and y
    empty: frozenset[int]  # frames without a label
    gone: int | None  # a frame whose image is missing


NUMBERS = st.sampled_from((np.nan, 0.0, -3.0, 0.4, WIDTH - 0.01, float(HEIGHT), float(WIDTH), WIDTH + 5.0, np.inf))
ODD = st.tuples(st.integers(0, FRAMES - 1), st.integers(0, len(NAMES) - 1), NUMBERS, NUMBERS)
FOLDERS = st.builds(
    Folder,
    name=st.sampled_from(("day1", "day 2", "2024-05-01", "007", "Mäuse", "a.b", "night_cropped", "It's [x] & co")),
    listed=st.booleans(),
    files=st.sampled_from((("h5",), ("csv",), ("h5", "csv"), ("h5", "csv"), ())),
    scorer=st.sampled_from(("Ann", "Ann", "Ann", "Bob")),
    columns_by=st.sampled_from(("Ann", "Ann", "Ann", "Bob")),
    rows=st.sampled_from(("levels", "levels", "linux", "windows")),
    order=st.permutations(NAMES).map(tuple),
    lacking=st.none() | st.sampled_from(NAMES),
    beyond=st.booleans(),
    likelihood=st.booleans(),
    odd=st.lists(ODD, max_size=5).map(tuple),
    empty=st.frozensets(st.integers(0, FRAMES - 1), max_size=3),
    gone=st.none() | st.integers(0, FRAMES - 1),
).filter(lambda folder: not (folder.name == "007" and folder.files == ("csv",)))  # DeepLabCut makes a 7 of it
INDIVIDUALS = st.none() | st.tuples(st.sampled_from(("mouse1", "")), st.booleans(), st.booleans())


def write_project(
    root: Path, folders: list[Folder], individual: tuple[str, bool, bool] | None, listed_twice: bool
) -> None:
    """The project of these folders.

    Args:
        individual: of tables with a level of individuals, its name, whether config.yaml says so, and whether the last
            bodypart is a place of the scene.
    """
    owner, multi, scene = individual or ("", False, False)
    scene = scene and multi
    sets = [f"/videos/{folder.name}.avi" for folder in folders if folder.listed]
    sets += [f"/elsewhere/{folder.name}.mp4" for folder in folders if folder.listed and listed_twice]
    config: dict[str, Any] = {"Task": "t", "scorer": "Ann", "date": "Jan1", "multianimalproject": multi}
    config["video_sets"] = {path: {"crop": f"0, {WIDTH}, 0, {HEIGHT}"} for path in sets}
    config["bodyparts"] = "MULTI!" if multi else list(NAMES)
    if multi:
        config["individuals"] = ["mouse1"]
        config["multianimalbodyparts"] = list(NAMES[:-1] if scene else NAMES)
        config["uniquebodyparts"] = list(NAMES[-1:] if scene else ())
    root.mkdir()
    (root / "config.yaml").write_text(yaml.safe_dump(config, allow_unicode=True, sort_keys=False), encoding="utf-8")
    for number, folder in enumerate(folders):
        place = root / "labeled-data" / folder.name
        place.mkdir(parents=True)
        for index in set(range(FRAMES)) - {folder.gone}:
            Image.new("L", (WIDTH, HEIGHT)).save(place / f"img{index}.png")
        names = [name for name in folder.order if name != folder.lacking] + ["nose"] * folder.beyond
        owners = None
        if individual is not None:
            owners = {name: "single" if scene and name == NAMES[-1] else owner for name in names}
        by = (
            folder.columns_by
            if _sure(folder) and any(_sure(other) and other.columns_by == "Ann" for other in folders)
            else "Ann"
        )
        table = _table(folder, number, names, owners)
        table.columns = table.columns.set_levels([by], level="scorer")
        with _quiet():
            if "h5" in folder.files:
                table.to_hdf(place / f"CollectedData_{folder.scorer}.h5", key="df_with_missing", mode="w")
            if "csv" in folder.files:
                table.to_csv(place / f"CollectedData_{folder.scorer}.csv")


def _sure(folder: Folder) -> bool:
    """Whether DeepLabCut looks at the scorer in the columns of a folder's table."""
    return folder.listed and "h5" in folder.files and folder.scorer == "Ann"


def _table(folder: Folder, number: int, names: list[str], owners: dict[str, str] | None) -> pd.DataFrame:
    xy = np.random.default_rng(number).uniform(1, 47, (FRAMES, len(NAMES), 2))
    for frame, keypoint, x, y in folder.odd:
        xy[frame, keypoint] = x, y
    xy[sorted(folder.empty)] = np.nan
    values = {name: xy[:, index] for index, name in enumerate(NAMES)} | {"nose": xy[:, 0]}
    columns = {}
    for name in names:
        key = ("Ann", name) if owners is None else ("Ann", owners[name], name)
        columns |= {(*key, "x"): values[name][:, 0], (*key, "y"): values[name][:, 1]}
        if folder.likelihood:
            columns[*key, "likelihood"] = np.full(FRAMES, 0.9)
    parts = [("labeled-data", folder.name, f"img{index}.png") for index in range(FRAMES)]
    sign = {"linux": "/", "windows": "\\"}.get(folder.rows)
    index = [sign.join(row) for row in parts] if sign else pd.MultiIndex.from_tuples(parts)
    table = pd.DataFrame(columns, index=index)
    table.columns.names = ["scorer", *(["individuals"] if owners is not None else []), "bodyparts", "coords"]
    return table


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    folders=st.lists(FOLDERS, min_size=1, max_size=3, unique_by=lambda folder: folder.name),
    individual=INDIVIDUALS,
    listed_twice=st.booleans(),
)
def test_what_deeplabcut_would_train_on_is_what_is_read(
    folders: list[Folder], individual: tuple[str, bool, bool] | None, listed_twice: bool
) -> None:
    # Where no file is the scorer's, or an unnamed individual comes from a CSV, DeepLabCut makes nothing of it.
    assume(any(folder.scorer == "Ann" and folder.files for folder in folders))
    assume(not (individual and not individual[0] and any(folder.files == ("csv",) for folder in folders)))
    with tempfile.TemporaryDirectory() as root:
        write_project(Path(root) / "project", folders, individual, listed_twice)
        assert_same_reading(Path(root) / "project")
