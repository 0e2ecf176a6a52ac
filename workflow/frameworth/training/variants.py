"""How the training of an arm's network differs from the baseline's: seeds, order, start, patches.

All differences that change weights are in `Variant.identity`, and so in the network's hash. The baseline's is empty.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from frameworth.config.experiments import Arm
from frameworth.plan.arms import member_seeds
from frameworth.plan.identity import network_seed

if TYPE_CHECKING:  # it imports PyTorch, which is slow and not needed to count networks
    from frameworth.engine.cutout import Cutout

# How far a curriculum shifts frames. With 1, the last draw of the easiest frame meets the first of the hardest.
_CURRICULUM_STRENGTH = 1.0


@dataclass(frozen=True)
class Variant:
    """The differences from the baseline; with the defaults there are none.

    Attributes:
        order_seed, augmentation_seed: used for these instead of the network's seed; None uses the network's seed.
        ranks: [M], the rank of each training frame in a curriculum, 0 first; None for shuffled passes.
        start: file of the network to continue; `start_hash` is its hash in the store.
        cutout: patches to erase.
    """

    order_seed: int | None = None
    augmentation_seed: int | None = None
    ranks: np.ndarray | None = None
    start: Path | None = None
    start_hash: str = ""
    cutout: Cutout | None = None

    def seeds(self, seed: int) -> tuple[int, int]:
        """The seeds for data order and for augmentation (with dropout) of the network with seed `seed`."""
        order = seed if self.order_seed is None else self.order_seed
        return order, seed if self.augmentation_seed is None else self.augmentation_seed

    def identity(self, seed: int) -> dict[str, Any]:
        """All that may make the weights of the network with seed `seed` differ from the baseline's, as JSON."""
        order, augmentation = self.seeds(seed)
        identity: dict[str, Any] = {}
        if order != seed:
            identity["order_seed"] = order
        if augmentation != seed:
            identity["augmentation_seed"] = augmentation
        if self.ranks is not None:
            identity["ranks"] = self.ranks.tolist()
        if self.start is not None:
            identity["start"] = self.start_hash
        if self.cutout is not None:
            identity["cutout"] = self.cutout.identity()
        return identity


BASELINE = Variant()


def arm_variants(
    arm: Arm, percent: int, subset_seed: int, members: int, study_seed: int,
    starts: Sequence[dict[str, Any]] = (), **shared: Any,
) -> list[tuple[int, Variant]]:  # fmt: skip
    """The seed and variant of each of an arm's networks on one subset.

    Args:
        arm: the arm's options, from a checked config. members: the number of its networks on this subset.
        starts: `start` and `start_hash` of each network, for a warm start. shared: options of all variants.
    """

    def seed(member: int) -> int:
        return network_seed(study_seed, percent, subset_seed, member)

    seeds = member_seeds(arm, members)
    return [
        (
            seed(of.weights),
            Variant(order_seed=seed(of.order), augmentation_seed=seed(of.augmentation), **shared, **start),
        )
        for of, start in zip(seeds, starts or [{}] * len(seeds), strict=True)
    ]


def batch_indices(frames: int, batch_size: int, step: int, seed: int) -> list[int]:
    """The indices of the training frames, of `frames` in all, in the batch of `step`.

    Shuffled passes over all frames are joined and cut into batches, so every batch is full, and each frame was seen
    k times after k passes. The result depends only on the arguments, so resuming needs no state.
    """
    chosen = []
    for position in range(step * batch_size, (step + 1) * batch_size):
        epoch, place = divmod(position, frames)
        chosen.append(int(_pass(frames, seed, epoch)[place]))
    return chosen


def ordered_batches(
    ranks: np.ndarray | None, frames: int, batch_size: int, steps: int, seed: int
) -> Callable[[int], list[int]]:
    """A function that gives the frames of each step's batch.

    With `ranks`, all draws of `batch_indices` are sorted by their time plus their frame's rank, both scaled to 0…1.
    Each frame is drawn equally often as without ranks; frames of low rank come early, those of high rank late.
    """
    if ranks is None:
        return lambda step: batch_indices(frames, batch_size, step, seed)
    drawn = np.array([frame for step in range(steps) for frame in batch_indices(frames, batch_size, step, seed)])
    when = np.arange(len(drawn)) / len(drawn) + _CURRICULUM_STRENGTH * ranks[drawn] / max(frames - 1, 1)
    drawn = drawn[np.argsort(when, kind="stable")].reshape(steps, batch_size)
    return lambda step: drawn[step].tolist()


@functools.lru_cache(maxsize=4)
def _pass(frames: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, 2, epoch]).permutation(frames)
