"""A first look at labels without networks: labels that fit their animal worst, also in `init` and `check`."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from frameworth import suspect_geometry
from frameworth.__main__ import main
from frameworth.attribution.suspicion.geometry import _distances
from frameworth.cli.first_look import first_look
from frameworth.labels.deeplabcut import read_project
from frameworth.labels.sources import inspect_labels
from simulated_poses import simulated_poses
from tiny import draw, with_labels

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
NAMES = {"mouse": "openfield-Pranav-2018-10-30", "hand": "reaching"}


def labels(seed: int = 0, frames: int = 120, keypoints: int = 6) -> np.ndarray:
    return simulated_poses(np.random.default_rng(seed), frames=frames, keypoints=keypoints, subsets=1).labels


def test_distances_are_measured_by_their_ratios_to_what_is_usual_and_to_the_animals_size():
    """Squares of any size, but for the last, whose first corner lies twice as far out."""
    square = np.array([0j, 1, 1 + 1j, 1j])
    jitter = np.exp(0.02 * np.random.default_rng(0).normal(size=(60, 4)))
    points = square * jitter * np.linspace(1, 9, 60)[:, None] + 3
    points[-1] = 9 * np.array([-1 - 1j, 1, 1 + 1j, 1j])
    z = _distances(points)
    assert np.unravel_index(z.argmax(), z.shape) == (59, 0)
    assert z[:-1].max() < z[59, 0] / 2
    np.testing.assert_allclose(_distances(5j * points + 7), z, atol=1e-6)


@pytest.mark.parametrize(("far", "least"), [(20, 0.7), (40, 0.88)])
def test_one_keypoint_beside_its_place_is_found_and_named(far, least):
    auroc, named = [], []
    for seed in range(4):
        xy, rows = labels(seed), np.arange(seed, 120, 12)
        for row in rows:
            xy[row, row % 6] += far * np.array([np.cos(row), np.sin(row)])
        suspects = suspect_geometry(xy)
        auroc.append(roc_auc_score(np.isin(np.arange(120), rows), suspects.suspicion))
        named.append((suspects.keypoint[rows] == rows % 6).mean())
    assert np.mean(auroc) > least
    assert np.mean(named) > far / 80


def test_exchanged_keypoints_are_found_and_mostly_named_as_a_pair():
    auroc, named, others = [], [], []
    for seed in range(4):
        xy, rows = labels(seed), np.arange(5, 120, 15)
        pairs = [sorted(np.random.default_rng(row).permutation(6)[:2]) for row in rows]
        for row, pair in zip(rows, pairs, strict=True):
            xy[row, pair] = xy[row, pair[::-1]]
        suspects = suspect_geometry(xy)
        auroc.append(roc_auc_score(np.isin(np.arange(120), rows), suspects.suspicion))
        named_pairs = np.sort([suspects.keypoint[rows], suspects.partner[rows]], axis=0)
        named.append((pairs == named_pairs.T).all(axis=1).mean())
        others.append((np.delete(suspects.partner, rows) >= 0).mean())
    assert np.mean(auroc) > 0.93
    assert np.mean(named) > 0.4
    assert np.mean(others) < 0.1


def test_ears_of_a_symmetric_animal_are_distinguished_though_all_distances_are_the_same():
    rng = np.random.default_rng(0)
    animal = np.array([[40.0, 0], [20, 10], [20, -10], [-40, 0]])  # snout, ears, tail base
    turn = rng.uniform(0, 2 * np.pi, 80)
    axes = np.stack([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]).transpose(2, 0, 1)
    xy = np.einsum("nij,nkj->nki", axes, animal + rng.normal(0, 2, (80, 4, 2)))
    xy[13, [1, 2]] = xy[13, [2, 1]]
    suspects = suspect_geometry(xy)
    assert suspects.suspicion.argmax() == 13
    assert {suspects.keypoint[13], suspects.partner[13]} == {1, 2}
    assert suspects.flagged[13]


@pytest.mark.slow
def test_about_one_right_frame_is_flagged_at_most():
    counts = [suspect_geometry(labels(seed, keypoints=k)).flagged.sum() for k in (4, 17) for seed in range(8)]
    assert 0.05 < np.mean(counts) < 2


@pytest.mark.slow
@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 999),
    scale=st.floats(1e-3, 1e3),
    shift=st.tuples(st.floats(-500, 500), st.floats(-500, 500)),
    mirror=st.booleans(),
)
def test_moving_scaling_and_mirroring_all_labels_changes_nothing(seed, scale, shift, mirror):
    xy = labels(seed, frames=30)
    xy[seed % 30, 2] = np.nan
    first, second = suspect_geometry(xy), suspect_geometry(xy * scale * [-1 if mirror else 1, 1] + shift)
    np.testing.assert_allclose(first.suspicion, second.suspicion, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(first.keypoint, second.keypoint)
    np.testing.assert_array_equal(first.partner, second.partner)


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 9999),
    frames=st.integers(0, 25),
    keypoints=st.integers(1, 7),
    missing=st.sampled_from([0.0, 0.2, 0.6, 1.0]),
    coarse=st.sampled_from([1e-6, 20, 1e5]),
)
@pytest.mark.filterwarnings("error")
def test_nothing_raises_and_nothing_is_said_of_frames_with_few_labels(seed, frames, keypoints, missing, coarse):
    rng = np.random.default_rng(seed)
    xy = np.round(rng.uniform(0, 200, (frames, keypoints, 2)) / coarse) * coarse  # coarse ones coincide
    xy[rng.random((frames, keypoints)) < missing] = np.nan
    suspects = suspect_geometry(xy)
    distinct = [len(np.unique(labelled[np.isfinite(labelled).all(axis=1)], axis=0)) > 1 for labelled in xy]
    judged = (np.isfinite(xy).all(axis=2).sum(axis=1) >= 4) & np.array(distinct, bool)
    assert (np.isfinite(suspects.suspicion) == (judged & (judged.sum() >= 8))).all()
    assert not suspects.flagged[~judged].any()
    assert ((suspects.keypoint >= 0) == np.isfinite(suspects.suspicion)).all()
    named = np.flatnonzero(suspects.keypoint >= 0)
    assert np.isfinite(xy[named, suspects.keypoint[named]]).all()
    np.testing.assert_array_equal(suspects.suspicion, suspect_geometry(xy.copy()).suspicion)


def test_an_array_of_another_form_is_refused_with_its_shape():
    with pytest.raises(ValueError, match=r"\(4, 2\)"):
        suspect_geometry(np.zeros((4, 2)))


def test_it_takes_seconds_at_most():
    xy = labels(0, frames=1600, keypoints=17)
    began = time.process_time()
    suspect_geometry(xy)
    assert time.process_time() - began < 2 * len(os.sched_getaffinity(0))  # a thread for each core


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_exchanged_labels_of_real_animals_are_found(name):
    if not (DATA / name).exists():
        pytest.skip(f"{DATA / name} is not there: real data are not part of the repository")
    project = inspect_labels(DATA / name).project
    judged = np.flatnonzero(np.isfinite(suspect_geometry(project.xy).suspicion))
    auroc = []
    for seed in range(5):
        rng, xy = np.random.default_rng(seed), project.xy.copy()
        rows = rng.choice(judged, len(judged) // 12, replace=False)
        for row in rows:
            pair = rng.choice(np.flatnonzero(np.isfinite(xy[row]).all(axis=1)), 2, replace=False)
            xy[row, pair] = xy[row, pair[::-1]]
        auroc.append(roc_auc_score(np.isin(judged, rows), suspect_geometry(xy).suspicion[judged]))
    assert np.mean(auroc) > 0.85


@pytest.fixture
def spoilt(tmp_path, monkeypatch) -> str:
    """A drawn project of 24 frames in which two keypoints of one frame are exchanged; which frame that is."""
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "mice", frames=24)
    project = read_project(tmp_path / "mice")
    (row,) = np.flatnonzero(np.isfinite(project.xy).all(axis=(1, 2)))[:1]
    xy = project.xy.copy()
    xy[row, [0, 3]] = xy[row, [3, 0]]
    with_labels(tmp_path / "mice", xy)
    return f"{project.videos[row]}/{project.images[row]}"


@pytest.mark.slow
@pytest.mark.usefixtures("engine")
def test_init_and_check_name_a_few_labels_and_say_that_it_is_a_first_look(spoilt):
    made = CliRunner().invoke(main, ["init", "mice", "--device", "cpu"])
    assert made.exit_code == 0, made.output
    checked = CliRunner().invoke(main, ["check", "--configfile", "mice.yaml"])
    assert checked.exit_code == 0, checked.output
    for done in (made, checked):
        lines = done.output.splitlines()
        (at,) = [number for number, line in enumerate(lines) if "first look, without networks" in line]
        listed = [
            line for line in lines[at + 1 :] if line.startswith("  ") and ": " in line and "frameworth" not in line
        ]
        assert 3 <= len(listed) <= 5
        assert any(line.startswith(f"  {spoilt}: ") for line in listed)
        assert {"snout", "leftear", "rightear", "tailbase"} >= {
            line.split(": ")[1].split(",")[0].split(" ")[0] for line in listed
        }


def test_nothing_is_said_where_too_few_keypoints_are_labelled(spoilt):
    project = read_project(Path("mice"))
    assert first_look(project)
    object.__setattr__(project, "xy", project.xy[:, :3])
    assert first_look(project) == []
