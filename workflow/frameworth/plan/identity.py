"""The identity of a network: its seed, from its place in the grid, and a hash of all that determines its weights.

This module does not import PyTorch, so that networks can be counted quickly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from frameworth.storage.files import canonical_json

# Increase it when a change to the training code changes the final weights: every network is then trained again.
RECIPE = 2


class LabelledFrames(Protocol):
    """The parts of a subset that enter the hash of its networks; see `frameworth.labels.subsets.Subset`."""

    @property
    def keypoints(self) -> Sequence[str]: ...

    @property
    def digests(self) -> Sequence[str]: ...

    @property
    def xy(self) -> np.ndarray: ...


def network_seed(study_seed: int, percent: int, seed: int, member: int) -> int:
    """The seed of a network's weights and data order, from the study's seed and its place in the grid."""
    return int(np.random.SeedSequence([study_seed, percent, seed, member]).generate_state(1)[0])


def network_hash(
    subset: LabelledFrames, training: dict[str, Any], seed: int, identity: dict[str, Any] | None = None
) -> str:
    """The hash of all that determines a network's weights: labels and images, training config, seed, recipe.

    Args:
        identity: the result of `Variant.identity` for an arm's network; None or empty for the baseline's.
    """
    frames = HashedFrames(subset.keypoints, subset.digests, subset.xy)
    return frames.network_hashes(range(len(subset.digests)), training, [(seed, identity)])[0]


class HashedFrames:
    """The frames that subsets are drawn from; the text of each frame that enters hashes is made only once.

    Args:
        keypoints: K names. digests: [N] SHA-256 of each image file. xy: [N, K, 2] px, NaN where not labelled.
    """

    def __init__(self, keypoints: Sequence[str], digests: Sequence[str], xy: np.ndarray) -> None:
        labels = [[None if x != x else [float(x), float(y)] for x, y in frame] for frame in xy]
        frames = list(zip(digests, labels, strict=True))
        order = sorted(range(len(frames)), key=lambda frame: str(frames[frame]))
        self._rank = np.argsort(order)
        self._texts = [canonical_json(frame) for frame in frames]
        self._keypoints = canonical_json(list(keypoints))

    def network_hashes(
        self, frames: Sequence[int] | np.ndarray, training: dict[str, Any], networks: Sequence[tuple[int, Any]]
    ) -> list[str]:
        """The hashes of the networks (seed, identity) that are trained on the frames with these numbers.

        What is hashed is one object in canonical JSON; only its end differs between networks of one subset.
        """
        chosen = np.asarray(frames, int)
        texts = ",".join(self._texts[frame] for frame in chosen[np.argsort(self._rank[chosen])])
        begun = hashlib.sha256(f'{{"frames":[{texts}],"keypoints":{self._keypoints},"recipe":{RECIPE},'.encode())
        hashes = []
        for seed, identity in networks:
            whole = begun.copy()
            variant = f',"variant":{canonical_json(identity)}' if identity else ""
            whole.update(f'"seed":{seed},"training":{canonical_json(training)}{variant}}}'.encode())
            hashes.append(whole.hexdigest()[:32])
        return hashes
