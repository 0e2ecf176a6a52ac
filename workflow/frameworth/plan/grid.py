"""The grid that a config asks for: its subsets, the networks on each, and which of these methods and videos use."""

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
    """All subsets of these blocks, in order of block, then percent, then seed."""
    return [
        PlannedSubset(percent, seed, block.design, members + (number < block.repeat))
        for block in blocks
        for percent, members in zip(block.percents, block.each_members, strict=True)
        for number, seed in enumerate(block.each_seed)
    ]


def nearest_to(config: StudyConfig, percent: int) -> list[PlannedSubset]:
    """All subsets, those whose percent is nearest to `percent` first; equally near ones in the config's order."""
    return sorted(planned_subsets(config), key=lambda subset: abs(subset.percent - percent))


def base_subsets(config: StudyConfig, method: str) -> list[PlannedSubset]:
    """The subsets whose first networks are the base networks of a method: those nearest to the method's percent."""
    asked = asked_methods(config.influence)[method]
    return nearest_to(config, asked.percent)[: asked.networks]


def method_options(config: StudyConfig, method: str) -> dict[str, Any]:
    """The options in the config's `influence.{method}` that a single network's answer depends on."""
    options = asked_methods(config.influence)[method].model_dump()
    return {key: value for key, value in options.items() if key not in ("networks", "percent")}


def video_networks(config: StudyConfig) -> list[tuple[PlannedSubset, int]]:
    """The networks that analyse videos, as (subset, member), in order of subset and then member.

    They are networks of the largest percent, at most `video.networks`: first members are taken before second ones.
    """
    subsets = planned_subsets(config)
    largest = [subset for subset in subsets if subset.percent == max(each.percent for each in subsets)]
    grid = [(member, place) for place, subset in enumerate(largest) for member in range(subset.members)]
    chosen = sorted(grid)[: config.video.networks]
    return [(largest[place], member) for place, member in sorted((place, member) for member, place in chosen)]


def window_start(window: float, steps: int) -> int:
    """The step at which the last part of a training of `steps` steps begins; `window` in (0, 1] is its share."""
    return steps - max(1, round(window * steps))
