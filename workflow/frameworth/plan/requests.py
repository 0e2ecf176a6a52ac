"""The plan of a study: which networks its config asks for. Rules, costs, progress and status all use this plan.

It leaves out the pilot's networks: the pilot decides while it runs which ones it trains (`frameworth.plan.pilot`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from frameworth.config.model import StudyConfig
from frameworth.plan.arms import arm_subsets, trained_arms
from frameworth.plan.grid import PlannedSubset, planned_subsets
from frameworth.plan.names import prune_sets, subset_path, toggle_sides

GRID, ARMS, TOGGLE, PRUNE = "ensembles", "arms", "toggle", "prune"
TOGGLE_PERCENT, PRUNE_PERCENT = 50, 100


@dataclass(frozen=True)
class Request:
    """The networks of one subset that a part of a study asks for.

    Attributes:
        part: `ensembles` for the grid, else `arms`, `toggle` or `prune`; also the folder below the study's folder.
        variant: the arm, the side of a toggle, or the set that `prune` leaves out; empty for the grid.
        subset: the subset, with the number of members asked for; for a toggle, its percent is that of the base.
        has_own_subset: whether the part draws its own subset file, instead of using the grid's.
        costed_percent: the most frames that it can train on, in percent of the pool, to estimate its cost.
    """

    part: str
    variant: str
    subset: PlannedSubset
    has_own_subset: bool
    costed_percent: int

    @property
    def folder(self) -> str:
        """The folder of its ensembles, below the study's folder."""
        return f"{self.part}/{self.variant}" if self.variant else self.part

    @property
    def path(self) -> str:
        """The subset's name in paths, such as `percent-050/seed-2`."""
        return subset_path(self.subset.percent, self.subset.seed)

    @property
    def ensemble(self) -> str:
        """The folder of its ensemble, below the study's folder."""
        return f"{self.folder}/{self.path}"

    @property
    def subset_file(self) -> str:
        """The file of its subset, below the study's folder."""
        return f"{f'{self.folder}/' if self.has_own_subset else ''}subsets/{self.path}.json"

    @property
    def costed(self) -> PlannedSubset:
        """The subset with `costed_percent` as its percent, to estimate the cost of its training."""
        return replace(self.subset, percent=self.costed_percent)

    @property
    def keeps_networks(self) -> bool:
        """Whether its networks are also put beside its predictions; networks of arms are only in the store."""
        return self.part != ARMS


def requests(config: StudyConfig) -> list[Request]:
    """All ensembles that a checked config asks for: those of the grid, the arms, the toggle and `prune`."""
    return [*_grid(config), *_arms(config), *_toggle(config), *_prune(config)]


def _grid(config: StudyConfig) -> Iterator[Request]:
    for subset in planned_subsets(config):
        yield Request(GRID, "", subset, False, subset.percent)


def _arms(config: StudyConfig) -> Iterator[Request]:
    for name, arm in trained_arms(config.arms).items():
        for subset in arm_subsets(arm, planned_subsets(config)):
            yield Request(ARMS, name, subset, arm.pseudo is not None, subset.percent)


def _toggle(config: StudyConfig) -> Iterator[Request]:
    if toggle := config.toggle:
        for side in toggle_sides(toggle.parts):
            for pair in range(1, toggle.pairs + 1):
                # A side has half of the other frames and the whole group, which may be most of the pool.
                yield Request(TOGGLE, side, PlannedSubset(TOGGLE_PERCENT, pair, "toggle", 1), True, 90)


def _prune(config: StudyConfig) -> Iterator[Request]:
    if prune := config.prune:
        for removed in prune_sets(prune.counts, prune.draws):
            for network in range(1, prune.networks + 1):
                yield Request(PRUNE, removed, PlannedSubset(PRUNE_PERCENT, network, "prune", 1), True, PRUNE_PERCENT)
