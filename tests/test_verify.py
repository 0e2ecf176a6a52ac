"""Damage anywhere in a study is found, refused by who reads it, and mended by one command without retraining."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from frameworth.__main__ import main
from frameworth.arm_training import started_from
from frameworth.digests import FOLDER, keep_digests
from frameworth.ensemble import run_ensembles
from frameworth.errors import UserError
from frameworth.figures import draw_figure
from frameworth.files import write_text
from frameworth.hdf5 import read_hdf5
from frameworth.influence import write_influence
from frameworth.label_qc import read_label_qc, write_label_qc
from frameworth.labels import read_labels
from frameworth.predict import load_predictors
from frameworth.predictions import read_predictions
from frameworth.results import Results
from frameworth.scores import collect_scores
from frameworth.store import Entry, network_hash
from frameworth.subsets import collect_subsets, read_subset, read_subsets
from frameworth.training import network_seed
from frameworth.verifying import files_of, verify_study
from tiny import TRAINING, prepare

ROUNDS = 12  # in each of which every file of a study gets a flipped bit
TRUNCATIONS = 4
ENSEMBLE = {
    "training": TRAINING, "study_seed": 1, "members": 1, "device": "cpu", "consensus": "argmax",
    "distractor_radius": 16.0,
}  # fmt: skip


def make_study(study: Path) -> Path:
    """A study of three real networks up to its influence, with a figure, made by the library's own stages."""
    keep_digests(study)
    subsets = [prepare(study, seed=seed)[0] for seed in (1, 2, 3)]
    labels = study / "labels.h5"
    run_ensembles(subsets, labels, study / "ensembles", study / ".store", **ENSEMBLE)
    collect_subsets(subsets, study / "frames.csv", study / "subsets.csv", study / "subsets.h5")
    collect_scores(study, study / "frames.csv", labels, "argmax", study / "scores.h5", study / "rmse.csv")
    write_influence(study, study / "frames.csv", study / "scores.h5", [], "difference-of-means", study / "influence.h5")
    write_label_qc(study / "frames.csv", labels, study / "label_qc.csv", study / "label_qc.json", study / "none")
    draw_figure("inclusion_matrix", Results(study, {"consensus": "argmax"}), study / "figures")
    write_text(study / "report.html", "<p>A page.</p>\n")
    return study


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("made") / "study")


@pytest.fixture
def study(made, tmp_path):
    """A copy to be damaged, its networks hard links of the store's as in the original."""
    copy = tmp_path / "study"
    shutil.copytree(made, copy)
    for member in copy.glob("ensembles/*/*/member-0.pt"):
        (name,) = (one["hash"] for one in json.loads(member.with_name("training.json").read_text())["members"])
        member.unlink()
        member.hardlink_to(copy / ".store" / name / "network.pt")
    return copy


def flip(path: Path, rng: np.random.Generator) -> int:
    """Flip one bit of a file, in place as a disk would; its place in bits."""
    place = int(rng.integers(8 * path.stat().st_size))
    with path.open("rb+") as stream:
        stream.seek(place // 8)
        byte = stream.read(1)[0]
        stream.seek(place // 8)
        stream.write(bytes([byte ^ 1 << place % 8]))
    return place


def truncate(path: Path, rng: np.random.Generator) -> int:
    """Cut a file to a random part of its length; what is left."""
    length = int(rng.integers(path.stat().st_size))
    with path.open("rb+") as stream:
        stream.truncate(length)
    return length


def verify(*arguments):
    return CliRunner().invoke(main, ["verify", *map(str, arguments)])


def inodes(paths):
    """Paths by the file behind them: a network and its hard link are damaged once."""
    return list({path.stat().st_ino: path for path in paths}.values())


def test_a_study_that_nothing_happened_to_is_whole_wherever_it_is_moved(study, tmp_path):
    study = study.rename(tmp_path / "moved to another name")
    found = verify_study(study)
    assert (found.damages, found.unrecorded) == ([], [])
    assert found.agreed > 50
    assert verify(study).exit_code == 0


def test_verify_finds_every_flipped_bit_and_every_truncation_of_every_file(study, capsys):
    rng = np.random.default_rng(1)
    whole = {path: path.read_bytes() for path in inodes(files_of(study))}
    kinds = {path.suffix for path in whole}
    assert {".h5", ".csv", ".json", ".pt", ".png", ".svg", ".html"} <= kinds
    tried = found = 0
    for damage in [flip] * ROUNDS + [truncate] * TRUNCATIONS:
        # A file and the record of its digest are damaged in turn: either alone must be found.
        for records in (False, True):
            hit = [path for path in whole if path.is_relative_to(study / FOLDER) == records]
            places = {path: damage(path, rng) for path in hit}
            named = {one.path.stat().st_ino for one in verify_study(study).damages}
            missed = [(path, place) for path, place in places.items() if path.stat().st_ino not in named]
            assert not missed
            assert len(named) == len(hit)
            tried, found = tried + len(hit), found + len(named)
            for path in hit:
                with path.open("rb+") as stream:
                    stream.write(whole[path])
    assert not verify_study(study).damages
    with capsys.disabled():
        print(f"\nverify: {found} of {tried} damages found, {len(whole)} files of kinds {sorted(kinds)}", end=" ")


def readers(study: Path):
    """What reads each artefact of `make_study`: its path, and a function that returns plain values."""
    ensemble, subset = study / "ensembles/percent-050/seed-1", study / "subset-50-1.json"
    entry = Entry(study / ".store" / network_hash(read_subset(subset), TRAINING, network_seed(1, 50, 1, 0)))

    def network(file):
        (predictor,) = load_predictors([file], TRAINING, read_subset(subset).keypoints, torch.device("cpu"))
        return predictor

    results = Results(study, {})
    return {
        study / "labels.h5": lambda: vars(read_labels(study / "labels.h5")),
        study / "frames.csv": lambda: Results(study, {}).frames,
        study / "subsets.csv": lambda: read_subsets(study),
        study / "subsets.h5": lambda: read_subsets(study),
        study / "scores.h5": lambda: Results(study, {}).scores,
        study / "rmse.csv": lambda: Results(study, {}).rmse,
        study / "influence.h5": lambda: results.influence("error", "difference-of-means"),
        study / "label_qc.json": lambda: read_label_qc(study),
        subset: lambda: vars(read_subset(subset)),
        ensemble / "predictions.h5": lambda: read_hdf5(ensemble / "predictions.h5", ["pose"]),
        ensemble / "consensus.h5": lambda: read_predictions(ensemble / "predictions.h5", ensemble / "consensus.h5"),
        ensemble / "member-0.pt": lambda: network(ensemble / "member-0.pt"),
        ensemble / "training.json": lambda: started_from(
            study / "ensembles", study / ".store", {"start_from": {"percent": 50}}, read_subset(subset), 0
        ),
        entry.record: entry.read_record,
    }


def values_of(read):
    """What a reader returns, as text, to compare."""
    with np.printoptions(threshold=10**9):
        found = read()
        return repr({name: value.tolist() if hasattr(value, "tolist") else value for name, value in found.items()}
                    if isinstance(found, dict) else found)  # fmt: skip


def test_who_reads_a_damaged_artefact_refuses_it_by_name_and_says_how_to_mend_it(study, capsys):
    rng = np.random.default_rng(2)
    tried = 0
    for path, read in readers(study).items():
        whole = path.read_bytes()
        read()
        for damage in [flip] * ROUNDS + [truncate] * TRUNCATIONS:
            place = damage(path, rng)
            with pytest.raises(UserError) as refused:
                read()
            assert str(refused.value).startswith(f"{path}: damaged"), (path, place)
            assert f"`frameworth verify {study} --remove`" in str(refused.value)
            assert "\n" not in str(refused.value)
            tried += 1
            path.write_bytes(whole)
        read()
    with capsys.disabled():
        print(f"\nreaders: {tried} of {tried} damages refused", end=" ")
