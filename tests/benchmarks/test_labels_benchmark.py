"""The benchmark of label checkers: its numbers equal those counted by hand, and errors are planted as named."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from benchmarks.labels import (
    IN_SAMPLE,
    OURS,
    Ranking,
    Stored,
    cleanlab_objectlab,
    cleanlab_regression,
    is_installed,
    judge,
    left_out,
    main,
    measure,
    plant,
    rankings,
    read_stored,
    spoils,
    trekr,
    versions,
)
from conftest import REPOSITORY
from frameworth import suspect_labels
from frameworth.labels.labels import Labels
from simulated_poses import simulated_poses
from synthetic_study import write_study

WIDTH = 640
PLANTED = [0, 9, 22, 41, 66]  # frames of the pool, spoilt by the study itself
TRAINED_ON = "spoilt before training"


@pytest.fixture(scope="module")
def stored() -> Stored:
    """Two videos of 60 frames, of which four in a row are alike; networks have learned the frames that they saw.

    All networks that did not see a frame see the same in it, so that its out-of-bag error is that of any of them.
    """
    made = simulated_poses(np.random.default_rng(3))
    alike = np.arange(120) // 4 * 4
    xy = made.truth[alike] + np.random.default_rng(4).normal(0, 0.5, made.truth.shape)
    xy[PLANTED, 2] += 40
    poses = np.where(made.inclusion[:, :, None, None], xy, made.poses[0][alike])
    labels = Labels(xy, ("a", "b", "c", "d"), np.zeros((0, 2), int), ("",) * 120, ("",) * 120, np.full((120, 2), WIDTH))
    planted = np.isin(np.arange(120), PLANTED)
    return Stored(poses, labels, made.inclusion, np.full(8, 50), ["first"] * 60 + ["second"] * 60, planted)


def seen(stored: Stored) -> np.ndarray:
    """What any network that did not see a frame sees in it, [N, K, 2]."""
    return stored.poses[stored.inclusion.argmin(axis=0), np.arange(120)]


def median_error(stored: Stored) -> float:
    return float(np.median([np.linalg.norm(stored.poses[s, n] - stored.labels.xy[n], axis=1)
                            for s, n in zip(*np.nonzero(~stored.inclusion), strict=True)]))  # fmt: skip


def by_hand(wrong: np.ndarray, suspicion: np.ndarray) -> float:
    """The share of pairs of a wrong and a right frame that are in order; a tie is half a pair."""
    pairs = [(of_wrong, of_right) for of_wrong in suspicion[wrong] for of_right in suspicion[~wrong]]
    return float(np.mean([(of_wrong > of_right) + (of_wrong == of_right) / 2 for of_wrong, of_right in pairs]))


def of_networks(stored: Stored) -> dict[str, Ranking]:
    """The rankings that need nothing installed, without geometry's."""
    every = rankings(stored)
    return {name: every[name] for name in (OURS, "out-of-bag error", IN_SAMPLE)}


def test_auroc_and_precision_are_those_counted_by_hand():
    """Of 3 × 2 pairs 5 1/2 are in order; of the three places two are taken, and one is between a right and a wrong."""
    wrong = np.array([True, False, True, False, True])
    assert judge(wrong, np.array([9, 1, 7, 5, 5])) == (pytest.approx(5.5 / 6), pytest.approx((2 + 1 / 2) / 3))
    # What nothing is known of is as little suspicious as the least.
    assert judge(wrong, np.array([9, 1, np.nan, 5, 5])) == (pytest.approx((2 + 1.5 + 0.5) / 6), pytest.approx(2 / 3))
    assert judge(wrong, np.full(5, np.nan)) == (0.5, pytest.approx(3 / 5))


def test_each_kind_of_error_is_measured_over_right_frames_as_one_does_by_hand(stored):
    rows = {row["kind"]: row for row in measure(stored, of_networks(stored), plantings=3)}
    right, pool = ~stored.planted, stored.inclusion.any(axis=0)
    for kind, kinds in spoils(stored).items():
        each: dict[str, list[float]] = {"out-of-bag error": [], OURS: [], IN_SAMPLE: []}
        for planting in range(3):
            xy, wrong = plant(stored, kinds, planting)
            error = np.linalg.norm(seen(stored) - xy, axis=2).mean(axis=1)
            each["out-of-bag error"].append(by_hand(wrong[right], error[right]))
            ours = suspect_labels(stored.poses, xy, stored.inclusion).suspicion
            each[OURS].append(by_hand(wrong[right], ours[right]))
            if wrong[pool].any():
                each[IN_SAMPLE].append(1.0)  # networks are where the labels were, and held-out frames do not count
        for name, values in each.items():
            measured = rows[kind]["rankings"][name]
            assert measured["auroc_each"] == pytest.approx(values), (kind, name)
            assert measured["auroc"] == pytest.approx(np.mean(values))
            if np.std(values) > 0:
                interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
                assert measured["auroc_interval"] == pytest.approx(np.clip(interval, 0, 1))


def test_errors_that_the_study_planted_are_judged_by_its_own_labels_in_a_row_of_their_own(stored):
    (row,) = [row for row in measure(stored, of_networks(stored), plantings=1) if row["kind"] == TRAINED_ON]
    error = np.linalg.norm(seen(stored) - stored.labels.xy, axis=2).mean(axis=1)
    assert row["spoilt"] == 5
    measured = row["rankings"]["out-of-bag error"]
    assert measured["auroc"] == pytest.approx(by_hand(stored.planted, error))
    assert measured["auroc_interval"][0] <= measured["auroc"] <= measured["auroc_interval"][1]
    # They were learned as they are, so that networks that saw them have nothing to say against them.
    assert row["rankings"][IN_SAMPLE]["auroc"] < 0.8 < measured["auroc"]
    assert TRAINED_ON not in [row["kind"] for row in measure(replace(stored, planted=np.zeros(120, bool)), {}, 1)]


@pytest.mark.parametrize("planting", [0, 1])
def test_each_kind_of_error_is_planted_as_its_name_says(stored, planting):
    usual = median_error(stored)
    single = {f"one keypoint by {times:g} × the median error, {times * usual:.1f} px": times * usual
              for times in (1.5, 2.5, 4)} | {"one keypoint by 14 px": 14.0, "one keypoint by 20 px": 20.0}  # fmt: skip
    like = f"one keypoint of like neighbouring frames by {2.5 * usual:.1f} px"
    others = ["neighbours exchanged", "whole animal by 5% of the width", like, "single keypoints", "all"]
    kinds = spoils(stored)
    assert list(kinds) == [*single, *others]
    before = stored.labels.xy
    for name, in_turn in kinds.items():
        xy, wrong = plant(stored, in_turn, planting)
        vectors = (xy - before)[wrong]
        off = np.linalg.norm(vectors, axis=2)
        count = (off > 0).sum(axis=1)
        assert ((xy != before).any(axis=(1, 2)) == wrong).all()
        assert not wrong[PLANTED].any()
        assert ((xy > 0) & (xy < WIDTH))[wrong].all()
        assert wrong.sum() in ((10, 11, 12) if name in (like, "all") else (10,))  # a twelfth of 115
        if name in single:
            assert (count == 1).all()
            assert off.max(axis=1) == pytest.approx(single[name])
        elif name == "neighbours exchanged":
            for row, moved in zip(np.flatnonzero(wrong), off > 0, strict=True):
                first, second = np.flatnonzero(moved)
                assert np.array_equal(xy[row, [first, second]], before[row, [second, first]])
                apart = np.linalg.norm(before[row][:, None] - before[row], axis=2) + np.diag([np.inf] * 4)
                assert second == apart[first].argmin() or first == apart[second].argmin()
        elif name.startswith("whole animal"):
            assert off == pytest.approx(0.05 * WIDTH)
            assert vectors == pytest.approx(np.repeat(vectors[:, :1], 4, axis=1))
        elif name == like:
            for of_run in np.unique(np.flatnonzero(wrong) // 4):
                rows = np.flatnonzero(wrong & (np.arange(120) // 4 == of_run))
                moved = (xy - before)[rows]
                assert len(rows) in (2, 3)
                assert moved == pytest.approx(np.repeat(moved[:1], len(rows), axis=0))
                assert np.sort(np.linalg.norm(moved[0], axis=1)) == pytest.approx([0, 0, 0, 2.5 * usual])
        elif name == "single keypoints":
            assert (count == 1).all()
            assert Counter(np.round(off.max(axis=1), 6)) == {round(px, 6): 2 for px in single.values()}
        else:
            assert set(count) == {1, 2, 4}


def test_plantings_differ_and_the_same_one_spoils_the_same(stored):
    every = spoils(stored)["all"]
    first, again, other = (plant(stored, every, planting)[0] for planting in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_finished_study_gives_a_file_and_a_table_and_what_is_not_installed_is_left_out(tmp_path, monkeypatch, capsys):
    write_study(tmp_path / "walk", frames=32, halves=8, ladder_seeds=0)
    monkeypatch.chdir(tmp_path)
    main(["walk", "--plantings", "1"])
    printed = capsys.readouterr().out
    results = json.loads((tmp_path / "results/benchmarks/labels.json").read_text())
    (study,) = results["studies"].values()
    assert results["left_out"] == left_out()
    assert all(line in printed for line in left_out())
    kinds = [row["kind"] for row in study["rows"]]
    assert {"one keypoint by 14 px", "all", TRAINED_ON} <= set(kinds)
    assert not any("like neighbouring" in kind for kind in kinds)  # no frame of it is like the one before
    table = [line for line in printed.splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(kinds)
    for package, name in (("trekr", "TREKR"), ("cleanlab", "cleanlab, regression"), ("cleanlab", "ObjectLab")):
        assert (name in table[0]) == is_installed(package)


def test_frames_that_were_spoilt_before_the_study_are_judged_apart_as_those_that_it_planted(tmp_path):
    study = write_study(tmp_path / "walk", frames=32, halves=8, ladder_seeds=0)
    (tmp_path / "spoilt.csv").write_text("video,image,kind\nwalk,img003.png,moved\nother,img004.png,moved\n")
    planted, also = (read_stored(study.folder, spoilt).planted for spoilt in (None, tmp_path / "spoilt.csv"))
    assert np.flatnonzero(planted != also).tolist() == [3]


def test_a_folder_that_is_no_study_is_refused(tmp_path):
    with pytest.raises(SystemExit, match=r"nowhere: has no scores\.h5"):
        main([str(tmp_path / "nowhere")])


@pytest.mark.skipif(
    not (is_installed("trekr") and is_installed("cleanlab")),
    reason="TREKR and cleanlab are not installed; `make peers` installs them",
)
def test_other_projects_checkers_find_keypoints_that_lie_far_off(stored):
    wrong = np.arange(120) % 12 == 0
    xy = seen(stored) + np.random.default_rng(0).normal(0, 1, stored.labels.xy.shape)
    xy[wrong, 1] += 80
    xy[5] = np.nan
    for suspicion in (
        trekr(xy),
        cleanlab_regression(xy, seen(stored)),
        cleanlab_objectlab(xy, seen(stored), stored.labels.sizes),
    ):
        assert np.flatnonzero(np.isnan(suspicion)).tolist() == [5]
        assert judge(wrong, suspicion)[0] > 0.95
    lock = (REPOSITORY / "envs/peers.lock").read_text()
    assert all(f"{name}=={version} " in lock for name, version in versions().items())
