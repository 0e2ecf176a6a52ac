"""How one network of an arm is trained differently from the baseline's: seeds, order, start, patches.

Whatever of it determines weights is in `Variant.identity`, and so in the network's hash. The baseline's is empty.
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

if TYPE_CHECKING:  # it comes with PyTorch, which counting networks need not wait for
    from frameworth.engine.cutout import Cutout

# How far a curriculum shifts frames: with 1 the easiest frame's last draw comes when the hardest's first does.
_CURRICULUM_STRENGTH = 1.0


@dataclass(frozen=True)
class Variant:
    """What differs; all left out, the network is the baseline's.

    Attributes:
        order_seed, augmentation_seed: in place of the network's seed, which then gives initial weights alone.
        ranks: [M] of the training frames in which a curriculum takes them, 0 first; None for shuffled passes.
        start: file of the network to continue, with `start_hash`, its hash in the store.
        cutout: patches to erase.
    """

    order_seed: int | None = None
    augmentation_seed: int | None = None
    ranks: np.ndarray | None = None
    start: Path | None = None
    start_hash: str = ""
    cutout: Cutout | None = None

    def seeds(self, seed: int) -> tuple[int, int]:
        """The seeds of data order and of augmentation (with dropout) of the network with this seed."""
        order = seed if self.order_seed is None else self.order_seed
        return order, seed if self.augmentation_seed is None else self.augmentation_seed

    def identity(self, seed: int) -> dict[str, Any]:
        """All by which the weights of the network with this seed may differ from the baseline's, as JSON holds it."""
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
        arm: its options, of a checked config. members: as many as it has on this subset.
        starts: `start` and `start_hash` of each, for a warm start. shared: what all of them have.
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
    """Which of `frames` training frames are in batch `step`.

    Epochs are shuffled passes over all frames, laid end to end and cut into batches, so every batch is full and
    after k passes each frame was seen k times; a pure function of (seed, step), so that resuming needs no state.
    """
    chosen = []
    for position in range(step * batch_size, (step + 1) * batch_size):
        epoch, place = divmod(position, frames)
        chosen.append(int(_pass(frames, seed, epoch)[place]))
    return chosen


def ordered_batches(
    ranks: np.ndarray | None, frames: int, batch_size: int, steps: int, seed: int
) -> Callable[[int], list[int]]:
    """The function from a step to the frames of its batch.

    With `ranks`, the draws are those that `batch_indices` makes in all `steps` together, sorted by when it makes them
    plus the frame's rank, both brought to 0…1: each frame is drawn exactly as often, low ranks early, high ranks late.
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
