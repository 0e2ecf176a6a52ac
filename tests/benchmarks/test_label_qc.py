"""SLEAP's label quality control, compared with the study's own suspicions: what it finds and what it cannot find."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from benchmarks.label_qc import ENVIRONMENT, measure, suspicions
from conftest import REPOSITORY
from demo.drawing import draw_project
from frameworth.errors import UserError
from frameworth.labels.frames import collect_frames, read_frames
from frameworth.labels.labels import read_labels, write_labels
from synthetic_study import write_study
from tiny import HELD_OUT, draw

needs_sleap = pytest.mark.skipif(
    not (ENVIRONMENT / "ready").exists(), reason="SLEAP is not installed; `make sleap-environment` installs it"
)


def ask(folder, environment=ENVIRONMENT):
    videos = read_frames(folder / "frames.csv")["video"].tolist()
    return suspicions(read_labels(folder / "labels.h5"), videos, environment)


@pytest.fixture(scope="module")
def displaced(tmp_path_factory):
    """The folder of a drawn study in which one keypoint of every tenth frame lies a third of the image away."""
    folder = tmp_path_factory.mktemp("displaced")
    draw_project(
        folder / "project", frames=100, width=64, height=48, seed=1, planted=0.0,
        pool=lambda videos, images: np.ones(len(videos), bool),
    )  # fmt: skip
    collect_frames(folder / "project", HELD_OUT, 1, folder / "frames.csv", folder / "labels.h5")
    labels = read_labels(folder / "labels.h5")
    labels.xy[::10, 0] += [20.0, -5.0]
    write_labels(folder / "labels.h5", labels)
    return folder


def test_an_environment_that_is_broken_is_an_error_that_names_it(tmp_path):
    collect_frames(draw(tmp_path / "project"), HELD_OUT, 1, tmp_path / "frames.csv", tmp_path / "labels.h5")
    python = tmp_path / "environment" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    (tmp_path / "environment" / "ready").touch()
    with pytest.raises(UserError, match=r"environment failed \(ModuleNotFoundError: .*sleap.*make sleap-environment"):
        ask(tmp_path, tmp_path / "environment")


def test_without_sleap_or_planted_errors_there_is_nothing_to_measure(tmp_path):
    with pytest.raises(UserError, match="make sleap-environment"):
        measure(tmp_path, tmp_path / "nowhere")
    (tmp_path / "ready").touch()
    write_study(tmp_path / "study", frames=16, halves=8, ladder_seeds=0, planted=False)
    with pytest.raises(UserError, match="no error was planted"):
        measure(tmp_path / "study", tmp_path)


@needs_sleap
def test_sleap_finds_keypoints_that_lie_far_from_where_the_pose_has_them(displaced):
    suspicion, versions = ask(displaced)
    assert ((suspicion >= 0) & (suspicion <= 1)).all()
    wrong = np.arange(100) % 10 == 0
    assert roc_auc_score(wrong, suspicion) > 0.7
    assert f"sleap=={versions['sleap']} " in (REPOSITORY / "envs/sleap.lock").read_text()


@needs_sleap
def test_sleap_cannot_see_that_a_whole_animal_was_labelled_elsewhere(displaced):
    labels = read_labels(displaced / "labels.h5")
    videos = read_frames(displaced / "frames.csv")["video"].tolist()
    before, _ = suspicions(labels, videos, ENVIRONMENT)
    xy = labels.xy.copy()
    xy[::5] += [20.0, -9.0]
    after, _ = suspicions(replace(labels, xy=xy), videos, ENVIRONMENT)
    assert np.abs(after - before).max() < 0.05


@needs_sleap
def test_frames_without_a_label_have_no_suspicion_and_a_missing_keypoint_does_no_harm(displaced):
    labels = read_labels(displaced / "labels.h5")
    xy = labels.xy.copy()
    xy[3], xy[4, 1] = np.nan, np.nan
    suspicion, _ = suspicions(
        replace(labels, xy=xy), read_frames(displaced / "frames.csv")["video"].tolist(), ENVIRONMENT
    )
    assert np.flatnonzero(np.isnan(suspicion)).tolist() == [3]
