"""The config of a study: read, checked key by key and across keys, with defaults filled in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from frameworth.config.model import parse_keys
from frameworth.config.reading import encoding_problem, parse_config
from frameworth.config.registries import asked_methods
from frameworth.config.training import Training
from frameworth.errors import (
    Problem,
    RefusedError,
    UserError,
    commands_a_terminal,
    error,
    problem_of,
    refuse_errors,
    warning,
)
from frameworth.plan.arms import check_arms, check_prune
from frameworth.plan.grid import block_members, block_seeds, planned_subsets, video_networks

DEFAULT_STEPS = 20000
MOST_ROWS = 10000  # of a balanced design, whose rows are drawn one after the other
_OF_SIZE = ("scale", "crop", "target_radius")  # of `training`, what a choice of a pilot gives


def read_config(file: TextIO) -> dict[str, Any]:
    """Read and check a study's YAML; raises RefusedError naming the keys or the file, what is wrong and what to do."""
    try:
        text = file.read()
    except UnicodeDecodeError as problem:
        raise RefusedError([encoding_problem(file.name, problem)]) from None
    given, problems = parse_config(text, file.name)
    refuse_errors(problems)
    return check_config(given)


def check_config(given: dict[str, Any]) -> dict[str, Any]:
    """The config with defaults filled in; raises RefusedError with every problem, a line each."""
    config, problems = inspect_config(given)
    refuse_errors(problems)
    assert config is not None
    return config


def inspect_config(given: dict[str, Any]) -> tuple[dict[str, Any] | None, list[Problem]]:
    """The config with defaults filled in, and what is wrong with it; None if its keys alone do not fit."""
    keys, problems = parse_keys(given)
    if keys is None:
        return None, problems
    config = keys.model_dump()
    training, given_of_training = config["training"], keys.training.model_fields_set
    found: list[Problem] = []
    if "pilot" in config:
        found += _leave_to_pilot(config, given_of_training)
    elif "epochs" not in training:
        training.setdefault("steps", DEFAULT_STEPS)
    sizes = config["pilot"]["choices"] if "pilot" in config else [training]
    smallest = min(sizes, key=lambda size: size["scale"])
    config["prediction"].setdefault("distractor_radius", 2 * smallest["target_radius"] / smallest["scale"])
    found += [*_training_problems(keys.training), *_block_problems(config), *_group_problems(config)]
    if "steps" in given_of_training and "epochs" in training:
        found.append(
            error("config: training.steps", "training.steps and training.epochs exclude each other", "keep one")
        )
    for method in asked_methods(config["influence"]) if not config["keep_snapshots"] else ():
        what = "asks finished networks, but keep_snapshots: false keeps none"
        found.append(error(f"config: influence.{method}", what, "leave out one of them"))
    if "metagradient" in config["influence"] and training["engine"] == "stock":
        what = "differentiates frameworth's own training loop, but training.engine is stock"
        found.append(error("config: influence.metagradient", what, "leave out one of them"))
    if not any(problem.where.startswith("config: subsets[") for problem in found):
        found += _video_problems(config)
    if keys.plant and keys.plant.moved_by != sorted(keys.plant.moved_by):
        what = "the least distance {} is above the largest {}".format(*keys.plant.moved_by)
        found.append(error("config: plant.moved_by", what, "exchange them"))
    for key, other in (("demo", keys.labels != "demo"), ("plant", keys.labels == "demo")):
        if key in keys.model_fields_set and other:
            what = f"does nothing with labels: {keys.labels}"
            found.append(warning(f"config: {key}", what, "leave it out, or see that labels is what you mean"))
    for check in (check_arms, check_prune):
        try:
            check(config)
        except UserError as refused:
            found.append(problem_of(refused))
    return config, found


def _leave_to_pilot(config: dict[str, Any], given: set[str]) -> Iterator[Problem]:
    """Move what the pilot chooses from `training` to its choices, each of which is completed.

    Without anything left to choose the config is as one without a pilot.

    Args:
        given: the keys that the config gives below `training`; what it gives is not chosen.
    """
    pilot, training = config["pilot"], config["training"]
    size = {key: training.pop(key) for key in _OF_SIZE}
    fixed = {key: value for key, value in size.items() if key in given}
    choices = [size] if "scale" in given else [size | choice | fixed for choice in pilot["choices"]]
    pilot["choices"] = [choice for place, choice in enumerate(choices) if choice not in choices[:place]]
    if "epochs" in training:
        what = "training.epochs and pilot exclude each other, as a pilot counts in steps"
        yield error("config: training.epochs", what, "leave out one of them")
    if pilot["most_steps"] < pilot["steps"]:
        what = f"{pilot['most_steps']} is below pilot.steps, {pilot['steps']}"
        yield error("config: pilot.most_steps", what, "raise it")
    if "steps" in training and len(pilot["choices"]) == 1:
        training |= config.pop("pilot")["choices"][0]
        what = "does nothing, as training gives the steps and only one size is left"
        yield warning("config: pilot", what, "leave it out, or leave out training.steps or training.scale")


def _training_problems(training: Training) -> Iterator[Problem]:
    try:
        no_file = training.weights not in ("imagenet", "random") and not Path(training.weights).is_file()
    except (OSError, ValueError):  # a name too long, or with a NUL
        no_file = True
    if no_file:
        todo = "give imagenet, random, or the path of a DeepLabCut snapshot, relative to the working directory"
        yield error("config: training.weights", f"there is no file {training.weights!r}", todo)
    at = [fraction for fraction, _ in training.drops]
    if at != sorted(at):
        yield error("config: training.drops", f"the fractions {at} go backwards", "order the drops by their fractions")
    affine = training.augmentation.affine
    if affine and affine.scaling and affine.scaling != sorted(affine.scaling):
        what = "the smallest factor {} is above the largest {}".format(*affine.scaling)
        yield error("config: training.augmentation.affine.scaling", what, "exchange them")


def _block_problems(config: dict[str, Any]) -> Iterator[Problem]:
    for number, block in enumerate(config["subsets"]):
        where = f"config: subsets[{number}]"
        if len(block_members(block)) != len(block["percents"]):
            what = f"{len(block_members(block))} numbers for {len(block['percents'])} percents"
            yield error(f"{where}.members", what, "give one number, or one per percent")
        if block["design"] == "paired":
            lonely = [percent for percent in block["percents"] if 100 - percent not in block["percents"]]
            if lonely:
                what = f"paired needs {100 - lonely[0]} beside {lonely[0]}"
                yield error(f"{where}.percents", what, "add it, or take another design")
            if 50 in block["percents"] and any(_partner(seed) not in block_seeds(block) for seed in block_seeds(block)):
                what = "paired at 50 % needs seeds 2m-1 and 2m together"
                yield error(f"{where}.seeds", what, "give an even number of seeds")
        if block["design"] == "balanced" and max(block_seeds(block)) > MOST_ROWS:
            what = f"a balanced subset of seed {max(block_seeds(block))} needs all those before it drawn"
            yield error(f"{where}.seeds", what, f"take seeds up to {MOST_ROWS}")
    if any(len(block_members(block)) != len(block["percents"]) for block in config["subsets"]):
        return
    drawn: set[tuple[int, int]] = set()
    for subset in planned_subsets(config):
        if (subset.percent, subset.seed) in drawn:
            what = f"two blocks draw percent {subset.percent} with seed {subset.seed}"
            yield error("config: subsets", what, "give one of them other seeds")
            break
        drawn.add((subset.percent, subset.seed))


def _partner(seed: int) -> int:
    return seed + 1 if seed % 2 else seed - 1


def _group_problems(config: dict[str, Any]) -> Iterator[Problem]:
    percents = {percent for block in config["subsets"] for percent in block["percents"]}
    for group in config["influence"]["groups"]:
        missing = [percent for percent in group if percent not in percents]
        if missing:
            what = f"{group} names {missing[0]} %, which no block of subsets draws"
            yield error("config: influence.groups", what, "draw it, or leave it out of the group")


def _video_problems(config: dict[str, Any]) -> Iterator[Problem]:
    seen: dict[Path, str] = {}
    for number, video in enumerate(config["videos"]):
        where, path = f"config: videos[{number}]", Path(video)
        if set(video) & set("{}\n"):
            yield error(where, f"{video!r} holds a brace or line break, which Snakemake misreads", "rename the file")
        elif commands_a_terminal(video):
            yield error(where, f"{video!r} holds a control character, which a terminal obeys", "rename the file")
        elif not path.is_file():
            yield error(where, f"there is no file {video!r}", "give a path relative to the working directory")
        elif not path.stat().st_size:
            yield error(where, f"{video!r} is empty", "copy it again, or leave it out")
        elif (same := seen.setdefault(path.resolve(), video)) is not video:
            yield error(where, f"{video!r} is the same file as {same!r}", "keep one of them")
    if not config["videos"]:
        return
    if not config["keep_snapshots"]:
        what = "are analysed with the trained networks, but keep_snapshots: false keeps none"
        yield error("config: videos", what, "leave out one of them")
    networks = video_networks(config)
    if len({subset.name for subset, _ in networks}) < 2:
        largest = networks[0][0].percent
        what = f"only one subset has the largest percent ({largest}), so that no two ensembles can disagree"
        yield error("config: videos", what, "give its block another seed")
