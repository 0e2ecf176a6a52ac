"""Find the problems of a study before it trains: of its config, project and images, and of their combination.

`frameworth check` uses it to check everything. The workflow uses it each time it is planned, and then it reads label
tables and the headers of images, but decodes no image; the stage `frames` decodes them all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from frameworth.attribution.estimators.size_centred import LEAST_CLUSTERS
from frameworth.cli.network_check import NO_GPU, network_problems, torch_worker
from frameworth.cli.study_record import record_problems, recorded_split
from frameworth.config.kinds import expanded
from frameworth.config.model import StudyConfig
from frameworth.config.reading import encoding_problem, parse_config
from frameworth.errors import Problem, UserError, error, grouped, problem_of, warning
from frameworth.labels.deeplabcut import Inspection, LabelledProject
from frameworth.labels.imported import ImportedLabels
from frameworth.labels.pictures import Pictures
from frameworth.labels.sources import inspect_label_pictures, inspect_labels
from frameworth.labels.video_content import refuse_no_film
from frameworth.library_path import libraries_here
from frameworth.plan.config import inspect_config
from frameworth.plan.designs import cluster_of, subset_size
from frameworth.plan.grid import planned_subsets
from frameworth.plan.pilot import possible_trainings
from frameworth.plan.split import held_out_count, hold_out
from frameworth.text import counted, counted_verb
from frameworth.training.gpus import machine_has_gpu

LEAST_SIDE = 16  # px of a network's image; DeepLabCut's networks halve the image four or five times

Depth = Literal["tables", "headers", "images"]


@dataclass(frozen=True)
class CheckedStudy:
    """The result of checking a study.

    Attributes:
        config: the config with defaults; None if its keys are wrong.
        sources: the project's files that the study reads, from `labels.sources.inspect_labels`.
        problems: all problems, errors first.
        first_look: lines about the labels that fit their own animal worst; empty if images were not checked or there
            are errors.
    """

    config: StudyConfig | None
    sources: tuple[Path, ...]
    problems: tuple[Problem, ...]
    first_look: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """A line for each problem, starting with its severity."""
        return [f"{problem.severity}: {problem}" for problem in self.problems]

    def count(self, severity: str) -> int:
        """The number of problems of this severity."""
        return sum(problem.severity == severity for problem in self.problems)


def check_study_file(path: Path) -> CheckedStudy:
    """Check everything that the study of a config file needs, including images and network."""
    given, problems = read_config_file(path)
    if not given and problems:
        return CheckedStudy(None, (), tuple(problems))
    checked = check_study(given, "images")
    return replace(checked, problems=_sorted([*problems, *checked.problems]))


def read_config_file(path: Path) -> tuple[dict[str, Any], list[Problem]]:
    """The keys of a config file, and the problems of reading it."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        return {}, [encoding_problem(str(path), problem)]
    except (OSError, ValueError) as problem:
        what = f"cannot be read ({' '.join(str(problem).split())})"
        return {}, [error(path, what, "give the YAML file of a study")]
    return parse_config(text, str(path))


def check_study(given: dict[str, Any], depth: Depth, *, runs_here: bool | None = None) -> CheckedStudy:
    """Check a study's config and, unless it is the demo's, its project.

    Args:
        given: the config's keys as in the file.
        depth: `tables` reads config.yaml and the label files; `headers` reads the images' headers, too; `images`
            decodes the images, and builds the network.
        runs_here: whether the networks train on this machine; None if that is not known.
    """
    config, problems = inspect_config(given)
    problems += libraries_here()
    labels = given.get("labels") if config is None else config.labels
    if isinstance(labels, str):
        labels = expanded(labels)
    inspection = Inspection(None, (), ())
    pictures = None
    needs_gpu = config is not None and config.training.device == "cuda" and runs_here is not False
    with torch_worker() as worker:
        network = None
        if config is not None and depth == "images":
            network = worker.submit(network_problems, possible_trainings(config)[0], needs_gpu)
        if isinstance(labels, str) and labels and labels != "demo":
            inspection = inspect_labels(Path(labels))
            problems += inspection.problems
            if inspection.project is not None and depth != "tables":
                pictures, of_images = inspect_label_pictures(Path(labels), inspection.project, depth == "images")
                problems += of_images
        if config is not None and not any(problem.where.startswith("config: subsets[") for problem in problems):
            problems += _together(config, inspection.project, pictures)
            problems += record_problems(config, inspection.project)
            if depth != "tables":
                problems += _film_problems(config)
        if network is not None:
            problems += network.result()
        elif needs_gpu and not machine_has_gpu():
            todo = "set it to auto or cpu, or run where there is one"
            problems.append(error("config: training.device", NO_GPU, todo))
    look: list[str] = []
    if inspection.project is not None and depth == "images" and not any(p.severity == "error" for p in problems):
        from frameworth.cli.first_look import first_look  # slow import, not needed for planning

        look = first_look(inspection.project)
    return CheckedStudy(config, inspection.sources, _sorted(problems), tuple(look))


def _sorted(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """The problems without duplicates, errors first."""
    return tuple(sorted(dict.fromkeys(problems), key=lambda problem: problem.severity))


def _together(config: StudyConfig, project: LabelledProject | None, pictures: Pictures | None) -> Iterator[Problem]:
    """Problems of the config with the frames of the project."""
    held_out: np.ndarray | None = None
    if project is not None:
        try:
            held_out = _split(config, project, pictures)
        except UserError as refused:
            where, _, what = str(refused).partition(": ")
            yield error(f"config: {where}", what, "change it")
            return
        total, pool = len(held_out), int((~held_out).sum())
        yield from _unseen_keypoints(project, held_out)
        if pictures is not None:
            yield from _size_problems(config, project, pictures)
        if config.plant and round(config.plant.share * pool) == 0:
            what = f"{config.plant.share} of a pool of {pool} frames is no frame"
            yield error("config: plant.share", what, "ask for more")
    elif config.labels == "demo":
        total = config.demo.frames
        pool = total - held_out_count(config.held_out.fraction, total)
    else:
        return
    yield from _subset_problems(config, pool)
    yield from _frame_number_problems(config, total, held_out)
    yield from _count_problems(config, total, pool)


def _split(config: StudyConfig, project: LabelledProject, pictures: Pictures | None) -> np.ndarray:
    """Which frames are held out, bool [N].

    Frames with the same picture are put on the same side. To find them, images must be decoded. If this was not done
    before, it is done here only if the config names frames by number and there is no valid frames.csv yet.
    """
    digests = pictures.digests if pictures is not None else None
    if digests is None and ((config.toggle and config.toggle.frames) or config.figures.pair_list):
        recorded = recorded_split(config, project)
        if recorded is not None:
            return recorded
        digests = inspect_label_pictures(Path(config.labels), project, decode=True)[0].digests
    share = config.held_out
    return hold_out(
        project.videos, project.images, fraction=share.fraction, by=share.by, seed=config.seed, pictures=digests
    )


def _unseen_keypoints(project: LabelledProject, held_out: np.ndarray) -> Iterator[Problem]:
    names = project.root if isinstance(project, ImportedLabels) else project.root / "config.yaml"
    labelled = np.isfinite(project.xy).all(axis=2)
    for side, rows, therefore in (
        ("the pool", ~held_out, "no network can learn it"),
        ("held-out frames", held_out, "its errors cannot be measured"),
    ):
        for index in np.flatnonzero(labelled.any(axis=0) & ~labelled[rows].any(axis=0)):
            what = f"the bodypart '{project.keypoints[index]}' has no label in {side}, so that {therefore}"
            yield warning(names, what, "label it in more frames, or take another `seed`")


def _size_problems(config: StudyConfig, project: LabelledProject, pictures: Pictures) -> Iterator[Problem]:
    trainings = possible_trainings(config)
    scale = min(training.scale for training in trainings)
    known = (pictures.sizes > 0).all(axis=1)
    small = []
    for index in np.flatnonzero(known & (np.round(pictures.sizes.min(axis=1) * scale) < LEAST_SIDE)):
        width, height = pictures.sizes[index]
        what = f"has {width}×{height} px, and a network (training.scale {scale:g}) needs {LEAST_SIDE} on a side"
        small.append(error(project.paths[index], what, "remove it and its labels, or raise the scale", kind="small"))
    yield from grouped(small)
    sizes = np.unique(pictures.sizes[known], axis=0)
    whole = [training for training in trainings if training.crop is None]
    if whole and len(sizes) > 1:
        shown = ", ".join(f"{width}×{height}" for width, height in sizes[:3])
        todo = "give the side in px of the square to train on"
        if any(training.needs_one_size for training in whole):
            what = f"null with DeepLabCut's own transforms needs frames of one size, but there are {shown} px"
            yield error("config: training.crop", what, todo)
        elif (sizes.min(axis=0) < sizes.max(axis=0) / 2).any():
            what = f"null trains on whole frames, and the smaller are padded to the largest, of {shown} px"
            yield warning("config: training.crop", what, todo)


def _subset_problems(config: StudyConfig, pool: int) -> Iterator[Problem]:
    whole, frames = set(), counted(pool, "frame")
    for number, block in enumerate(config.subsets):
        for percent in block.percents:
            where = f"config: subsets[{number}].percents"
            if 2 * percent * pool < 100:  # rounded half up
                what = f"{percent} % of a pool of {frames} is no frame"
                yield error(where, what, f"ask for at least {-(-50 // pool)} %")
            elif subset_size(percent, pool) == pool:
                whole.add(percent)
                what = f"{percent} % of a pool of {frames} is all of them, so no two frames can be compared"
                yield warning(where, what, "ask for less, if it is not for the end of the learning curve")
    telling = [subset for subset in planned_subsets(config) if subset.percent not in whole]
    if not telling:
        what = "every subset is the whole pool, so that no frame is ever left out"
        yield error("config: subsets", what, "ask for less")
        return
    clusters = {cluster_of(subset.design, subset.percent, subset.seed) for subset in telling}
    if len(clusters) < LEAST_CLUSTERS:
        subsets = counted_verb(len(clusters), "independent subset", "is", "are")
        what = f"{subsets} too few for intervals and tests: nothing can be decided"
        yield warning("config: subsets", what, f"ask for at least {LEAST_CLUSTERS} seeds")


def _frame_number_problems(config: StudyConfig, total: int, held_out: np.ndarray | None) -> Iterator[Problem]:
    toggle = config.toggle
    toggled = (toggle.frames if toggle else None) or []
    named = [("toggle.frames", frame, True) for frame in toggled]
    for training, evaluated in config.figures.pair_list:
        named += [("figures.pair_list", training, True), ("figures.pair_list", evaluated, False)]
    for key, frame, of_the_pool in named:
        if frame >= total:
            todo = f"name frames of 0 to {total - 1}, see frames.csv"
            yield error(f"config: {key}", f"there is no frame {frame}", todo)
        elif of_the_pool and held_out is not None and held_out[frame]:
            yield error(f"config: {key}", f"frame {frame} is held out, no subset holds it", "name frames of the pool")
    if toggle and toggled and toggle.parts > len(toggled):
        what = f"{toggle.parts} parts of {len(toggled)} frames leave some empty"
        yield error("config: toggle.parts", what, "ask for fewer")


def _count_problems(config: StudyConfig, total: int, pool: int) -> Iterator[Problem]:
    if config.flags.expected_false >= total:
        what = (
            f"{config.flags.expected_false:g} of {total} frames would be all of them, so every frame would be flagged"
        )
        yield error("config: flags.expected_false", what, "ask for fewer")
    if config.toggle and len(config.toggle.frames or []) >= pool:
        what = f"names all {pool} frames of the pool, so that the sides of a pair have none in common"
        yield error("config: toggle.frames", what, "name fewer")
    if config.prune and (most := max(config.prune.counts)) > pool // 2:
        what = f"the worst {most} and the best {most} of a pool of {pool} frames overlap"
        yield error("config: prune.counts", what, f"leave out at most {pool // 2}")


def _film_problems(config: StudyConfig) -> Iterator[Problem]:
    """Files that are not videos by their first bytes; missing and empty files were reported before."""
    problems = []
    for video in config.videos:
        if Path(video).is_file() and Path(video).stat().st_size:
            try:
                refuse_no_film(video)
            except UserError as refused:
                problems.append(problem_of(refused))
    yield from grouped(problems)
