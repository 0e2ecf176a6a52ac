"""A tiny drawn project and training config, for tests that train real DeepLabCut networks in seconds."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from frameworth.demo import draw_project
from frameworth.frames import collect_frames
from frameworth.split import hold_out
from frameworth.subsets import write_subset

HELD_OUT = {"fraction": 0.25, "by": "frame"}

TRAINING: dict[str, Any] = {
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
}


def draw(folder: Path, frames: int = 16, seed: int = 1) -> Path:
    """A labelled DeepLabCut project of `frames` frames of 64×48 px."""
    draw_project(
        folder,
        frames=frames,
        width=64,
        height=48,
        seed=seed,
        planted=0.1,
        pool=lambda videos, images: ~hold_out(videos, images, seed=seed, **HELD_OUT),
    )
    return folder


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
        "training": {key: value for key, value in TRAINING.items() if key != "net_type"} | {"device": "cpu"},
        "figures": {"pairs": 1},
    } | changes


def write_config(path: Path, content: dict[str, Any]) -> Path:
    """Write a config as YAML."""
    path.write_text(yaml.safe_dump(content))
    return path


def kill_while_training(code: str, folder: Path, store: str) -> None:
    """Run `code` (which finds `folder` in `folder`) in a process that is killed once a checkpoint lies in `store`.

    Checkpoints are written five times a second there.
    """
    script = (
        "import sys; sys.path[:0] = sys.argv[2:4]\n"
        "from pathlib import Path\n"
        "from frameworth import training\n"
        "training.CHECKPOINT_SECONDS = 0.2\n"
        f"folder = Path(sys.argv[1])\n{code}"
    )
    here = Path(__file__).parent
    arguments = [sys.executable, "-c", script, str(folder), str(here), str(here.parent / "workflow")]
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 180
    while not list((folder / store).glob("*/checkpoint.pt")):
        assert process.poll() is None, "finished before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not list((folder / store).glob("*/network.pt"))
