"""Planted errors: the right share, of the kinds asked for, in a copy; held-out frames and the source untouched."""

import numpy as np
import pandas as pd
import pytest

from frameworth.errors import UserError
from frameworth.labels.deeplabcut import read_project
from frameworth.labels.label_errors import animal_length, exchange_neighbours, move_one
from frameworth.labels.plant import plant_errors
from frameworth.plan.split import hold_out
from small_study import digests
from tiny import HELD_OUT, draw, with_labels


def planted(tmp_path, **changes):
    source = draw(tmp_path / "source", frames=40)
    options = {"held_out": HELD_OUT, "seed": 1, "share": 0.3, "kinds": ["shifted", "swapped", "elsewhere", "missing"]}
    before = digests(source)
    plant_errors(source, tmp_path / "copy", **(options | changes))
    assert digests(source) == before
    kinds = pd.read_csv(tmp_path / "copy" / "planted.csv").set_index(["video", "image"])["planted"]
    return read_project(source), read_project(tmp_path / "copy"), kinds


def test_each_kind_spoils_labels_as_it_says_and_nothing_else_changes(tmp_path):
    source, copy, kinds = planted(tmp_path)
    held_out = hold_out(source.videos, source.images, seed=1, pictures=None, **HELD_OUT)
    names = list(zip(source.videos, source.images, strict=True))
    assert len(kinds) == round(0.3 * (~held_out).sum())
    counts = kinds.replace("elsewhere", "shifted").value_counts()  # where the opposite place is no other one
    assert abs(counts["swapped"] - counts["missing"]) <= 1 and abs(counts["shifted"] - 2 * counts["swapped"]) <= 2
    assert {"shifted", "elsewhere"} <= set(kinds)
    left, right = source.keypoints.index("leftear"), source.keypoints.index("rightear")
    for row, name in enumerate(names):
        before, after = source.xy[row], copy.xy[row]
        kind = kinds.get(name)
        if kind is None or held_out[row]:
            assert kind is None
            assert np.array_equal(before, after, equal_nan=True)
        elif kind == "swapped":
            assert after[left] == pytest.approx(before[right], abs=1e-3, nan_ok=True)
        elif kind == "missing":
            assert np.isnan(after[:, 0]).sum() > np.isnan(before[:, 0]).sum()
            assert np.isfinite(after[:, 0]).any()
        else:
            moved = (after - before)[np.isfinite(before).all(axis=1)]
            assert np.ptp(moved, axis=0) == pytest.approx([0, 0], abs=2e-3)
            assert np.hypot(*moved[0]) >= 0.15 * 64 - 1e-2
            known = after[np.isfinite(after).all(axis=1)]
            assert ((known >= 0) & (known <= [64, 48])).all()
            opposite = [64, 48] - np.nanmean(before, axis=0)
            if kind == "elsewhere":
                assert np.nanmean(after, axis=0) == pytest.approx(opposite, abs=1e-2)


def test_a_share_that_is_no_frame_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"plant\.share"):
        planted(tmp_path, share=0.01)


def longest(xy: np.ndarray) -> float:
    """The largest distance between two labels [K, 2], pair by pair."""
    known = [point for point in xy if np.isfinite(point).all()]
    return max(float(np.hypot(*(first - second))) for first in known for second in known)


@pytest.mark.slow
def test_small_errors_spoil_one_keypoint_or_two_neighbours_and_leave_every_other_bit(tmp_path):
    source = draw(tmp_path / "source", frames=40)
    xy = read_project(source).xy + np.random.default_rng(0).uniform(0, 1e-6, (40, 4, 2))  # more than three decimals
    xy[::3, 1] = np.nan
    before = with_labels(source, xy)
    options = {"held_out": HELD_OUT, "seed": 1, "share": 0.5, "kinds": ["moved", "exchanged"], "moved_by": [0.2, 0.3]}
    for name in ("copy", "again"):
        plant_errors(source, tmp_path / name, **options)
    plant_errors(source, tmp_path / "other", **(options | {"seed": 2}))
    after, again, other = (read_project(tmp_path / name).xy for name in ("copy", "again", "other"))
    assert np.array_equal(after, again, equal_nan=True)
    assert not np.array_equal(after, other, equal_nan=True)
    kinds = pd.read_csv(tmp_path / "copy" / "planted.csv").set_index(["video", "image"])["planted"]
    assert kinds.value_counts().to_dict() == {"moved": 8, "exchanged": 7}
    for row, name in enumerate(zip(before.videos, before.images, strict=True)):
        was, now = before.xy[row], after[row]
        assert np.array_equal(np.isnan(was), np.isnan(now))
        changed = np.flatnonzero((was != now).any(axis=1) & np.isfinite(was[:, 0]))
        if name not in kinds:
            assert not len(changed)
        elif kinds[name] == "moved":
            (keypoint,) = changed
            assert 0.2 <= np.hypot(*(now - was)[keypoint]) / longest(was) <= 0.3
            assert ((now[keypoint] >= 0) & (now[keypoint] <= [64, 48])).all()
        else:
            first, second = changed
            assert np.array_equal(now[[first, second]], was[[second, first]])
            apart = np.hypot(*(was[first] - was[second]))
            to = [np.hypot(*(was - was[point]).T) for point in (first, second)]
            assert any(apart == np.nanmin(distances[distances > 0]) for distances in to)


def test_of_one_labelled_keypoint_the_unit_is_the_width_and_it_is_moved_where_it_cannot_be_exchanged(tmp_path):
    source = draw(tmp_path / "source")
    xy = read_project(source).xy
    xy[:] = np.nan
    labelled = np.arange(len(xy)), np.arange(len(xy)) % 4  # another keypoint of each frame
    xy[labelled] = [30.25, 20.5]
    with_labels(source, xy)
    plant_errors(source, tmp_path / "copy", held_out=HELD_OUT, seed=1, share=0.5, kinds=["exchanged"])
    kinds = pd.read_csv(tmp_path / "copy" / "planted.csv")["planted"]
    assert set(kinds) == {"moved"}
    moved = np.hypot(*(read_project(tmp_path / "copy").xy[labelled] - [30.25, 20.5]).T)
    assert (moved > 0).sum() == len(kinds)
    assert ((moved[moved > 0] >= 0.1 * 64) & (moved[moved > 0] <= 0.25 * 64)).all()


def test_an_animal_without_room_to_be_shifted_has_one_keypoint_moved(tmp_path):
    corners = np.array([[1.0, 1.0], [63.0, 47.0], [1.0, 47.0], [30.0, 20.0]])
    folder = draw(tmp_path / "source", frames=40)
    source = with_labels(folder, np.tile(corners, (40, 1, 1)))
    plant_errors(folder, tmp_path / "copy", held_out=HELD_OUT, seed=1, share=0.3, kinds=["shifted"])
    changed = (read_project(tmp_path / "copy").xy != source.xy).any(axis=2).sum(axis=1)
    kinds = pd.read_csv(tmp_path / "copy" / "planted.csv")["planted"]
    assert set(kinds) == {"moved"}
    assert sorted(changed[changed > 0]) == [1] * len(kinds)


def test_a_moved_keypoint_is_drawn_uniformly_from_the_range_in_all_directions():
    rng = np.random.default_rng(0)
    xy = np.array([[50.0, 50], [20, 20], [np.nan, np.nan], [60, 90]])
    steps = []
    for _ in range(2000):
        out, keypoint = move_one(xy, np.array([100, 100]), (5, 9), rng)
        assert keypoint != 2
        steps.append(out[keypoint] - xy[keypoint])
    distance, angle = np.hypot(*np.array(steps).T), np.arctan2(*np.array(steps).T)
    assert 5 <= distance.min() < 5.05
    assert 8.95 < distance.max() <= 9
    assert distance.mean() == pytest.approx(7, abs=0.1)
    assert np.abs(np.exp(1j * angle).mean()) < 0.06


def test_a_keypoint_in_the_corner_moves_into_the_image():
    for seed in range(50):
        out, _ = move_one(np.array([[0.0, 0.0]]), np.array([64, 48]), (6, 16), np.random.default_rng(seed))
        assert ((out > 0) & (out < [64, 48])).all()
        assert 6 - 1e-9 <= np.hypot(*out[0]) <= 16


def test_a_keypoint_is_exchanged_with_its_nearest_labelled_neighbour():
    """A line of keypoints 0, 1, (unlabelled), 10, 12: the neighbours are 0 with 1, and 10 with 12."""
    xy = np.array([[0.0, 0], [1, 0], [np.nan, np.nan], [10, 0], [12, 0]])
    pairs = {tuple(sorted(exchange_neighbours(xy, np.random.default_rng(seed))[1])) for seed in range(40)}
    assert pairs == {(0, 1), (3, 4)}
    assert animal_length(xy, np.array([100, 100])) == 12


def test_a_biased_video_is_moved_one_way_in_the_animals_axes_and_a_run_by_the_same_px(tmp_path):
    source, copy, kinds = planted(tmp_path, share=0.6, kinds=["biased", "run", "moved"], moved_by=[0.1, 0.15])
    names = list(zip(source.videos, source.images, strict=True))
    held_out = hold_out(source.videos, source.images, seed=1, pictures=None, **HELD_OUT)
    off = copy.xy - source.xy
    rows = {kind: [row for row, name in enumerate(names) if kinds.get(name) == kind] for kind in set(kinds)}
    assert set(rows) == {"biased", "run", "moved"}
    spoilt = sorted(row for of_kind in rows.values() for row in of_kind)
    assert not held_out[spoilt].any()
    changed = np.flatnonzero((np.nan_to_num(off) != 0).any(axis=(1, 2)))
    assert changed.tolist() == spoilt
    assert (np.nan_to_num(off[changed]) != 0).any(axis=2).sum(axis=1).tolist() == [1] * len(changed)
    assert len({source.videos[row] for row in rows["biased"]}) == 1
    (keypoint,) = set(np.argwhere((np.nan_to_num(off[rows["biased"]]) != 0).any(axis=2))[:, 1])
    tail, snout = (source.xy[rows["biased"], source.keypoints.index(name)] for name in ("tailbase", "snout"))
    line, moved = tail - snout, off[rows["biased"], keypoint]
    turned = (moved[:, 0] + 1j * moved[:, 1]) / (line[:, 0] + 1j * line[:, 1])
    inside = np.hypot(*moved.T) > 0.98 * np.hypot(*moved.T).max()  # others were stopped by the image's edge
    assert np.ptp(np.angle(turned[inside] / turned[inside][0])) < 1e-6
    free = [row for row in np.flatnonzero(~held_out) if row not in rows["moved"] + rows["biased"]]
    first = free.index(rows["run"][0])
    assert rows["run"][:2] == free[first : first + 2]
