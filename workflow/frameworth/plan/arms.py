"""The arms of a study: what each arm trains, and on which subsets. Config in, plans out.

An arm is a named variant of training. It has the baseline's subsets and seeds, so that differences are paired.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, product

from frameworth.config.experiments import Arm
from frameworth.config.model import MOST_MEMBERS, Block, StudyConfig
from frameworth.config.registries import asked_methods
from frameworth.config.section import Section
from frameworth.errors import Problem, error
from frameworth.plan.grid import PlannedSubset, planned_subsets

BASELINE = "baseline"


@dataclass(frozen=True)
class MemberSeeds:
    """The baseline members whose initial weights, data order and augmentation a network takes, each by its number."""

    weights: int
    order: int
    augmentation: int


class AskedArms(Section):
    """The parts of a config that determine the networks of its arms."""

    arms: dict[str, Arm]
    subsets: list[Block]


def trained_arms(arms: Mapping[str, Arm] | None) -> dict[str, Arm]:
    """The arms of a config without the baseline, in the config's order."""
    return {name: arm for name, arm in (arms or {}).items() if name != BASELINE}


def arm_subsets(arm: Arm, grid: Sequence[PlannedSubset]) -> list[PlannedSubset]:
    """The subsets of the grid that an arm trains, each with the arm's number of members."""
    by_place = {(subset.percent, subset.seed): subset for subset in grid}
    chosen = []
    for subset in by_place.values():
        if subset.percent not in (arm.percents or [subset.percent]) or subset.seed not in (arm.seeds or [subset.seed]):
            continue
        members = min(subset.members, arm.members or subset.members)
        if arm.start_from is not None:
            start = by_place.get((arm.start_from.percent, subset.seed))
            if start is None or start.percent >= subset.percent or start.design != subset.design:
                continue
            members = min(members, start.members)
        chosen.append(replace(subset, members=len(member_seeds(arm, members))))
    return chosen


def member_seeds(arm: Arm, members: int) -> list[MemberSeeds]:
    """The seeds of each member of an arm: those of the baseline member of the same number, or all combinations."""
    if arm.replicate is not None:
        counts = arm.replicate.weights, arm.replicate.orders, arm.replicate.augmentations
        return [MemberSeeds(*numbers) for numbers in product(*map(range, counts))]
    return [MemberSeeds(member, member, member) for member in range(members)]


def arm_problems(config: StudyConfig) -> Iterator[Problem]:
    """An error for each arm that cannot be trained as the config describes it."""
    planned = planned_subsets(config)
    for name, arm in (config.arms or {}).items():
        where = f"config: arms.{name}"
        if name != BASELINE:
            # Only the first problem of an arm: others may follow from it.
            yield from islice(chain(_changes_problems(config, arm, where), _grid_problems(planned, arm, where)), 1)
        elif arm.model_fields_set:
            yield error(where, "the baseline is the study as it is", "give its changes to another arm")


def prune_problems(config: StudyConfig) -> Iterator[Problem]:
    """Errors if `subsets` draws seeds of `prune`'s networks, or if `prune.by` needs a method that is not asked for."""
    prune = config.prune
    if prune is None:
        return
    taken = [s.seed for s in planned_subsets(config) if s.percent == 100 and s.seed <= prune.networks]
    if taken:
        what = (
            f"its networks have the seeds 1 to {prune.networks} at 100 %, and subsets draws seed {taken[0]} there, "
            "which the ranking would then rest on"
        )
        yield error("config: prune", what, "give that block other seeds")
    method = prune.by.removesuffix("_value")
    if method != prune.by and method not in asked_methods(config.influence):
        yield error("config: prune.by", f"{prune.by} needs influence.{method}", "add it or rank by check_priority")


def _changes_problems(config: StudyConfig, arm: Arm, where: str) -> Iterator[Problem]:
    if len(arm.changes) != 1:
        what = f"changes {' and '.join(arm.changes)} at once" if arm.changes else "changes nothing"
        yield error(where, what, "an arm has one of augment, curriculum, replicate, start_from, pseudo")
        return
    (change,), engine = arm.changes, config.training.engine
    # DeepLabCut's own loop cannot be changed, only its labels (pseudo); only the fast engine draws patches.
    if (engine == "stock" and change != "pseudo") or (engine != "fast" and change == "augment"):
        yield error(where, f"{change} needs training.engine: fast", "set it, or leave the arm out")
    if arm.replicate and arm.members:
        what = "the members of an arm with replicate are its combinations"
        yield error(f"{where}.members", what, "leave it out")
    if arm.replicate and (asked := math.prod(arm.replicate.model_dump().values())) > MOST_MEMBERS:
        what = f"asks for {asked} networks of each subset; at most {MOST_MEMBERS} are possible"
        yield error(f"{where}.replicate", what, "ask for fewer combinations")
    if arm.start_from and not config.keep_snapshots:
        what = "takes finished networks further, but keep_snapshots: false keeps none"
        yield error(f"{where}.start_from", what, "leave out one of them")


def _grid_problems(planned: Sequence[PlannedSubset], arm: Arm, where: str) -> Iterator[Problem]:
    percents, seeds = {subset.percent for subset in planned}, {subset.seed for subset in planned}
    for key, asked, known in (("percents", arm.percents, percents), ("seeds", arm.seeds, seeds)):
        unknown = sorted(set(asked or []) - known)
        if unknown:
            what = f"no block of subsets draws {unknown[0]}, and an arm trains the study's subsets"
            yield error(f"{where}.{key}", what, "take it out")
    start = arm.start_from
    if start is not None and start.percent not in percents:
        what = f"no block of subsets draws {start.percent} %"
        yield error(f"{where}.start_from.percent", what, "name a percent that one draws")
    chosen = arm_subsets(arm, planned)
    if not chosen:
        needs = f" with a smaller one of {start.percent} %, the same seed and design" if start is not None else ""
        yield error(where, f"the study has no subset of these percents and seeds{needs}", "name others")
    empty = sorted(set(arm.percents or []) - {subset.percent for subset in chosen})
    if empty:
        yield error(f"{where}.percents", f"nothing can be trained at {empty[0]} %", "take it out")
