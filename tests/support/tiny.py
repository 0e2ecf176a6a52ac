"""A tiny drawn project and training config, for tests that train real DeepLabCut networks in seconds."""

from __future__ import annotations

import atexit
import functools
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from demo.drawing import draw_project
from frameworth.cli.study_record import write_record
from frameworth.config.model import StudyConfig
from frameworth.config.training import Training
from frameworth.labels.deeplabcut import LabelledProject, read_project
from frameworth.labels.deeplabcut_tables import write_collected_data
from frameworth.labels.frames import collect_frames
from frameworth.labels.subsets import read_subset, write_subsets
from frameworth.plan.identity import network_hash, network_seed
from frameworth.plan.names import subset_path
from frameworth.plan.split import hold_out
from frameworth.storage.digests import announce, settle
from frameworth.storage.files import write_json

HELD_OUT = {"fraction": 0.25, "by": "frame"}

TRAINING = Training.model_validate({
    "net_type": "resnet_50",
    "backbone": "test_resnet",
    "weights": "random",
    "steps": 6,
    "batch_size": 4,
    "learning_rate": 0.0015,
    "drops": [[0.6, 0.25]],
    "scale": 1,
    "crop": None,
    "target_radius": 8,
    "augmentation": {},
    "engine": "fast",
    "precision": "float32",
})  # fmt: skip


def draw(folder: Path, frames: int = 16) -> Path:
    """A labelled DeepLabCut project of `frames` frames of 64×48 px."""
    shutil.copytree(_drawn(frames), folder, dirs_exist_ok=True)
    for path in filter(Path.is_file, folder.rglob("*")):
        settle(path, announce(path, path))  # a study's digests are recorded, as where it is drawn
    return folder


@functools.cache
def _drawn(frames: int) -> Path:
    """The project, drawn once for all tests of this process."""
    folder = Path(tempfile.mkdtemp(prefix="drawn-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    draw_project(
        folder / "project", frames=frames, width=64, height=48, seed=1, planted=0.1,
        pool=lambda videos, images: ~hold_out(videos, images, seed=1, pictures=None, **HELD_OUT),
    )  # fmt: skip
    return folder / "project"


def write_subset(path: Path, frames: Path, labels: Path, *, seed: int, **options: Any) -> None:
    """Draw one subset, and write its file to `path`."""
    with tempfile.TemporaryDirectory() as folder:
        write_subsets(Path(folder), frames, labels, seeds=[seed], **options)
        drawn = Path(folder) / f"{subset_path(options['percent'], seed)}.json"
        write_json(path, json.loads(drawn.read_text()))


def prepare(folder: Path, percent: int = 50, seed: int = 1) -> tuple[Path, Path]:
    """A drawn project's `labels.h5` and one subset's file, below `folder`."""
    if not (folder / "labels.h5").exists():
        collect_frames(draw(folder / "project"), HELD_OUT, 1, folder / "frames.csv", folder / "labels.h5")
    subset = folder / f"subset-{percent}-{seed}.json"
    write_subset(
        subset, folder / "frames.csv", folder / "labels.h5",
        design="balanced", percent=percent, seed=seed, study_seed=1,
    )  # fmt: skip
    return subset, folder / "labels.h5"


def config(project: str, **changes: Any) -> dict[str, Any]:
    """A study of a few networks that train in a second each."""
    return {
        "study": "tiny",
        "labels": project,
        "subsets": [{"design": "balanced", "percents": [50], "seeds": 3, "members": 1}],
        "training": TRAINING.for_weights | {"device": "cpu"},
        "figures": {"pairs": 1},
    } | changes


def read_frames_of(study: StudyConfig) -> Path:
    """The results of a checked config, with what the stage `frames` writes there, in the working directory."""
    folder = study.folder
    options = Path(study.labels), study.held_out.model_dump(), study.seed
    collect_frames(*options, folder / "frames.csv", folder / "labels.h5")
    write_record(study)
    return folder


def pretend_networks(study: StudyConfig, percent: int, seed: int, members: int = 1, design: str = "balanced") -> Path:
    """Draw a subset, put its networks, empty, where training would; returns the subset's file."""
    folder = study.folder
    path = folder / f"subsets/{subset_path(percent, seed)}.json"
    options = {"design": design, "percent": percent, "seed": seed, "study_seed": study.seed}
    write_subset(path, folder / "frames.csv", folder / "labels.h5", **options)
    pretend_trained(study, path, folder / "ensembles" / subset_path(percent, seed), members)
    return path


def pretend_trained(study: StudyConfig, subset_json: Path, place: Path, members: int = 1, **record: Any) -> None:
    """Put the networks of a subset, empty, into the store, and what its job leaves at `place`.

    Args:
        record: what each network's record says besides its hash.
    """
    store, subset = study.folder / ".store", read_subset(subset_json)
    seeds = [network_seed(study.seed, subset.percent, subset.seed, member) for member in range(members)]
    names = [network_hash(subset, study.training.for_weights, seed) for seed in seeds]
    for name in names:
        (store / name).mkdir(parents=True, exist_ok=True)
        (store / name / "training.json").write_text("{}")
        (store / name / "network.pt").touch()
    place.mkdir(parents=True, exist_ok=True)
    (place / "predictions.h5").touch()
    (place / "training.json").write_text(json.dumps({"members": [{"hash": name} | record for name in names]}))


def write_config(path: Path, content: dict[str, Any]) -> Path:
    """Write a config as YAML."""
    path.write_text(yaml.safe_dump(content))
    return path


def wait_until(happened: Callable[[], object], process: subprocess.Popen[Any], patience: float = 600) -> None:
    """Wait, so many seconds at most, until something has happened while a process runs."""
    deadline = time.monotonic() + patience
    while not happened():
        assert process.poll() is None, "the process ended too early"
        assert time.monotonic() < deadline
        time.sleep(0.02)


def kill_while_training(code: str, folder: Path, store: str) -> None:
    """Run `code` (which finds `folder` in `folder`) in a process that is killed once a checkpoint lies in `store`.

    Checkpoints are written five times a second there.
    """
    script = (
        "import sys; sys.path[:0] = sys.argv[2:4]\n"
        "from pathlib import Path\n"
        "from frameworth.training import loop\n"
        "loop.CHECKPOINT_SECONDS = 0.2\n"
        f"folder = Path(sys.argv[1])\n{code}"
    )
    here = Path(__file__).parent
    arguments = [sys.executable, "-c", script, str(folder), str(here), str(here.parents[1] / "workflow")]
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: list((folder / store).glob("*/checkpoint.pt")), process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not list((folder / store).glob("*/network.pt"))


def correct_label(project: Path, video: str, image: str, shift: float = 3.0) -> None:
    """Move all labels of a frame by `shift` px, as a person would: in the CSV, and its HDF5 goes."""
    folder = project / "labeled-data" / video
    (path,) = folder.glob("CollectedData_*.csv")
    for h5 in folder.glob("CollectedData_*.h5"):
        h5.unlink()
    table = pd.read_csv(path, header=[0, 1, 2], index_col=[0, 1, 2])
    table.loc[("labeled-data", video, image)] += shift
    table.to_csv(path)


def with_labels(project: Path, xy: np.ndarray) -> LabelledProject:
    """Give a project labels [N, K, 2] of one's own, every bit of them, and read it."""
    was = read_project(project)
    write_collected_data(project, was.scorer, was.keypoints, was.videos, was.images, xy, decimals=None)
    return read_project(project)
