"""The labels of a DeepLabCut project that DeepLabCut would train on, and the problems of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from frameworth.errors import Problem, RefusedError, error, refuse_errors, warning
from frameworth.labels.images import inspect_header
from frameworth.labels.label_files import images_of, label_files
from frameworth.labels.names import is_file, natural_key, plain_name
from frameworth.labels.readers.deeplabcut_config import ProjectConfig, read_project_config
from frameworth.labels.readers.deeplabcut_csv import read_csv
from frameworth.labels.readers.deeplabcut_h5 import read_h5
from frameworth.labels.readers.deeplabcut_table import DeepLabCutTable
from frameworth.text import counted, counted_verb

SAME_LABEL = 0.01  # px by which the labels of HDF5 and CSV may differ through rounding


@dataclass(frozen=True)
class FrameLabels:
    """The labels of one frame."""

    video: str
    image: str
    path: Path
    xy: np.ndarray  # float64 [K, 2]


def read_labelled_frames(
    root: Path, config: ProjectConfig, problems: list[Problem]
) -> tuple[list[FrameLabels], list[Path]]:
    """All labelled frames in natural order, and the label files; errors and warnings are added to `problems`."""
    labels: list[FrameLabels] = []
    before = len(problems)
    tables = _read_tables(root, config, problems)
    for table in _by_the_scorer(tables, config, problems):
        labels += _labels_of(table, config.keypoints, root / "config.yaml", problems)
        problems += _differing_csv(table, config.keypoints)
    if not labels and not any(problem.severity == "error" for problem in problems[before:]):
        what = "holds no labels (no CollectedData_*.h5 or .csv with a frame)"
        problems.append(error(root / "labeled-data", what, "label frames in DeepLabCut first"))
    return labels, [table.path for table in tables]


def label_tables(folder: Path) -> list[DeepLabCutTable]:
    """The label files that `read_project` reads, with their content as it is stored."""
    config = read_project_config(folder, [])
    return _by_the_scorer(_read_tables(folder, config, []), config, [])


def row_images(table: DeepLabCutTable) -> list[str]:
    """The file name of each row's image, which macOS may store in another Unicode form; the row's name if not found."""
    folder = table.path.parent
    on_disk = {plain_name(path.name): path.name for path in sorted(folder.iterdir())}
    names = [parts[-1] for parts in table.frames]
    return [name if is_file(folder / name) else on_disk.get(plain_name(name), name) for name in names]


def read_label_file(path: Path, keypoints: Sequence[str], config: Path) -> dict[str, np.ndarray]:
    """The labels of one label file by image name, float64 [K, 2] px; all NaN for a row without labels.

    Images need not exist, so that a file with frames that were crossed out can be read. Raises RefusedError if the file
    has an error; `config` is the config.yaml that names the keypoints.
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
    """The labels [N, K, 2] px without those that DeepLabCut treats as not visible, and a problem for each cause.

    Args:
        where: the label file. sizes: [N, 2] width and height of the images in px, 0 where unknown.
    """
    xy = _whole(xy)
    corner = (xy == 0).all(axis=2)
    labelled = ~np.isnan(xy).any(axis=2) & ~corner
    outside = labelled & ((xy <= 0) | (xy >= sizes[:, None])).any(axis=2) & (sizes > 0).all(axis=1, keepdims=True)
    problems = []
    if corner.any():
        lie = counted_verb(corner.sum(), "label", "lies", "lie")
        what = f"{lie} at (0, 0), which means not visible: taken as not labelled"
        todo = "label what can be seen, or leave it as it is"
        problems.append(warning(where, what, todo, kind="labels at (0, 0)", count=int(corner.sum())))
    if outside.any():
        row, name = np.argwhere(outside)[0]
        (x, y), (width, height) = xy[row, name], sizes[row]
        lies = "lies" if outside.sum() == 1 else "lie"
        what = (
            f"{outside.sum()} of {counted(labelled.sum(), 'label')} {lies} outside the image or on its edge "
            f"('{keypoints[name]}' in {images[row]} at ({x:g}, {y:g}) in {width:g}×{height:g} px)"
        )
        severity, todo = error, "correct them; they may be another size's, or x and y swapped"
        if 2 * outside.sum() <= labelled.sum():
            what, severity, todo = (
                f"{what}: taken as not labelled",
                warning,
                "correct what is wrong, or leave it as it is",
            )
        problems.append(severity(where, what, todo, kind="labels outside", count=int(outside.sum())))
    return np.where((corner | outside)[..., None], np.nan, xy), problems


def _read_tables(root: Path, config: ProjectConfig, problems: list[Problem]) -> list[DeepLabCutTable]:
    tables = []
    for path in label_files(root, config.scorer, config.videos, problems):
        try:
            tables.append(read_h5(path) if path.suffix == ".h5" else read_csv(path, problems))
        except RefusedError as refused:
            problems += refused.problems
    return tables


def _by_the_scorer(
    tables: list[DeepLabCutTable], config: ProjectConfig, problems: list[Problem]
) -> list[DeepLabCutTable]:
    """The tables without those of listed videos with another scorer's columns (all if all are so), as in DeepLabCut."""
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
) -> list[FrameLabels]:
    """The labelled frames of a label file; problems of other frames and of the file are added to `problems`."""
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
    wrong: dict[str, list[Problem]] = {}  # by `todo`
    for row, (parts, image) in enumerate(zip(table.frames, row_images(table), strict=True)):
        problem = _row_problem(table.path, parts, folder)
        if problem is None:
            if image in rows:
                problem = error(table.path, f"has more than one row for {image}", "keep one of them")
            elif not is_file(folder / image) and np.isfinite(given[row]).all(axis=1).any():
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
        what = f"{first.what}; so with {counted(len(others), 'more row')}" if others else first.what
        problems.append(replace(first, what=what, kind=first.todo, count=1 + len(others)))
    images = sorted(rows, key=natural_key)
    xy, invisible = _visible(table.path, given[[rows[image] for image in images]], keypoints, images)
    problems += invisible
    labels = [
        FrameLabels(folder.name, image, folder / image, row)
        for image, row in zip(images, xy, strict=True)
        if np.isfinite(row).any()
    ]
    used = {label.image for label in labels}
    empty = [image for image in images if image not in used]
    if empty:
        has = "has" if len(empty) == 1 else "have"
        what = f"{counted(len(empty), 'frame')} of {folder.name} {has} no label ({empty[0]}): left out"
        todo = "label what can be seen, or leave it as it is"
        problems.append(warning(table.path, what, todo, kind="frames without a label", count=len(empty)))
    real_root = config.parent.resolve()
    outside = [label.image for label in labels if not label.path.resolve().is_relative_to(real_root)]
    if outside:
        links = counted_verb(len(outside), "image", "is a link", "are links")
        what = f"{links} to places outside the project ({outside[0]})"
        todo = "see that what is there is yours; it is read"
        problems.append(warning(table.path, what, todo, kind="links", count=len(outside)))
    unlabelled = [name for name in images_of(folder) if name not in rows]
    if unlabelled:
        what = f"{counted_verb(len(unlabelled), 'image', 'has', 'have')} no row there ({unlabelled[0]})"
        todo = "label what is to be used in DeepLabCut, or leave it as it is"
        problems.append(warning(table.path, what, todo, kind="images without a row", count=len(unlabelled)))
    return labels


def _visible(
    table: Path, given: np.ndarray, keypoints: tuple[str, ...], images: list[str]
) -> tuple[np.ndarray, list[Problem]]:
    """The labels [N, K, 2] that DeepLabCut would train on, with NaN for the others, and problems of the others."""
    problems: list[Problem] = []
    half = np.argwhere(np.isnan(given).sum(axis=2) == 1)
    if len(half):
        first = f"'{keypoints[half[0][1]]}' in {images[half[0][0]]}"
        what = f"{counted_verb(len(half), 'label', 'has', 'have')} only one of x and y ({first}): taken as not labelled"
        todo = "label again, or leave both empty"
        problems.append(warning(table, what, todo, kind="half labels", count=len(half)))
    sizes = np.array([inspect_header(table.parent / image)[0] or (0, 0) for image in images], int).reshape(-1, 2)
    xy, invisible = drop_invisible(table, given, sizes, keypoints, images)
    return xy, problems + invisible


def _whole(xy: np.ndarray) -> np.ndarray:
    """The labels [..., 2], with both x and y NaN where one of them is missing."""
    return np.where(np.isnan(xy).any(axis=-1, keepdims=True), np.nan, xy)


def _differing_csv(table: DeepLabCutTable, keypoints: tuple[str, ...]) -> Iterator[Problem]:
    """A warning if the CSV file beside an HDF5 file in use has other labels or cannot be read."""
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
        what = (
            f"differs from {table.path.name} in {counted(len(differing), 'frame')} ({differing[0]}); the HDF5 is used"
        )
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
    likelihoods = table.cells[:, [i for i, column in enumerate(table.header) if column[-1] == "likelihood"]]
    if (likelihoods < 1).any():
        what = "has likelihoods, as predictions of a network have: taken as labels by hand"
        yield warning(table.path, what, "see that a person placed these labels; predictions cannot show what harms")
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
    """The labels, float64 [rows, K, 2], in the order of `keypoints`; NaN for a keypoint that the table lacks."""
    at = {column: i for i, column in enumerate(table.columns)}
    xy = np.full((len(table.frames), len(keypoints), 2), np.nan)
    lacking = _lacking(table, keypoints)
    for index, name in enumerate(keypoints):
        if name not in lacking:
            xy[:, index] = table.values[:, [at[name, "x"], at[name, "y"]]]
    return xy


def _row_problem(table: Path, parts: tuple[str, ...], folder: Path) -> Problem | None:
    """The error in the image path of a row; None if there is none."""
    row = "/".join(parts)
    if parts[-1].strip() in ("", ".", "..") or "\0" in row:
        return error(table, f"a row names no image ('{row}')", "remove the row")
    if len(parts) > 1 and plain_name(parts[-2]) != plain_name(folder.name):
        what = f"the row '{row}' belongs to the video '{parts[-2]}', but lies in the folder '{folder.name}'"
        return error(table, what, "give the folder its old name, or correct the row")
    return None
