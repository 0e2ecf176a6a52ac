"""SLEAP's label quality control: asked where it is installed, and where it is not, said so and done without."""

import json
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from conftest import REPOSITORY, run_snakemake
from frameworth.answers.validation import validation
from frameworth.errors import UserError
from frameworth.labels.demo import draw_project
from frameworth.labels.frames import collect_frames, read_frames
from frameworth.labels.labels import read_labels, write_labels
from frameworth.results.label_qc import ENVIRONMENT, read_label_qc, suspicions, write_label_qc
from synthetic_study import write_study
from tiny import HELD_OUT, config, draw, write_config

needs_sleap = pytest.mark.skipif(
    not (ENVIRONMENT / "ready").exists(), reason="SLEAP is not installed; `make sleap-environment` installs it"
)


def paths(folder):
    return folder / "frames.csv", folder / "labels.h5", folder / "label_qc.csv", folder / "label_qc.json"


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


def test_without_sleap_the_reason_is_written_and_validation_goes_without_the_row(tmp_path):
    results = write_study(tmp_path, frames=32, halves=24, ladder_seeds=0)
    reason = write_label_qc(*paths(tmp_path), environment=tmp_path / "nowhere")
    assert "make sleap-environment" in reason
    assert json.loads((tmp_path / "label_qc.json").read_text()) == {"available": False, "reason": reason}
    assert (tmp_path / "label_qc.csv").read_text() == "frame,suspicion\n"
    assert read_label_qc(tmp_path).reason == reason
    methods = validation(results)["method"].tolist()
    assert "out-of-bag error" in methods
    assert "SLEAP label QC" not in methods


def test_what_sleap_suspects_is_compared_with_what_was_planted(tmp_path):
    results = write_study(tmp_path, frames=32, halves=24, ladder_seeds=0)
    planted = results.planted.astype(float)
    pd.DataFrame({"frame": results.frames["frame"], "suspicion": planted}).to_csv(tmp_path / "label_qc.csv")
    (tmp_path / "label_qc.json").write_text('{"available": true, "versions": {}}')
    table = validation(results).set_index(["quantity", "method", "score"])
    found = {quantity: table.loc[(quantity, "SLEAP label QC", "labels")] for quantity in ("auroc", "average precision")}
    assert [row["value"] for row in found.values()] == [1, 1]
    assert found["auroc"]["ci_low"] == pytest.approx(0.025 ** (1 / planted.sum()))  # two frames found prove little
    assert found["auroc"]["ci_high"] == 1
    assert np.isnan(found["average precision"]["ci_low"])


def test_an_environment_that_is_broken_is_an_error_that_names_it(tmp_path):
    collect_frames(draw(tmp_path / "project"), HELD_OUT, 1, tmp_path / "frames.csv", tmp_path / "labels.h5")
    python = tmp_path / "environment" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    (tmp_path / "environment" / "ready").touch()
    with pytest.raises(UserError, match=r"environment failed \(ModuleNotFoundError: .*sleap.*make sleap-environment"):
        write_label_qc(*paths(tmp_path), environment=tmp_path / "environment")


@needs_sleap
def test_sleap_finds_keypoints_that_lie_far_from_where_the_pose_has_them(displaced):
    assert write_label_qc(*paths(displaced)) == ""
    suspicion = read_label_qc(displaced).suspicion
    assert pd.read_csv(displaced / "label_qc.csv")["frame"].tolist() == list(range(100))
    assert ((suspicion >= 0) & (suspicion <= 1)).all()
    wrong = np.arange(100) % 10 == 0
    assert roc_auc_score(wrong, suspicion) > 0.7
    versions = json.loads((displaced / "label_qc.json").read_text())["versions"]
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
    found, _ = suspicions(replace(labels, xy=xy), read_frames(displaced / "frames.csv")["video"].tolist(), ENVIRONMENT)
    assert np.flatnonzero(np.isnan(found)).tolist() == [3]


@pytest.mark.parametrize("changes", [{}, {"plant": {"share": 0.2, "kinds": ["shifted"]}}])
def test_only_studies_with_planted_errors_ask_sleap(tmp_path, changes):
    draw(tmp_path / "project")
    study = write_config(tmp_path / "study.yaml", config("project", **changes))
    plan = run_snakemake(tmp_path, "-n", "--configfile", str(study))
    assert ("label_qc" in plan.stdout + plan.stderr) == bool(changes)
