"""The grid that a config asks for: which subsets, how many networks on each, and which of these other parts take up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from frameworth.config.model import Block, StudyConfig
from frameworth.config.registries import asked_methods
from frameworth.plan.names import subset_name


@dataclass(frozen=True)
class PlannedSubset:
    """One subset of the grid, as the config asks for it."""

    percent: int
    seed: int
    design: str
    members: int

    @property
    def name(self) -> str:
        """Its name in tables."""
        return subset_name(self.percent, self.seed)


def planned_subsets(config: StudyConfig) -> list[PlannedSubset]:
    """All subsets of a checked config."""
    return subsets_of(config.subsets)


def subsets_of(blocks: Sequence[Block]) -> list[PlannedSubset]:
    """All subsets, block by block, percent by percent, seed by seed."""
    return [
        PlannedSubset(percent, seed, block.design, members + (number < block.repeat))
        for block in blocks
        for percent, members in zip(block.percents, block.each_members, strict=True)
        for number, seed in enumerate(block.each_seed)
    ]


def nearest_to(config: StudyConfig, percent: int) -> list[PlannedSubset]:
    """All subsets, those nearest to a percent of the pool first, else in the config's order."""
    return sorted(planned_subsets(config), key=lambda subset: abs(subset.percent - percent))


def base_subsets(config: StudyConfig, method: str) -> list[PlannedSubset]:
    """The subsets whose first networks a method asks: the first of those nearest to the percent that it names."""
    asked = asked_methods(config.influence)[method]
    return nearest_to(config, asked.percent)[: asked.networks]


def method_options(config: StudyConfig, method: str) -> dict[str, Any]:
    """What of the config's `influence.{method}` a single network's answer depends on."""
    options = asked_methods(config.influence)[method].model_dump()
    return {key: value for key, value in options.items() if key not in ("networks", "percent")}


def video_networks(config: StudyConfig) -> list[tuple[PlannedSubset, int]]:
    """The networks that look at videos, as (subset, member), the members of one subset beside each other.

    Those of the largest percent; where they are more than `video.networks`, a first of each subset before a second.
    """
    subsets = planned_subsets(config)
    largest = [subset for subset in subsets if subset.percent == max(each.percent for each in subsets)]
    grid = [(member, place) for place, subset in enumerate(largest) for member in range(subset.members)]
    chosen = sorted(grid)[: config.video.networks]
    return [(largest[place], member) for place, member in sorted((place, member) for member, place in chosen)]


def window_start(window: float, steps: int) -> int:
    """The first step of the last part of so many: of a `window` in (0, 1]."""
    return steps - max(1, round(window * steps))
