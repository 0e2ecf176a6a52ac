"""The files that a config asks for, before any of them exists."""

from pathlib import Path

import pytest

from frameworth.attribution import methods
from frameworth.cli.artefacts import Artefacts
from frameworth.errors import RefusedError
from frameworth.figures import figure_names
from frameworth.plan.config import check_config
from frameworth.videos.video_names import video_folder
from tiny import config


def artefacts(**changes):
    return Artefacts(check_config(config("mice", **changes)), [Path("mice/config.yaml")])


def test_what_the_config_leaves_out_is_not_made():
    plain = artefacts()
    for absent in ("pilot.json", "arms.csv", "toggle.csv", "out_of_bag.h5", "frames_to_label.csv"):
        assert f"results/tiny/{absent}" not in plain.all()
    assert plain.project == plain.labelled_project == "mice"
    assert plain.project_files("mice") == [Path("mice/config.yaml")]


@pytest.mark.parametrize(
    ("changes", "made"),
    [
        ({"plant": {"share": 0.2, "kinds": ["shifted"]}}, ["planted_project"]),
        ({"arms": {"late": {"curriculum": "hard-first"}}}, ["arms.csv", "out_of_bag.h5"]),
        ({"toggle": {"pairs": 2}}, ["toggle.csv", "toggle/with/subsets/percent-050/seed-2.json"]),
        ({"videos": ["night.mp4"]}, [f"videos/{video_folder('night.mp4')}/consensus.h5", "frames_to_label.csv"]),
        ({"influence": {"warm": {"networks": 2}}}, ["warm/percent-050/seed-2.h5", "warm_influence.h5"]),
        ({"influence": {"metagradient": {}}}, ["metagradients.h5", "metagradient_labels.csv"]),
        ({"keep_snapshots": True}, ["ensembles/percent-050/seed-3/member-0.pt"]),
    ],
)
def test_what_a_part_of_the_config_asks_for_is_made(changes, made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("night.mp4").write_bytes(b"a film")
    assert {f"results/tiny/{name}" for name in made} <= set(artefacts(**changes).all())


A_METHOD_MORE = """
from dataclasses import replace
from frameworth.attribution.methods.metagradient import METHOD as KNOWN
METHOD = replace(KNOWN, name="alike", artefact="alike.h5", label_table="alike_labels.csv", window=lambda options: 0.25)
"""


def test_the_file_of_a_method_alone_says_which_table_of_labels_it_has_and_how_much_of_a_training_it_takes(
    tmp_path, monkeypatch
):
    (tmp_path / "alike.py").write_text(A_METHOD_MORE)
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path)])
    study = artefacts(influence={"alike": {"networks": 1}})
    assert {"results/tiny/alike.h5", "results/tiny/alike_labels.csv"} <= set(study.all())
    assert list(study.windows().values()) == [0.25]
    with pytest.raises(RefusedError, match=r"influence\.alike"):  # which has no training loop that can be taken again
        artefacts(influence={"alike": {}}, training={"engine": "stock"})


def test_networks_that_are_not_kept_are_no_files_of_the_study():
    assert not [path for path in artefacts(keep_snapshots=False).all() if path.endswith(".pt")]


def test_each_figure_is_drawn_by_one_job_and_what_it_reads_is_made():
    study = artefacts(arms={"late": {"curriculum": "hard-first"}})
    jobs = list(study.figure_jobs())
    drawn = [name for job in jobs for name in job.names]
    assert sorted(drawn) == sorted(figure_names(1, []))
    assert {path for job in jobs for path in job.further} <= set(study.all())
    assert len({job.rule for job in jobs}) == len(jobs)
