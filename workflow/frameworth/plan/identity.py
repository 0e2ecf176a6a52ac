"""What a network is known by: its seed, from its place in the grid, and the hash of all that determines its weights.

Imports no PyTorch, so that networks can be counted in a moment.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

# Raise it when a change to the training code changes the weights it ends with: every network is trained anew.
RECIPE = 2


class LabelledFrames(Protocol):
    """What of a subset enters the hash of its networks; see `frameworth.labels.subsets.Subset`."""

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
        identity: what `Variant.identity` says of an arm's network; nothing for the baseline's.
    """
    frames = HashedFrames(subset.keypoints, subset.digests, subset.xy)
    return frames.network_hashes(range(len(subset.digests)), training, [(seed, identity)])[0]


class HashedFrames:
    """Frames of which many subsets are hashed: the text of each, which enters all hashes, is made once.

    Args:
        keypoints: K names. digests: [N] SHA-256 of each image file. xy: [N, K, 2] px, NaN where not labelled.
    """

    def __init__(self, keypoints: Sequence[str], digests: Sequence[str], xy: np.ndarray) -> None:
        labels = [[None if x != x else [float(x), float(y)] for x, y in frame] for frame in xy]
        frames = list(zip(digests, labels, strict=True))
        order = sorted(range(len(frames)), key=lambda frame: str(frames[frame]))
        self._rank = np.argsort(order)
        self._texts = [_json(frame) for frame in frames]
        self._keypoints = _json(list(keypoints))

    def network_hashes(
        self, frames: Sequence[int] | np.ndarray, training: dict[str, Any], networks: Sequence[tuple[int, Any]]
    ) -> list[str]:
        """The hashes of the networks (seed, identity) that are trained on the frames of these numbers.

        They are of one object in canonical JSON; all but its end is common to networks of one subset.
        """
        chosen = np.asarray(frames, int)
        texts = ",".join(self._texts[frame] for frame in chosen[np.argsort(self._rank[chosen])])
        begun = hashlib.sha256(f'{{"frames":[{texts}],"keypoints":{self._keypoints},"recipe":{RECIPE},'.encode())
        hashes = []
        for seed, identity in networks:
            whole = begun.copy()
            variant = f',"variant":{_json(identity)}' if identity else ""
            whole.update(f'"seed":{seed},"training":{_json(training)}{variant}}}'.encode())
            hashes.append(whole.hexdigest()[:32])
        return hashes


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
