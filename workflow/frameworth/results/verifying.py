"""Verifying a study: compare each file with the digest recorded when it was written, and remove damaged files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from frameworth.errors import UserError
from frameworth.storage.digests import FOLDER, forget, is_recorded
from frameworth.storage.files import remove_file, write_json
from frameworth.storage.renaming import is_leftover

# These folders are made only on request, and people edit them.
_THEIRS = ("review", "corrected_project")
# Snakemake treats each of these folders as one output, so it would not notice a missing file inside.
_PROJECTS = ("project", "imported_project", "planted_project")


@dataclass(frozen=True)
class Damage:
    """A file that is not as it was written, or that a killed run left behind, and what is wrong with it."""

    path: Path
    what: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"


@dataclass
class Verified:
    """The result of verifying a study.

    Attributes:
        agreed: how many files agree with their digest.
        unrecorded: files without a recorded digest, because other programs wrote them.
        damages: all other files.
    """

    agreed: int = 0
    unrecorded: list[Path] = field(default_factory=list)
    damages: list[Damage] = field(default_factory=list)


def verify_study(study: Path, advance: Callable[[int], object] = lambda size: None) -> Verified:
    """Read all files of the folder `study` again, and compare each with its recorded digest.

    Args:
        advance: called with the size of each file, in bytes, after the file is read.

    Raises UserError if the folder is no study.
    """
    if not (study / FOLDER).is_dir() and not (study / "frames.csv").is_file():
        raise UserError(f"{study}: is no study; give the folder results/{{study}}")
    verified = Verified()
    for path in files_of(study):
        if is_leftover(path):
            verified.damages.append(Damage(path, "left behind by a run that was killed"))
            continue
        try:
            right, what = is_recorded(path), "is not as it was written"
            advance(path.stat().st_size)
        except OSError as error:
            if not path.exists():  # a run is changing the folder
                continue
            right, what = False, f"cannot be read ({error.strerror})"
        if right is None:
            verified.unrecorded.append(path)
        elif right:
            verified.agreed += 1
        else:
            verified.damages.append(Damage(path, what))
    return verified


def files_of(study: Path) -> list[Path]:
    """The files that runs wrote for a study, sorted, and the files and folders that killed runs left behind."""
    return sorted(_walk(study, study))


def remove_damaged(study: Path, damages: list[Damage]) -> list[str]:
    """Remove damaged files, so that the next run makes them again; returns a line for each thing that was done.

    If a project that the workflow drew or copied is damaged, the whole project is removed. The training record of a
    network is not removed but restored from the record of its ensemble.

    Raises UserError if a run is working in the study's folder.
    """
    if locks := sorted((study.absolute().parent.parent / ".snakemake" / "locks").glob("*")):
        raise UserError(
            f"{locks[0].parent}: another run works in this folder; wait for it. If there is none, one was killed: run "
            "the study once with `-- --unlock` first"
        )
    return [_removed(study, damage.path) for damage in damages if damage.path.exists()]


def _walk(study: Path, folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if is_leftover(path):
            yield path
        elif path.is_dir():
            if not path.is_symlink() and not (folder == study and path.name in (*_THEIRS, FOLDER)):
                yield from _walk(study, path)
        elif path.name != "lock" and not path.name.startswith(".snakemake"):
            yield path


def _removed(study: Path, path: Path) -> str:
    inside = path.relative_to(study)
    if is_leftover(path):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        return f"{path}: removed"
    if inside.parts[0] in _PROJECTS:
        shutil.rmtree(study / inside.parts[0])
        forget(study / inside.parts[0])
        return f"{study / inside.parts[0]}: removed, for the sake of {inside.name}"
    if path.match(".store/*/training.json") and (content := _record_of_network(study, path.parent.name)):
        write_json(path, content)
        return f"{path}: written again, from the record of its ensemble"
    remove_file(path)
    return f"{path}: removed"


def _record_of_network(study: Path, name: str) -> dict[str, object] | None:
    """The training record of the network `name` of the store, taken from its ensemble's `training.json`."""
    for path in study.rglob("training.json"):
        if path.parent.parent.name != ".store" and is_recorded(path):
            for member in json.loads(path.read_text())["members"]:
                if member.pop("hash") == name:
                    return member
    return None
