"""Read a DeepLabCut project (2.x or 3) of one animal without DeepLabCut, and without running what is in it.

What DeepLabCut leaves out of its training is left out here, with a warning for each cause and file: frames without a
label, labels that it takes for not visible, folders that `video_sets` does not list, and bodyparts that either a table
or config.yaml lacks.

The project is only ever read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from frameworth.errors import (
    Problem,
    RefusedError,
    commands_a_terminal,
    error,
    one_line,
    refusal,
    refuse_errors,
    summed,
    warning,
)
from frameworth.labels.images import inspect_header
from frameworth.labels.label_files import images_of, label_files
from frameworth.labels.labellers import labeller_problems, labellers_file
from frameworth.labels.names import natural_key, plain_name
from frameworth.labels.readers.deeplabcut_csv import read_csv
from frameworth.labels.readers.deeplabcut_h5 import read_h5
from frameworth.labels.readers.deeplabcut_table import DeepLabCutTable, decoded

MAX_CONFIG = 1 << 21  # bytes of config.yaml; with a thousand videos it has a tenth of it
PLACEHOLDERS = ("bodypart1", "bodypart2", "bodypart3", "objectA")  # of DeepLabCut's template of config.yaml
FEW_LABELS = 8  # frames with a label below which a keypoint is warned of
SAME_LABEL = 0.01  # px between HDF5 and CSV, which may be rounded
LONG_NAME = 64  # characters of a keypoint's name that tables and figures have room for


@dataclass(frozen=True)
class LabelledProject:
    """The labelled frames of a project, by video and then image name, both in natural order.

    N labelled frames, K keypoints in the order of config.yaml; every frame has a labelled keypoint.
    """

    root: Path  # absolute
    scorer: str
    keypoints: tuple[str, ...]  # [K]
    skeleton: tuple[tuple[str, str], ...]  # pairs of keypoints to join by a line; may be empty
    videos: tuple[str, ...]  # [N] folder below labeled-data
    images: tuple[str, ...]  # [N] file name
    paths: tuple[Path, ...]  # [N] absolute path of the image
    xy: np.ndarray  # float64 [N, K, 2], px of the original image, NaN where missing


@dataclass(frozen=True)
class Inspection:
    """What was found in a project folder."""

    project: LabelledProject | None  # None where an error keeps it from being read
    sources: tuple[Path, ...]  # config.yaml, all tables in use and the labelled images, below the folder as given
    problems: tuple[Problem, ...]


def inspect_project(folder: Path) -> Inspection:
    """Read config.yaml and all label files of the project in `folder`, and tell all that is wrong with them.

    Of the images only the headers are read. Frames with an error of their own are left out of the project.
    """
    folder = Path(folder)
    problems: list[Problem] = []
    labels: list[_Label] = []
    try:
        config = _read_config(folder, problems)
        labels, tables = _read_labels(folder, config, problems)
    except RefusedError as refused:
        problems += refused.problems
    if not labels:
        return Inspection(None, (), tuple(summed(problems)))
    root = folder.resolve()
    project = LabelledProject(
        root=root,
        scorer=config.scorer,
        keypoints=config.keypoints,
        skeleton=config.skeleton,
        videos=tuple(label.video for label in labels),
        images=tuple(label.image for label in labels),
        paths=tuple(root / label.path.relative_to(folder) for label in labels),
        xy=np.stack([label.xy for label in labels]),
    )
    problems += keypoint_problems(project, folder / "config.yaml")
    problems += labeller_problems(folder, set(zip(project.videos, project.images, strict=True)))
    sources = (folder / "config.yaml", *labellers_file(folder), *tables, *(label.path for label in labels))
    problems += misread_names(sources)
    return Inspection(project, sources, tuple(summed(problems)))


def read_project(folder: Path) -> LabelledProject:
    """Read config.yaml and all label files of the project in `folder`.

    Raises RefusedError, naming the files, frames and keypoints, for whatever cannot be used as it is.
    """
    inspection = inspect_project(folder)
    refuse_errors(inspection.problems)
    assert inspection.project is not None
    return inspection.project


def label_tables(folder: Path) -> list[DeepLabCutTable]:
    """The label files whose labels `read_project` gives, as they are stored."""
    config = _read_config(folder, [])
    return _by_the_scorer(_read_tables(folder, config, []), config, [])


def row_images(table: DeepLabCutTable) -> list[str]:
    """The image of each row by its name on the disk, which macOS composes otherwise; by the row's if there is none."""
    folder = table.path.parent
    on_disk = {plain_name(path.name): path.name for path in sorted(folder.iterdir())}
    names = [parts[-1] for parts in table.frames]
    return [name if (folder / name).is_file() else on_disk.get(plain_name(name), name) for name in names]


def project_keypoints(folder: Path) -> tuple[str, ...]:
    """The keypoints that config.yaml names; raises RefusedError as `read_project` does."""
    problems: list[Problem] = []
    config = _read_config(Path(folder), problems)
    refuse_errors(problems)
    return config.keypoints


def read_label_file(path: Path, keypoints: Sequence[str], config: Path) -> dict[str, np.ndarray]:
    """The labels of one label file by image name, float64 [K, 2] px; all NaN where a row holds none.

    No image is looked for, so that a file can be read in which frames were struck out. Raises RefusedError for what is
    wrong with the file; `config` is the config.yaml that names the keypoints.
    """
    problems: list[Problem] = []
    table = read_h5(path) if path.suffix == ".h5" else read_csv(path, problems)
    problems += _column_problems(table, tuple(keypoints), config)
    for name in _lacking(table, keypoints):
        problems.append(error(path, f"has no x and y of '{name}', a bodypart of {config.name}", "put its columns back"))
    refuse_errors(problems)
    labels: dict[str, np.ndarray] = {}
    for parts, row in zip(table.frames, _coordinates(table, tuple(keypoints)), strict=True):
        image, wrong = parts[-1], _row_problem(path, parts, path.parent)
        if wrong is None and image in labels:
            wrong = error(path, f"has more than one row for {image}", "keep one of them")
        if wrong is not None:
            problems.append(wrong)
        labels[image] = _whole(row)
    refuse_errors(problems)
    return labels


def drop_invisible(
    where: Path, xy: np.ndarray, sizes: np.ndarray, keypoints: Sequence[str], images: Sequence[str]
) -> tuple[np.ndarray, list[Problem]]:
    """The labels [N, K, 2] px without those that DeepLabCut takes for not visible, and a problem for each cause.

    Args:
        where: the label file. sizes: [N, 2] width and height in px, 0 where unknown.
    """
    xy = _whole(xy)
    corner = (xy == 0).all(axis=2)
    labelled = ~np.isnan(xy).any(axis=2) & ~corner
    outside = labelled & ((xy <= 0) | (xy >= sizes[:, None])).any(axis=2) & (sizes > 0).all(axis=1, keepdims=True)
    problems = []
    if corner.any():
        what = f"{corner.sum()} labels lie at (0, 0), which means not visible, and count as not labelled"
        todo = "label what can be seen, or leave it as it is"
        problems.append(warning(where, what, todo, kind="labels at (0, 0)", count=int(corner.sum())))
    if outside.any():
        row, name = np.argwhere(outside)[0]
        (x, y), (width, height) = xy[row, name], sizes[row]
        what = (
            f"{outside.sum()} of {labelled.sum()} labels lie outside the image or on its edge "
            f"('{keypoints[name]}' in {images[row]} at ({x:g}, {y:g}) in {width:g}×{height:g} px)"
        )
        severity, todo = error, "correct them; they may be another size's, or x and y swapped"
        if 2 * outside.sum() <= labelled.sum():
            what, severity, todo = (
                f"{what}, and count as not labelled",
                warning,
                "correct them, or leave them as they are",
            )
        problems.append(severity(where, what, todo, kind="labels outside", count=int(outside.sum())))
    return np.where((corner | outside)[..., None], np.nan, xy), problems


# -- config.yaml ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Config:
    scorer: str
    keypoints: tuple[str, ...]
    skeleton: tuple[tuple[str, str], ...]
    videos: frozenset[str]  # folders of what `video_sets` lists


def _read_config(folder: Path, problems: list[Problem]) -> _Config:
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
    return _Config(
        scorer=plain_name(scorer) if isinstance(scorer, str) else "",
        keypoints=tuple(dict.fromkeys(keypoints)),
        skeleton=_skeleton(values.get("skeleton"), keypoints),
        videos=_listed_videos(values.get("video_sets")),
    )


def _check_folder(folder: Path) -> None:
    give = "give the folder of a DeepLabCut project, the one that holds config.yaml, or another tool's label file"
    try:
        str(folder.resolve()).encode()
        is_file, is_folder = folder.is_file(), folder.is_dir()
    except (OSError, ValueError, RuntimeError) as problem:  # too long, a NUL, no UTF-8, links in a circle
        raise refusal(folder, f"cannot be a folder ({one_line(problem)})", give) from problem
    if is_file:
        raise refusal(folder, "is a file", "give the folder that holds it")
    if not is_folder:
        seen = "" if folder.is_absolute() else f", seen from {Path.cwd()}, where the command was typed"
        raise refusal(folder, f"there is no such folder{seen}", give)


def _load_yaml(path: Path) -> dict[str, Any]:
    # The base loader leaves every scalar the text it is: a bodypart `no` or a scorer `007` must not become
    # False or 7. It builds nothing but str, list and dict. Not libyaml's: deep nesting overflows its stack.
    try:
        if path.exists() and not path.is_file():  # reading a pipe would wait forever
            raise OSError("no regular file")
        if path.exists() and path.stat().st_size > MAX_CONFIG:
            raise OSError(f"more than {MAX_CONFIG >> 20} MiB")
        values = yaml.load(decoded(path)[0], Loader=yaml.BaseLoader)
    except FileNotFoundError:
        raise refusal(path, "is missing", "give the folder of a DeepLabCut project") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise refusal(path, f"cannot be read ({one_line(problem)})", "mend it, or its permissions") from problem
    except (yaml.YAMLError, RecursionError, ValueError) as problem:
        raise refusal(path, f"is not valid YAML ({one_line(problem)})", "mend it") from problem
    if not isinstance(values, dict):
        raise refusal(path, "is not a DeepLabCut configuration", "give the folder of a DeepLabCut project")
    return values


def _strings(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(plain_name(item) for item in value if isinstance(item, str) and item.strip())


def _listed_videos(video_sets: Any) -> frozenset[str]:
    """The folder below labeled-data of each video, whose path may be of Windows or not."""
    videos = video_sets if isinstance(video_sets, dict) else {}
    names = (re.split(r"[\\/]", video)[-1] for video in videos if isinstance(video, str))
    return frozenset(plain_name(Path(name).stem) for name in names)


def _is_true(value: Any) -> bool:
    return isinstance(value, str) and value.strip().lower() in ("true", "yes", "on")


def _skeleton(value: Any, keypoints: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    # Pairs of other names are DeepLabCut's own placeholders in many a project; they matter to drawings alone.
    pairs = [_strings(pair) for pair in value] if isinstance(value, list) else []
    return tuple((pair[0], pair[1]) for pair in pairs if len(pair) == 2 and set(pair) <= set(keypoints))


def name_problems(where: Path, keypoints: Iterable[str]) -> Iterator[Problem]:
    """Keypoints whose names break tables or figures; `where` is the file that names them."""
    for name in dict.fromkeys(keypoints):
        if not name.isprintable():
            what = f"the bodypart '{name}' holds a line end or another control character"
            yield error(where, what, "give it a name of printable characters wherever it is named")
        if len(name) > LONG_NAME:
            what = f"the name of the bodypart '{name[:LONG_NAME]}…' has {len(name)} characters"
            yield warning(where, what, "figures and tables are hard to read; shorten it wherever it stands")


def misread_names(paths: Iterable[Path]) -> Iterator[Problem]:
    """Snakemake takes what is in braces for a wildcard, and shows names of input files on the terminal as they are."""
    for path in dict.fromkeys(part for whole in paths for part in (*reversed(whole.parents), whole)):
        if set(path.name) & set("{}"):
            yield error(path, "its name holds a brace, which Snakemake takes for a wildcard", "rename it without")
        if commands_a_terminal(path.name):
            yield error(path, "its name holds a control character, which a terminal obeys", "rename it without")


def keypoint_problems(project: LabelledProject, config: Path) -> Iterator[Problem]:
    """Keypoints that no frame, or hardly any, has labelled; `config` is the file that names them."""
    total = len(project.xy)
    for name, count in zip(project.keypoints, np.isfinite(project.xy).all(axis=2).sum(axis=0), strict=True):
        if count == 0:
            todo = f"label it, or take it out of {config.name} and of the label files"
            yield error(config, f"the bodypart '{name}' is labelled in no frame", todo)
        elif count < FEW_LABELS <= total:
            what = f"the bodypart '{name}' is labelled in {count} of {total} frames"
            yield warning(config, what, "its errors rest on few labels; label it in more frames")


# -- label files ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Label:
    video: str
    image: str
    path: Path
    xy: np.ndarray  # float64 [K, 2]


def _read_labels(root: Path, config: _Config, problems: list[Problem]) -> tuple[list[_Label], list[Path]]:
    """All labelled frames in natural order, and the label files they come from."""
    labels: list[_Label] = []
    before = len(problems)
    tables = _read_tables(root, config, problems)
    for table in _by_the_scorer(tables, config, problems):
        labels += _labels_of(table, config.keypoints, root / "config.yaml", problems)
        problems += _differing_csv(table, config.keypoints)
    if not labels and not any(problem.severity == "error" for problem in problems[before:]):
        what = "holds no labels (no CollectedData_*.h5 or .csv with a frame)"
        problems.append(error(root / "labeled-data", what, "label frames in DeepLabCut first"))
    return labels, [table.path for table in tables]


def _read_tables(root: Path, config: _Config, problems: list[Problem]) -> list[DeepLabCutTable]:
    tables = []
    for path in label_files(root, config.scorer, config.videos, problems):
        try:
            tables.append(read_h5(path) if path.suffix == ".h5" else read_csv(path, problems))
        except RefusedError as refused:
            problems += refused.problems
    return tables


def _by_the_scorer(tables: list[DeepLabCutTable], config: _Config, problems: list[Problem]) -> list[DeepLabCutTable]:
    """The tables without those of listed videos whose columns are by another scorer, unless all are: as DeepLabCut."""
    ours = f"CollectedData_{config.scorer}.h5"
    listed = [t for t in tables if t.path.name == ours and plain_name(t.path.parent.name) in config.videos]
    others = [table for table in listed if config.scorer not in table.scorers]
    if not others or len(others) == len(tables):
        return tables
    for table in others:
        what = f"its columns are by {_quoted(sorted(table.scorers))}, not by the scorer '{config.scorer}': left out"
        todo = "name the scorer in the columns, if these are the labels you mean; DeepLabCut does not train on them"
        problems.append(warning(table.path, what, todo))
    return [table for table in tables if table not in others]


def _labels_of(
    table: DeepLabCutTable, keypoints: tuple[str, ...], config: Path, problems: list[Problem]
) -> list[_Label]:
    """The labelled frames of a label file; what is wrong with the others, or the file, goes to `problems`."""
    folder = table.path.parent
    if not table.frames:
        todo = "label its frames in DeepLabCut, or leave it as it is: the video is not used"
        problems.append(warning(table.path, "holds no rows", todo))
        return []
    in_columns = list(_column_problems(table, keypoints, config))
    problems += in_columns
    if any(problem.severity == "error" for problem in in_columns):
        return []
    given = _coordinates(table, keypoints)
    rows: dict[str, int] = {}
    wrong: dict[str, list[Problem]] = {}  # by what is to be done
    for row, (parts, image) in enumerate(zip(table.frames, row_images(table), strict=True)):
        problem = _row_problem(table.path, parts, folder)
        if problem is None:
            if image in rows:
                problem = error(table.path, f"has more than one row for {image}", "keep one of them")
            elif not (folder / image).is_file() and np.isfinite(given[row]).all(axis=1).any():
                what = f"is labelled in {table.path.name} but does not exist"
                todo = "put the image back, or remove its labels"
                problem = error(
                    folder / image, what, f"{todo} (deeplabcut.dropannotationfileentriesduetodeletedimages)"
                )
        if problem is not None:
            wrong.setdefault(problem.todo, []).append(problem)
        else:
            rows[image] = row
    for first, *others in wrong.values():
        what = f"{first.what}; so with {len(others)} more rows" if others else first.what
        problems.append(replace(first, what=what, kind=first.todo, count=1 + len(others)))
    images = sorted(rows, key=natural_key)
    xy, invisible = _visible(table.path, given[[rows[image] for image in images]], keypoints, images)
    problems += invisible
    labels = [
        _Label(folder.name, image, folder / image, row)
        for image, row in zip(images, xy, strict=True)
        if np.isfinite(row).any()
    ]
    used = {label.image for label in labels}
    empty = [image for image in images if image not in used]
    if empty:
        what = f"{len(empty)} frames of {folder.name} have no label ({empty[0]}) and are left out"
        todo = "label them, or leave them as they are"
        problems.append(warning(table.path, what, todo, kind="frames without a label", count=len(empty)))
    real_root = config.parent.resolve()
    outside = [label.image for label in labels if not label.path.resolve().is_relative_to(real_root)]
    if outside:
        what = f"{len(outside)} images are links to places outside the project ({outside[0]})"
        todo = "see that these are yours; they are read from there"
        problems.append(warning(table.path, what, todo, kind="links", count=len(outside)))
    unlabelled = [name for name in images_of(folder) if name not in rows]
    if unlabelled:
        what = f"{len(unlabelled)} images have no row there ({unlabelled[0]})"
        todo = "label them in DeepLabCut, or leave them as they are: they are not used"
        problems.append(warning(table.path, what, todo, kind="images without a row", count=len(unlabelled)))
    return labels


def _visible(
    table: Path, given: np.ndarray, keypoints: tuple[str, ...], images: list[str]
) -> tuple[np.ndarray, list[Problem]]:
    """The labels [N, K, 2] that DeepLabCut would train on, NaN in place of others, and warnings of these."""
    problems: list[Problem] = []
    half = np.argwhere(np.isnan(given).sum(axis=2) == 1)
    if len(half):
        first = f"'{keypoints[half[0][1]]}' in {images[half[0][0]]}"
        what = f"{len(half)} labels have only one of x and y ({first}), and count as not labelled"
        todo = "label them again, or leave both empty"
        problems.append(warning(table, what, todo, kind="half labels", count=len(half)))
    sizes = np.array([inspect_header(table.parent / image)[0] or (0, 0) for image in images], int).reshape(-1, 2)
    xy, invisible = drop_invisible(table, given, sizes, keypoints, images)
    return xy, problems + invisible


def _whole(xy: np.ndarray) -> np.ndarray:
    """The labels [..., 2] without those of which x or y is missing."""
    return np.where(np.isnan(xy).any(axis=-1, keepdims=True), np.nan, xy)


def _differing_csv(table: DeepLabCutTable, keypoints: tuple[str, ...]) -> Iterator[Problem]:
    """A warning where the CSV beside an HDF5 in use holds other labels, or cannot be read."""
    path = table.path.with_suffix(".csv")
    if table.path.suffix != ".h5" or not path.is_file():
        return
    todo = "save the labels again in DeepLabCut, or move the file that is out of date out of the project"
    try:
        ours, theirs = (_by_image(each, keypoints) for each in (table, read_csv(path, [])))
    except RefusedError:
        yield warning(path, f"is no label table; {table.path.name} is used", todo)
        return
    nothing = np.full((len(keypoints), 2), np.nan)

    def same(image: str) -> bool:
        first, second = ours.get(image, nothing), theirs.get(image, nothing)
        return np.allclose(first, second, rtol=0, atol=SAME_LABEL, equal_nan=True)

    differing = [image for image in sorted(ours.keys() | theirs.keys(), key=natural_key) if not same(image)]
    if differing:
        what = f"differs from {table.path.name} in {len(differing)} frames ({differing[0]}); the HDF5 is used"
        yield warning(path, what, todo, kind="differs", count=len(differing))


def _by_image(table: DeepLabCutTable, keypoints: tuple[str, ...]) -> dict[str, np.ndarray]:
    names = (plain_name(parts[-1]) for parts in table.frames)
    return dict(zip(names, _whole(_coordinates(table, keypoints)), strict=True))


def _column_problems(table: DeepLabCutTable, keypoints: tuple[str, ...], config: Path) -> Iterator[Problem]:
    for (name, coordinate), count in Counter(table.columns).items():
        if count > 1:
            yield error(table.path, f"has {count} columns '{name}' {coordinate}", "keep one of them")
    missing = _lacking(table, keypoints)
    unknown = [name for name in dict.fromkeys(name for name, _ in table.columns) if name not in keypoints]
    if len(missing) == len(keypoints):
        what = f"has no x and y of any bodypart of {config.name}"
        yield error(table.path, what, "see that both name the same bodyparts")
    elif missing:
        what = f"has no x and y of {_quoted(missing)}, which {config.name} lists: not labelled there"
        yield warning(table.path, what, "label it there, or leave it as it is")
    if unknown:
        what = f"labels {_quoted(unknown)}, which {config.name} does not list among the bodyparts: left out"
        yield warning(table.path, what, "add it to config.yaml, or leave it as it is")
    named = plain_name(table.path.stem.removeprefix("CollectedData_"))
    others = sorted(table.scorers - {named})
    if others:
        what = f"its columns are by the scorer '{others[0]}', its name says '{named}'"
        yield warning(table.path, what, "see that these are the labels you mean")


def _lacking(table: DeepLabCutTable, keypoints: Sequence[str]) -> list[str]:
    columns = set(table.columns)
    return [name for name in keypoints if not {(name, "x"), (name, "y")} <= columns]


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _coordinates(table: DeepLabCutTable, keypoints: tuple[str, ...]) -> np.ndarray:
    """float64 [rows, K, 2] in the order of `keypoints`; NaN for one that the table lacks."""
    at = {column: i for i, column in enumerate(table.columns)}
    xy = np.full((len(table.frames), len(keypoints), 2), np.nan)
    lacking = _lacking(table, keypoints)
    for index, name in enumerate(keypoints):
        if name not in lacking:
            xy[:, index] = table.values[:, [at[name, "x"], at[name, "y"]]]
    return xy


def _row_problem(table: Path, parts: tuple[str, ...], folder: Path) -> Problem | None:
    """What is wrong with the image that a row names."""
    row = "/".join(parts)
    if parts[-1].strip() in ("", ".", "..") or "\0" in row:
        return error(table, f"a row names no image ('{row}')", "remove the row")
    if len(parts) > 1 and plain_name(parts[-2]) != plain_name(folder.name):
        what = f"the row '{row}' belongs to the video '{parts[-2]}', but lies in the folder '{folder.name}'"
        return error(table, what, "give the folder its old name, or correct the row")
    return None
