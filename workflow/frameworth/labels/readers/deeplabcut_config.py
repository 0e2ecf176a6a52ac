"""Reads what `config.yaml` of a DeepLabCut project says about its labels, without running code that is in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from frameworth.errors import Problem, error, one_line, refusal, refuse_errors, warning
from frameworth.labels.names import plain_name
from frameworth.labels.readers.deeplabcut_table import decoded

MAX_CONFIG = 1 << 21  # bytes of config.yaml; a config with a thousand videos has a tenth of this
PLACEHOLDERS = ("bodypart1", "bodypart2", "bodypart3", "objectA")  # in DeepLabCut's template of config.yaml
LONG_NAME = 64  # tables and figures have room for this many characters of a keypoint's name


@dataclass(frozen=True)
class ProjectConfig:
    """The scorer, keypoints, skeleton and videos of a project; `scorer` is empty if config.yaml names none."""

    scorer: str
    keypoints: tuple[str, ...]
    skeleton: tuple[tuple[str, str], ...]
    videos: frozenset[str]  # names of the folders of the videos that `video_sets` lists


def read_project_config(folder: Path, problems: list[Problem]) -> ProjectConfig:
    """Read config.yaml of the project in `folder`; problems that do not prevent reading are added to `problems`.

    Raises RefusedError if the folder or the file cannot be read, or if it names no bodyparts.
    """
    path = folder / "config.yaml"
    _check_folder(folder)
    values = _load_yaml(path)
    bodyparts: Any = values.get("bodyparts")
    if _is_true(values.get("multianimalproject")) or bodyparts == "MULTI!":
        parts = values.get("multianimalbodyparts"), values.get("uniquebodyparts")
        bodyparts = [name for names in parts if isinstance(names, list) for name in names]
    keypoints = _strings(bodyparts)
    if not keypoints:
        raise refusal(path, "names no bodyparts", "list the labelled keypoints under `bodyparts:`")
    if len(keypoints) != len(bodyparts):
        problems.append(error(path, "lists bodyparts that are no names", "give each bodypart as one word or phrase"))
    for name, count in Counter(keypoints).items():
        if count > 1:
            problems.append(error(path, f"names the bodypart '{name}' {count} times", "list it once"))
    problems += name_problems(path, keypoints)
    placeholders = [name for name in keypoints if name in PLACEHOLDERS]
    if placeholders:
        what = f"the bodypart '{placeholders[0]}' is a placeholder of DeepLabCut's template"
        problems.append(warning(path, what, "see that it is what you labelled"))
    scorer = values.get("scorer")
    return ProjectConfig(
        scorer=plain_name(scorer) if isinstance(scorer, str) else "",
        keypoints=tuple(dict.fromkeys(keypoints)),
        skeleton=_skeleton(values.get("skeleton"), keypoints),
        videos=_listed_videos(values.get("video_sets")),
    )


def project_keypoints(folder: Path) -> tuple[str, ...]:
    """The keypoints that config.yaml names; raises RefusedError if config.yaml has an error."""
    problems: list[Problem] = []
    config = read_project_config(Path(folder), problems)
    refuse_errors(problems)
    return config.keypoints


def _check_folder(folder: Path) -> None:
    give = "give the folder of a DeepLabCut project, the one that holds config.yaml, or another tool's label file"
    try:
        str(folder.resolve()).encode()
        is_file, is_folder = folder.is_file(), folder.is_dir()
    except (OSError, ValueError, RuntimeError) as problem:  # too long, a NUL, not UTF-8, or circular links
        raise refusal(folder, f"cannot be a folder ({one_line(problem)})", give) from problem
    if is_file:
        raise refusal(folder, "is a file", "give the folder that holds it")
    if not is_folder:
        seen = "" if folder.is_absolute() else f", seen from {Path.cwd()}, where the command was typed"
        raise refusal(folder, f"there is no such folder{seen}", give)


def _load_yaml(path: Path) -> dict[str, Any]:
    # The base loader keeps every scalar as text: a bodypart `no` or a scorer `007` must not become False or 7.
    # It builds only str, list and dict. It is not libyaml's loader, because deep nesting overflows that one's stack.
    try:
        if path.exists() and not path.is_file():  # reading a pipe would wait forever
            raise OSError("no regular file")
        if path.exists() and path.stat().st_size > MAX_CONFIG:
            raise OSError(f"more than {MAX_CONFIG >> 20} MiB")
        values = yaml.load(decoded(path)[0], Loader=yaml.BaseLoader)
    except FileNotFoundError:
        raise refusal(path, "is missing", "give the folder of a DeepLabCut project") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise refusal(path, f"cannot be read ({one_line(problem)})", "correct it, or its permissions") from problem
    except (yaml.YAMLError, RecursionError, ValueError) as problem:
        raise refusal(path, f"is not valid YAML ({one_line(problem)})", "correct it") from problem
    if not isinstance(values, dict):
        raise refusal(path, "is not a DeepLabCut configuration", "give the folder of a DeepLabCut project")
    return values


def _strings(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(plain_name(item) for item in value if isinstance(item, str) and item.strip())


def _listed_videos(video_sets: Any) -> frozenset[str]:
    """The folder below labeled-data of each video; the videos' paths may be of any system."""
    videos = video_sets if isinstance(video_sets, dict) else {}
    names = (re.split(r"[\\/]", video)[-1] for video in videos if isinstance(video, str))
    return frozenset(plain_name(Path(name).stem) for name in names)


def _is_true(value: Any) -> bool:
    return isinstance(value, str) and value.strip().lower() in ("true", "yes", "on")


def _skeleton(value: Any, keypoints: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    # Pairs with other names are often DeepLabCut's placeholders; they are left out, as they only affect drawings.
    pairs = [_strings(pair) for pair in value] if isinstance(value, list) else []
    return tuple((pair[0], pair[1]) for pair in pairs if len(pair) == 2 and set(pair) <= set(keypoints))


def name_problems(where: Path, keypoints: Iterable[str]) -> Iterator[Problem]:
    """Problems of keypoints whose names break tables or figures; `where` is the file that names the keypoints."""
    for name in dict.fromkeys(keypoints):
        if not name.isprintable():
            what = f"the bodypart '{name}' holds a line end or another control character"
            yield error(where, what, "give it a name of printable characters wherever it is named")
        if len(name) > LONG_NAME:
            what = f"the name of the bodypart '{name[:LONG_NAME]}…' has {len(name)} characters"
            yield warning(where, what, "figures and tables are hard to read; shorten it wherever it stands")
