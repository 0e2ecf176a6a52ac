"""The additions that the pages on extending explain work as soon as they are there."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from test_docs import code

from frameworth import engine
from frameworth.attribution import methods
from frameworth.cli.stages import stages
from frameworth.config.result_options import ResultOptions
from frameworth.labels.labels import distance, read_labels
from frameworth.labels.subsets import collect_subsets, read_subset
from frameworth.plan.config import check_config
from frameworth.results.results import Results
from frameworth.scores import registry
from frameworth.storage.hdf5 import read_hdf5
from frameworth.training.ensemble import run_ensembles
from tiny import TRAINING, config, prepare
from tools.config_page import config_page

pytestmark = pytest.mark.slow

OPTIONS = {"study_seed": 1, "device": "cpu"}
SMALL = {"engine": "small", "steps": 200, "learning_rate": 0.002}
SEEDS = (1, 2)


def add(folder, package, monkeypatch, page, name):
    """Put the code of a page into a folder that the package looks into, too."""
    path = folder / package.__name__ / name
    path.parent.mkdir(parents=True)
    path.write_text(code(f"extending/{page}.md"))
    top = folder / package.__name__
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(top)])


@pytest.fixture(scope="module")
def patch():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def study(tmp_path_factory, patch):
    """Two subsets, their networks by the engine of the page, and what these predict."""
    folder = tmp_path_factory.mktemp("extending")
    add(folder, engine, patch, "engine", "small/__init__.py")
    files = [prepare(folder, seed=seed)[0] for seed in SEEDS]
    train(folder, files, folder / ".store", folder / "ensembles")
    return folder


def run(*arguments):
    """A stage of the workflow, as its rule calls it."""
    words = [json.dumps(each) if isinstance(each, dict) else str(each) for each in arguments]
    done = CliRunner().invoke(stages, words)
    assert done.exit_code == 0, (done.output, done.exception)


def train(folder, subsets, store, out):
    run_ensembles(
        subsets, folder / "labels.h5", out, store, training=TRAINING | SMALL, members=1, consensus="argmax",
        distractor_radius=16, **OPTIONS,
    )  # fmt: skip


def test_the_engine_of_the_page_trains_predicts_and_gives_the_same_bytes_twice(study):
    assert check_config(config("demo", training=SMALL)).training.engine == "small"
    assert "`small`" in config_page()
    ensemble = study / "ensembles" / "percent-050" / "seed-1"
    labels, subset = read_labels(study / "labels.h5"), read_subset(study / "subset-50-1.json")
    error = distance(read_hdf5(ensemble / "predictions.h5", ["pose"])["pose"][0], labels.xy)
    guess = distance(np.nanmean(labels.xy, axis=0), labels.xy)
    assert np.nanmean(error[subset.frames]) < 4 < np.nanmean(guess)
    train(study, [study / "subset-50-1.json"], study / ".again", study / "again")
    first, again = (
        torch.load(study / place / "percent-050" / "seed-1" / "member-0.pt", weights_only=True)["model"]
        for place in ("ensembles", "again")
    )
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_the_score_of_the_page_is_in_the_scores_of_a_study_and_frames_may_be_judged_by_it(study, patch):
    patch.setitem(registry.SCORES, "capped_error", None)  # which the line of the page replaces, and the end removes
    exec(code("extending/score.md"), vars(registry))
    assert check_config(config("demo", influence={"score": "capped_error"}))
    assert "`capped_error`" in config_page()
    predictions = read_hdf5(study / "ensembles" / "percent-050" / "seed-1" / "predictions.h5", ["pose"])
    files = [study / f"subset-50-{seed}.json" for seed in SEEDS]
    collect_subsets(files, study / "frames.csv", study / "subsets.csv", study / "subsets.h5")
    run("scores", study, "--form", "argmax")
    scores = read_hdf5(study / "scores.h5", ["error", "capped_error"])
    assert (scores["error"] > 20).any()
    assert np.array_equal(scores["capped_error"], np.minimum(scores["error"], 20), equal_nan=True)
    assert scores["error"][0] == pytest.approx(
        distance(predictions["pose"][0], read_labels(study / "labels.h5").xy), rel=1e-6, nan_ok=True
    )


def test_the_method_of_the_page_asks_networks_and_values_frames(study, patch):
    add(study, methods, patch, "method", "alignment.py")
    asked = check_config(config("demo", influence={"alignment": {"networks": 2}})).influence
    assert asked.alignment.model_dump() == {"networks": 2, "percent": 50, "learning_rate": 0.001}
    answers = []
    for seed in SEEDS:
        answers.append(study / "alignment" / f"seed-{seed}.h5")
        network = study / "ensembles" / "percent-050" / f"seed-{seed}" / "member-0.pt"
        run(
            "method-network", "alignment", study / f"subset-50-{seed}.json", "--labels", study / "labels.h5",
            "--frames", study / "frames.csv", "--network", network, "--store", study / ".store",
            "--training", (TRAINING | SMALL).for_weights,
            "--options", {"learning_rate": 0.001}, "--study-seed", 1, "--device", "cpu", "--out", answers[-1],
        )  # fmt: skip
    run("method-influence", "alignment", *answers, "--out", study / "alignment.h5")
    (method_answers,) = Results(study, ResultOptions(influence=asked)).methods
    assert method_answers.method.name == "alignment"
    assert np.isnan(method_answers.harm[method_answers.inclusion]).all()
    assert np.isfinite(method_answers.harm).sum() >= 8
    known = read_hdf5(study / "alignment.h5", ["change"])["change"]
    assert np.nanmax(known[:, np.arange(16), np.arange(16)]) < 0  # a step on a frame lowers its own loss
