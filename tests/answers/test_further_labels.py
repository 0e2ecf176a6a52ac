"""The effect of more labels, and rare poses, on studies with a known truth."""

import numpy as np
import pytest

from frameworth.answers.further_labels import ALL, HARDLY, WORTHWHILE, further_labels, pose_plane, verdicts
from frameworth.answers.learning_curve import LearningCurve
from synthetic_study import write_study


def changes(low: float, high: float) -> LearningCurve:
    """A curve whose change to one number of frames has this interval."""
    ends = (np.array([low]), np.array([(low + high) / 2]), np.array([high]))
    return LearningCurve(np.array([80.0]), *ends, *ends[1:2], ends[0], ends[2])


def test_a_change_is_called_only_where_the_whole_interval_is_on_one_side_or_small():
    assert verdicts(changes(-0.2, -1.5 * WORTHWHILE)) == ["would gain"]
    assert verdicts(changes(1.5 * WORTHWHILE, 0.2)) == ["would lose"]
    assert verdicts(changes(-0.9 * HARDLY, WORTHWHILE / 2)) == ["would hardly change"]
    assert verdicts(changes(-0.2, -WORTHWHILE / 2))[0].startswith("cannot be told")
    assert verdicts(changes(-HARDLY, 0.2))[0].startswith("cannot be told")


def test_frames_of_one_pose_lie_together_wherever_the_animal_is_and_a_gap_does_not_move_them_far():
    rng = np.random.default_rng(0)
    pose = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 5.0]])
    xy = np.stack([pose + rng.uniform(0, 500, 2) + rng.normal(0, 0.1, (3, 2)) for _ in range(30)])
    xy[20:] = xy[20:, ::-1]
    place = pose_plane(xy)
    assert np.ptp(place[:20, 0]) < 1
    assert abs(place[0, 0] - place[25, 0]) > 5
    xy[3] = np.nan
    xy[4, 1:] = np.nan
    assert np.isnan(pose_plane(xy)[[3, 4]]).all()
    assert np.isfinite(pose_plane(xy)[5:]).all()


def test_a_held_out_frame_of_a_pose_that_the_pool_lacks_and_of_high_error_is_thin(tmp_path):
    study = write_study(tmp_path, frames=40, halves=12, ladder_seeds=2, planted=False, missing=False)
    frame = int(np.flatnonzero(~study.pool)[0])
    study.labels.xy[frame, 0] += [60.0, 0.0]
    study.scores["log_error"][:, frame] = 5.0
    frames = further_labels(study).poses.set_index("frame")
    assert frames.loc[frame, "thin"]
    assert not frames.loc[study.pool, "thin"].any()
    assert (frames["pose_distance"].idxmax()) == frame
    study.scores["log_error"][:, frame] = 0.0  # as far away, but no trouble
    assert not further_labels(study).poses.set_index("frame").loc[frame, "thin"]


def test_each_keypoint_has_a_curve_of_its_own_and_a_wider_interval(tmp_path):
    study = write_study(tmp_path, frames=24, halves=12, ladder_seeds=3)
    tables = further_labels(study)
    assert set(tables.changes["keypoint"]) == {ALL, *study.labels.keypoints}
    curve = tables.curve
    assert curve["fitted"].notna().all()
    measured = curve[curve["keypoint"] == "nose"].set_index("frames")["measured"].dropna()
    assert set(measured.index) == set(study.subsets["frames"])
    held_out = study.scores["log_error"][:, ~study.pool, 0]
    size = study.subsets["frames"].to_numpy()
    for frames, value in measured.items():
        assert value == pytest.approx(np.nanmean(held_out[size == frames], axis=1).mean(), rel=1e-5)
