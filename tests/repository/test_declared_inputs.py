"""A stage opens only files that its rule declares. Otherwise Snakemake would neither wait for them nor rerun it."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from conftest import run_snakemake
from films import write_film
from frameworth.answers.label_harm import write_label_harm
from frameworth.attribution.methods import method
from frameworth.cli.stages import stages
from frameworth.config.experiments import Prune
from frameworth.config.result_options import ResultOptions
from frameworth.experiments.arm_comparison import compare_arms
from frameworth.experiments.prune import compare_pruned
from frameworth.experiments.toggle import compare_sides
from frameworth.experiments.variance_components import components_table
from frameworth.figures import PAIR, PILOT, VIDEOS, _style, figure_module, figure_names, figure_reads, settling
from frameworth.plan.config import check_config
from frameworth.plan.names import prune_sets
from frameworth.plan.pilot import Try, possible_trainings
from frameworth.results.results import Results
from frameworth.storage.files import write_csv, write_json
from frameworth.storage.hdf5 import Array, write_hdf5
from frameworth.videos.frames_to_label import frames_to_label
from frameworth.videos.video_consensus import VideoConsensus, write_video_consensus
from report_study import draw_grey_figures, write_reported_study
from tiny import config, write_config

pytestmark = pytest.mark.slow

VIDEO = "walk.mp4"
# Everything that makes a file of its own. Members differ, so that arms replicate and subsets are trained twice.
ASKED: dict[str, Any] = {
    "labels": "demo",
    "videos": [VIDEO],
    "arms": {"again": {"replicate": {}}},
    "prune": {"by": "check_priority", "counts": [1], "networks": 3, "draws": 1},
    "toggle": {"pairs": 3},
    "pilot": {"choices": [{"scale": 1, "crop": None, "target_radius": 8}], "steps": 2, "most_steps": 2},
    "influence": {"warm": {}, "metagradient": {}, "groups": [[10, 30], [70, 90]]},
    "subsets": [
        {"design": "balanced", "percents": [50], "seeds": 16, "members": 1},
        {"design": "nested", "percents": [10, 30, 70, 90], "seeds": 3, "members": 2},
    ],
}
_OPENED: list[str] | None = None


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and _OPENED is not None and isinstance(arguments[0], str | bytes | os.PathLike):
        path, mode, flags = arguments
        if (mode is not None and set(mode) & set("wxa+")) or flags & (os.O_WRONLY | os.O_RDWR):
            return
        _OPENED.append(os.fsdecode(path))


sys.addaudithook(_listen)


@contextmanager
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The files that are opened for reading in the block, by Python or by HDF5."""
    global _OPENED
    plain = h5py.File.__init__

    def record_and_open(self: h5py.File, name: Any, mode: str = "r", *rest: Any, **named: Any) -> None:
        if mode == "r" and isinstance(name, str | os.PathLike):
            files.append(os.fspath(name))
        plain(self, name, mode, *rest, **named)

    files: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(h5py.File, "__init__", record_and_open)
        _OPENED = files
        try:
            yield files
        finally:
            _OPENED = None


def of_study(files: list[str], study: Path) -> set[str]:
    """Those of them that a rule makes, relative to the study; pictures are the labelled project's."""
    inside = {Path(file).absolute().relative_to(study).as_posix() for file in files
              if Path(file).absolute().is_relative_to(study) and Path(file).is_file()}  # fmt: skip
    return {name for name in inside if not name.startswith((".", "project/"))}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory whose study holds all that a config can ask for, without any network."""
    folder = tmp_path_factory.mktemp("declared")
    write_film(folder / VIDEO, [np.zeros((48, 64, 3), np.uint8)] * 4)
    return folder


@pytest.fixture(scope="module")
def asked(place: Path) -> dict[str, Any]:
    """The config as it is written."""
    content = config("demo", **ASKED)
    for key in ("steps", "scale", "crop", "target_radius"):
        del content["training"][key]
    return content


@pytest.fixture(scope="module")
def declared(place: Path, asked: dict[str, Any]) -> dict[str, set[str]]:
    """The inputs of each job by what it makes, both relative to the study; from a dry run, before anything is there."""
    path = write_config(place / "study.yaml", asked)
    plan = run_snakemake(place, "--configfile", str(path), "-n").stdout
    inputs: dict[str, set[str]] = {}
    for job in re.finditer(r"^    input: (.+)\n    output: (.+)$", plan, re.M):
        names = [{name.removeprefix("results/tiny/") for name in part.split(", ")} for part in job.groups()]
        inputs |= dict.fromkeys(names[1], names[0])
    return inputs


@pytest.fixture(scope="module")
def study(place: Path, declared: dict[str, set[str]]) -> Path:
    """The study's files, written after the dry run."""
    folder = place / "results" / "tiny"
    results = write_reported_study(folder, frames=32, halves=16, ladder_seeds=3, questions=True)
    rng = np.random.default_rng(0)
    labels, frames = results.labels.xy, len(results.pool)
    inclusion = results.inclusion[:4]
    change = np.where(inclusion[:, :, None, None], np.nan, rng.normal(0, 1, (4, frames, *labels.shape[:2])))
    change[:, ~results.pool] = np.nan
    dims = ("network", "training_frame", "evaluated_frame", "keypoint")
    write_hdf5(
        folder / "warm_influence.h5", {"change": Array(change, dims), "inclusion": Array(inclusion, dims[:2])}, {}
    )
    position = np.where(inclusion[:, :, None, None], rng.normal(size=(4, *labels.shape)), np.nan)
    dims = ("network", "training_frame", "keypoint", "xy")
    derivatives = {"change": Array(position[..., 0], dims[:3]), "position": Array(position, dims)}
    write_hdf5(folder / "metagradients.h5", derivatives | {"inclusion": Array(inclusion, dims[:2])}, {})
    write_label_harm(results, method("metagradient"))
    scores = pd.DataFrame(
        {"arm": arm, "percent": 30, "seed": seed, "design": "nested", "cluster": f"nested_seed-{seed}", "start": 10,
         "member": member, "weights": member % 2, "order": member // 2 % 2, "augmentation": member // 4,
         "log_error": rng.normal(), "rmse_px": rng.normal()}
        for arm in ("baseline", "again") for seed in range(1, 5) for member in range(8)
    )  # fmt: skip
    write_csv(folder / "arm_scores.csv", scores)
    write_csv(folder / "arms.csv", compare_arms(scores, 0.95))
    write_csv(folder / "variance_components.csv", components_table(scores, 0.95))
    toggled = {arm: rng.normal(size=3) for arm in ("with", "without")}
    write_csv(folder / "toggle.csv", compare_sides(toggled, 0.95).assign(frames="1 2"))
    pruned = {
        name: pd.DataFrame(rng.normal(size=(3, 2)), columns=["log_error", "rmse_px"]) for name in prune_sets([1], 1)
    }
    write_csv(folder / "prune.csv", compare_pruned(pruned, Prune(**ASKED["prune"]), 0.95))
    tried = vars(Try(1, 1.0, None, 8.0, 2, 64, 48, 4.0, 3.0, 2.0, 30.0, "x"))
    write_json(folder / "pilot.json", {"asked": {}, "chosen": {"steps": 2}, "taken": 0, "seconds": 1, "tries": [tried]})
    video = VideoConsensus(VIDEO, np.array([64, 48]), ("nose",), np.arange(9.0), np.zeros((9, 1, 2)),
                           np.full((9, 1), 0.5), rng.random((9, 1)))  # fmt: skip
    (name,) = {path.split("/")[1] for path in declared["frames_to_label.csv"] if path.startswith("videos/")}
    write_video_consensus(folder / "videos" / name, video, "frameworth", {})
    write_csv(folder / "frames_to_label.csv", frames_to_label([video], [[]], count=2, seconds_apart=0.1))
    draw_grey_figures(results)
    for figure in (VIDEOS, PILOT):
        (folder / "figures" / f"{figure}.png").write_bytes((folder / "figures" / "add.png").read_bytes())
    return folder


@pytest.fixture(scope="module")
def options(asked: dict[str, Any], study: Path) -> dict[str, Any]:
    """What the rules hand to the stages, in one."""
    with chdir(study.parents[1]):
        checked = check_config(asked)
    parts = {part: getattr(checked, part).model_dump() for part in ("influence", "validation", "figures")}
    (video,) = {path.name for path in (study / "videos").iterdir()}
    return parts | {"consensus": "argmax", "videos": [video], "pilot": True}


def run_stage(*arguments: str) -> None:
    done = CliRunner().invoke(stages, arguments)
    assert done.exit_code == 0, (done.output, done.exception)


MODULES = sorted({figure_module(name) for name in figure_names(1, [], videos=True, pilot=True)})


@pytest.mark.parametrize("module", MODULES)
def test_a_figure_opens_nothing_that_its_rule_does_not_declare(
    module: str, study: Path, options: dict[str, Any], declared: dict[str, set[str]], monkeypatch: pytest.MonkeyPatch
):
    name = f"{PAIR}_harmful-1" if module == PAIR else module
    monkeypatch.chdir(study.parents[1])
    monkeypatch.setattr(_style, "save", lambda *_: None)  # what takes long, and reads nothing
    with opened(monkeypatch) as files:
        run_stage("figure", name, "--study", str(study), "--options", json.dumps(options))
    opened_files = of_study(files, study)
    assert opened_files <= declared[f"figures/{name}.png"]
    assert set(figure_reads(module)) <= opened_files  # nor does it name what it has no need of


STAGES = {
    "labels-to-check": "labels_to_check.csv",
    "method-labels": "metagradient_labels.csv",
    "frame-values": "frame_values.csv",
    "summary": "summary.json",
    "validation": "validation.csv",
    "distractors": "distractors.csv",
    "outliers": "outliers.csv",
    "add": "add.csv",
    "report-page": "report.html",
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_opens_nothing_that_its_rule_does_not_declare(
    stage: str,
    study: Path,
    asked: dict[str, Any],
    options: dict[str, Any],
    declared: dict[str, set[str]],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir(study.parents[1])
    given = ["--expected-false", "1"] if stage == "labels-to-check" else ["--options", json.dumps(options)]
    if stage == "report-page":
        run_stage("frame-values", str(study), "--options", json.dumps(options))
        write_csv(
            study / "figures" / "settling.csv", settling.table(Results(study, ResultOptions.model_validate(options)))
        )
        given += ["--config", json.dumps(check_config(asked).model_dump())]
    if stage == "summary":
        given += ["--training", json.dumps(possible_trainings(check_config(asked))[0].for_weights)]
    if stage == "method-labels":
        given = ["metagradient", *given]
    with opened(monkeypatch) as files:
        run_stage(stage, str(study), *given)
    assert of_study(files, study) <= declared[STAGES[stage]]
