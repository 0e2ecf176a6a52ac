"""The store of networks, `.store/{hash}/`: whatever makes a job run again, a finished network is taken from here.

A network lies under a hash of all that determines its weights. While it trains, its checkpoint lies there;
when it is finished, the network and its training record do, and the checkpoint goes. A study that keeps no networks
keeps an ensemble's predictions here instead, under a hash of all that determines these.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from frameworth.files import digest_of_json, link_or_copy, write_bytes, write_json
from frameworth.hdf5 import digest_is_right, read_attributes
from frameworth.locking import wait_for_lock
from frameworth.subsets import Subset

# Raise it when a change to the training code changes the weights it ends with: every network is trained anew.
RECIPE = 2
# The same for the code that predicts; it tells only where networks are not kept.
PREDICTION_RECIPE = 1


def network_hash(subset: Subset, training: dict[str, Any], seed: int, identity: dict[str, Any] | None = None) -> str:
    """The hash of all that determines a network's weights: labels and images, training config, seed, recipe.

    Args:
        identity: what `Variant.identity` says of an arm's network; nothing for the baseline's.
    """
    labels = [[None if x != x else [float(x), float(y)] for x, y in frame] for frame in subset.xy]
    return digest_of_json(
        {
            "keypoints": subset.keypoints,
            "frames": sorted(zip(subset.digests, labels, strict=True), key=str),
            "training": training,
            "seed": seed,
            "recipe": RECIPE,
        }
        | ({"variant": identity} if identity else {})
    )[:32]


@dataclass(frozen=True)
class Entry:
    """One network's place in the store."""

    folder: Path

    @property
    def network(self) -> Path:
        """The finished network's file."""
        return self.folder / "network.pt"

    @property
    def record(self) -> Path:
        """The finished network's training record."""
        return self.folder / "training.json"

    @property
    def _checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the entry: a second process that wants the same network waits. The lock dies with the process."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as handle:
            wait_for_lock(handle, self.folder.parent)
            yield

    def is_finished(self) -> bool:
        """Whether a whole network and its record are here."""
        return self.record.exists() and _is_whole(self.network)

    def read_checkpoint(self) -> dict[str, Any] | None:
        """The last checkpoint, or None if there is none that can be read."""
        if not _is_whole(self._checkpoint):
            return None
        return torch.load(self._checkpoint, map_location="cpu", weights_only=True)

    def write_checkpoint(self, state: dict[str, Any]) -> None:
        """Replace the checkpoint, atomically."""
        write_bytes(self._checkpoint, saved_bytes(state))

    def finish(self, state: dict[str, Any], record: dict[str, Any]) -> None:
        """Keep the finished network and its record, and drop the checkpoint."""
        write_bytes(self.network, saved_bytes(state))
        write_json(self.record, record)
        self._checkpoint.unlink(missing_ok=True)

    def read_record(self) -> dict[str, Any]:
        """The training record of a finished network."""
        return json.loads(self.record.read_text())

    def hand_out(self, path: Path) -> None:
        """Put the network at `path`."""
        link_or_copy(self.network, path)


@dataclass(frozen=True)
class PredictionsEntry:
    """The place in the store of an ensemble's predictions."""

    folder: Path

    @classmethod
    def of(cls, store: Path, networks: Sequence[Entry], labels_h5: Path, distractor_radius: float) -> PredictionsEntry:
        """The place of what `networks` say of the frames of `labels_h5`."""
        key = digest_of_json(
            {
                "networks": [entry.folder.name for entry in networks],
                "labels": read_attributes(labels_h5)["digest"],
                "distractor_radius": distractor_radius,
                "recipe": PREDICTION_RECIPE,
            }
        )
        return cls(store / key[:32])

    def keep(self, files: Sequence[Path]) -> None:
        """Keep the files that were written."""
        for file in files:
            link_or_copy(file, self.folder / file.name)

    def hand_out(self, files: Sequence[Path]) -> bool:
        """Put the kept files of these names where they are wanted; whether all were here and undamaged."""
        whole = all(digest_is_right(self.folder / file.name) for file in files)
        for file in files if whole else ():
            link_or_copy(self.folder / file.name, file)
        return whole


def saved_bytes(state: dict[str, Any]) -> bytes:
    """What torch saves of `state`; through memory, because it writes a file's own name into the archive."""
    stream = io.BytesIO()
    torch.save(state, stream)
    return stream.getvalue()


def _is_whole(path: Path) -> bool:
    """Whether `path` is a torch archive whose parts all have their checksums (a torn or damaged one has not)."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile):
        return False
