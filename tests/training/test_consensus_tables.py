"""The consensus as DeepLabCut tables: how DeepLabCut, pandas, movement and sleap-io read the files."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sleap_io

from frameworth.labels.deeplabcut import LabelledProject, read_project
from frameworth.labels.deeplabcut_tables import labelled_images_index, write_predicted_table
from tiny import draw

SCORER = "frameworth_percent-050_seed-1"


@dataclass(frozen=True)
class Tables:
    """A consensus, in the order of `project`'s frames, and its files' path without the suffix."""

    project: LabelledProject
    stem: Path
    pose: np.ndarray  # [N, K, 2]
    confidence: np.ndarray  # [N, K]


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    project = read_project(draw(folder / "project"))
    rng = np.random.default_rng(0)
    shape = project.xy.shape
    pose, confidence = rng.uniform(0, 60, shape), rng.uniform(0, 1, shape[:2])
    stem = folder / "consensus_dlc"
    index = labelled_images_index(project.videos, project.images)
    write_predicted_table(pose, confidence, project.keypoints, index, SCORER, stem)
    return Tables(project, stem, pose, confidence)


def test_deeplabcut_finds_and_reads_the_table_by_its_name(tables):
    from deeplabcut.utils import auxiliaryfunctions

    table, path, *_ = auxiliaryfunctions.load_analyzed_data(tables.stem.parent, "consensus_", "dlc")
    assert Path(path).name == "consensus_dlc.h5"
    assert table.columns.names == ["scorer", "bodyparts", "coords"]
    for row, name in enumerate(zip(tables.project.videos, tables.project.images, strict=True)):
        cells = table.loc[("labeled-data", *name)]
        for index, keypoint in enumerate(tables.project.keypoints):
            x, y, likelihood = (cells[SCORER, keypoint, part] for part in ("x", "y", "likelihood"))
            assert [x, y] == tables.pose[row, index].tolist()
            assert likelihood == tables.confidence[row, index]


def test_deeplabcut_draws_the_table_on_the_images_that_it_names(tables, tmp_path):
    from deeplabcut.utils import auxiliaryfunctions, visualization

    shutil.copytree(tables.project.root, tmp_path / "project")
    cfg = auxiliaryfunctions.read_config(str(tmp_path / "project" / "config.yaml"))
    table = pd.read_hdf(tables.stem.with_suffix(".h5")).iloc[:2].drop(columns="likelihood", level="coords")
    visualization.make_labeled_images_from_dataframe(table, cfg, destfolder=str(tmp_path / "drawn"))
    assert len(list((tmp_path / "drawn_labeled").glob("*.png"))) == 2


def test_pandas_reads_the_same_from_both_files(tables):
    binary = pd.read_hdf(tables.stem.with_suffix(".h5"), key="df_with_missing")
    text = pd.read_csv(tables.stem.with_suffix(".csv"), header=[0, 1, 2], index_col=[0, 1, 2])
    assert binary.index.tolist() == text.index.tolist()
    assert binary.columns.tolist() == text.columns.tolist()
    assert np.allclose(binary, text, rtol=0, atol=1e-9)


def test_movement_reads_the_h5_with_the_frames_numbers_as_time(tables):
    from movement.io import load_poses

    poses = load_poses.from_dlc_file(tables.stem.with_suffix(".h5"))
    assert poses.time.values.tolist() == list(range(len(tables.pose)))
    assert poses.keypoints.values.tolist() == list(tables.project.keypoints)
    position = poses.position.sel(individuals="individual_0").transpose("time", "keypoints", "space")
    assert np.array_equal(position.values, tables.pose)
    confidence = poses.confidence.sel(individuals="individual_0").transpose("time", "keypoints")
    assert np.array_equal(confidence.values, tables.confidence)


def test_sleap_io_reads_the_csv_beside_the_images_that_it_names(tables, tmp_path):
    shutil.copytree(tables.project.root, tmp_path / "project")
    beside = shutil.copy(tables.stem.with_suffix(".csv"), tmp_path / "project")
    for labels in (sleap_io.load_dlc(beside), sleap_io.load_file(str(beside))):
        assert len(labels.labeled_frames) == len(tables.pose)
        order = [tables.project.keypoints.index(name) for name in labels.skeleton.node_names]
        assert sorted(order) == [0, 1, 2, 3]
        for frame in labels.labeled_frames:
            path = Path(frame.video.filename[frame.frame_idx])
            places = zip(tables.project.videos, tables.project.images, strict=True)
            row = list(places).index((path.parent.name, path.name))
            assert np.allclose(frame.instances[0].numpy(), tables.pose[row][order], rtol=0, atol=1e-9)
