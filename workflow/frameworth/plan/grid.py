"""The grid that a config asks for: which subsets, how many networks on each, and which of these other parts take up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


def study_folder(config: dict[str, Any]) -> Path:
    """The folder of a study's results."""
    return Path("results") / config["study"]


def result_options(config: dict[str, Any]) -> dict[str, Any]:
    """What `frameworth.results.results.Results` takes of a checked config."""
    parts = {part: config[part] for part in ("influence", "figures")}
    return parts | {"consensus": config["prediction"]["consensus"]}


def planned_subsets(config: dict[str, Any]) -> list[PlannedSubset]:
    """All subsets of a checked config, block by block, percent by percent, seed by seed."""
    return [
        PlannedSubset(percent, seed, block["design"], members + (number < block["repeat"]))
        for block in config["subsets"]
        for percent, members in zip(block["percents"], block_members(block), strict=True)
        for number, seed in enumerate(block_seeds(block))
    ]


def nearest_to_half(config: dict[str, Any]) -> list[PlannedSubset]:
    """All subsets, those nearest to half of the pool first, else in the config's order."""
    return sorted(planned_subsets(config), key=lambda subset: abs(subset.percent - 50))


def base_subsets(config: dict[str, Any], method: str) -> list[PlannedSubset]:
    """The subsets whose first networks a method asks: the first of those nearest to 50 %."""
    return nearest_to_half(config)[: config["influence"][method]["networks"]]


def method_options(config: dict[str, Any], method: str) -> dict[str, Any]:
    """What of the config's `influence.{method}` a single network's answer depends on."""
    return {key: value for key, value in config["influence"][method].items() if key != "networks"}


def video_networks(config: dict[str, Any]) -> list[tuple[PlannedSubset, int]]:
    """The networks that look at videos, as (subset, member), the members of one subset beside each other.

    Those of the largest percent; where they are more than `video.networks`, a first of each subset before a second.
    """
    subsets = planned_subsets(config)
    largest = [subset for subset in subsets if subset.percent == max(each.percent for each in subsets)]
    grid = [(member, place) for place, subset in enumerate(largest) for member in range(subset.members)]
    chosen = sorted(grid)[: config["video"]["networks"]]
    return [(largest[place], member) for place, member in sorted((place, member) for member, place in chosen)]


def weight_options(training: dict[str, Any]) -> dict[str, Any]:
    """What determines a network's weights, of the config's `training`."""
    return {key: value for key, value in training.items() if key not in ("device", "subsets_per_job")}


def needs_one_size(training: dict[str, Any]) -> bool:
    """Whether frames of several sizes cannot share a batch: without crops, where DeepLabCut's own transforms run."""
    own = any(training["augmentation"].get(name) for name in ("hist_eq", "covering", "elastic_transform"))
    return training["crop"] is None and (own or training["engine"] == "stock")


def block_seeds(block: dict[str, Any]) -> list[int]:
    """The seeds of one block of `subsets`."""
    seeds = block["seeds"]
    return list(range(1, seeds + 1)) if isinstance(seeds, int) else seeds


def block_members(block: dict[str, Any]) -> list[int]:
    """How many networks the subsets of each percent of a block get."""
    members = block["members"]
    return [members] * len(block["percents"]) if isinstance(members, int) else members


def window_start(window: float, steps: int) -> int:
    """The first step of the last part of so many: of a `window` in (0, 1]."""
    return steps - max(1, round(window * steps))


def total_steps(training: dict[str, Any], frames: int) -> int:
    """Gradient steps of a network: `steps`, or `epochs` over its frames."""
    if "epochs" in training:
        return max(1, math.ceil(training["epochs"] * frames / training["batch_size"]))
    return training["steps"]
