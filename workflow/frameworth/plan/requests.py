"""The one plan: which networks a config asks for. Rules, costs, progress and status all loop over it.

The pilot's networks are not among them: which of them are trained shows while it looks (`frameworth.plan.pilot`).
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
        part: `ensembles` for the grid, else `arms`, `toggle` or `prune`: the folder below the study's.
        variant: the arm, the side of a toggle, what `prune` leaves out; empty for the grid.
        subset: with as many members as are asked for; of a toggle the percent is that of its base.
        has_own_subset: whether the part draws a subset file of its own, in place of the grid's.
        costed_percent: of the pool, at most as many frames as that are trained on.
    """

    part: str
    variant: str
    subset: PlannedSubset
    has_own_subset: bool
    costed_percent: int

    @property
    def folder(self) -> str:
        """Where its ensembles lie, below the study's folder."""
        return f"{self.part}/{self.variant}" if self.variant else self.part

    @property
    def path(self) -> str:
        """The subset in paths, `percent-050/seed-2`."""
        return subset_path(self.subset.percent, self.subset.seed)

    @property
    def ensemble(self) -> str:
        """Its ensemble's folder, below the study's."""
        return f"{self.folder}/{self.path}"

    @property
    def subset_file(self) -> str:
        """The file of its subset, below the study's folder."""
        return f"{f'{self.folder}/' if self.has_own_subset else ''}subsets/{self.path}.json"

    @property
    def costed(self) -> PlannedSubset:
        """The subset by what its training takes at most."""
        return replace(self.subset, percent=self.costed_percent)

    @property
    def keeps_networks(self) -> bool:
        """Whether its networks lie beside its predictions, too: those of arms stay in the store."""
        return self.part != ARMS


def requests(config: StudyConfig) -> list[Request]:
    """All ensembles that a checked config asks for: the grid's, the arms', the toggle's, those of `prune`."""
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
                # Half of the others and the whole group, which may be most of the pool.
                yield Request(TOGGLE, side, PlannedSubset(TOGGLE_PERCENT, pair, "toggle", 1), True, 90)


def _prune(config: StudyConfig) -> Iterator[Request]:
    if prune := config.prune:
        for removed in prune_sets(prune.counts, prune.draws):
            for network in range(1, prune.networks + 1):
                yield Request(PRUNE, removed, PlannedSubset(PRUNE_PERCENT, network, "prune", 1), True, PRUNE_PERCENT)
