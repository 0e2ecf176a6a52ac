"""Compare the hashes of a study's networks with its store: which are finished, and which are still to be trained.

A network that is finished in the store counts as finished, even if its other files are lost. If its hash is not known
yet, because the network depends on a later result (such as the frames of a toggle), it counts as still to be trained.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from frameworth.cli.present_frames import PresentFrames, in_order, present_frames
from frameworth.config.model import StudyConfig
from frameworth.config.training import Training
from frameworth.errors import UserError
from frameworth.labels.subsets import read_subsets
from frameworth.plan.designs import draw_subset
from frameworth.plan.grid import PlannedSubset
from frameworth.plan.identity import HashedFrames, network_seed
from frameworth.plan.pilot import NAME as PILOT_JSON
from frameworth.plan.pilot import chosen_training, further_networks, pilot_subset
from frameworth.plan.requests import ARMS, GRID, PRUNE, TOGGLE, Request, requests
from frameworth.training.variants import BASELINE, Variant, arm_variants


@dataclass(frozen=True)
class Left:
    """The networks that are still to be trained.

    Attributes:
        subsets: for each part of the study, subsets with the number of members still to be trained.
        pilot: most networks that a pilot without a choice may still train, besides the grid's.
        outdated: how many of these networks were trained before, for other labels or another config.
        guessed: parts in which some of these networks may be finished already, which is not known yet.
    """

    subsets: dict[str, list[PlannedSubset]]
    pilot: int
    outdated: int
    guessed: frozenset[str]

    @property
    def networks(self) -> int:
        """The number of all networks that are still to be trained."""
        return self.pilot + sum(subset.members for subsets in self.subsets.values() for subset in subsets)


class StudyNetworks:
    """The networks that a checked config asks for.

    Labels and images are read again only if the study's own tables have changed, so counting again while a study runs
    is fast.
    """

    def __init__(self, config: StudyConfig) -> None:
        self._config, self._folder = config, config.folder
        self._requests = requests(config)
        self._hashes: _Hashes | None = None
        self._hashed_with: list[float] = []

    def left(self) -> Left:
        """The networks that are still to be trained now; raises UserError if the labels cannot be read."""
        recorded, finished = (
            {path.parent.name for path in self._folder.glob(f".store/*/{name}")}
            for name in ("training.json", "network.pt")
        )
        finished &= recorded
        if any(self._folder.glob(".store/*")) or any(self._folder.glob("ensembles/*/*/training.json")):
            self._look_at_labels()
        subsets: dict[str, list[PlannedSubset]] = {part: [] for part in (GRID, ARMS, TOGGLE, PRUNE)}
        outdated, guessed = 0, set()
        for request in self._requests:  # those of the grid come first
            record = self._folder / request.ensemble / "training.json"
            grid_is_done = not subsets[GRID] and self._no_label_changed()
            hashes = self._hashes.of(request, grid_is_done) if self._hashes else None
            if hashes is None:
                subsets[request.part].append(request.costed)
                guessed |= {request.part} if record.exists() else set()
            elif gone := [name for name in hashes if name not in finished]:
                before = recorded_hashes(record)
                if not self._is_made_without_them(hashes, before, record, recorded):
                    subsets[request.part].append(replace(request.costed, members=len(gone)))
                    outdated += min(len(gone), len(set(before) - set(hashes)))
        return Left(subsets, self._pilot(finished), outdated, frozenset(guessed))

    def _look_at_labels(self) -> None:
        names = ("labels.h5", "frames.csv", "subsets.h5", "frame_values.csv", PILOT_JSON)
        now = [path.stat().st_mtime if path.exists() else 0.0 for path in (self._folder / name for name in names)]
        if now != self._hashed_with:
            frames = present_frames(self._config)
            self._hashes, self._hashed_with = _Hashes(self._config, frames) if frames else None, now

    def _no_label_changed(self) -> bool:
        return self._hashes is not None and self._hashes.frames.same_labels

    def _is_made_without_them(
        self, hashes: Sequence[str], before: Sequence[str], record: Path, recorded: set[str]
    ) -> bool:
        """Whether the files made from networks are still valid, so that missing networks need not be trained again."""
        if not self._no_label_changed():
            return False
        if list(before) == list(hashes) and (record.parent / "predictions.h5").exists():
            return True
        if self._config.keep_snapshots or not recorded.issuperset(hashes):
            return False
        from frameworth.training.store import Entry, PredictionsEntry  # slow to import

        store, radius = self._folder / ".store", self._config.distractor_radius
        entries = [Entry(store / name) for name in hashes]
        place = PredictionsEntry.of(store, entries, self._folder / "labels.h5", radius).folder
        return all((place / name).exists() for name in ("predictions.h5", "consensus.h5"))

    def _pilot(self, finished: set[str]) -> int:
        """The most networks that the pilot may still train; 0 after it has chosen."""
        if chosen_training(self._config) is not None:
            return 0
        tried = self._hashes.of_pilot() if self._hashes else []
        return max(0, further_networks(self._config) - len(finished.intersection(tried)))


class _Hashes:
    """The hashes of networks for the frames as they are now."""

    def __init__(self, config: StudyConfig, frames: PresentFrames) -> None:
        self.frames = frames
        self._config, self._folder = config, config.folder
        self._training = chosen_training(config)
        self._hashed = HashedFrames(frames.keypoints, frames.digests, frames.xy)
        self._arms = config.arms or {}
        self._grid = {(r.subset.percent, r.subset.seed): r for r in requests(config) if r.part == GRID}
        self._frames_of = cache(self._draw)

    def of(self, request: Request, grid_is_done: bool) -> tuple[str, ...] | None:
        """The hashes of a request's networks; None if something that they depend on is not made yet."""
        subset, arm = request.subset, self._arms[request.variant] if request.part == ARMS else None
        if self._training is None:
            return None
        if arm and not (arm.replicate or arm.start_from):
            # This arm depends on predictions of the grid's networks; a younger record has the right hashes.
            record = self._folder / request.ensemble / "training.json"
            steered_by = self._folder / (request.subset_file if arm.pseudo else "out_of_bag.h5")
            is_known = grid_is_done and self._is_made_of_the_grid(steered_by) and in_order(steered_by, record)
            return tuple(recorded_hashes(record)) if is_known else None
        starts: list[dict[str, Any]] = []
        if arm and arm.start_from:
            begun = self.of(self._grid[arm.start_from.percent, subset.seed], grid_is_done) or ()
            starts = [{"start": Path(), "start_hash": name} for name in begun[: subset.members]]
        if arm:
            networks = arm_variants(arm, subset.percent, subset.seed, subset.members, self._config.seed, starts)
        else:
            networks = [(self._seed(subset, member), BASELINE) for member in range(subset.members)]
        frames = self._chosen(request, grid_is_done) if request.part in (TOGGLE, PRUNE) else self._frames_of(subset)
        return None if frames is None else self._of_networks(frames, self._training, networks)

    def of_pilot(self) -> list[str]:
        """The hashes of the pilot's first networks, one for each choice."""
        subset, pilot, plain = pilot_subset(self._config), self._config.pilot, self._config.training
        network = self._seed(subset, 0), BASELINE
        tried = [plain.sized(choice, pilot.steps) | {"steps": pilot.steps} for choice in pilot.choices] if pilot else []
        return [self._of_networks(self._frames_of(subset), training, [network])[0] for training in tried]

    def _of_networks(
        self, frames: np.ndarray, training: Training, networks: Sequence[tuple[int, Variant]]
    ) -> tuple[str, ...]:
        """The hashes of networks trained on these frames; empty if there is no frame."""
        identities = [(seed, variant.identity(seed)) for seed, variant in networks]
        return tuple(self._hashed.network_hashes(frames, training.for_weights, identities)) if len(frames) else ()

    def _seed(self, subset: PlannedSubset, member: int) -> int:
        return network_seed(self._config.seed, subset.percent, subset.seed, member)

    def _chosen(self, request: Request, grid_is_done: bool) -> np.ndarray | None:
        """The frames of one side of a toggle, or of a pruned pool; None if they are not known yet."""
        from frameworth.experiments.prune import removed_frames
        from frameworth.experiments.toggle import group_of, side_frames

        seed, pool, number = self._config.seed, self.frames.pool, request.subset.seed
        toggle, prune = self._config.toggle, self._config.prune
        is_known = grid_is_done and self._is_made_of_the_grid(self._folder / "frame_values.csv")
        if toggle and request.part == TOGGLE:
            if not is_known and not toggle.frames:
                return None
            group = np.array(toggle.frames) if toggle.frames else group_of(self._values, toggle)
            return side_frames(pool, group, parts=toggle.parts, side=request.variant, pair=number, study_seed=seed)
        if not prune or not is_known or prune.by not in self._values:
            return None
        return np.setdiff1d(pool, removed_frames(self._values, prune.by, request.variant, number, seed))

    def _is_made_of_the_grid(self, path: Path) -> bool:
        """Whether a file is not older than the labels and the predictions of all networks of the grid."""
        predictions = (self._folder / request.ensemble / "predictions.h5" for request in self._grid.values())
        return in_order(self._folder / "labels.h5", path) and all(in_order(file, path) for file in predictions)

    @cached_property
    def _values(self) -> Any:
        import pandas as pd

        return pd.read_csv(self._folder / "frame_values.csv")

    def _draw(self, subset: PlannedSubset) -> np.ndarray:
        """The numbers of a subset's frames, ascending: those recorded if the pool is the same, else drawn again."""
        row = self._recorded_rows.get((subset.name, subset.design))
        if row is not None:
            return np.flatnonzero(row)
        pool = self.frames.pool
        return pool[draw_subset(subset.design, len(pool), subset.percent, subset.seed, self._config.seed)]

    @cached_property
    def _recorded_rows(self) -> dict[tuple[str, str], np.ndarray]:
        """The rows of subsets.h5, bool [N], by name and design, because drawing a large balanced design is slow."""
        if not self.frames.same_pool or not in_order(self._folder / "frames.csv", self._folder / "subsets.h5"):
            return {}
        try:
            table, inclusion = read_subsets(self._folder)
        except UserError:
            return {}
        return dict(zip(zip(table["subset"], table["design"], strict=True), inclusion, strict=True))


def recorded_hashes(record: Path) -> list[str]:
    """The hashes of the networks in a training.json; empty if it is missing or damaged."""
    try:
        return [str(member["hash"]) for member in json.loads(record.read_text())["members"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []
