"""What a study will take, told before it starts: networks, jobs, time and disk."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from frameworth.config import PlannedSubset, planned_subsets, weight_options
from frameworth.designs import subset_size
from frameworth.images import image_size
from frameworth.project import read_project
from frameworth.subset_names import subset_path


def study_folder(config: dict[str, Any]) -> Path:
    """The folder of a study's results."""
    return Path("results") / config["study"]


def unfinished(config: dict[str, Any]) -> list[PlannedSubset]:
    """The subsets whose ensembles are not there yet."""
    folder = study_folder(config) / "ensembles"
    return [
        subset
        for subset in planned_subsets(config)
        if not (folder / subset_path(subset.percent, subset.seed) / "training.json").exists()
    ]


def describe(config: dict[str, Any], cores: int) -> str:
    """Some lines that say what is coming; measures a few training steps of the study's own network."""
    subsets = planned_subsets(config)
    left = unfinished(config)
    lines = [
        f"Study {config['study']}: {sum(s.members for s in subsets)} networks on {len(subsets)} subsets, "
        f"{sum(s.members for s in left)} networks in {_jobs(config, left)} jobs still to come."
    ]
    if left:
        frames, size = _frames_and_size(config)
        speed = _measure(config, size)
        lines.append(_cost(config, left, frames, speed, cores))
    fate = "are kept and never trained twice" if config["keep_snapshots"] else "go once their predictions are written"
    lines.append(f"Results go to {study_folder(config)}/; finished networks {fate}.")
    return "\n".join(lines)


def _jobs(config: dict[str, Any], left: list[PlannedSubset]) -> int:
    return -(-len(left) // config["training"]["subsets_per_job"])


def _frames_and_size(config: dict[str, Any]) -> tuple[int, tuple[int, int]]:
    if config["labels"] == "demo":
        demo = config["demo"]
        return demo["frames"], (demo["width"], demo["height"])
    project = read_project(Path(config["labels"]))
    return len(project.paths), image_size(project.paths[0])


class _Speed:
    """What was measured: seconds per step, to start a job, and bytes of one network; and where."""

    def __init__(self, step: float, start: float, size: int, device: str) -> None:
        self.step, self.start, self.size, self.device = step, start, size, device


def _measure(config: dict[str, Any], size: tuple[int, int]) -> _Speed:
    started = time.monotonic()
    import numpy as np

    from frameworth.engine.networks import choose_device
    from frameworth.store import Entry
    from frameworth.subsets import Subset
    from frameworth.training import train_network

    imported = time.monotonic() - started
    training = weight_options(config["training"]) | {"weights": "random"}
    training.pop("epochs", None)
    width, height = (max(32, round(side * training["scale"])) for side in size)
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (height, width, 3), dtype=np.uint8) for _ in range(training["batch_size"])]
    xy = rng.uniform(0, min(width, height), (len(images), 4, 2))
    none = np.zeros(0, int)
    subset = Subset(50, 1, "", "", ("a", "b", "c", "d"), none, (), (), xy)
    device = choose_device(config["training"]["device"])
    with tempfile.TemporaryDirectory() as folder:
        for steps in (2, 4):  # the first run warms up
            entry = Entry(Path(folder) / str(steps))
            entry.folder.mkdir()
            train_network(subset, images, xy, training | {"steps": steps}, 0, entry, device, lambda *_: None)
        step = entry.read_record()["wall_seconds"] / steps
        return _Speed(step, imported, entry.network.stat().st_size, device.type)


def _cost(config: dict[str, Any], left: list[PlannedSubset], frames: int, speed: _Speed, cores: int) -> str:
    from frameworth.training import total_steps

    pool = frames - round(config["held_out"]["fraction"] * frames)
    steps = sum(subset.members * total_steps(config["training"], subset_size(subset.percent, pool)) for subset in left)
    jobs = _jobs(config, left)
    seconds = (steps * speed.step + jobs * speed.start) / min(cores, jobs)
    kept = sum(subset.members for subset in left)
    if not config["keep_snapshots"]:
        kept = min(cores, jobs) * config["training"]["subsets_per_job"] * max(subset.members for subset in left)
    return (
        f"About {_duration(seconds)} with {cores} at a time ({1000 * speed.step:.0f} ms per step of "
        f"{config['training']['batch_size']} frames, measured just now on this machine's "
        f"{'GPU' if speed.device == 'cuda' else 'CPU'}), and {_bytes(kept * speed.size)} for the networks."
    )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _bytes(count: float) -> str:
    return f"{count / 1e6:.0f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"
