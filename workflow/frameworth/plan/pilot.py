"""The pilot measures which image size and how many steps the grid is trained with; the rule of its choice.

One network per choice is trained with `pilot.steps` steps on the subset of the grid that is nearest to half of the
pool. Its error is the median over the labels of the pool's frames outside this subset, in px of the original image.
Held-out frames are not used.

- Size: the choices are compared in the order of px per gradient step, fewest first. A more expensive choice replaces
  the one taken so far if its error is more than 3 % lower.
- Steps: the number of steps is doubled while the error falls by at least 20 % and `pilot.most_steps` is not exceeded.
  Each time a new network of the taken size is trained from the start, with its own drops of the learning rate. The last
  number of steps that lowered the error enough is taken.

A network that diverged is never taken. What the config's `training` gives is not chosen: `scale` fixes the size,
`steps` fixes the steps of the grid, and `crop` and `target_radius` apply to all choices.

This module imports neither PyTorch nor pandas, because the workflow uses it while it is planned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frameworth.config.model import StudyConfig
from frameworth.config.training import Pilot, Training, UnsizedTraining
from frameworth.errors import UserError
from frameworth.plan.grid import PlannedSubset, nearest_to
from frameworth.storage.files import digest_of_json, read_json
from frameworth.text import counted, duration, readable

NAME = "pilot.json"
SIZE_GAIN = 0.03  # the error of a more expensive size must be lower by more than this share
STEPS_GAIN = 0.2  # twice the steps must lower the error by this share: they cost as much as twice the networks


@dataclass(frozen=True)
class Try:
    """One pilot network.

    Attributes:
        choice: number of the choice, from 1.
        scale, crop, target_radius, steps: its training options.
        width, height: size in px of the first frame as the network sees it.
        px_per_step: number of px in the images of one gradient step.
        error_px: median error at labels of the pool that it was not trained on; None if it diverged.
        trained_on_px: median error at the labels that it was trained on.
        seconds: duration of its training. hash: its name in the store.
    """

    choice: int
    scale: float
    crop: int | None
    target_radius: float
    steps: int
    width: int
    height: int
    px_per_step: int
    error_px: float | None
    trained_on_px: float | None
    seconds: float
    hash: str


def search(choices: int, steps: int, most_steps: int, attempt: Callable[[int, int], Try]) -> tuple[list[Try], Try]:
    """All networks that the pilot trained, in order of training, and the one whose options are taken.

    Args:
        choices: number of choices. most_steps: the longest training; equal to `steps` if steps are not to be chosen.
        attempt: trains a network, given the number of the choice (from 1) and the number of steps.

    Raises UserError if all sizes diverged.
    """
    tries = [attempt(choice, steps) for choice in range(1, choices + 1)]
    taken = best_size(tries)
    while 2 * taken.steps <= most_steps:
        tries.append(attempt(taken.choice, 2 * taken.steps))
        if not pays(taken, tries[-1]):
            break
        taken = tries[-1]
    return tries, taken


def best_size(tries: Sequence[Try]) -> Try:
    """The network whose size is taken, of networks with the same steps; raises UserError if all diverged."""
    measured = [(tried.px_per_step, tried.error_px, tried) for tried in tries if tried.error_px is not None]
    if not measured:
        raise UserError(
            "pilot: the networks of all choices diverged; lower training.learning_rate, or look at the labels"
        )
    (_, least, taken), *dearer = sorted(measured, key=lambda tried: tried[:2])
    for _, error, tried in dearer:
        if error < (1 - SIZE_GAIN) * least:
            least, taken = error, tried
    return taken


def pays(before: Try, longer: Try) -> bool:
    """Whether twice the steps lowered the error by at least `STEPS_GAIN`."""
    assert before.error_px is not None
    return longer.error_px is not None and longer.error_px <= (1 - STEPS_GAIN) * before.error_px


# -- what a config leaves to its pilot ---------------------------------------------------------------------------


def pilot_subset(config: StudyConfig) -> PlannedSubset:
    """The subset that pilot networks are trained on: the first of those nearest to half of the pool."""
    return nearest_to(config, 50)[0]


def steps_tried(pilot: Pilot, training: UnsizedTraining) -> list[int]:
    """The numbers of steps that may be tried, ascending; only `pilot.steps` if `training` gives the grid's steps."""
    tried = [pilot.steps]
    while training.steps is None and 2 * tried[-1] <= pilot.most_steps:
        tried.append(2 * tried[-1])
    return tried


def pilot_budget(pilot: Pilot, training: UnsizedTraining) -> tuple[int, int]:
    """The largest number of pilot networks that may be trained, and the sum of their gradient steps."""
    first, *longer = steps_tried(pilot, training)
    return len(pilot.choices) + len(longer), len(pilot.choices) * first + sum(longer)


def further_networks(config: StudyConfig) -> int:
    """Number of pilot networks that are not also networks of the grid; before the pilot, the largest possible one."""
    if config.pilot is None:
        return 0
    pilot = recorded_pilot(config)
    networks = len(pilot["tries"]) if pilot else pilot_budget(config.pilot, config.training)[0]
    # The network that is taken is also a network of the grid, unless the grid is trained with other steps.
    return networks - (config.training.steps in (None, config.pilot.steps))


def pilot_sentence(pilot: dict[str, Any], config: StudyConfig) -> str:
    """A sentence, without full stop, on what a pilot chose and what it cost; `pilot` is the content of `pilot.json`."""
    assert config.pilot is not None
    taken, networks = pilot["tries"][pilot["taken"]], len(pilot["tries"])
    crop = f" (cut to {taken['crop']} px)" if taken["crop"] else ""
    images = f"images of {taken['width']}×{taken['height']} px{crop}"
    of_steps, of_size = config.training.steps is None, len(config.pilot.choices) > 1
    chose = [images] * of_size + [f"{taken['steps']} steps"] * of_steps
    where = "" if of_size else f" on {images}"
    after = "" if of_steps else f" after {taken['steps']} steps"
    sizes = {each["width"] * each["height"] for each in pilot["tries"]}
    largest = max(sizes) == taken["width"] * taken["height"] and len(sizes) > 1
    larger = "; larger images were not tried" if largest else ""
    return (
        f"The pilot chose {' and '.join(chose)}{where} "
        f"(others' labels missed by {readable(taken['error_px'])} px{after}; {counted(networks, 'pilot network')}, "
        f"{duration(pilot['seconds'])}{larger})"
    )


def what_is_asked(pilot: Pilot, training: UnsizedTraining, study_seed: int) -> str:
    """A digest of all options that a pilot's choice depends on; without labels, as these may be corrected later."""
    asked = {"pilot": pilot.model_dump(), "training": training.for_weights, "study_seed": study_seed}
    return digest_of_json(asked)


def recorded_pilot(config: StudyConfig) -> dict[str, Any] | None:
    """The content of `pilot.json`; None if there is none, or if it was made with other options than the config's."""
    try:
        record = read_json(config.folder / NAME)
    except (OSError, UserError):
        return None
    is_of_this = config.pilot and record["asked"] == what_is_asked(config.pilot, config.training, config.seed)
    return record if is_of_this else None


def chosen_training(config: StudyConfig) -> Training | None:
    """The config's `training` with what its pilot chose; None as long as the pilot has not chosen."""
    if isinstance(config.training, Training):
        return config.training
    pilot = recorded_pilot(config)
    return Training.model_validate(pilot["chosen"] | config.training.model_dump()) if pilot else None


def possible_trainings(config: StudyConfig) -> list[Training]:
    """The config's `training` with what its pilot chose or, before that, with each choice and the most steps."""
    chosen = chosen_training(config)
    if chosen is not None or config.pilot is None:
        return [chosen] if chosen else []
    most = steps_tried(config.pilot, config.training)[-1]
    return [config.training.sized(choice, most) for choice in config.pilot.choices]


def resolved_training(training: dict[str, Any], pilot_json: Path | None) -> Training:
    """The training options of a job, with what the pilot chose if the study has a pilot.

    Args:
        training: `training` of a checked config, as JSON. pilot_json: the study's file; None without a pilot.

    Raises UserError if the file is damaged.
    """
    return Training.model_validate(training if pilot_json is None else read_json(pilot_json)["chosen"] | training)
