"""Damage anywhere in a study is found, refused by every reader, and repaired by one command without retraining."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner

from conftest import run_snakemake
from frameworth.__main__ import main
from frameworth.attribution.influence_file import write_influence
from frameworth.config.result_options import ResultOptions
from frameworth.errors import UserError
from frameworth.experiments.arm_training import started_from
from frameworth.figures import draw_figure
from frameworth.labels.labels import read_labels
from frameworth.labels.subsets import collect_subsets, read_subset, read_subsets
from frameworth.plan.identity import network_hash, network_seed
from frameworth.results.results import Results
from frameworth.results.verifying import files_of, verify_study
from frameworth.scores.scores import collect_scores
from frameworth.storage import digests, files
from frameworth.storage.digests import FOLDER, digest_of_file, keep_digests
from frameworth.storage.files import write_text
from frameworth.storage.hdf5 import read_hdf5
from frameworth.training.ensemble import run_ensembles
from frameworth.training.predict import load_predictors
from frameworth.training.predictions import read_predictions
from frameworth.training.store import Entry
from small_ensemble import OPTIONS, ensemble
from tiny import TRAINING, config, kill_while_training, prepare, write_config

ROUNDS = 12  # in each of which every file of a study gets a flipped bit
TRUNCATIONS = 4


def make_study(study: Path) -> Path:
    """A study of three real networks up to its influence, with a figure, made by the library's own stages."""
    keep_digests(study)
    subsets = [prepare(study, seed=seed)[0] for seed in (1, 2, 3)]
    labels = study / "labels.h5"
    run_ensembles(subsets, labels, study / "ensembles", study / ".store", members=1, **OPTIONS)
    collect_subsets(subsets, study / "frames.csv", study / "subsets.csv", study / "subsets.h5")
    collect_scores(study, "argmax")
    write_influence(study, [], "difference-of-means")
    draw_figure("inclusion_matrix", Results(study, ResultOptions(consensus="argmax")), study / "figures")
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
        (name,) = (record["hash"] for record in json.loads(member.with_name("training.json").read_text())["members"])
        member.unlink()
        member.hardlink_to(copy / ".store" / name / "network.pt")
    return copy


@contextmanager
def untouched(path: Path) -> Iterator[BinaryIO]:
    """A file to be changed in place as a disk does it: its time stays."""
    stat = path.stat()
    with path.open("rb+") as stream:
        yield stream
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def flip(path: Path, rng: np.random.Generator) -> int:
    """Flip one bit of a file; its place in bits."""
    place = int(rng.integers(8 * path.stat().st_size))
    with untouched(path) as stream:
        stream.seek(place // 8)
        byte = stream.read(1)[0]
        stream.seek(place // 8)
        stream.write(bytes([byte ^ 1 << place % 8]))
    return place


def truncate(path: Path, rng: np.random.Generator) -> int:
    """Cut a file to a random part of its length; what is left."""
    length = int(rng.integers(path.stat().st_size))
    with untouched(path) as stream:
        stream.truncate(length)
    return length


def verify(*arguments):
    return CliRunner().invoke(main, ["verify", *map(str, arguments)])


def inodes(paths):
    """Paths by the file behind them: a network and its hard link are damaged once."""
    return list({path.stat().st_ino: path for path in paths}.values())


def test_a_study_that_nothing_happened_to_is_whole_wherever_it_is_moved(study, tmp_path):
    study = study.rename(tmp_path / "moved to another name")
    verification = verify_study(study)
    assert (verification.damages, verification.unrecorded) == ([], [])
    assert verification.agreed > 50
    assert verify(study).exit_code == 0


def test_verify_finds_every_flipped_bit_and_every_truncation_of_every_file(study, tally):
    rng = np.random.default_rng(1)
    whole = {path: path.read_bytes() for path in inodes(files_of(study))}
    kinds = {path.suffix for path in whole}
    assert {".h5", ".csv", ".json", ".pt", ".png", ".svg", ".html"} <= kinds
    rounds = [flip] * ROUNDS + [truncate] * TRUNCATIONS
    for damage in rounds:
        places = {path: damage(path, rng) for path in whole}
        named = {broken.path.stat().st_ino for broken in verify_study(study).damages}
        assert not [(path, place) for path, place in places.items() if path.stat().st_ino not in named]
        assert len(named) == len(whole)
        for path, content in whole.items():
            path.write_bytes(content)
    assert not verify_study(study).damages
    tally.update({"files": len(whole), "damages": len(rounds) * len(whole), "found": len(rounds) * len(whole)})


def readers(study: Path):
    """What reads each artefact of `make_study`: its path, and a function that returns plain values."""
    ensemble, subset = study / "ensembles/percent-050/seed-1", study / "subset-50-1.json"
    entry = Entry(study / ".store" / network_hash(read_subset(subset), TRAINING.for_weights, network_seed(1, 50, 1, 0)))

    def network(file):
        (predictor,) = load_predictors([file], TRAINING, read_subset(subset).keypoints, torch.device("cpu"))
        return predictor

    results = Results(study)
    return {
        study / "labels.h5": lambda: vars(read_labels(study / "labels.h5")),
        study / "frames.csv": lambda: Results(study).frames,
        study / "subsets.csv": lambda: read_subsets(study),
        study / "subsets.h5": lambda: read_subsets(study),
        study / "scores.h5": lambda: Results(study).scores,
        study / "rmse.csv": lambda: Results(study).rmse,
        study / "influence.h5": lambda: results.influence("error", "difference-of-means"),
        subset: lambda: vars(read_subset(subset)),
        ensemble / "predictions.h5": lambda: read_hdf5(ensemble / "predictions.h5", ["pose"]),
        ensemble / "consensus.h5": lambda: read_predictions(ensemble / "predictions.h5", ensemble / "consensus.h5"),
        ensemble / "member-0.pt": lambda: network(ensemble / "member-0.pt"),
        ensemble / "training.json": lambda: started_from(ensemble / "training.json", study / ".store", 0),
        entry.record: entry.read_record,
    }


def test_who_reads_a_damaged_artefact_refuses_it_by_name_and_says_how_to_correct_it(study, tally):
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
            digests._is_recorded.cache_clear()  # the clock of files may not have ticked since
        read()
    tally.update({"damages": tried, "refused by the file's name": tried})


def networks(study):
    """The trainings that a study has seen: their records and when these were written."""
    return {path.parent.name: path.stat().st_mtime_ns for path in study.glob(".store/*/training.json")}


def run_again(study):
    subsets = [study / f"subset-50-{seed}.json" for seed in (1, 2, 3)]
    run_ensembles(subsets, study / "labels.h5", study / "ensembles", study / ".store", members=1, **OPTIONS)


def test_a_damaged_network_goes_with_the_stores_and_only_it_is_trained_again_to_the_same_bytes(study, capfd):
    rng = np.random.default_rng(4)
    member = study / "ensembles/percent-050/seed-2/member-0.pt"
    before, digest, right = networks(study), digest_of_file(member), verify_study(study).agreed
    flip(member, rng)
    done = verify(study)
    assert done.exit_code == 1
    assert len([line for line in done.output.splitlines() if line.endswith(".pt: is not as it was written")]) == 2
    assert verify(study, "--remove").exit_code == 0
    assert not member.exists()
    capfd.readouterr()
    run_again(study)
    assert capfd.readouterr().err.count("trains from step 0") == 1
    assert digest_of_file(member) == digest
    assert len(set(before.items()) - set(networks(study).items())) == 1
    assert (verify_study(study).damages, verify_study(study).agreed) == ([], right)


def test_a_network_that_is_found_damaged_on_the_way_is_trained_again_and_the_log_says_so(study, capfd):
    member = study / "ensembles/percent-050/seed-2/member-0.pt"
    digest = digest_of_file(member)
    truncate(member, np.random.default_rng(5))
    run_again(study)
    output = capfd.readouterr().err
    assert output.count("trains from step 0") == 1
    assert "network.pt: damaged" in output
    assert digest_of_file(member) == digest


def test_a_damaged_checkpoint_is_dropped_with_a_warning_and_training_ends_with_the_same_weights(tmp_path, capfd):
    keep_digests(tmp_path)
    prepare(tmp_path)
    code = (
        "from small_ensemble import ensemble\nfrom tiny import TRAINING\n"
        "ensemble(folder, 'hit', store='.store-hit', training=TRAINING | {'steps': 60})"
    )
    for folder in ("hit", "calm"):
        if folder == "hit":
            kill_while_training(code, tmp_path, ".store-hit")
            (checkpoint,) = tmp_path.glob(".store-hit/*/checkpoint.pt")
            truncate(checkpoint, np.random.default_rng(6))
        capfd.readouterr()
        ensemble(tmp_path, folder, store=f".store-{folder}", training=TRAINING | {"steps": 60})
        output = capfd.readouterr().err
        assert ("warning" in output and "checkpoint.pt: damaged" in output) == (folder == "hit")
        assert "trains from step 0 to 60" in output
    hit, calm = (tmp_path / folder / "percent-050/seed-1/member-0.pt" for folder in ("hit", "calm"))
    assert digest_of_file(hit) == digest_of_file(calm)


def test_a_networks_damaged_record_comes_back_from_its_ensembles_and_nothing_is_trained(study, capfd):
    record = next(iter(study.glob(".store/*/training.json")))
    before = record.read_bytes()
    flip(record, np.random.default_rng(7))
    with pytest.raises(UserError, match=r"training\.json: damaged"):
        run_again(study)
    assert "written again" in verify(study, "--remove").output
    assert record.read_bytes() == before
    capfd.readouterr()
    run_again(study)
    assert "trains" not in capfd.readouterr().err


def test_a_damaged_picture_of_a_drawn_project_takes_the_project_with_it_and_not_its_neighbours(study):
    """Snakemake makes the folder as a whole, and would not miss a file of it."""
    flip(next(iter(study.glob("project/labeled-data/*/*.png"))), np.random.default_rng(9))
    verify(study, "--remove")
    assert not (study / "project").exists()
    assert verify(study).exit_code == 0
    assert (study / "labels.h5").exists()


def test_what_killed_runs_left_is_named_and_removed(study):
    left = [study / "figures" / ".a.png.x1.part", study / ".store" / ".n.pt.x2.part"]
    for path in left:
        path.write_bytes(b"half")
    (study / ".review.x4.part" / "new").mkdir(parents=True)
    left.append(study / ".review.x4.part")
    done = verify(study)
    assert done.exit_code == 1
    for path in left:
        assert f"{path}: left behind by a run that was killed" in done.output
    assert verify(study, "--remove").exit_code == 0
    assert not any(path.exists() for path in left)
    assert verify(study).exit_code == 0


def test_nothing_is_removed_while_a_run_works_in_the_folder(study, tmp_path):
    (study.parent.parent / ".snakemake" / "locks").mkdir(parents=True)
    (study.parent.parent / ".snakemake" / "locks" / "0.input.lock").touch()
    damaged = study / "rmse.csv"
    flip(damaged, np.random.default_rng(10))
    done = verify(study, "--remove")
    assert done.exit_code == 2
    assert damaged.exists()


def test_what_a_person_changes_in_a_review_is_no_damage(study):
    with files.replaced_folder(study / "review") as new:
        write_text(new / "CollectedData_me.csv", "labels\n")
    (study / "review" / "CollectedData_me.csv").write_text("corrected\n")
    assert verify(study).exit_code == 0


def test_a_folder_that_is_no_study_is_refused_in_one_line(tmp_path):
    done = subprocess.run([sys.executable, "-m", "frameworth", "verify", str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"frameworth: {tmp_path}: is no study")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("moment", ["announce", "renamed", "settle"])
def test_a_writer_killed_at_any_moment_leaves_a_file_that_agrees_with_its_record(tmp_path, moment):
    """Killed before its digest is recorded, between this and the renaming, and after that."""
    keep_digests(tmp_path)
    path = tmp_path / "a.csv"
    write_text(path, "old")
    die = {
        "announce": "files.announce = lambda *_: os._exit(9)",
        "renamed": "Path.replace = lambda self, to: os._exit(9) if to.name == 'a.csv' else os.replace(self, to)",
        "settle": "files.settle = lambda *_: os._exit(9)",
    }
    code = (
        f"import os, sys\nfrom pathlib import Path\nfrom frameworth.storage import files\n{die[moment]}\n"
        "files.write_text(sys.argv[1], 'new')"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)]).returncode == 9
    assert path.read_text() == ("new" if moment == "settle" else "old")
    assert digests.is_recorded(path)
    assert len(list(tmp_path.glob(".a.csv.*.part"))) == (moment != "settle")
    write_text(path, "newer")
    assert digests.is_recorded(path)
    path.write_text("old")  # no digest of before stays good for ever
    assert digests.is_recorded(path) is False


def test_sha256sum_compares_the_records(study):
    if shutil.which("sha256sum") is None:
        pytest.skip("no coreutils here")
    command = f"find {FOLDER} -type f -printf '%f  %h\\n' | sed 's|  {FOLDER}/|  |' | sha256sum --check --quiet"
    done = subprocess.run(command, shell=True, cwd=study, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
    flip(study / "scores.h5", np.random.default_rng(11))
    assert subprocess.run(command, shell=True, cwd=study, capture_output=True, text=True).returncode == 1


DEMO = {"frames": 16, "width": 64, "height": 48, "planted": 0.1}
# PyTables writes the time into it; the table is compared instead.
WITH_A_TIME = "consensus_dlc.h5"


@pytest.mark.parametrize(
    ("seeds", "targets", "every"),
    [
        (2, ["results/tiny/influence.h5", "results/tiny/rmse.csv"], None),
        pytest.param(8, [], 4, marks=pytest.mark.long),
    ],
    ids=["networks-to-influence", "whole-study"],
)
def test_after_remove_the_next_run_makes_a_damaged_study_what_it_was(tmp_path, tally, seeds, targets, every):
    """With Snakemake: a job refuses what is damaged, `verify` names it, and only damaged networks are trained again."""
    block = {"design": "balanced", "percents": [50], "seeds": seeds, "members": 1}
    options = ["--configfile", str(write_config(tmp_path / "study.yaml", config("demo", demo=DEMO, subsets=[block])))]
    run_snakemake(tmp_path, *options, "--", *targets)
    study = tmp_path / "results/tiny"
    before = {path: path.read_bytes() for path in files_of(study)}
    tables = {path: pd.read_hdf(path) for path in before if path.name == WITH_A_TIME}
    trained, rng = networks(study), np.random.default_rng(12)
    ensembles = study / "ensembles/percent-050"
    hit = {study / "scores.h5", ensembles / "seed-1/member-0.pt", ensembles / "seed-2/predictions.h5"}
    # Each training record lies in two places, of which one is left.
    hit |= set([path for path in before if ".store" not in path.parts][3::every] if every else [])
    hit.discard(study / "config.json")  # which each run writes anew where it differs
    for path in inodes(hit):
        (flip if rng.random() < 0.5 else truncate)(path, rng)
    damaged = {path for path in before if path.read_bytes() != before[path]}

    refused = run_snakemake(tmp_path, *options, "--forcerun", "influence", "--", *targets[:1], check=False)
    assert refused.returncode != 0
    log = (tmp_path / "logs/tiny/influence.log").read_text()
    named, damage, _ = log.removeprefix("frameworth: ").partition(": damaged")
    assert damage and tmp_path / named in damaged  # whichever it reads first
    assert len(log.splitlines()) == 1
    looked = run_snakemake(tmp_path, *options, "--", "verify", check=False)
    assert looked.returncode != 0
    named = {line.partition(": ")[0] for line in looked.stdout.splitlines() if "as it was written" in line}
    there = {path for path in damaged if path.exists()}  # Snakemake removed the output of the job that refused
    assert damaged - there <= {study / "influence.h5"}
    assert {str(path.relative_to(tmp_path)) for path in there} <= named

    started = time.monotonic()
    command = [sys.executable, "-m", "frameworth", "verify", "results/tiny", "--remove"]
    assert subprocess.run(command, cwd=tmp_path, stdout=subprocess.DEVNULL).returncode == 0
    lost = [str(path.relative_to(tmp_path)) for path in before if not path.exists() and ".store" not in path.parts]
    run_snakemake(tmp_path, *options, "--", *(targets and [*targets, *lost]))
    seconds = time.monotonic() - started
    for path, content in before.items():
        if path in tables:
            assert pd.read_hdf(path).equals(tables[path])
        elif not path.stem.startswith(("training", "plan", "report")):  # which tell what training took
            assert path.read_bytes() == content, path
    networks_hit = [path for path in damaged if path.match(".store/*/network.pt")]
    retrained = dict(set(networks(study).items()) - set(trained.items()))
    assert retrained.keys() == {path.parent.name for path in networks_hit}
    assert not verify_study(study).damages
    tally.update({"files": len(before), "damaged": len(damaged), "networks": len(trained)})
    others = retrained.keys() - {path.parent.name for path in networks_hit}
    tally.update({"damaged networks trained again": len(networks_hit), "others trained again": len(others)})
    tally.update({"seconds to recover": round(seconds)})
