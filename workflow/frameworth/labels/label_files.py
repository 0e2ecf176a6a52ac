"""Finds the label files of a DeepLabCut project that DeepLabCut would merge for its training."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from frameworth.errors import Problem, RefusedError, error, refusal, warning
from frameworth.labels.names import natural_key, plain_name
from frameworth.text import counted_verb

IGNORED_FOLDERS = ("_labeled", "_cropped")  # DeepLabCut's pictures of labels, and cropped copies; read if listed
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
_FILE = re.compile(r"CollectedData_(.*)\.(h5|csv)", re.DOTALL)

_Folders = Mapping[Path, Mapping[str, Path]]  # of each folder, the label file of each scorer


def label_files(root: Path, scorer: str, listed: Collection[str], problems: list[Problem]) -> list[Path]:
    """The label files of config.yaml's scorer in the folders that `video_sets` lists; HDF5 is preferred to CSV.

    As in DeepLabCut, all folders are searched if no listed folder has such a file. If no folder has one, the files of
    the only other scorer are used, with a warning. Raises RefusedError if there is no labeled-data folder.

    Args:
        listed: names of the folders that `video_sets` lists. problems: errors and warnings are added to this list.
    """
    looked = {folder: _by_scorer(folder, problems) for folder in _folders(root)}
    folders = {folder: files for folder, files in looked.items() if files is not None}
    inside = {folder: files for folder, files in folders.items() if plain_name(folder.name) in listed}
    places = (inside, _without_copies(folders))
    named = next((place for place in places if any(scorer in files for files in place.values())), None)
    used = named or next((place for place in places if any(place.values())), places[1])
    paths = [_chosen(folder, files, scorer, named is not None, problems) for folder, files in used.items()]
    problems += _left_out(root / "labeled-data", folders, used, used is inside, scorer if named is not None else None)
    return [path for path in paths if path is not None]


def images_of(folder: Path) -> list[str]:
    """Names of the images in a folder, without hidden files such as those that macOS adds on other disks (`._name`)."""
    images = (path.name for path in sorted(folder.iterdir()) if path.suffix.lower() in IMAGE_SUFFIXES)
    return [name for name in images if not name.startswith(".")]


def _folders(root: Path) -> list[Path]:
    data = root / "labeled-data"
    try:
        folders = [path for path in data.iterdir() if path.is_dir() and not path.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        todo = "give a DeepLabCut project with labelled frames"
        raise refusal(data, "there is no such folder", todo) from None
    except OSError as problem:
        raise RefusedError([_unreadable(data, problem)]) from None
    return sorted(folders, key=lambda path: natural_key(path.name))


def _by_scorer(folder: Path, problems: list[Problem]) -> dict[str, Path] | None:
    """The label file of each scorer; if the folder cannot be read, None, and an error is added to `problems`."""
    files: dict[str, Path] = {}
    try:
        for path in sorted(folder.iterdir()):  # csv before h5
            if (match := _FILE.fullmatch(path.name)) and path.is_file():
                files[plain_name(match[1])] = path
    except OSError as problem:
        problems.append(_unreadable(folder, problem))
        return None
    return files


def _without_copies(folders: _Folders) -> _Folders:
    """All folders except DeepLabCut's pictures of labels and cropped copies of folders that have labels themselves."""
    labelled = {folder.name for folder, files in folders.items() if files}
    originals = {folder: re.sub(f"({'|'.join(IGNORED_FOLDERS)})$", "", folder.name) for folder in folders}
    return {
        folder: files
        for folder, files in folders.items()
        if originals[folder] == folder.name or (files and originals[folder] not in labelled)
    }


def _chosen(
    folder: Path, files: Mapping[str, Path], scorer: str, is_named: bool, problems: list[Problem]
) -> Path | None:
    """The scorer's label file; if `is_named` is false (no folder has one), the file of the folder's only scorer."""
    if scorer in files or is_named or not files:
        return files.get(scorer)
    names, todo = ", ".join(sorted(files)), "write the scorer you mean into config.yaml"
    if len(files) > 1:
        what = f"{folder.name} has labels by {names}, but none by the scorer '{scorer}' of config.yaml"
        problems.append(error(min(files.values()), what, todo, kind=f"labels by {names}"))
        return None
    (path,) = files.values()
    what = f"{folder.name} has labels by {names}, not by the scorer '{scorer}' of config.yaml; they are used"
    problems.append(warning(path, what, todo, kind=f"labels by {names}"))
    return path


def _left_out(data: Path, folders: _Folders, used: _Folders, are_listed: bool, scorer: str | None) -> list[Problem]:
    """Warnings about the folders that are not read, one for each cause.

    Args:
        are_listed: whether `video_sets` lists the folders `used`. scorer: whose files are read; None for any scorer's.
    """
    problems = []
    others = [folder.name for folder, files in folders.items() if files and folder not in used]
    if others and are_listed:
        are = counted_verb(len(others), "labelled folder", "is", "are")
        what = f"{are} not listed under video_sets of config.yaml ({others[0]}): left out"
        problems.append(warning(data, what, "add their videos there, or leave them: DeepLabCut does not train on them"))
    elif others:
        look = ("looks like a cropped copy of another", "look like cropped copies of others")
        what = f"{counted_verb(len(others), 'labelled folder', *look)} ({others[0]}): left out"
        problems.append(warning(data, what, "list their videos under video_sets of config.yaml if they are to be used"))
    theirs = [folder for folder, files in used.items() if scorer is not None and files and scorer not in files]
    if theirs:
        names = ", ".join(sorted(used[theirs[0]]))
        what = (
            f"{counted_verb(len(theirs), 'folder', 'has', 'have')} labels by others than the scorer '{scorer}' of "
            f"config.yaml ({theirs[0].name}: {names}): left out"
        )
        problems.append(warning(data, what, "name their files and columns after the scorer, or leave them as they are"))
    bare = [folder.name for folder, files in used.items() if not files and images_of(folder)]
    if bare:
        what = f"{counted_verb(len(bare), 'folder', 'has', 'have')} images but no label file ({bare[0]})"
        todo = "label the frames in DeepLabCut, or leave them as they are: they are not used"
        problems.append(warning(data, what, todo))
    return problems


def _unreadable(folder: Path, problem: OSError) -> Problem:
    return error(folder, f"cannot be read ({problem.strerror or problem})", "correct its permissions")
