"""What a study will take, told before it starts: networks, jobs, time, device-hours and disk."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from frameworth.cli.costs import (
    StudySize,
    dearest,
    job_seconds,
    measured,
    method_seconds,
    pilot_seconds,
    prediction_bytes,
    study_size,
)
from frameworth.cli.networks import Left, StudyNetworks
from frameworth.config.registries import asked_methods
from frameworth.figures import figure_names
from frameworth.labels.sources import study_sources
from frameworth.plan.arms import arm_names
from frameworth.plan.grid import (
    PlannedSubset,
    base_subsets,
    planned_subsets,
    study_folder,
    video_networks,
    weight_options,
)
from frameworth.plan.names import subset_path
from frameworth.plan.pilot import (
    chosen_training,
    further_networks,
    pilot_budget,
    pilot_sentence,
    recorded_pilot,
)
from frameworth.plan.requests import ARMS, GRID, PRUNE, TOGGLE, requests
from frameworth.text import duration
from frameworth.training.measured import Measured

MAY_BE_THERE = "Some may be there already: that shows once what they depend on has been made anew."
_FIGURE_SECONDS = 3  # of a processor, measured on small studies: 2.2 to 3.5
_START_SECONDS = 8  # of a job: Python and its libraries


def planned_networks(config: dict[str, Any]) -> int:
    """All networks that a config asks for: the study's, the arms', the toggle's, those of `prune`, the pilot's."""
    return further_networks(config) + sum(request.subset.members for request in requests(config))


def describe(config: dict[str, Any], cores: int, measure: bool = True) -> str:
    """Some lines that say what is coming; from finished networks, or a few training steps of the study's network.

    Args:
        measure: whether to train these steps here, if no network is finished yet.
    """
    subsets = planned_subsets(config)
    left = StudyNetworks(config).left()
    more = [subset for part in (ARMS, TOGGLE, PRUNE) for subset in left.subsets[part]]
    own = left.subsets[GRID]
    most = "up to " if GRID in left.guessed else ""
    lines = [
        f"Study {config['study']}: {sum(s.members for s in subsets)} networks on {len(subsets)} subsets, "
        f"{most}{sum(s.members for s in own)} networks in {_jobs(config, own)} jobs still to come.",
        *uncertain_lines(left),
        *_pilot_lines(config, left),
        *_experiment_lines(config, left),
    ]
    if own or more:
        size = study_size(config, study_sources(config))
        found = measured(config)
        full = dearest(config, size)
        if found is None and measure:
            print("Measures a few training steps…", file=sys.stderr, flush=True)
            found = _measure(full, size)
        lines += (
            _cost(full, [*own, *more], size, found, cores, _pilot_first(config, size, found.step))
            if found
            else ["What it takes is told once a network is finished."]
        )
        if found:
            lines += _method_lines(full, size, found, cores)
        asked = config["figures"]
        figures = len(figure_names(asked["pairs"], asked["pair_list"], bool(config["videos"]), "pilot" in config))
        lines.append(
            f"Beside training, {figures} figures take about {duration(figures * _FIGURE_SECONDS)} of a processor; with "
            "thousands of frames or subsets they, and the tables that they show, take longer."
        )
    fate = "are kept and never trained twice" if config["keep_snapshots"] else "go once their predictions are written"
    if config["videos"]:
        lines.append(
            f"{len(config['videos'])} videos are looked at by {len(video_networks(config))} networks (`videos`)."
        )
    lines.append(f"Results go to {study_folder(config)}/; finished networks {fate}.")
    return "\n".join(lines)


def uncertain_lines(left: Left) -> list[str]:
    """What is to be known of networks that were trained once and count as still to be trained."""
    lines = []
    if left.outdated:
        lines.append(f"{left.outdated} of these were trained for other labels or another config, and are outdated.")
    if left.guessed:
        lines.append(MAY_BE_THERE)
    return lines


def _experiment_lines(config: dict[str, Any], left: Left) -> list[str]:
    told = (
        (ARMS, f"in the arms {', '.join(arm_names(config))}"),
        (TOGGLE, "with and without the flagged frames (`toggle`)"),
        (PRUNE, "without the worst, the best and random frames (`prune`)"),
    )
    lines = []
    for part, which in told:
        if subsets := left.subsets[part]:
            most = "up to " if part in left.guessed else ""
            comma = "" if part == ARMS else ","
            lines.append(f"Then {most}{sum(s.members for s in subsets)} networks more{comma} {which}.")
    return lines


def _pilot_lines(config: dict[str, Any], left: Left) -> list[str]:
    """What the pilot chose; before that, what it will try."""
    if not config.get("pilot"):
        return []
    if found := recorded_pilot(config):
        return [f"{pilot_sentence(found)}."]
    networks, _ = pilot_budget(config)
    tried = [f"{len(config['pilot']['choices'])} image sizes"] * (len(config["pilot"]["choices"]) > 1)
    if "steps" not in config["training"]:
        tried.append(f"up to {config['pilot']['most_steps']} steps")
    return [
        f"First a pilot of at most {networks} networks tries {' and '.join(tried)}, up to {left.pilot} networks more "
        "(`pilot`). What follows is for the largest size and the most steps: it takes at most that."
    ]


def _pilot_first(config: dict[str, Any], size: StudySize, step: float) -> float:
    """Most seconds of the pilot that is still to choose; 0 if there is none."""
    return pilot_seconds(config, size, step) if chosen_training(config) is None else 0.0


def _method_lines(config: dict[str, Any], size: StudySize, found: Measured, cores: int) -> list[str]:
    """What it takes to ask the networks that methods have still to ask."""
    lines = []
    for name in asked_methods(config["influence"]):
        answers = [
            study_folder(config) / name / f"{subset_path(subset.percent, subset.seed)}.h5"
            for subset in base_subsets(config, name)
        ]
        if left := sum(not answer.exists() for answer in answers):
            seconds = left * (method_seconds(config, size, name, found.step) + _START_SECONDS)
            lines.append(
                f"Then {left} networks are asked what frames do (`influence.{name}`), in about "
                f"{duration(seconds / min(cores, left))}."
            )
    return lines


def _jobs(config: dict[str, Any], left: list[PlannedSubset]) -> int:
    return -(-len(left) // config["training"]["subsets_per_job"])


def _measure(config: dict[str, Any], size: StudySize) -> Measured:
    """A few steps of a network of the study's kind on noise."""
    import numpy as np

    from frameworth.engine import engine_of
    from frameworth.engine.devices import choose_device
    from frameworth.training.loop import NetworkJob, train_network
    from frameworth.training.store import Entry

    training = weight_options(config["training"])
    if not engine_of(training, ["any"]).weights_are_installed():  # else nothing is downloaded
        training |= {"weights": "random"}
    training.pop("epochs", None)
    width, height = (max(32, round(side * training["scale"])) for side in (size.width, size.height))
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (height, width, 3), dtype=np.uint8) for _ in range(training["batch_size"])]
    xy = rng.uniform(0, min(width, height), (len(images), 4, 2))
    device = choose_device(config["training"]["device"])
    with tempfile.TemporaryDirectory() as folder:
        for steps in (2, 4):  # the first run warms up
            entry = Entry(Path(folder) / str(steps))
            entry.folder.mkdir()
            options, keypoints = training | {"steps": steps}, ("a", "b", "c", "d")
            train_network(NetworkJob(keypoints, images, xy, options, 0, device), entry)
        step = entry.read_record()["wall_seconds"] / steps
        return Measured(step, device.type, 0, entry.network.stat().st_size)


def _cost(
    config: dict[str, Any], left: list[PlannedSubset], size: StudySize, found: Measured, cores: int, first: float = 0
) -> list[str]:
    """Time and disk.

    Args:
        config: with all training options; the dearest, before a pilot has chosen.
        first: seconds of that pilot, which goes before all else; 0 without one.
    """
    jobs = _jobs(config, left)
    total = job_seconds(config, size, left, found.step) + jobs * _START_SECONDS
    kept = sum(subset.members for subset in left)
    if not config["keep_snapshots"]:
        kept = min(cores, jobs) * config["training"]["subsets_per_job"] * max(subset.members for subset in left)
    predictions = sum(prediction_bytes(size, subset.members) for subset in left)
    device = "GPU" if found.device == "cuda" else "CPU"
    source = f"as {found.networks} finished networks took" if found.networks else "measured just now on this machine"
    about = "at most" if first else "about"
    return [
        f"Training takes {about} {duration(first + total / min(cores, jobs))} with {cores} at a time, "
        f"{(first + total) / 3600:.1f} {device}-hours in all "
        f"({1000 * found.step:.0f} ms per step of {config['training']['batch_size']} frames on a {device}, {source}).",
        f"On disk {about} {_bytes(kept * found.network_bytes)} for the networks and {_bytes(predictions)} for what "
        "they predict.",
    ]


def _bytes(count: float) -> str:
    return f"{count / 1e6:.0f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"
