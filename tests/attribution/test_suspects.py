"""Suspicious labels from networks' poses: hand-computed parts, what must not matter, planted errors, false flags."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from frameworth import Suspects, suspect_labels
from frameworth.attribution.inference.values import out_of_bag_consensus
from frameworth.attribution.suspicion.body_axes import direction, mean_shape
from frameworth.attribution.suspicion.deviations import (
    at_each_place,
    exchange_gain,
    given_others,
    robust_z,
    size_deviation,
)
from frameworth.attribution.suspicion.mean_errors import error_probability
from frameworth.attribution.suspicion.suspects import KINDS, wrong_one
from simulated_poses import Simulated, simulated_poses


def study(seed: int = 0, **options) -> Simulated:
    return simulated_poses(np.random.default_rng(seed), **options)


def suspects(made: Simulated, labels: np.ndarray | None = None, **options) -> Suspects:
    return suspect_labels(made.poses, made.labels if labels is None else labels, made.inclusion, **options)


def by_mean_error(made: Simulated, labels: np.ndarray) -> np.ndarray:
    """Suspicion [N] by how far networks miss labels on average, and nothing else."""
    error = np.log1p(np.linalg.norm(made.poses - labels, axis=-1))
    return -error_probability(error, made.inclusion).min(axis=1)


def assert_equal(actual: Suspects, expected: Suspects, skip: tuple[str, ...] = ()) -> None:
    for field in dataclasses.fields(Suspects):
        if field.name not in skip:
            first, second = getattr(actual, field.name), getattr(expected, field.name)
            if first.dtype.kind == "f":
                np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-7, err_msg=field.name)
            else:
                np.testing.assert_array_equal(first, second, err_msg=field.name)


def test_the_place_is_the_median_of_the_networks_that_did_not_see_the_frame():
    made = study(frames=40, subsets=6)
    made.poses[0, 3, 1] = np.nan
    np.testing.assert_allclose(suspects(made).place, out_of_bag_consensus(made.poses, made.inclusion))


def test_networks_of_small_subsets_hardly_count_where_they_are_less_exact():
    made = study(subsets=9)
    percents = np.array([50] * 3 + [10] * 6)
    made.poses[3:] += np.random.default_rng(1).normal(0, 40, made.poses[3:].shape)
    exact = out_of_bag_consensus(made.poses[:3], made.inclusion[:3])
    errors = [
        np.nanmedian(np.linalg.norm(place - made.truth, axis=-1))
        for place in (suspects(made).place, suspects(made, percents=percents).place, exact)
    ]
    assert errors[1] < 1.2 * errors[2] < errors[0] / 1.5


def test_the_animals_axes_turn_with_the_animal_and_are_mirrored_with_it():
    shape = np.array([3 + 0j, -1 + 1j, -1 - 1j, -1 + 0j])
    turns = np.exp(1j * np.array([0, 0.5, 2.0, -3.0]))
    points = turns[:, None] * shape * np.array([[1], [2], [0.3], [1]]) + np.array([[5], [0], [1j], [2]])
    mean = mean_shape(points)
    np.testing.assert_allclose(mean, shape / np.linalg.norm(shape), atol=1e-12)  # its farthest keypoint on the x axis
    np.testing.assert_allclose(direction(points, mean), turns, atol=1e-12)
    np.testing.assert_allclose(direction(points.conj(), mean_shape(points.conj())), turns.conj(), atol=1e-12)
    points[1, 3] = np.nan
    np.testing.assert_allclose(direction(points, mean), turns, atol=1e-12)  # three of four keypoints still tell


def test_robust_z_by_hand_and_of_few_values_against_all():
    values = np.full((9, 2), np.nan)
    values[:, 0] = [1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 9]
    values[:2, 1] = [1.4, 2.0]
    # Median 1.4, deviations .4 .3 .2 .1 0 .1 .2 .3 7.6, of which the median is .2.
    np.testing.assert_allclose(robust_z(values)[:8, 0], (values[:8, 0] - 1.4) / (1.4826 * 0.2))
    every = np.append(values[:, 0], [1.4, 2.0])
    middle = np.median(every)
    assert robust_z(values)[1, 1] == pytest.approx((2 - middle) / (1.4826 * np.median(np.abs(every - middle))))
    assert np.isnan(robust_z(values)[2:, 1]).all()
    alike = np.append(np.full(9, 2.0), 4.0)[:, None]  # median deviation 0, mean deviation .2
    assert robust_z(alike)[:, 0] == pytest.approx([*[0] * 9, 2 / (1.2533 * 0.2)])
    np.testing.assert_allclose(size_deviation(7 * values), size_deviation(values))


def test_what_others_predict_is_the_regression_on_them():
    """Keypoint 0 follows the mean of the others closely: its remainder is what was added to it, and no more."""
    rng = np.random.default_rng(2)
    off = rng.normal(size=(2000, 3)) + 1j * rng.normal(size=(2000, 3))
    added = 0.2 * (rng.normal(size=2000) + 1j * rng.normal(size=2000))
    off[:, 0] = (off[:, 1] + off[:, 2]) / np.sqrt(2) + added
    rest = given_others(off)
    assert np.abs(rest[:, 0] - added).mean() < 0.6 * np.abs(added).mean()  # others are bounded, and correlations shrunk
    assert np.abs(rest[:, 1]).mean() < 0.8 * np.abs(off[:, 1]).mean()
    off[:, 2] = np.nan
    alone = given_others(off)
    assert np.isnan(alone[:, 2]).all()
    assert np.abs(rest[:, 0]).mean() < np.abs(alone[:, 0]).mean() < np.abs(off[:, 0]).mean()


def test_one_wrong_label_in_a_frame_does_not_make_its_others_suspicious():
    made = study(5, frames=200)
    labels = made.labels.copy()
    labels[7, 2] += 60
    was, now = suspects(made), suspects(made, labels)
    assert (now.kind[7], now.keypoint[7]) == ("alone", 2)
    assert now.p_alone[7] < 0.01 < was.p_alone[7]
    labels[8] += [-40, 30]
    assert suspects(made, labels).kind[[7, 8]].tolist() == ["alone", "together"]


def test_the_gain_of_an_exchange_by_hand():
    """Labels 4 and 0 px from their own places, which are 4 px apart along x; standard deviations 1 and 2 px."""
    place, label = np.array([[0j, 4 + 0j]]), np.array([[4 + 0j, 4 + 0j]])
    gain = exchange_gain(at_each_place(label, place, np.array([[1.0, 2.0]])))
    unexchanged = -3 * np.log1p(4**2 / 4)
    exchanged = -3 * np.log1p(4**2 / 4)
    assert gain[0, 0, 1] == pytest.approx(exchanged - unexchanged)
    assert gain[0, 1, 0] == gain[0, 0, 1]
    assert np.isneginf(np.diag(gain[0])).all()
    label = np.array([[4 + 0j, 0j]])
    assert exchange_gain(at_each_place(label, place, np.array([[1.0, 2.0]])))[0, 0, 1] == pytest.approx(
        3 * np.log1p(4**2 / 4) + 3 * np.log1p((4 / 2) ** 2 / 4)
    )


def spoilt(made: Simulated, kind: str, rows: np.ndarray) -> np.ndarray:
    labels = made.labels.copy()
    rng = np.random.default_rng(len(rows))
    for row in rows:
        if kind == "alone":
            labels[row, rng.integers(labels.shape[1])] += 25 * np.array([np.cos(row), np.sin(row)])
        elif kind == "together":
            labels[row] += 25 * np.array([np.cos(row), np.sin(row)])
        elif kind == "turned":
            middle = made.truth[row].mean(axis=0)
            labels[row] = middle + (labels[row] - middle) @ np.array([[0.8, 0.6], [-0.6, 0.8]])
        elif kind == "exchanged":
            labels[row, [0, 2]] = labels[row, [2, 0]]
        elif kind == "overlooked":
            labels[row, 1] = np.nan
    return labels


@pytest.mark.parametrize(
    ("kind", "named", "least"),
    [
        ("alone", "alone", 0.95),
        ("together", "together", 0.95),
        ("turned", "together", 0.9),
        ("exchanged", "exchanged", 0.95),
    ],
)
def test_planted_errors_rank_above_right_frames_and_are_called_by_their_kind(kind, named, least):
    auroc, called, before = [], [], []
    for seed in range(5):
        made = study(seed, frames=120, keypoints=6)
        rows = np.arange(seed, 120, 16)
        labels = spoilt(made, kind, rows)
        suspected, wrong = suspects(made, labels), np.isin(np.arange(120), rows)
        auroc.append(roc_auc_score(wrong, suspected.suspicion))
        before.append(roc_auc_score(wrong, by_mean_error(made, labels)))
        called.append((suspected.kind[rows] == named).mean())
        if kind == "exchanged":
            pairs = np.sort(np.stack([suspected.keypoint, suspected.partner])[:, rows], axis=0)
            pairs = pairs[:, suspected.kind[rows] == kind]
            assert (pairs == [[0], [2]]).all()
        else:
            assert (suspected.partner[suspected.kind != "exchanged"] == -1).all()
    assert np.mean(auroc) > least
    assert np.mean(auroc) > np.mean(before) - 0.01
    assert np.mean(called) > 0.7


def test_small_errors_of_one_keypoint_are_found_where_the_whole_frame_is_usually_off():
    """All networks see animals displaced by some px: only what other keypoints tell finds one that is 12 px off."""
    new, old = [], []
    for seed in range(6):
        made = study(seed, keypoints=5, common=8.0, hardness=0.3)
        labels, rows = made.labels.copy(), np.arange(seed, 120, 12)
        for row in rows:
            labels[row, row % 5] += 12 * np.array([np.cos(row), np.sin(row)])
        wrong = np.isin(np.arange(120), rows)
        new.append(roc_auc_score(wrong, suspects(made, labels).suspicion))
        old.append(roc_auc_score(wrong, by_mean_error(made, labels)))
    assert np.mean(new) > np.mean(old) + 0.05


def test_an_overlooked_keypoint_is_one_where_networks_agree_more_than_at_others_without_a_label():
    made = study(3, frames=120, keypoints=5)
    rng = np.random.default_rng(0)
    hidden = np.arange(0, 120, 4)
    made.poses[:, hidden, 1] += rng.normal(0, 30, (8, len(hidden), 2))  # no network knows where it is
    labels = made.labels.copy()
    labels[hidden, 1] = np.nan
    labels[[6, 50], 1] = np.nan  # and two that all of them see
    suspected = suspects(made, labels)
    assert np.isnan(suspected.p_overlooked[np.isfinite(labels).all(axis=(1, 2))]).all()
    order = np.argsort(np.where(np.isnan(suspected.p_overlooked), 2, suspected.p_overlooked))
    assert set(order[:2]) == {6, 50}
    assert (suspected.kind[[6, 50]] == "overlooked").all()
    assert (suspected.keypoint[[6, 50]] == 1).all()
    np.testing.assert_allclose(suspected.place[6, 1], np.median(made.poses[~made.inclusion[:, 6], 6, 1], axis=0))


def test_few_keypoints_without_a_label_are_measured_against_labelled_ones():
    made = study(3, frames=60)
    labels = made.labels.copy()
    labels[5, 2] = labels[9, 0] = np.nan
    made.poses[:, 9, 0] += np.random.default_rng(1).normal(0, 60, (8, 2))
    suspected = suspects(made, labels)
    assert 0 < suspected.p_overlooked[5] < suspected.p_overlooked[9] == 1
    assert np.isfinite(suspected.p_overlooked).sum() == 2


@pytest.mark.slow
@pytest.mark.parametrize("freedom", [np.inf, 5.0, 3.0])
@pytest.mark.parametrize(
    ("keypoints", "studies", "least", "most"),
    # .5 to 2, and the error of so few studies
    [(k, 18, 0.2, 2.5) for k in (4, 17)]
    + [pytest.param(k, 100, 0.35, 2.3, marks=pytest.mark.long) for k in (4, 8, 17, 30)],
)
def test_about_one_right_frame_is_flagged_over_all_kinds_together(keypoints, freedom, studies, least, most):
    counts = []
    for seed in range(studies):
        options = {"frames": (90, 120, 200)[seed % 3], "subsets": (4, 8, 24)[seed % 3]}
        made = simulated_poses(
            np.random.default_rng([seed, keypoints]), keypoints=keypoints, freedom=freedom, **options
        )
        counts.append(suspects(made).flagged.sum())
    assert least <= np.mean(counts) <= most


def test_more_false_flags_are_flagged_where_more_are_allowed():
    made = study(4, frames=200)
    few, many = (suspects(made, expected_false_flags=allowed) for allowed in (0.1, 20))
    assert few.flagged.sum() <= 2
    assert 8 <= many.flagged.sum() <= 40
    assert (few.flagged <= many.flagged).all()
    lowest_flagged = many.suspicion[many.flagged].min()
    assert (many.suspicion[~many.flagged] < lowest_flagged).all()


@pytest.mark.slow
@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 999),
    scale=st.floats(1e-3, 1e3),
    shift=st.tuples(st.floats(-500, 500), st.floats(-500, 500)),
    mirror=st.booleans(),
)
def test_moving_scaling_and_mirroring_all_coordinates_changes_nothing(seed, scale, shift, mirror):
    made = study(seed, frames=30, keypoints=4, subsets=5)
    made.labels[seed % 30, 1] = np.nan
    factor = scale * np.array([-1 if mirror else 1, 1])
    moved = Simulated(made.poses * factor + shift, made.labels * factor + shift, made.inclusion, made.truth)
    first, second = suspects(made), suspects(moved)
    assert_equal(first, second, skip=("place",))
    np.testing.assert_allclose(second.place, first.place * factor + shift, rtol=1e-6, atol=1e-6 * scale)


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 9999),
    frames=st.integers(1, 25),
    keypoints=st.integers(1, 5),
    subsets=st.integers(1, 6),
    missing=st.sampled_from([0.0, 0.3, 0.9, 1.0]),
    inclusion_rate=st.sampled_from([0.0, 0.5, 1.0]),
    exact=st.booleans(),
)
@example(seed=1, frames=2, keypoints=2, subsets=2, missing=0.3, inclusion_rate=0.0, exact=False)
@pytest.mark.filterwarnings("error")
def test_nothing_raises_and_what_is_unknown_is_said_to_be(
    seed, frames, keypoints, subsets, missing, inclusion_rate, exact
):
    rng = np.random.default_rng(seed)
    made = study(seed, frames=frames, keypoints=keypoints, subsets=subsets)
    labels = made.labels.round(-1 if exact else 8)
    poses = np.broadcast_to(labels, made.poses.shape).copy() if exact else made.poses
    labels[rng.random(labels.shape[:2]) < missing] = np.nan
    poses[rng.random(poses.shape[:3]) < missing / 2] = np.nan
    inclusion = rng.random((subsets, frames)) < inclusion_rate
    suspected = suspect_labels(poses, labels, inclusion)
    assert_equal(suspected, suspect_labels(poses.copy(), labels.copy(), inclusion.copy()))
    known = np.isfinite(suspected.suspicion)
    seen = np.isfinite(poses).all(axis=-1) & ~inclusion[:, :, None]
    assert not known[
        ~(seen.any(axis=0) & np.isfinite(labels).all(axis=-1).any(axis=1, keepdims=True)).any(axis=1)
    ].any()
    assert known[(seen.any(axis=0) & np.isfinite(labels).all(axis=-1)).any(axis=1)].all()
    assert not suspected.flagged[~known].any()
    assert (suspected.kind[~known] == "").all()
    assert np.isin(suspected.kind[known], KINDS).all()
    assert (suspected.keypoint[~known] == -1).all()
    assert ((suspected.keypoint == -1) == ((suspected.kind == "together") | ~known)).all()
    for kind in KINDS:
        p = getattr(suspected, f"p_{kind}")
        assert ((p >= 0) & (p <= 1) | np.isnan(p)).all()


def test_what_networks_say_of_frames_they_were_trained_on_does_not_count():
    made = study(6, frames=50)
    other = made.poses.copy()
    other[made.inclusion] += 300
    assert_equal(suspects(made), suspect_labels(other, made.labels, made.inclusion))


def test_of_labels_that_others_predict_as_badly_the_one_that_is_itself_off_is_the_wrong_one():
    at_own_place = np.array([[0.2, 7.0, 0.5], [0.2, 3.0, 0.5], [np.nan, 0.1, 0.2], [0.1, 0.1, 0.1]])
    unlikely = np.full((4, 3, 3), 9.0)
    unlikely[:, range(3), range(3)] = at_own_place
    p = np.array([[0.003, 0.004, 0.4], [0.0001, 0.04, 0.4], [np.nan, 0.3, 0.9], [0.5, 0.5, 0.5]])
    assert wrong_one(p, unlikely).tolist() == [1, 0, 1, 0]


def test_a_single_keypoint_is_judged_by_its_own_errors():
    made = study(7, frames=80, keypoints=1)
    made.labels[11, 0] += 50
    suspected = suspects(made)
    assert suspected.suspicion.argmax() == 11
    assert (suspected.kind == "alone").all()
    assert np.isnan(suspected.p_together).all()
    assert np.isnan(suspected.p_exchanged).all()


@pytest.mark.parametrize(
    ("poses", "labels", "inclusion", "percents"),
    [
        ((3, 9, 4, 2), (9, 5, 2), (3, 9), None),
        ((3, 9, 4, 2), (9, 4, 2), (9, 3), None),
        ((3, 9, 4, 3), (9, 4, 3), (3, 9), None),
        ((9, 4, 2), (9, 4, 2), (3, 9), None),
        ((3, 9, 4, 2), (9, 4, 2), (3, 9), 4),
    ],
)
def test_arrays_that_do_not_fit_are_refused_with_their_shapes(poses, labels, inclusion, percents):
    given_percents = None if percents is None else np.full(percents, 50)
    with pytest.raises(ValueError, match=r"of shape"):
        suspect_labels(np.zeros(poses), np.zeros(labels), np.zeros(inclusion, bool), percents=given_percents)
