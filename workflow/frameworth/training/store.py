"""The store of networks, `.store/{hash}/`: a job that runs again takes finished networks from here.

A network has a folder named by a hash of all that determines its weights. While it trains, its checkpoint is there;
when it is finished, the network and its training record are there and the checkpoint is removed. A study that keeps no
networks keeps the predictions of ensembles here instead, under a hash of all that determines the predictions.
"""

from __future__ import annotations

import errno
import fcntl
import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import torch

from frameworth.errors import UserError, one_line
from frameworth.storage.digests import damaged, is_recorded, verified
from frameworth.storage.files import digest_of_json, link_or_copy, read_json, remove_file, write_bytes, write_json
from frameworth.storage.hdf5 import read_attributes

# Increase this number when a change of code changes predictions; it is used only where networks are not kept.
PREDICTION_RECIPE = 1
CHECKPOINT = "checkpoint.pt"  # the last state of an unfinished training

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # errors of file systems without locks
_noted: set[Path] = set()


def before_step(step: int) -> str:
    """The name of the file with the state before a step, from which the training can be repeated."""
    return f"before-step-{step}.pt"


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
    def progress(self) -> Path:
        """The file in which an unfinished training writes how far it is."""
        return self.folder / "progress.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the entry: a second process that wants the same network waits. The lock ends with the process."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as handle:
            wait_for_lock(handle, self.folder.parent)
            yield

    def is_finished(self) -> bool:
        """Whether an undamaged network and its record are here; prints a warning if the network is damaged."""
        if not self.record.exists() or not self.network.exists():
            return False
        if is_recorded(self.network) is not False:
            return True
        print(f"warning: {self.network}: damaged; this network is trained again", file=sys.stderr)
        return False

    def read_state(self, name: str) -> dict[str, Any] | None:
        """Read a state of the training, `CHECKPOINT` or `before_step(…)`; None if it is not kept.

        A damaged state is removed with a warning, and None is returned.
        """
        path = self.folder / name
        try:
            return read_archive(path) if path.exists() else None
        except UserError as error:
            remove_file(path)
            print(f"warning: {error}: dropped, training starts again from the beginning", file=sys.stderr)
            return None

    def write_state(self, name: str, state: dict[str, Any]) -> None:
        """Write a state of the training, in place of an earlier one of this name."""
        write_bytes(self.folder / name, saved_bytes(state))

    def drop_state(self, name: str) -> None:
        """Remove a state of the training, if it is kept."""
        remove_file(self.folder / name)

    def write_progress(self, step: int, steps: int, samples_per_second: float) -> None:
        """Write how far the training is; the rate is 0 until it is known."""
        write_json(self.progress, {"step": step, "steps": steps, "samples_per_second": samples_per_second})

    def finish(self, state: dict[str, Any], record: dict[str, Any]) -> None:
        """Write the finished network and its record, and remove the checkpoint and the progress file."""
        write_bytes(self.network, saved_bytes(state))
        write_json(self.record, record)
        self.drop_state(CHECKPOINT)
        remove_file(self.progress)

    def read_record(self) -> dict[str, Any]:
        """The training record of a finished network; raises UserError if it is damaged."""
        return read_json(self.record)


@dataclass(frozen=True)
class PredictionsEntry:
    """The place of an ensemble's predictions in the store."""

    folder: Path

    @classmethod
    def of(cls, store: Path, networks: Sequence[Entry], labels_h5: Path, distractor_radius: float) -> PredictionsEntry:
        """The place of the predictions of `networks` for the frames of `labels_h5`."""
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
        """Put the files into the store, as links or copies."""
        for file in files:
            link_or_copy(file, self.folder / file.name)

    def hand_out(self, files: Sequence[Path]) -> bool:
        """Put the kept files at the paths `files`, if all are here and undamaged; returns whether they were."""
        kept = [self.folder / file.name for file in files]
        right = all(path.exists() and is_recorded(path) is not False for path in kept)
        for path, file in zip(kept, files, strict=True) if right else ():
            link_or_copy(path, file)
        return right


def wait_for_lock(handle: TextIO, folder: Path) -> None:
    """Lock the open file for this process only; wait while another process has locked it.

    If the file system has no locks, only a warning is printed, once per `folder` and process: runs that Snakemake's
    own lock keeps apart do not need this lock.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        if folder not in _noted:
            _noted.add(folder)
            print(
                f"warning: {folder}: its file system knows no locks ({error.strerror}); let no two runs train there at "
                "the same time, or the same network may be trained twice",
                file=sys.stderr,
            )


def saved_bytes(state: dict[str, Any]) -> bytes:
    """The bytes of `state` saved by torch; in memory, because torch writes a file's name into the archive."""
    stream = io.BytesIO()
    torch.save(state, stream)
    return stream.getvalue()


def read_archive(path: Path) -> dict[str, Any]:
    """Read a file that torch saved; raises UserError naming it if it is damaged or not such a file."""
    verified(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling other bytes may raise anything
        raise damaged(path, one_line(error)) from None
