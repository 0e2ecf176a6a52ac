"""Biased videos and repeated errors are found where they exist, and are seldom called where there are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from frameworth.answers.closing import notes
from frameworth.answers.errors_over_frames import (
    FILE,
    errors_over_frames,
    sentences_over_frames,
    write_errors_over_frames,
)
from frameworth.attribution.suspicion.biases import biased_groups
from frameworth.attribution.suspicion.body_axes import direction, mean_shape
from frameworth.attribution.suspicion.runs import repeated_errors, runs
from frameworth.results.results import Results
from frameworth.storage.files import write_csv
from report_study import CONFIG
from simulated_poses import Simulated, simulated_poses
from synthetic_study import write_study

VIDEOS = 6


def study(
    seed: int, *, between: float = 0.0, unequal: float = 0.0, frames: int = 120, videos: int = VIDEOS, **options
) -> tuple[Simulated, np.ndarray]:
    """A study of some videos; in each, networks are off by `between` px on each axis in the animal's own axes.

    `unequal` is the standard deviation over keypoints of the logarithm of `between`.
    """
    rng = np.random.default_rng([seed, 3])
    made, video = simulated_poses(rng, frames=frames, **options), np.arange(frames) * videos // frames
    keypoints = made.labels.shape[1]
    spread = between * np.exp(rng.normal(0, unequal, keypoints))[:, None]
    offset = rng.normal(0, spread, (videos, keypoints, 2))[video]
    made.poses[:] += turned(offset[..., 0] + 1j * offset[..., 1], made.truth)
    return made, video


def turned(off: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Differences [N, K] in the animal's own axes as px of the image [N, K, 2]."""
    points = truth[..., 0] + 1j * truth[..., 1]
    rotated = off * direction(points, mean_shape(points))[:, None]
    return np.stack([rotated.real, rotated.imag], axis=-1)


def biased(made: Simulated, rows: np.ndarray, keypoint: int, px: float) -> np.ndarray:
    labels, off = made.labels.copy(), np.zeros(made.labels.shape[:2], complex)
    off[rows, keypoint] = px * np.exp(0.7j)
    labels += turned(off, made.truth)
    return labels


def test_a_video_whose_labels_of_a_keypoint_point_one_way_is_named_with_its_offset():
    called, offsets = [], []
    for seed in range(8):
        made, videos = study(seed, subsets=16)
        biases = biased_groups(made.poses, biased(made, videos == 2, 1, 8.0), made.inclusion, videos)
        called.append((biases[0].group, biases[0].keypoint) == (2, 1) and biases[0].p_adjusted < 0.05)
        offsets.append(np.hypot(*biases[0].offset))
    assert np.mean(called) >= 0.75
    assert np.median(offsets) == pytest.approx(8, abs=1.5)


@pytest.mark.parametrize("between", [0.0, 3.0])
@pytest.mark.parametrize("freedom", [np.inf, 3.0])
def test_right_videos_are_seldom_called_biased_even_where_networks_miss_them_otherwise(between, freedom):
    calls = []
    for seed in range(40):
        made, videos = study(seed, between=between, freedom=freedom, keypoints=(4, 8)[seed % 2])
        calls.append(biased_groups(made.poses, made.labels, made.inclusion, videos)[0].p_adjusted < 0.05)
    assert np.mean(calls) <= 0.15  # .05, and the error of 40 studies


@pytest.mark.parametrize("count", [2, 4, 6, 12])
def test_right_videos_are_seldom_called_where_networks_miss_some_keypoints_more_differently_than_others(count):
    """With one spread for all keypoints, .2 to .7 of such studies of four and more videos called a right video."""
    calls = []
    for seed in range(40):
        made, videos = study(seed, between=2.0, unequal=1.0, keypoints=8, subsets=16, videos=count)
        calls.append(biased_groups(made.poses, made.labels, made.inclusion, videos)[0].p_adjusted < 0.05)
    assert np.mean(calls) <= 0.15  # .05, and the error of 40 studies


def test_a_single_keypoint_is_tested_against_its_own_spread_between_the_videos():
    """p is below .05 in a twentieth of right studies, where videos differ far more than by the sampling of frames."""
    rng = np.random.default_rng(4)
    found = []
    for _ in range(400):
        middle = rng.normal(0, 30, (VIDEOS, 2))
        labels = np.repeat(middle, 10, axis=0)[:, None] + rng.normal(0, 0.1, (60, 1, 2))
        poses = np.zeros((4, 60, 1, 2))
        inclusion = rng.random((4, 60)) < 0.5
        first = [b for b in biased_groups(poses, labels, inclusion, np.repeat(np.arange(VIDEOS), 10)) if b.group == 0]
        found.append(first[0].p)
    assert np.mean(np.array(found) < 0.05) == pytest.approx(0.05, abs=0.03)


def test_networks_that_hold_no_frame_of_the_video_judge_it_where_there_are():
    made, videos = study(1, subsets=12)
    labels = biased(made, videos == 0, 2, 10.0)
    inclusion = made.inclusion.copy()
    inclusion[:4, videos == 0] = False
    poses = made.poses.copy()
    poses[4:, videos == 0] += (labels - made.labels)[videos == 0]  # who saw the video has learned its bias
    biases = biased_groups(poses, labels, inclusion, videos)
    assert (biases[0].group, biases[0].keypoint, biases[0].unseen) == (0, 2, True)
    assert biases[0].p_adjusted < 0.05
    blind = biased_groups(poses[4:], labels, inclusion[4:], videos)
    assert blind[0].p_adjusted > 0.05
    assert not next(bias for bias in blind if bias.group == 0).unseen


def test_of_one_video_or_few_frames_nothing_is_said():
    made, videos = study(2)
    assert biased_groups(made.poses, made.labels, made.inclusion, 0 * videos) == []
    made.labels[videos == 3, 1] = np.nan
    judged = {(bias.group, bias.keypoint) for bias in biased_groups(made.poses, made.labels, made.inclusion, videos)}
    assert (3, 1) not in judged
    assert (3, 0) in judged


def filmed(seed: int, length: int = 3, frames: int = 120, **options) -> tuple[Simulated, np.ndarray]:
    """A study in which every sixth frame begins a run of frames that look the same, to networks too."""
    rng = np.random.default_rng([seed, 9])
    made, videos = study(seed, frames=frames, **options)
    for start in range(0, frames - length, 6):
        for frame in range(start + 1, start + length):
            moved = made.truth[start] - made.truth[frame]
            made.truth[frame] += moved
            made.labels[frame] += moved
            made.poses[:, frame] = made.poses[:, start] + rng.normal(0, 0.5, made.poses[:, start].shape)
    return made, videos


def test_runs_are_neighbours_of_one_video_that_hardly_move():
    place = np.array([[0, 10], [0.1, 10], [5, 15], [5, 15.2], [5, 15.1], [5, 15]]) + 0j
    stretches = runs(place, np.array([0, 0, 0, 0, 1, 1]))
    assert [part.tolist() for part in stretches] == [[0, 1], [2, 3], [4, 5]]


def test_an_error_that_networks_learned_from_the_neighbours_is_seen_by_those_that_saw_none():
    hits = []
    for seed in range(8):
        made, videos = filmed(seed, subsets=96, hardness=0.2)
        rows, labels, poses = np.arange(30, 33), made.labels.copy(), made.poses.copy()
        labels[rows, 1] += [24, -14]
        learned = made.inclusion[:, rows].any(axis=1)
        poses[np.ix_(learned, rows, [1])] += [24, -14]
        repeated = repeated_errors(poses, labels, made.inclusion, videos)
        hits.append(
            repeated[0].frames.tolist() == rows.tolist() and repeated[0].keypoint == 1 and repeated[0].p_adjusted < 0.1
        )
        assert 0 < repeated[0].networks <= (~learned).sum()
    assert np.mean(hits) >= 0.75


@pytest.mark.parametrize("labelled", [True, False], ids=["right neighbours", "neighbours without the label"])
def test_a_run_with_one_wrong_label_is_not_said_to_be_off_together(labelled):
    """On the open field eight runs were called, and in none of them were all frames off."""
    for seed in range(4):
        made, videos = filmed(seed, subsets=64, hardness=0.2)
        labels = made.labels.copy()
        labels[31, 1] += [240, -140]
        if not labelled:
            labels[[30, 32], 1] = np.nan
        repeated = repeated_errors(made.poses, labels, made.inclusion, videos)
        (p,) = [run.p_adjusted for run in repeated if run.frames.tolist() == [30, 31, 32]]
        assert p > 0.05


@pytest.mark.parametrize("freedom", [np.inf, 3.0])
def test_right_runs_are_seldom_called(freedom):
    calls = []
    for seed in range(30):
        made, videos = filmed(seed, freedom=freedom, keypoints=(4, 8)[seed % 2], subsets=24)
        repeated = repeated_errors(made.poses, made.labels, made.inclusion, videos)
        calls.append(bool(repeated) and repeated[0].p_adjusted < 0.05)
    assert np.mean(calls) <= 0.17


def test_right_runs_are_seldom_called_where_single_networks_lose_keypoints():
    """Few networks have seen no frame of a run, and a network that loses a keypoint loses it in all frames alike.

    When runs were compared with single frames that many networks judge, four of five such studies called a right run.
    """
    calls = []
    for seed in range(30):
        rng = np.random.default_rng([seed, 11])
        made, videos = study(seed, subsets=24, keypoints=6, hardness=0.2)
        lost = rng.random(made.poses.shape[:3]) < 0.04
        made.poses[lost] += 100 * unit_vectors(rng, lost.sum())
        for start in range(0, 32, 4):  # all of the pool
            for frame in range(start + 1, start + 4):
                moved = made.truth[start] - made.truth[frame]
                made.labels[frame] += moved
                made.poses[:, frame] = made.poses[:, start] + rng.normal(0, 0.5, made.poses[:, start].shape)
        repeated = repeated_errors(made.poses, made.labels, made.inclusion, videos)
        calls.append(bool(repeated) and repeated[0].p_adjusted < 0.05)
    assert np.mean(calls) <= 0.17


def unit_vectors(rng: np.random.Generator, count: int) -> np.ndarray:
    angle = rng.uniform(0, 2 * np.pi, count)
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def test_a_biased_video_of_a_study_is_written_and_reported_with_its_keypoint(tmp_path: Path):
    made = write_study(tmp_path / "walk", frames=60, halves=16, ladder_seeds=0, planted=False)
    study = Results(made.folder, made.options)
    study.frames["video"] = np.repeat(["one", "two", "three"], 20)
    off = np.zeros(study.labels.xy.shape[:2], complex)
    off[20:40, 3] = 12
    study.labels.xy[:] += turned(off, np.nan_to_num(study.labels.xy))
    table = errors_over_frames(study)
    first = table[table["kind"] == "biased"].iloc[0]
    assert (first["video"], first["keypoint"], bool(first["called"])) == ("two", "tail base", True)
    assert first["distance_px"] == pytest.approx(12, abs=3)
    assert set(table.loc[table["called"], "kind"]) == {"biased"}
    write_errors_over_frames(study)
    summary = study.summary | {"learned": True, "diverged": [], "networks": 16}
    lines = notes(study.folder, CONFIG, summary)
    (sentence,) = [line for line in lines if "one direction" in line]
    assert "two" in sentence
    assert "tail base" in sentence


@pytest.mark.parametrize("off", [0, 1])
def test_of_two_videos_that_differ_both_are_called_whichever_is_off(off: int):
    made, videos = study(1, subsets=16)
    biases = biased_groups(made.poses, biased(made, videos % 2 == off, 1, 8.0), made.inclusion, videos % 2)
    assert {(bias.group, bias.keypoint) for bias in biases if bias.p_adjusted < 0.05} == {(0, 1), (1, 1)}


@pytest.mark.parametrize(("kind", "by"), [("biased", "video"), ("biased labeller", "labeller")])
def test_of_two_videos_or_labellers_that_differ_it_is_reported_that_nobody_can_know_which_one_is_off(
    kind: str, by: str, tmp_path: Path
):
    row = {"kind": kind, "keypoint": "nose", "distance_px": 8.04, "p_adjusted": 0.01, "called": True}
    right = row | {"keypoint": "ear", "called": False}
    three = [row | {by: "one", "keypoint": "tail"}, *(right | {by: name, "keypoint": "tail"} for name in ("two", "x"))]
    pair = [changed | {by: name} for changed in (row, right) for name in ("two", "one")]
    columns = [*row, "video", "labeller", "first_image", "last_image"]
    write_csv(tmp_path / FILE, pd.DataFrame([*pair, *three], columns=columns))
    both, alone = sentences_over_frames(tmp_path)
    assert both == (
        "The labels of nose differ in one direction between one and two, by 8.0 px (p = 0.01 over all): which of the "
        "two is off is unknown."
    )
    assert "the labels of tail are off in one direction: by 8.0 px against the other" in alone


def test_a_study_of_one_video_without_runs_has_an_empty_table_and_no_sentence(tmp_path: Path):
    study = write_study(tmp_path / "walk", frames=16, halves=6, ladder_seeds=0, planted=False)
    write_errors_over_frames(study)
    assert errors_over_frames(study).empty
    assert sentences_over_frames(study.folder) == []


def test_a_labeller_whose_labels_point_one_way_in_every_video_is_named_and_no_video_is(tmp_path: Path):
    made = write_study(tmp_path / "walk", frames=96, halves=16, ladder_seeds=0, planted=False)
    study = Results(made.folder, made.options)
    study.frames["video"] = np.repeat(["one", "two", "three"], 32)
    labellers = np.array(["ann", "ben", "cleo"], object)[np.arange(96) % 3]
    labellers[:4] = None  # nobody knows whose these are
    study.frames["labeller"] = labellers
    off = np.zeros(study.labels.xy.shape[:2], complex)
    off[labellers == "ann", 2] = 12
    study.labels.xy[:] += turned(off, np.nan_to_num(study.labels.xy))
    table = errors_over_frames(study)
    called = table[table["called"]].to_dict("records")
    assert [(row["kind"], row["labeller"], row["keypoint"]) for row in called] == [
        ("biased labeller", "ann", "right ear")
    ]
    assert called[0]["distance_px"] == pytest.approx(12, abs=3)
    write_errors_over_frames(study)
    (sentence,) = sentences_over_frames(study.folder)
    assert "ann" in sentence
    assert "right ear" in sentence
