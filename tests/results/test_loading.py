"""`frameworth.load`: named selections give the files' numbers, and only the selected part of influence is read."""

import h5py
import numpy as np
import pandas as pd
import pytest

import frameworth
from frameworth.storage.hdf5 import read_hdf5
from synthetic_study import write_study


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results") / "mice"
    write_study(folder, frames=16, halves=8, ladder_seeds=2)
    return folder


@pytest.fixture(scope="module")
def study(folder):
    return frameworth.load(folder)


def test_a_label_is_found_by_the_name_of_its_image_and_keypoint(folder, study):
    label = study.label.sel(keypoint="left ear").isel(frame=int(np.flatnonzero(study.image == "img003.png")[0]))
    assert label.sel(xy="y").item() == read_hdf5(folder / "labels.h5")["label"][3, 1, 1]
    assert study.label.attrs["units"] == "px"
    assert np.isnan(study.label.sel(frame=0, keypoint="right ear")).all()


def test_a_score_is_found_by_the_name_of_its_subset(folder, study):
    scores = read_hdf5(folder / "scores.h5")["log_error"]
    row = pd.read_csv(folder / "subsets.csv")["subset"].tolist().index("percent-030_seed-2")
    got = study.log_error.sel(subset="percent-030_seed-2", frame=5, keypoint="nose").item()
    assert got == scores[row, 5, 0]
    assert study.log_error.attrs["units"] == "log(1 + px)"


def test_percents_seeds_and_inclusion_belong_to_their_subsets(folder, study):
    ladder = study.sel(subset=study.percent == 70)
    assert ladder.seed.values.tolist() == [1, 2]
    assert ladder.design.values.tolist() == ["nested", "nested"]
    table = pd.read_csv(folder / "subsets.csv").set_index("subset")
    counts = study.inclusion.sum("frame").to_series()
    assert counts.to_dict() == table["frames"].to_dict()


def test_influence_by_name_is_the_files_cell_for_cell(folder, study):
    name = "log_error/size-centred/10-30"
    with h5py.File(folder / "influence.h5") as file:
        value, error = file[f"{name}/value"][()], file[f"{name}/standard_error"][()]
    which = {"score": "log_error", "estimator": "size-centred", "group": "10-30"}
    frame = int(np.flatnonzero(study.split == "pool")[2])
    got = study.influence.sel(which).sel(training_frame=frame, keypoint="nose")
    assert got.dims == ("frame",)
    assert np.array_equal(got.values, value[frame, :, 0], equal_nan=True)
    whole = study.influence_standard_error.sel(which)
    assert np.array_equal(whole.values, error, equal_nan=True)
    assert whole.coords["score_unit"].item() == "log(1 + px)"
    assert np.array_equal(
        study.influence.sel(which).isel(training_frame=[5, 2], frame=slice(None, None, -3)).values,
        value[[5, 2]][:, ::-3],
        equal_nan=True,
    )
    assert study.group.values.tolist() == ["all", "10-30", "70-90"]


def test_influence_is_not_read_before_it_is_looked_at(folder, tmp_path):
    copy = tmp_path / "study"
    copy.mkdir()
    for path in folder.iterdir():
        if path.is_file():
            (copy / path.name).write_bytes(path.read_bytes())
    study = frameworth.load(copy)
    with h5py.File(copy / "influence.h5", "r+") as file:
        file["error/size-centred/all/value"][3, 4, 1] = 42
    selected = study.influence.sel(score="error", estimator="size-centred", group="all")
    assert selected.sel(training_frame=3, frame=4).isel(keypoint=1).item() == 42


def test_the_dataset_says_where_it_comes_from(folder, study):
    with h5py.File(folder / "scores.h5") as file:
        assert study.attrs["scores_digest"] == file.attrs["digest"]
    assert study.attrs["study"] == "mice"
    assert study.attrs["deeplabcut"]
