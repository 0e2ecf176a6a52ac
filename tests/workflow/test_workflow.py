"""The whole workflow on a small study of real networks, and the changes that make it run again."""

import copy
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import frameworth
from conftest import REPOSITORY
from frameworth.attribution.inference.values import subset_level
from frameworth.cli.networks import StudyNetworks
from frameworth.errors import UserError
from frameworth.plan.config import check_config
from frameworth.results.verifying import verify_study
from frameworth.storage.digests import digest_of_file
from frameworth.storage.hdf5 import read_hdf5
from small_study import SmallStudy, state
from tiny import config, draw

BLOCKS = [
    {"design": "balanced", "percents": [50], "seeds": 8, "members": 1},
    {"design": "nested", "percents": [30, 70], "seeds": 1, "members": 2},
]


def of(folder: Path) -> SmallStudy:
    """A study of a drawn project in `folder`."""
    draw(folder / "project")
    return SmallStudy(folder, config("project", subsets=BLOCKS, influence={"groups": [[30, 70]]}))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A study that has run to its end, with what was printed."""
    study = of(tmp_path_factory.mktemp("study"))
    before = state(study.project)
    study.printed = study.run()
    study.untouched = before == state(study.project)
    return study


@pytest.fixture
def study(finished, tmp_path):
    """A copy of the finished study, to be changed by one test."""
    shutil.copytree(finished.folder, tmp_path / "study", symlinks=True)
    return SmallStudy(tmp_path / "study", copy.deepcopy(finished.config))


def test_every_artefact_is_there_and_whole_and_the_users_project_is_not_touched(finished):
    assert finished.untouched
    for name in (
        "frames.csv", "subsets.csv", "scores.h5", "influence.h5", "frame_values.csv", "labels_to_check.csv",
        "report.html", "subsets/percent-050/seed-2.json", "ensembles/percent-030/seed-1/member-1.pt",
        "ensembles/percent-030/seed-1/training.json", "ensembles/percent-030/seed-1/consensus_dlc.csv",
        "figures/learning_curve.png", "figures/learning_curve.svg", "figures/learning_curve.csv",
        "figures/influence_pair_harmful-1.png", "members.h5", "distractors.csv", "outliers.csv", "plan.csv", "add.csv",
        "distractors_groups.csv", "distractors_places.csv", "outliers_methods.csv", "plan_power.csv", "plan.json",
        "add_curve.csv", "add_poses.csv",
    ):  # fmt: skip
        assert (finished.results / name).stat().st_size > 0, name
    verification = verify_study(finished.results)
    assert (verification.damages, verification.unrecorded) == ([], [])


def test_the_collected_matrix_is_what_the_subsets_files_say(finished):
    table = pd.read_csv(finished.results / "subsets.csv")
    inclusion = read_hdf5(finished.results / "subsets.h5")["inclusion"]
    frames = pd.read_csv(finished.results / "frames.csv")
    assert inclusion.sum(axis=1).tolist() == table["frames"].tolist()
    assert not inclusion[:, (frames["split"] == "held-out").to_numpy()].any()
    for row, subset in table.iterrows():
        path = finished.results / "subsets" / f"percent-{subset.percent:03d}" / f"seed-{subset.seed}.json"
        listed = [frame["frame"] for frame in json.loads(path.read_text())["frames"]]
        assert np.flatnonzero(inclusion[row]).tolist() == listed


def test_scores_and_influence_follow_from_the_predictions(finished):
    """From the members' poses to one cell of the influence matrix, by hand."""
    table = pd.read_csv(finished.results / "subsets.csv")
    inclusion = read_hdf5(finished.results / "subsets.h5")["inclusion"]
    label = read_hdf5(finished.results / "labels.h5")["label"]
    errors = []
    for subset in table.itertuples():
        folder = finished.results / "ensembles" / f"percent-{subset.percent:03d}" / f"seed-{subset.seed}"
        pose = read_hdf5(folder / "predictions.h5")["pose"]
        errors.append(np.sqrt(((pose - label) ** 2).sum(-1)).mean(axis=0))
    errors = np.array(errors)
    assert np.allclose(read_hdf5(finished.results / "scores.h5")["error"], errors, atol=1e-3, equal_nan=True)
    value = read_hdf5(finished.results / "influence.h5")["error/difference-of-means/all/value"]
    frames = pd.read_csv(finished.results / "frames.csv")
    i = int(np.flatnonzero((frames["split"] == "pool").to_numpy())[0])
    expected = errors[inclusion[:, i]].mean(axis=0) - errors[~inclusion[:, i]].mean(axis=0)
    assert np.allclose(value[i], expected, atol=1e-3, equal_nan=True)
    held_out = (frames["split"] == "held-out").to_numpy()
    assert np.isnan(value[held_out]).all()


def test_frame_values_has_a_row_per_pool_frame_by_priority(finished):
    values = pd.read_csv(finished.results / "frame_values.csv")
    frames = pd.read_csv(finished.results / "frames.csv")
    assert sorted(values["frame"]) == frames.loc[frames["split"] == "pool", "frame"].tolist()
    assert values["check_priority"].tolist() == list(range(1, len(values) + 1))
    assert values["out_of_bag_error"].is_monotonic_decreasing
    assert (values["ci_low"] < values["ci_high"]).all()


def test_labels_to_check_has_a_row_per_labelled_frame_by_suspicion(finished):
    checks = pd.read_csv(finished.results / "labels_to_check.csv")
    frames = pd.read_csv(finished.results / "frames.csv")
    assert sorted(checks["frame"]) == frames["frame"].tolist()
    assert checks["suspicion"].dropna().is_monotonic_decreasing
    summary = json.loads((finished.results / "summary.json").read_text())
    assert not summary["learned"]  # six steps teach nothing, so that no frame is named
    assert summary["check_first"] == []


def test_the_study_loads_with_names_that_lead_to_the_files_numbers(finished):
    study = frameworth.load(finished.results)
    assert dict(study.sizes) == {
        "subset": 10, "frame": 16, "training_frame": 16, "keypoint": 4, "xy": 2, "score": 5, "estimator": 3, "group": 2,
    }  # fmt: skip
    assert study.group.values.tolist() == ["all", "30-70"]
    level = subset_level(np.log1p(study.error.values), study.inclusion.values)
    times_average = study.error[:, 0, 0].copy(data=np.exp(level) / np.exp(level).mean())
    without = (study.error / times_average).where(~study.inclusion).mean("subset").mean("keypoint")
    values = pd.read_csv(finished.results / "frame_values.csv").set_index("frame")
    assert np.allclose(without.sel(frame=values.index), values["out_of_bag_error"], rtol=1e-5)
    influence = study.influence.sel(score="error", estimator="size-centred", group="all")
    diagonal = [influence.sel(training_frame=i, frame=i).mean("keypoint").item() for i in values.index]
    assert np.allclose(diagonal, values["memorization"], rtol=1e-4, equal_nan=True)
    assert study.value.attrs["units"] == "−log(probability)"


def test_the_user_reads_what_is_coming_and_what_came(finished):
    text = finished.printed.stdout + finished.printed.stderr
    assert "12 networks on 10 subsets" in text
    assert re.search(r"Training takes about \d+", text)
    # Six steps from random weights teach nothing, so no frame is named either.
    assert "The networks have not learned, so no frame is judged" in text
    assert "training.steps (now 6)" in text
    assert "by suspicion" not in text
    assert "results/tiny/report.html" in text


def test_snakemakes_own_report_has_the_figures_and_tables_with_captions_by_category(finished, tmp_path):
    path = tmp_path / "report.zip"
    finished.run("--report", str(path))
    with zipfile.ZipFile(path) as archive:
        page = archive.read("report/report.html").decode()
        pictures = {Path(name).name for name in archive.namelist() if name.endswith(".png")}
    assert pictures == {picture.name for picture in finished.results.glob("figures/*.png")}
    for text in ("Labels to check", "How far to trust it", "Frames and networks", "table of all frames"):
        assert text in page
    caption = (REPOSITORY / "workflow/report/settling.rst").read_text().strip()
    assert caption in page


def test_afterwards_there_is_nothing_to_do_for_the_catalogues_snakefile_either(finished):
    command = [str(Path(sys.executable).parent / "snakemake"), "--snakefile", str(REPOSITORY / "workflow/Snakefile")]
    command += ["--directory", str(finished.folder), "--configfile", "study.yaml", "--dry-run"]
    done = subprocess.run(command, cwd=finished.folder, capture_output=True, text=True, check=True)
    assert "Nothing to be done" in done.stdout + done.stderr


def test_one_seed_more_trains_only_its_own_networks(study):
    before = study.trained()
    study.config["subsets"][0]["seeds"] = 9
    jobs = study.jobs("results/tiny/scores.h5")
    assert jobs["ensemble_of_1"] == 1
    assert [name for name in jobs if name.startswith("subset_")] == ["subset_balanced_050_new"]
    assert "ensemble_of_2" not in jobs
    after = study.trained()
    assert len(after) == len(before) + 1
    assert before.items() <= after.items()


def still_to_train(study):
    """How many networks are still to be trained, and how many of these are outdated."""
    left = StudyNetworks(check_config(study.config)).left()
    return left.networks, left.outdated


def test_corrected_labels_train_only_the_networks_that_saw_them_and_these_are_predicted(study, monkeypatch):
    """A frame that is held out was seen by none."""
    frames = pd.read_csv(study.results / "frames.csv")
    table = pd.read_csv(study.results / "subsets.csv")
    inclusion = read_hdf5(study.results / "subsets.h5")["inclusion"]
    frame = int(frames.index[frames["split"] == "pool"][0])
    members = np.where(table["design"] == "nested", 2, 1)
    before = study.trained()
    monkeypatch.chdir(study.folder)
    study.correct_label(frames.index[frames["split"] == "held-out"][0])
    assert still_to_train(study) == (0, 0)
    study.correct_label(frame)
    saw_it = members[inclusion[:, frame]].sum()
    assert still_to_train(study) == (saw_it, saw_it)
    study.run("results/tiny/scores.h5")
    assert still_to_train(study) == (0, 0)
    after = study.trained()
    assert before.items() <= after.items()
    assert len(after) - len(before) == saw_it
    with pytest.raises(UserError, match=r"influence\.h5: was made from other scores than .*scores\.h5 holds"):
        frameworth.load(study.results)


def test_networks_survive_the_loss_of_all_declared_files(study):
    before = study.trained()
    networks = {path: digest_of_file(path) for path in study.results.glob("ensembles/**/*.pt")}
    shutil.rmtree(study.results / "ensembles")
    (study.results / "scores.h5").unlink()
    study.run("results/tiny/scores.h5")
    assert study.trained() == before
    assert {path: digest_of_file(path) for path in study.results.glob("ensembles/**/*.pt")} == networks


def test_without_snapshots_no_network_stays_and_none_is_trained_for_it_while_more_steps_train_all(study):
    before = study.trained()
    study.config["training"]["steps"] += 1
    jobs = study.jobs("-n")
    assert (jobs["ensemble_of_1"], jobs["ensemble_of_2"]) == (8, 2)
    study.config["training"]["steps"] -= 1
    study.config["keep_snapshots"] = False
    study.run()
    assert study.trained() == before
    assert not [path for path in study.results.rglob("*.pt") if path.is_file()]
    study.config["figures"] = {"pairs": 2}
    jobs = study.jobs("-n")
    assert jobs
    assert all(name.startswith("draw_") or name == "report_page" for name in jobs)


def test_jobs_of_several_subsets_give_the_same_networks_and_a_new_seed_trains_only_its_own(finished, tmp_path):
    networks = "ensembles/percent-*/seed-*/member-*.pt"
    together = of(tmp_path / "together")
    together.config["training"]["subsets_per_job"] = 3
    targets = [f"results/tiny/{path.relative_to(finished.results)}" for path in finished.results.glob(networks)]
    assert together.jobs(*targets)["ensembles_050_of_1_part_3"] == 1
    assert len(targets) == 12
    for target in targets:
        ours, theirs = together.folder / target, finished.folder / target
        assert digest_of_file(ours) == digest_of_file(theirs), target
    before = together.trained()
    together.config["subsets"] = [BLOCKS[0] | {"seeds": 9}, BLOCKS[1]]
    more = together.jobs(*targets, "results/tiny/ensembles/percent-050/seed-9/member-0.pt")
    assert not {"ensembles_050_of_1_part_1", "ensembles_050_of_1_part_2"} & more.keys()
    after = together.trained()
    assert before.items() <= after.items()
    assert len(after) == len(before) + 1
