"""Reading the config of a study, checking each key and how keys fit together, and filling in defaults."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from frameworth.config.model import Block, StudyConfig, config_model, parse_keys
from frameworth.config.reading import encoding_problem, parse_config
from frameworth.config.registries import asked_methods, replay_windows
from frameworth.config.training import Choice, Pilot, UnsizedTraining
from frameworth.errors import (
    Problem,
    RefusedError,
    commands_a_terminal,
    error,
    refuse_errors,
    warning,
)
from frameworth.plan.arms import arm_problems, prune_problems
from frameworth.plan.grid import subsets_of, video_networks
from frameworth.text import counted

DEFAULT_STEPS = 20000
MOST_ROWS = 10000  # largest seed of a balanced design: to draw a row, all rows before it are drawn


def read_config(file: TextIO) -> StudyConfig:
    """Read and check a study's YAML; raises RefusedError that names the keys or the file, the fault and what to do."""
    try:
        text = file.read()
    except UnicodeDecodeError as problem:
        raise RefusedError([encoding_problem(file.name, problem)]) from None
    given, problems = parse_config(text, file.name)
    refuse_errors(problems)
    return check_config(given)


def check_config(given: dict[str, Any]) -> StudyConfig:
    """The config with defaults filled in; raises RefusedError with one line for each error."""
    config, problems = inspect_config(given)
    refuse_errors(problems)
    assert config is not None
    return config


def inspect_config(given: dict[str, Any]) -> tuple[StudyConfig | None, list[Problem]]:
    """The config with defaults filled in (None if single keys are already wrong), and all problems found."""
    keys, problems = parse_keys(given)
    if keys is None:
        return None, problems
    config, problems = _completed(keys)
    problems += [*_training_problems(keys.training), *_block_problems(config.subsets), *_group_problems(config)]
    if "steps" in keys.training.model_fields_set and keys.training.epochs is not None:
        problems.append(
            error("config: training.steps", "training.steps and training.epochs exclude each other", "keep one")
        )
    asked = asked_methods(config.influence)
    for method in asked if not config.keep_snapshots else ():
        what = "examines finished networks, but keep_snapshots: false keeps none"
        problems.append(error(f"config: influence.{method}", what, "leave out one of them"))
    for method in replay_windows(config.influence) if config.training.engine == "stock" else ():
        what = "takes frameworth's own training loop again, but training.engine is stock"
        problems.append(error(f"config: influence.{method}", what, "leave out one of them"))
    if not any(problem.where.startswith("config: subsets[") for problem in problems):
        problems += [*_video_problems(config), *arm_problems(config), *prune_problems(config)]
    if keys.plant and keys.plant.moved_by != sorted(keys.plant.moved_by):
        what = "the least distance {} is above the largest {}".format(*keys.plant.moved_by)
        problems.append(error("config: plant.moved_by", what, "exchange them"))
    for key, other in (("demo", keys.labels != "demo"), ("plant", keys.labels == "demo")):
        if key in keys.model_fields_set and other:
            what = f"does nothing with labels: {keys.labels}"
            problems.append(warning(f"config: {key}", what, "leave it out, or see that labels is what you mean"))
    return config, problems


def checked_config(content: dict[str, Any]) -> StudyConfig:
    """The config from its content as JSON, which was checked before."""
    return _completed(config_model().model_validate(content))[0]


def _completed(keys: StudyConfig) -> tuple[StudyConfig, list[Problem]]:
    """The config with defaults filled in, and the problems of its pilot.

    With a pilot, the options of image size move from `training` to each of the pilot's choices. A value that the config
    gives in `training` is the same in all choices. If nothing is left to choose, the pilot is removed from the config.
    """
    content, given = keys.model_dump(), keys.training.model_fields_set
    training: dict[str, Any] = content["training"]
    problems: list[Problem] = []
    size = {key: training[key] for key in Choice.model_fields if key in training}
    sizes = [size]
    if keys.pilot is not None:
        fixed = {key: value for key, value in size.items() if key in given}
        choices = [size | choice.model_dump() | fixed for choice in keys.pilot.choices]
        sizes = (
            [size]
            if "scale" in given
            else [choice for place, choice in enumerate(choices) if choice not in choices[:place]]
        )
        problems += _pilot_problems(keys.pilot, keys.training)
    chosen = len(sizes) == 1 and "steps" in training
    if keys.pilot is not None and chosen:
        content["training"] = training | sizes[0]
        del content["pilot"]
        what = "does nothing, as training gives the steps and only one size is left"
        todo = "leave it out, or leave out training.steps or training.scale"
        problems.append(warning("config: pilot", what, todo))
    elif keys.pilot is not None:
        content["pilot"]["choices"] = sizes
    elif "epochs" not in training:
        training.setdefault("steps", DEFAULT_STEPS)
    smallest = min(sizes, key=lambda size: size["scale"])
    content["prediction"].setdefault("distractor_radius", 2 * smallest["target_radius"] / smallest["scale"])
    config = keys.model_validate(content)
    if config.pilot is not None:
        unsized = {key: value for key, value in training.items() if key not in size}
        config = config.model_copy(update={"training": UnsizedTraining.model_validate(unsized)})
    return config, problems


def _pilot_problems(pilot: Pilot, training: UnsizedTraining) -> Iterator[Problem]:
    if training.epochs is not None:
        what = "training.epochs and pilot exclude each other, as a pilot counts in steps"
        yield error("config: training.epochs", what, "leave out one of them")
    if pilot.most_steps < pilot.steps:
        yield error("config: pilot.most_steps", f"{pilot.most_steps} is below pilot.steps, {pilot.steps}", "raise it")


def _training_problems(training: UnsizedTraining) -> Iterator[Problem]:
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


def _block_problems(blocks: Sequence[Block]) -> Iterator[Problem]:
    for number, block in enumerate(blocks):
        where, seeds = f"config: subsets[{number}]", block.each_seed
        if len(block.each_members) != len(block.percents):
            what = f"{counted(len(block.each_members), 'number')} for {counted(len(block.percents), 'percent')}"
            yield error(f"{where}.members", what, "give one number, or one per percent")
        if block.design == "paired":
            lonely = [percent for percent in block.percents if 100 - percent not in block.percents]
            if lonely:
                what = f"paired needs {100 - lonely[0]} beside {lonely[0]}"
                yield error(f"{where}.percents", what, "add it, or take another design")
            if 50 in block.percents and any(_partner(seed) not in seeds for seed in seeds):
                what = "paired at 50 % needs seeds 2m-1 and 2m together"
                yield error(f"{where}.seeds", what, "give an even number of seeds")
        if block.design == "balanced" and max(seeds) > MOST_ROWS:
            what = f"a balanced subset of seed {max(seeds)} needs all those before it drawn"
            yield error(f"{where}.seeds", what, f"take seeds up to {MOST_ROWS}")
    if any(len(block.each_members) != len(block.percents) for block in blocks):
        return
    drawn: set[tuple[int, int]] = set()
    for subset in subsets_of(blocks):
        if (subset.percent, subset.seed) in drawn:
            what = f"two blocks draw percent {subset.percent} with seed {subset.seed}"
            yield error("config: subsets", what, "give one of them other seeds")
            break
        drawn.add((subset.percent, subset.seed))


def _partner(seed: int) -> int:
    return seed + 1 if seed % 2 else seed - 1


def _group_problems(config: StudyConfig) -> Iterator[Problem]:
    percents = {percent for block in config.subsets for percent in block.percents}
    for group in config.influence.groups:
        missing = [percent for percent in group if percent not in percents]
        if missing:
            what = f"{group} names {missing[0]} %, which no block of subsets draws"
            yield error("config: influence.groups", what, "draw it, or leave it out of the group")


def _video_problems(config: StudyConfig) -> Iterator[Problem]:
    seen: dict[Path, str] = {}
    for number, video in enumerate(config.videos):
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
    if not config.videos:
        return
    if not config.keep_snapshots:
        what = "are analysed with the trained networks, but keep_snapshots: false keeps none"
        yield error("config: videos", what, "leave out one of them")
    networks = video_networks(config)
    if len({subset.name for subset, _ in networks}) < 2:
        largest = networks[0][0].percent
        what = f"only one subset has the largest percent ({largest}), so that no two ensembles can disagree"
        yield error("config: videos", what, "give its block another seed")
