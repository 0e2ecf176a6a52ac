"""Describe what a study will need before it starts: networks, jobs, time, device-hours and disk."""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from frameworth.cli.costs import Costs, measured, prediction_bytes, study_size
from frameworth.cli.networks import Left, StudyNetworks
from frameworth.config.model import StudyConfig
from frameworth.config.registries import asked_methods
from frameworth.figures import figure_names
from frameworth.labels.sources import study_sources
from frameworth.plan.arms import trained_arms
from frameworth.plan.grid import PlannedSubset, base_subsets, planned_subsets, video_networks
from frameworth.plan.names import subset_path
from frameworth.plan.pilot import (
    chosen_training,
    further_networks,
    pilot_budget,
    pilot_sentence,
    recorded_pilot,
    steps_tried,
)
from frameworth.plan.requests import ARMS, GRID, PRUNE, TOGGLE, requests
from frameworth.text import counted, counted_verb, duration
from frameworth.training.measured import Measured

MAY_BE_THERE = "Some may be there already: this is known once what they depend on has been made again."
_BUSY = 1.5  # other work is mentioned if a step takes more than this many times as long as alone
_FIGURE_SECONDS = 3  # processor time of a figure; measured on small studies: 2.2 to 3.5
_START_SECONDS = 8  # time that a job takes to start Python and import libraries


def planned_networks(config: StudyConfig) -> int:
    """The number of all networks of a config: those of the grid, the arms, the toggle, `prune` and the pilot."""
    return further_networks(config) + sum(request.subset.members for request in requests(config))


def describe(config: StudyConfig, cores: int, measure: bool = True) -> str:
    """A text that says what the study will do, and how long it takes.

    Args:
        measure: whether to train a few steps here if there is no finished network to take the time from.
    """
    subsets = planned_subsets(config)
    left = StudyNetworks(config).left()
    more = [subset for part in (ARMS, TOGGLE, PRUNE) for subset in left.subsets[part]]
    of_grid = left.subsets[GRID]
    most = "up to " if GRID in left.guessed else ""
    lines = [
        f"Study {config.study}: {_networks(subsets)} on {counted(len(subsets), 'subset')}, "
        f"{most}{_networks(of_grid)} in {counted(_jobs(config, of_grid), 'job')} still to come.",
        *_uncertain_lines(left),
        *_pilot_lines(config, left),
        *_experiment_lines(config, left),
    ]
    asked = _to_ask(config)
    if of_grid or more or asked:
        costs = Costs(config, study_size(config, study_sources(config)), measured(config))
        if costs.speed is None and measure:
            print("Measures a few training steps…", file=sys.stderr, flush=True)
            costs = replace(costs, speed=_measure(costs))
        if costs.speed:
            lines += _cost(costs, costs.speed, [*of_grid, *more], cores) if of_grid or more else []
            lines += _method_lines(costs, asked, cores)
        else:
            lines.append("How long it takes is known once a network is finished.")
        figures = len(
            figure_names(config.figures.pairs, config.figures.pair_list, bool(config.videos), config.pilot is not None)
        )
        lines.append(
            f"Besides training, {figures} figures take about {duration(figures * _FIGURE_SECONDS)} of a processor; "
            "with thousands of frames or subsets they, and the tables that they show, take longer."
        )
    fate = "are kept and never trained twice" if config.keep_snapshots else "go once their predictions are written"
    if config.videos:
        networks = counted(len(video_networks(config)), "network")
        videos = counted_verb(len(config.videos), "video", "is", "are")
        lines.append(f"{videos} looked at by {networks} (`videos`).")
    lines.append(f"Results go to {config.folder}/; finished networks {fate}.")
    return "\n".join(lines)


def _uncertain_lines(left: Left) -> list[str]:
    """Lines about networks that were trained before but count as still to be trained."""
    lines = []
    if left.outdated:
        was, are = ("was", "is") if left.outdated == 1 else ("were", "are")
        lines.append(f"{left.outdated} of these {was} trained for other labels or another config, and {are} outdated.")
    if left.guessed:
        lines.append(MAY_BE_THERE)
    return lines


def corrected_lines(config: StudyConfig) -> list[str]:
    """Lines about the study's `corrected_project`: what the next run trains with it, and what to do with it."""
    folder = config.folder / "corrected_project"
    left = StudyNetworks(config.model_copy(update={"labels": str(folder), "plant": None})).left()
    count, total = left.networks, sum(request.subset.members for request in requests(config))
    rest = "; the others are taken from the store" if count < total else ""
    trains = (
        f"{'up to ' if left.guessed else ''}{count} of {counted(total, 'network')}{rest}" if count else "no network"
    )
    return [
        f"With these labels the next run trains {trains}.",
        f"To see what that changes, write `labels: {folder}` into the config, keep the study's name, leave out `plant` "
        "if it is there, and run the study again.",
        f"To train your own network on it, let DeepLabCut open {folder}, or copy its labeled-data/*/CollectedData_* "
        "files into your project."
        if not (folder / "planted.csv").exists()
        else f"{folder} still holds planted errors; train no network of your own on it.",
    ]


def _experiment_lines(config: StudyConfig, left: Left) -> list[str]:
    experiments = (
        (ARMS, f"in the arms {', '.join(trained_arms(config.arms))}"),
        (TOGGLE, "with and without the flagged frames (`toggle`)"),
        (PRUNE, "without the worst, the best and random frames (`prune`)"),
    )
    lines = []
    for part, which in experiments:
        if subsets := left.subsets[part]:
            most = "up to " if part in left.guessed else ""
            comma = "" if part == ARMS else ","
            lines.append(f"Then {most}{_networks(subsets)} more{comma} {which}.")
    return lines


def _pilot_lines(config: StudyConfig, left: Left) -> list[str]:
    """The pilot's choice; before it has chosen, what it will try."""
    pilot = config.pilot
    if pilot is None:
        return []
    if chosen := recorded_pilot(config):
        return [f"{pilot_sentence(chosen, config)}."]
    networks, _ = pilot_budget(pilot, config.training)
    tried = [f"{len(pilot.choices)} image sizes"] * (len(pilot.choices) > 1)
    if config.training.steps is None:
        tried.append(f"up to {steps_tried(pilot, config.training)[-1]} steps")
    return [
        f"First a pilot of at most {counted(networks, 'network')} tries {' and '.join(tried)}, up to "
        f"{counted(left.pilot, 'network')} more (`pilot`). "
        "What follows is for the largest size and the most steps: it takes at most that."
    ]


def _to_ask(config: StudyConfig) -> dict[str, int]:
    """For each method, the number of networks that it still has to be run for."""
    left = {}
    for name in asked_methods(config.influence):
        answers = (f"{subset_path(subset.percent, subset.seed)}.h5" for subset in base_subsets(config, name))
        left[name] = sum(not (config.folder / name / answer).exists() for answer in answers)
    return {name: count for name, count in left.items() if count}


def _method_lines(costs: Costs, to_ask: dict[str, int], cores: int) -> list[str]:
    """Lines about the time that methods take for their remaining networks."""
    lines = []
    for name, left in to_ask.items():
        seconds = left * (costs.method_seconds(name) + _START_SECONDS)
        lines.append(
            f"Then {counted_verb(left, 'network', 'is', 'are')} examined for the effect of frames "
            f"(`influence.{name}`), in about "
            f"{duration(seconds / min(cores, left))}."
        )
    return lines


def _jobs(config: StudyConfig, left: list[PlannedSubset]) -> int:
    return -(-len(left) // config.training.subsets_per_job)


def _measure(costs: Costs) -> Measured:
    """Train a few steps of a network with the study's options on noise, and measure them."""
    import numpy as np

    from frameworth.engine import engine_of
    from frameworth.engine.devices import choose_device
    from frameworth.training.loop import NetworkJob, train_network
    from frameworth.training.store import Entry

    training, size = costs.training, costs.size
    if not engine_of(training, ["any"]).weights_are_installed():  # so that nothing is downloaded
        training |= {"weights": "random"}
    width, height = (max(32, round(side * training.scale)) for side in (size.width, size.height))
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (height, width, 3), dtype=np.uint8) for _ in range(training.batch_size)]
    xy = rng.uniform(0, min(width, height), (len(images), 4, 2))
    device = choose_device(training.device)
    with tempfile.TemporaryDirectory() as folder:
        for steps in (2, 4):  # the first run warms up
            began, worked = time.perf_counter(), time.process_time()
            entry = Entry(Path(folder) / str(steps))
            entry.folder.mkdir()
            options, keypoints = training | {"steps": steps}, ("a", "b", "c", "d")
            train_network(NetworkJob(keypoints, images, xy, options, 0, device), entry)
        # Other work on the CPU makes a step wait; the plan uses the time that it takes without waiting.
        waited = (time.perf_counter() - began) / (time.process_time() - worked) if device.type == "cpu" else 1.0
        step = entry.read_record()["wall_seconds"] / steps / max(1.0, waited)
        return Measured(step, device.type, 0, entry.network.stat().st_size, max(1.0, waited))


def _cost(costs: Costs, speed: Measured, left: list[PlannedSubset], cores: int) -> list[str]:
    """Lines about time and disk space."""
    config, jobs = costs.config, _jobs(costs.config, left)
    first = costs.pilot_seconds() if chosen_training(config) is None else 0.0  # a pilot goes before all else
    total = costs.job_seconds(left) + jobs * _START_SECONDS
    kept = sum(subset.members for subset in left)
    if not config.keep_snapshots:
        kept = min(cores, jobs) * config.training.subsets_per_job * max(subset.members for subset in left)
    predictions = sum(prediction_bytes(costs.size, subset.members) for subset in left)
    device = "GPU" if speed.device == "cuda" else "CPU"
    source = "measured just now on this machine"
    if speed.networks:
        source = f"as {counted(speed.networks, 'finished network')} took"
    about = "at most" if first else "about"
    busy = f"Other work on this machine makes it {speed.busy:.0f} times as long while it lasts."
    return [
        f"Training takes {about} {duration(first + total / min(cores, jobs))} with {cores} at a time, "
        f"{(first + total) / 3600:.1f} {device}-hours in all "
        f"({1000 * speed.step:.0f} ms per step of {config.training.batch_size} frames on a {device}, {source}).",
        *([busy] if speed.busy > _BUSY else []),
        f"On disk {about} {_bytes(kept * speed.network_bytes)} for the networks and {_bytes(predictions)} for what "
        "they predict.",
    ]


def _networks(subsets: list[PlannedSubset]) -> str:
    return counted(sum(subset.members for subset in subsets), "network")


def _bytes(count: float) -> str:
    return f"{count / 1e6:.0f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"
