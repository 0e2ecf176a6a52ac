"""What a pilot chooses before the grid trains: image size and steps, found by measuring, and the rule by which.

One network per choice is trained with `pilot.steps` steps on the subset of the grid that is nearest to half of the
pool. Its error is the median over the labels of the pool's frames outside this subset, in px of the original image;
held-out frames have no say.

- Size: from the choice with fewest px per gradient step on, a dearer one takes the place of the one taken so far if its
  error is more than 3 % lower.
- Steps: the choice taken is trained anew with twice the steps, as a whole network with its own drops of the learning
  rate, and again, while the error falls by at least 20 % and `pilot.most_steps` is not passed. The last steps that paid
  are taken.

A network that diverged is never taken. What the config's `training` gives is not chosen: `scale` fixes the size,
`steps` the steps of the grid, `crop` and `target_radius` those of all choices.

Imports neither PyTorch nor pandas: the workflow asks while it is planned.
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
SIZE_GAIN = 0.03  # by which the error of a dearer size must be lower, and more
STEPS_GAIN = 0.2  # by which the error must fall for twice the steps to pay: they cost as much as twice the networks


@dataclass(frozen=True)
class Try:
    """One pilot network.

    Attributes:
        choice: its place among the pilot's choices, from 1.
        scale, crop, target_radius, steps: its training options.
        width, height: px of the first frame as the network sees it.
        px_per_step: px of the images of one gradient step.
        error_px: median error on labels of the pool that it was not trained on; None if it diverged.
        trained_on_px: the same of labels that it was trained on.
        seconds: of its training. hash: its place in the store.
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
    """All networks that the pilot trained, in their order, and the one whose options are taken.

    Args:
        choices: how many there are. most_steps: the longest training; `steps` where the number is not to be chosen.
        attempt: trains the network of a choice, from 1, with so many steps.

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
    """The choice that is taken, of networks with the same steps; raises UserError if all diverged."""
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
    """Whether twice the steps paid."""
    assert before.error_px is not None
    return longer.error_px is not None and longer.error_px <= (1 - STEPS_GAIN) * before.error_px


# -- what a config leaves to its pilot ---------------------------------------------------------------------------


def pilot_subset(config: StudyConfig) -> PlannedSubset:
    """The subset that pilot networks are trained on: of those nearest to half of the pool, the first."""
    return nearest_to(config, 50)[0]


def steps_tried(pilot: Pilot, training: UnsizedTraining) -> list[int]:
    """The steps that may be tried of one size, ascending; `pilot.steps` alone where `training` gives the grid's."""
    tried = [pilot.steps]
    while training.steps is None and 2 * tried[-1] <= pilot.most_steps:
        tried.append(2 * tried[-1])
    return tried


def pilot_budget(pilot: Pilot, training: UnsizedTraining) -> tuple[int, int]:
    """At most so many pilot networks, and their gradient steps together."""
    first, *longer = steps_tried(pilot, training)
    return len(pilot.choices) + len(longer), len(pilot.choices) * first + sum(longer)


def further_networks(config: StudyConfig) -> int:
    """Pilot networks beside those of the grid: those that were trained, or the most that can be."""
    if config.pilot is None:
        return 0
    pilot = recorded_pilot(config)
    networks = len(pilot["tries"]) if pilot else pilot_budget(config.pilot, config.training)[0]
    # The one that is taken is a network of the grid, unless that is trained with other steps.
    return networks - (config.training.steps in (None, config.pilot.steps))


def pilot_sentence(pilot: dict[str, Any]) -> str:
    """What a pilot chose, and what that took, of the content of `pilot.json`; without its full stop."""
    taken, networks = pilot["tries"][pilot["taken"]], len(pilot["tries"])
    crop = f" (cut to {taken['crop']} px)" if taken["crop"] else ""
    # Where the config gives the steps of the grid, only the size was chosen.
    steps = f" and {taken['steps']} steps" if pilot["chosen"]["steps"] == taken["steps"] else ""
    after = "" if steps else f" after {taken['steps']} steps"
    sizes = {each["width"] * each["height"] for each in pilot["tries"]}
    largest = max(sizes) == taken["width"] * taken["height"] and len(sizes) > 1
    larger = "; larger images were not tried" if largest else ""
    return (
        f"The pilot chose images of {taken['width']}×{taken['height']} px{crop}{steps} "
        f"(others' labels missed by {readable(taken['error_px'])} px{after}; {counted(networks, 'pilot network')}, "
        f"{duration(pilot['seconds'])}{larger})"
    )


def what_is_asked(pilot: Pilot, training: UnsizedTraining, study_seed: int) -> str:
    """A digest of all that a pilot is asked, labels left out: they may be corrected later."""
    asked = {"pilot": pilot.model_dump(), "training": training.for_weights, "study_seed": study_seed}
    return digest_of_json(asked)


def recorded_pilot(config: StudyConfig) -> dict[str, Any] | None:
    """The study's `pilot.json`, if it answers what the config asks; None if there is no pilot."""
    try:
        record = read_json(config.folder / NAME)
    except (OSError, UserError):
        return None
    is_of_this = config.pilot and record["asked"] == what_is_asked(config.pilot, config.training, config.seed)
    return record if is_of_this else None


def chosen_training(config: StudyConfig) -> Training | None:
    """The config's `training` with what its pilot chose; None while that has not chosen."""
    if isinstance(config.training, Training):
        return config.training
    pilot = recorded_pilot(config)
    return Training.model_validate(pilot["chosen"] | config.training.model_dump()) if pilot else None


def possible_trainings(config: StudyConfig) -> list[Training]:
    """The config's `training` with what its pilot chose, or with each of its choices and the most steps."""
    chosen = chosen_training(config)
    if chosen is not None or config.pilot is None:
        return [chosen] if chosen else []
    most = steps_tried(config.pilot, config.training)[-1]
    return [config.training.sized(choice, most) for choice in config.pilot.choices]


def resolved_training(training: dict[str, Any], pilot_json: Path | None) -> Training:
    """The training options of a job, with what the pilot chose where the study has one.

    Args:
        training: of a checked config, as JSON. pilot_json: the study's; None without a pilot.

    Raises UserError if the file is damaged.
    """
    return Training.model_validate(training if pilot_json is None else read_json(pilot_json)["chosen"] | training)
