"""Trials with a known truth: labels spoilt among all frames, and the study's results about them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sleap_io

from benchmarks.metagradients import groups, print_windows
from benchmarks.spoil import shuffle, spoil
from benchmarks.trial import measure, what_was_learned
from frameworth.errors import UserError
from frameworth.labels.deeplabcut import LabelledProject, read_project
from frameworth.storage.files import write_csv, write_json
from small_study import digests
from tiny import draw, with_labels


def rows_of(project: LabelledProject, table: pd.DataFrame) -> list[int]:
    names = list(zip(project.videos, project.images, strict=True))
    return [names.index(name) for name in zip(table["video"], table["image"], strict=True)]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A drawn project whose planted errors are of no account here."""
    folder = draw(tmp_path / "source", frames=30)
    (folder / "planted.csv").unlink()
    return folder


def test_a_share_of_all_frames_is_spoilt_as_said_and_the_others_keep_every_bit(source, tmp_path):
    before = digests(source)
    returned = spoil(source, tmp_path / "trial", share=0.4, seed=1)
    assert digests(source) == before
    assert not (tmp_path / "trial" / "planted.csv").exists()
    table = pd.read_csv(tmp_path / "trial" / "spoilt.csv")
    pd.testing.assert_frame_equal(table, returned, check_dtype=False)
    assert table["kind"].value_counts().to_dict() == {"moved": 4, "exchanged": 4, "shifted": 4}
    was, now = read_project(source), read_project(tmp_path / "trial")
    spoilt = rows_of(was, table)
    others = np.setdiff1d(np.arange(30), spoilt)
    assert np.array_equal(was.xy[others], now.xy[others], equal_nan=True)
    least, most = 15 * 64 / 400, 40 * 64 / 400  # the images are 64 px wide
    for row, (kind, keypoints, px) in zip(spoilt, table[["kind", "keypoints", "px"]].to_numpy(), strict=True):
        off = np.linalg.norm(now.xy[row] - was.xy[row], axis=1)
        assert np.array_equal(np.isnan(now.xy[row]), np.isnan(was.xy[row]))
        assert px == pytest.approx(np.nanmax(off), abs=0.051)
        assert keypoints.split(";") == [name for name, far in zip(was.keypoints, off, strict=True) if far > 0]
        assert not ((now.xy[row] < 0) | (now.xy[row] > [64, 48])).any()
        count = len(keypoints.split(";"))
        if kind == "exchanged":
            first, second = np.flatnonzero(off > 0)
            assert np.array_equal(now.xy[row][[first, second]], was.xy[row][[second, first]])
        else:
            assert count == (1 if kind == "moved" else np.isfinite(off).sum())
            assert least - 1e-6 <= np.nanmax(off) <= most + 1e-6


def test_the_same_seed_spoils_the_same_and_frames_held_out_by_a_study_are_spoilt_too(source, tmp_path):
    first, again = (spoil(source, tmp_path / name, share=0.2, seed=3) for name in ("first", "again"))
    other = spoil(source, tmp_path / "other", share=0.2, seed=4)
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)
    assert np.array_equal(read_project(tmp_path / "first").xy, read_project(tmp_path / "again").xy, equal_nan=True)
    everything = spoil(source, tmp_path / "all", share=1.0, seed=1)
    assert len(everything) == 30


def test_where_there_is_no_room_to_shift_the_animal_one_keypoint_is_moved_and_this_is_recorded(source, tmp_path):
    with_labels(source, np.tile([[1.5, 1.5], [62.5, 1.5], [1.5, 46.5], [62.5, 46.5]], (30, 1, 1)))
    table = spoil(source, tmp_path / "trial", share=0.2, seed=1)
    assert table["kind"].value_counts().to_dict() == {"moved": 4, "exchanged": 2}


def test_shuffled_labels_are_those_of_other_frames_each_once(source, tmp_path):
    table = shuffle(source, tmp_path / "trial", seed=1)
    assert set(table["kind"]) == {"shuffled"}
    assert len(table) == 30
    was, now = read_project(source).xy, read_project(tmp_path / "trial").xy
    same = np.array([[np.allclose(after, before, equal_nan=True) for before in was] for after in now])
    assert (same.sum(axis=0) == 1).all()
    assert (same.sum(axis=1) == 1).all()
    assert not same.diagonal().any()


def test_another_tools_labels_become_a_deeplabcut_project(source, tmp_path):
    labels = tmp_path / "labels.slp"
    sleap_io.save_slp(sleap_io.load_dlc_project(str(source)), str(labels), embed=False)
    command = [sys.executable, "-m", "benchmarks.spoil", str(labels), str(tmp_path / "trial")]
    done = subprocess.run([*command, "--share", "0.1"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(pd.read_csv(tmp_path / "trial" / "spoilt.csv")) == 3
    was, now = read_project(source), read_project(tmp_path / "trial")
    assert now.xy.shape == was.xy.shape
    order = [now.keypoints.index(name) for name in was.keypoints]
    changed = ~np.isclose(was.xy, now.xy[:, order], equal_nan=True).all(axis=(1, 2))
    assert changed.sum() == 3
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode != 0
    assert "Traceback" not in again.stderr


def finished(folder: Path, suspicion: list[float], flagged: list[bool]) -> Path:
    """A study's folder with the files that a trial reads; frame i is img{i}.png, ranked by suspicion."""
    table = pd.DataFrame({"suspicion": suspicion, "flagged": flagged})
    table["rank"] = table["suspicion"].rank(ascending=False, method="first", na_option="bottom").astype(int)
    table["video"], table["image"], table["split"] = "v", [f"img{i}.png" for i in range(len(table))], "pool"
    folder.mkdir(parents=True)
    write_csv(folder / "labels_to_check.csv", table.sort_values("rank"))
    medians = {"trained_on_median_px": 2.5, "not_trained_on_median_px": 4.0, "constant_guess_median_px": 20.0}
    others = {"learned": True, "constant_guess_rmse_px": 22.0, "labels_flagged": 3, "pool": 9}
    write_json(folder / "summary.json", medians | others)
    for seed, members in (("seed-1", [60.0, 90.0]), ("seed-2", [30.0])):
        path = folder / "ensembles" / "percent-050" / seed / "training.json"
        path.parent.mkdir(parents=True)
        write_json(path, {"members": [{"wall_seconds": seconds} for seconds in members]})
    return folder


def truth(path: Path, kinds: dict[int, str]) -> Path:
    rows = [
        {"video": "v", "image": f"img{i}.png", "kind": kind, "keypoints": "a", "px": 9} for i, kind in kinds.items()
    ]
    write_csv(path, pd.DataFrame(rows))
    return path


def test_a_trial_counts_what_was_found_by_hand(tmp_path):
    """Suspicions 9 8 7 6 5 4 … with frames 0, 2 and the unknown 5 spoilt: pairs won are 5 + 4 + 0 of 15."""
    study = finished(
        tmp_path / "study", [9, 8, 7, 6, 5, np.nan, 4, 3], [True, True, False, False, False, False, False, False]
    )
    spoilt_csv = truth(tmp_path / "spoilt.csv", {0: "moved", 2: "exchanged", 5: "moved"})
    measured = measure(study, spoilt_csv)
    # An unknown suspicion is as low as the lowest, with which it ties: half a pair.
    assert measured["auroc"] == pytest.approx((5 + 4 + 0.5) / 15)
    assert measured["auroc_low"] <= measured["auroc"] <= measured["auroc_high"]
    assert measured["ranks"] == [1, 3, 8]
    assert measured["precision_at_n"] == pytest.approx(2 / 3)
    assert (measured["flagged_spoilt"], measured["flagged_other"]) == (1, 1)
    assert measured["by_kind"]["moved"] == {"spoilt": 2, "auroc": pytest.approx(5.5 / 10), "flagged": 1}
    learned = what_was_learned(study)
    assert (learned["trained_on_median_px"], learned["not_trained_on_median_px"]) == (2.5, 4.0)
    assert learned["networks"] == 3
    assert learned["training_minutes"] == pytest.approx(3.0)
    command = [sys.executable, "-m", "benchmarks.trial", str(study), str(spoilt_csv)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = dict(line.split(": ", 1) for line in printed.splitlines())
    assert {name: json.loads(value) for name, value in lines.items()} == json.loads(json.dumps(learned | measured))


def test_the_interval_covers_chance_where_suspicion_knows_nothing(tmp_path):
    rng = np.random.default_rng(0)
    study = finished(tmp_path / "study", rng.normal(size=200).tolist(), [False] * 200)
    measured = measure(study, truth(tmp_path / "spoilt.csv", dict.fromkeys(range(16), "moved")))
    assert measured["auroc_low"] < 0.5 < measured["auroc_high"]
    assert 0.1 < measured["auroc_high"] - measured["auroc_low"] < 0.5


def test_of_shuffled_labels_flags_are_counted_and_no_auroc_is_given(tmp_path):
    study = finished(tmp_path / "study", [3, 2, 1], [True, False, False])
    measured = measure(study, truth(tmp_path / "spoilt.csv", dict.fromkeys(range(3), "shuffled")))
    assert np.isnan(measured["auroc"])
    assert measured["flagged_spoilt"] == 1


def test_the_truth_of_another_project_is_refused(tmp_path):
    study = finished(tmp_path / "study", [3, 2, 1], [False] * 3)
    with pytest.raises(UserError, match=r"img7\.png"):
        measure(study, truth(tmp_path / "spoilt.csv", {0: "moved", 7: "moved"}))


def test_groups_to_toggle_are_the_worst_right_frames_the_best_others_and_the_planted_ones():
    value = np.array([0.1, 9, 3, 2, -5, 0, -4, 8, 0.2, 0.3])
    planted = np.isin(np.arange(12), [1, 6, 11])
    table = pd.DataFrame({"frame": np.arange(12), "metagradient_value": [*value, np.nan, np.nan]})
    worst, best, others, spoilt = groups(table, planted, 2).tolist()
    assert worst == [7, 2]
    assert sorted(best) == [4, 5]
    assert set(others) < {0, 3, 8, 9}
    assert spoilt == [1, 6]
    assert groups(table, np.zeros(12, bool), 3)[0].tolist() == [1, 7, 2]
    with pytest.raises(ValueError, match="3"):
        groups(table, planted, 3)


def test_windows_are_compared_with_the_longest_by_how_their_values_rank_frames(capsys: pytest.CaptureFixture[str]):
    longest = np.array([1.0, 2, 3, 4, 9, np.nan])
    print_windows([0.1, 1], np.array([-longest, longest]), np.arange(6) >= 4)
    short, long = capsys.readouterr().out.splitlines()
    assert short == "last 0.1 of the steps: agreement -1.00, of right frames -1.00, AUROC of planted frames 0.00"
    assert long == "last 1 of the steps: agreement 1.00, of right frames 1.00, AUROC of planted frames 1.00"
    print_windows([1], longest[None], np.zeros(6, bool))
    assert "AUROC" not in capsys.readouterr().out
