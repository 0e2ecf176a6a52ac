"""The store of networks, `.store/{hash}/`: whatever makes a job run again, a finished network is taken from here.

A network lies under a hash of all that determines its weights. While it trains, its checkpoint lies there;
when it is finished, the network and its training record do, and the checkpoint goes. A study that keeps no networks
keeps an ensemble's predictions here instead, under a hash of all that determines these.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from frameworth.errors import UserError, one_line
from frameworth.storage.digests import damaged, is_recorded, whole
from frameworth.storage.files import digest_of_json, link_or_copy, read_json, remove_file, write_bytes, write_json
from frameworth.storage.hdf5 import read_attributes
from frameworth.storage.locking import wait_for_lock

# Raise it when a change to the code that predicts changes what it says; it tells only where networks are not kept.
PREDICTION_RECIPE = 1


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

    @property
    def progress(self) -> Path:
        """How far an unfinished network is, which its training tells as it goes."""
        return self.folder / "progress.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the entry: a second process that wants the same network waits. The lock dies with the process."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as handle:
            wait_for_lock(handle, self.folder.parent)
            yield

    def is_finished(self) -> bool:
        """Whether a whole network and its record are here; says so where the network is damaged."""
        if not self.record.exists() or not self.network.exists():
            return False
        if is_recorded(self.network) is not False:
            return True
        print(f"warning: {self.network}: damaged; this network is trained again", file=sys.stderr)
        return False

    def read_checkpoint(self) -> dict[str, Any] | None:
        """The last checkpoint, or None if there is none; one that is damaged is dropped, and said to be."""
        return _read_or_dropped(self._checkpoint)

    def write_checkpoint(self, state: dict[str, Any]) -> None:
        """Replace the checkpoint, atomically."""
        write_bytes(self._checkpoint, saved_bytes(state))

    def _state(self, step: int) -> Path:
        return self.folder / f"before-step-{step}.pt"

    def read_state(self, step: int) -> dict[str, Any] | None:
        """The state kept from before a step of the training, or None; one that is damaged is dropped."""
        return _read_or_dropped(self._state(step))

    def write_state(self, step: int, state: dict[str, Any]) -> None:
        """Keep the state before a step, for whoever goes through the training again from there."""
        write_bytes(self._state(step), saved_bytes(state))

    def drop_state(self, step: int) -> None:
        """Drop the state kept from before a step."""
        remove_file(self._state(step))

    def write_progress(self, step: int, steps: int, samples_per_second: float) -> None:
        """Tell how far the training is; the rate is 0 before it is known."""
        write_json(self.progress, {"step": step, "steps": steps, "samples_per_second": samples_per_second})

    def finish(self, state: dict[str, Any], record: dict[str, Any]) -> None:
        """Keep the finished network and its record, and drop the checkpoint and what told of progress."""
        write_bytes(self.network, saved_bytes(state))
        write_json(self.record, record)
        remove_file(self._checkpoint)
        remove_file(self.progress)

    def read_record(self) -> dict[str, Any]:
        """The training record of a finished network; raises UserError if it is damaged."""
        return read_json(self.record)


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
        kept = [self.folder / file.name for file in files]
        right = all(path.exists() and is_recorded(path) is not False for path in kept)
        for path, file in zip(kept, files, strict=True) if right else ():
            link_or_copy(path, file)
        return right


def _read_or_dropped(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        return read_archive(path)
    except UserError as error:
        remove_file(path)
        print(f"warning: {error}: dropped, training starts again from the beginning", file=sys.stderr)
        return None


def saved_bytes(state: dict[str, Any]) -> bytes:
    """What torch saves of `state`; through memory, because it writes a file's own name into the archive."""
    stream = io.BytesIO()
    torch.save(state, stream)
    return stream.getvalue()


def read_archive(path: Path) -> dict[str, Any]:
    """What torch saved at `path`; raises UserError naming it if it is damaged or nothing that torch saved."""
    whole(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever unpickling makes of other bytes
        raise damaged(path, one_line(error)) from None
