"""Which networks of a study are still to be trained for its labels, images and config as they are now.

Told by the networks' hashes, with the subsets drawn as the workflow would draw them: a file that lies where a network's
record belongs may be of other labels. What cannot be known yet, such as the frames that a toggle will flag, counts as
to be trained. No image is read whose digest labels.h5 holds.
"""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from frameworth.cli.study_record import recorded_config, recorded_frames
from frameworth.errors import UserError
from frameworth.labels.deeplabcut import LabelledProject, read_project
from frameworth.labels.images import image_size
from frameworth.labels.imported import is_import
from frameworth.labels.labels import Labels, read_labels, write_labels
from frameworth.labels.pictures import inspect_pictures
from frameworth.labels.sources import study_sources
from frameworth.plan.arms import member_seeds
from frameworth.plan.designs import draw_subset
from frameworth.plan.grid import PlannedSubset, study_folder, weight_options
from frameworth.plan.identity import HashedFrames, network_seed
from frameworth.plan.names import subset_name
from frameworth.plan.pilot import chosen_training, further_networks, pilot_subset
from frameworth.plan.requests import ARMS, GRID, PRUNE, TOGGLE, Request, requests
from frameworth.plan.split import hold_out
from frameworth.storage.files import digest_of_file

Name = tuple[str, str]  # video, image


@dataclass(frozen=True)
class Ensemble:
    """The networks of one subset that a config asks for.

    Attributes:
        request: what is asked for. record: its training.json, which is there once its predictions are.
        hashes: of its networks; None where they are not known yet.
    """

    request: Request
    record: Path
    hashes: tuple[str, ...] | None


@dataclass(frozen=True)
class Left:
    """What is still to be trained.

    Attributes:
        subsets: by part of the study, with as many members as are to be trained.
        pilot: networks of a pilot that has not chosen yet, at most, beside the grid's.
        outdated: how many of these networks were trained before, for other labels or another config.
        guessed: parts of which some networks count because nothing can be said of them yet.
    """

    subsets: dict[str, list[PlannedSubset]]
    pilot: int
    outdated: int
    guessed: frozenset[str]

    @property
    def networks(self) -> int:
        """All networks that are still to be trained."""
        return self.pilot + sum(subset.members for subsets in self.subsets.values() for subset in subsets)


class StudyNetworks:
    """The networks that a checked config asks for, and which of them are there.

    Labels and images are looked at once: counting again while a study runs takes no more than looking for files.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
        self._folder = study_folder(config)
        self._store = self._folder / ".store"
        self._labels = self._folder / "labels.h5"
        self._frames: _Frames | None = None
        self._drawn: _Subsets | None = None
        self._requests = requests(config)
        self._own: list[Ensemble] = []  # of the grid
        self._is_recorded = False  # the study's labels.h5 and frames.csv say the same as labels and images do now
        self._training: dict[str, Any] | None = None  # with what the pilot chose; None while that has not

    def left(self) -> Left:
        """What is still to be trained now; raises UserError if the labels cannot be read."""
        kept = {path.name for path in self._store.iterdir()} if self._store.is_dir() else set()
        training = chosen_training(self._config)
        if training != self._training:
            self._training, self._own = training, []
        trained = bool(kept) or next(self._folder.glob("ensembles/*/*/training.json"), None) is not None
        if trained and self._frames is None:
            self._frames = _present_frames(self._config)
            self._drawn = _Subsets(self._config, self._frames.pool) if self._frames else None
            self._own = []
        if not self._own:
            self._own = [self._ensemble(request, None) for request in self._requests if request.part == GRID]
        if self._frames is not None and not self._is_recorded:
            self._is_recorded = self._frames.are_recorded(self._folder)
        own, outdated = self._missing(self._own, kept)
        complete = not own and self._is_recorded
        chosen = _Chosen(complete, self._frame_values() if complete and self._is_settled() else None)
        experiments = [self._ensemble(request, chosen) for request in self._requests if request.part != GRID]
        subsets = {GRID: own}
        for part in (ARMS, TOGGLE, PRUNE):
            subsets[part], more = self._missing([one for one in experiments if one.request.part == part], kept)
            outdated += more
        unknown = [one for one in (*self._own, *experiments) if one.hashes is None and one.record.exists()]
        return Left(subsets, self._pilot(kept), outdated, frozenset(one.request.part for one in unknown))

    def _missing(self, ensembles: Iterable[Ensemble], kept: set[str]) -> tuple[list[PlannedSubset], int]:
        """The subsets with networks to train, and how many of these networks there are for other labels."""
        missing, outdated = [], 0
        for ensemble in ensembles:
            if ensemble.hashes is None:
                missing.append(ensemble.request.costed)
                continue
            gone = [name for name in ensemble.hashes if not (name in kept and self._is_finished(name))]
            recorded = _recorded_hashes(ensemble.record) if gone else []
            if gone and not (self._is_up_to_date(ensemble, recorded) or self._is_predicted(ensemble, kept)):
                missing.append(replace(ensemble.request.costed, members=len(gone)))
                outdated += min(len(gone), len(set(recorded) - set(ensemble.hashes)))
        return missing, outdated

    def _is_finished(self, name: str) -> bool:
        return (self._store / name / "network.pt").exists() and (self._store / name / "training.json").exists()

    def _is_up_to_date(self, ensemble: Ensemble, recorded: list[str]) -> bool:
        """Whether no job would run, so that nobody asks the store, from which the networks are gone."""
        same = self._is_recorded and recorded == list(ensemble.hashes or ())
        return same and _is_newer(ensemble.record, self._labels)

    def _is_predicted(self, ensemble: Ensemble, kept: set[str]) -> bool:
        """Whether the store has the predictions of networks that are not kept."""
        if self._config["keep_snapshots"] or ensemble.hashes is None:
            return False
        if not all(name in kept and (self._store / name / "training.json").exists() for name in ensemble.hashes):
            return False
        from frameworth.training.store import Entry, PredictionsEntry

        entries = [Entry(self._store / name) for name in ensemble.hashes]
        radius = self._config["prediction"]["distractor_radius"]
        place = PredictionsEntry.of(self._store, entries, self._present_labels / "labels.h5", radius).folder
        return all((place / name).exists() for name in ("predictions.h5", "consensus.h5"))

    @cached_property
    def _present_labels(self) -> Path:
        """A folder with the labels.h5 that the workflow would write, by whose digest predictions are kept."""
        assert self._frames is not None
        self._temporary = tempfile.TemporaryDirectory()  # goes with this object
        write_labels(Path(self._temporary.name) / "labels.h5", self._frames.labels)
        return Path(self._temporary.name)

    def _pilot(self, kept: set[str]) -> int:
        """The pilot's networks that may be trained yet; 0 once it has chosen."""
        if self._training is not None:
            return 0
        pilot, finished = self._config["pilot"], 0
        if self._drawn is not None and self._frames is not None:
            subset = pilot_subset(self._config)
            frames, seed = self._drawn.frames(subset), self._seed(subset, 0)
            for choice in pilot["choices"]:
                training = weight_options(self._config["training"]) | choice | {"steps": pilot["steps"]}
                (name,) = self._frames.hashed.network_hashes(frames, training, [(seed, None)])
                finished += name in kept and self._is_finished(name)
        return max(0, further_networks(self._config) - finished)

    # -- hashes of what the config asks for ----------------------------------------------------------------------

    def _ensemble(self, request: Request, chosen: _Chosen | None) -> Ensemble:
        record = self._folder / request.ensemble / "training.json"
        known = self._drawn is not None and self._training is not None
        return Ensemble(request, record, self._hashes_of(request, record, chosen) if known else None)

    def _hashes_of(self, request: Request, record: Path, chosen: _Chosen | None) -> tuple[str, ...] | None:
        """The hashes of a request's networks; None where what they depend on is still to be made.

        Args:
            chosen: what the grid's networks tell of frames; None for the grid itself.
        """
        assert self._drawn is not None
        subset = request.subset
        if chosen is not None and request.part == ARMS:
            return self._arm_hashes(request, record, chosen)
        frames = self._drawn.frames(subset) if request.part == GRID else self._chosen_frames(request, chosen)
        if frames is None:
            return None
        return self._hashes(frames, [(self._seed(subset, member), None) for member in range(subset.members)])

    def _arm_hashes(self, request: Request, record: Path, chosen: _Chosen) -> tuple[str, ...] | None:
        assert self._drawn is not None
        options, subset = self._config["arms"][request.variant], request.subset
        if "replicate" not in options and "start_from" not in options:
            # What these arms are steered by is worked out from the baseline's networks; a record that is younger
            # tells what came of it.
            steered_by = self._folder / (request.subset_file if "pseudo" in options else "out_of_bag.h5")
            known = chosen.complete and _is_newer(record, steered_by) and _is_newer(steered_by, self._labels)
            return tuple(_recorded_hashes(record)) if known else None
        from frameworth.training.variants import Variant

        own = {(one.request.subset.percent, one.request.subset.seed): one.hashes for one in self._own}
        networks = []
        for member, seeds in enumerate(member_seeds(options, subset.members)):
            start: dict[str, Any] = {}
            if "start_from" in options:
                started = own[options["start_from"]["percent"], subset.seed]
                assert started is not None
                start = {"start": Path(), "start_hash": started[member]}
            order, augmentation, seed = (
                self._seed(subset, place) for place in (seeds.order, seeds.augmentation, seeds.weights)
            )
            variant = Variant(order_seed=order, augmentation_seed=augmentation, **start)
            networks.append((seed, variant.identity(seed)))
        return self._hashes(self._drawn.frames(subset), networks)

    def _chosen_frames(self, request: Request, chosen: _Chosen | None) -> np.ndarray | None:
        """The frames of one side of a toggle, or of a pruned pool; None where they are not known yet."""
        assert self._frames is not None
        seed, pool = self._config["seed"], self._frames.pool
        values = chosen.values if chosen else None
        if request.part == TOGGLE:
            toggle = self._config["toggle"]
            from frameworth.experiments.toggle import arm_frames, group_of

            if values is None and not toggle.get("frames"):
                return None
            group = np.array(toggle["frames"]) if toggle.get("frames") else group_of(values, toggle)
            options = {"parts": toggle["parts"], "arm": request.variant, "pair": request.subset.seed}
            return arm_frames(pool, group, study_seed=seed, **options)
        by = self._config["prune"]["by"]
        if values is None or by not in values:
            return None
        from frameworth.experiments.prune import removed_frames

        return np.setdiff1d(pool, removed_frames(values, by, request.variant, request.subset.seed, seed))

    def _frame_values(self) -> Any:
        import pandas as pd

        return pd.read_csv(self._folder / "frame_values.csv")

    def _seed(self, subset: PlannedSubset, member: int) -> int:
        return network_seed(self._config["seed"], subset.percent, subset.seed, member)

    def _hashes(self, frames: np.ndarray, networks: Sequence[tuple[int, Any]]) -> tuple[str, ...]:
        """Of networks on these frames; none where there is no frame to train on."""
        assert self._frames is not None
        assert self._training is not None
        training = weight_options(self._training)
        return tuple(self._frames.hashed.network_hashes(frames, training, networks)) if len(frames) else ()

    def _is_settled(self) -> bool:
        """Whether frame_values.csv, by which experiments choose frames, is of the grid as it is."""
        files = [self._folder / name for name in ("labels.h5", "scores.h5", "frame_values.csv")]
        predictions = (ensemble.record.parent / "predictions.h5" for ensemble in self._own)
        return all(map(_is_newer, files[1:], files)) and all(_is_newer(files[1], one) for one in predictions)


@dataclass(frozen=True)
class _Chosen:
    """Whether all networks of the grid are there, for these labels, and frame_values.csv, if it is of these."""

    complete: bool
    values: Any | None


# -- labels and images as they are now ---------------------------------------------------------------------------


@dataclass(frozen=True)
class _Frames:
    """The labelled frames as the workflow would read them now.

    Attributes:
        names: [N]. labels: with the digests of images. pool: numbers of the frames that may be trained on.
    """

    names: list[Name]
    labels: Labels
    pool: np.ndarray

    def are_recorded(self, folder: Path) -> bool:
        """Whether the study's labels.h5 and frames.csv say the same."""
        before, split = _recorded_labels(folder / "labels.h5"), recorded_frames(folder)
        now = self.labels
        if before is None or list(split) != self.names:
            return False
        same = [getattr(before.labels, key) == getattr(now, key) for key in ("keypoints", "digests", "paths")]
        pool = [index for index, name in enumerate(self.names) if split[name] == "pool"]
        return all(same) and np.array_equal(before.labels.xy, now.xy, equal_nan=True) and pool == self.pool.tolist()

    @cached_property
    def hashed(self) -> HashedFrames:
        """For hashes of subsets."""
        finite = np.isfinite(self.labels.xy).all(axis=2, keepdims=True)
        return HashedFrames(self.labels.keypoints, self.labels.digests, np.where(finite, self.labels.xy, np.nan))


def _present_frames(config: dict[str, Any]) -> _Frames | None:
    """The frames of the study's project; None if a rule has to make that project first, or to make it anew."""
    folder = study_folder(config)
    root = _project_folder(config)
    if root is None:
        return None
    project = read_project(root)
    names = list(zip(project.videos, project.images, strict=True))
    before = _recorded_labels(folder / "labels.h5")
    digests, sizes = _images(project, before)
    split = recorded_frames(folder)
    same = before is not None and list(split) == names and before.labels.digests == digests
    held_out = _held_out(config, project, [split[name] == "held-out" for name in names] if same else None)
    index = {name: position for position, name in enumerate(project.keypoints)}
    skeleton = np.array([(index[a], index[b]) for a, b in project.skeleton], int).reshape(-1, 2)
    labels = Labels(project.xy, project.keypoints, skeleton, tuple(map(str, project.paths)), digests, sizes)
    return _Frames(names, labels, np.flatnonzero(~held_out))


def _project_folder(config: dict[str, Any]) -> Path | None:
    """Where the project lies that stage `frames` reads; None if it is not made yet, or from what is no more."""
    given, folder = Path(config["labels"]), study_folder(config)
    made = None
    if config["labels"] == "demo":
        made = folder / "project"
    elif config.get("plant"):
        made = folder / "planted_project"
    elif is_import(given):
        made = folder / "imported_project"
    if made is None:
        return given
    record = recorded_config(config) or {}
    asked: tuple[str, ...] = ("labels", "demo") if config["labels"] == "demo" else ("labels", "plant")
    asked += ("seed", "held_out") if made.name != "imported_project" else ()
    if any(record.get(key) != config.get(key) for key in asked) or not (made / "config.yaml").exists():
        return None
    return made if all(_is_newer(made / "config.yaml", source) for source in study_sources(config)) else None


@dataclass(frozen=True)
class _Recorded:
    """A study's labels.h5 and the time when it was written."""

    labels: Labels
    since: float


def _recorded_labels(path: Path) -> _Recorded | None:
    try:
        return _Recorded(read_labels(path), path.stat().st_mtime)
    except (UserError, OSError):
        return None


def _images(project: LabelledProject, before: _Recorded | None) -> tuple[tuple[str, ...], np.ndarray]:
    """Digest and size of each image: as recorded, if the file has not been touched since, else read now."""
    recorded = {}
    if before is not None:
        there = before.labels
        recorded = dict(zip(there.paths, zip(there.digests, there.sizes, strict=True), strict=True))
    digests, sizes = [], np.zeros((len(project.paths), 2), int)
    for index, path in enumerate(project.paths):
        stat, known = path.stat(), recorded.get(str(path))
        if known is None or before is None or max(stat.st_mtime, stat.st_ctime) > before.since:
            known = digest_of_file(path), np.array(image_size(path))
        digests.append(str(known[0]))
        sizes[index] = known[1]
    return tuple(digests), sizes


def _held_out(config: dict[str, Any], project: LabelledProject, recorded: list[bool] | None) -> np.ndarray:
    """Which frames are held out, bool [N].

    Frames of the same picture go together, and which these are only decoding tells. It is left out where it would
    change nothing: where the split of the same files came out as it does with all pictures different.
    """

    def split(pictures: Sequence[str] | None) -> np.ndarray:
        return hold_out(project.videos, project.images, seed=config["seed"], pictures=pictures, **config["held_out"])

    plain = split(None)
    if recorded is not None and plain.tolist() == recorded:
        return plain
    return split(inspect_pictures(project, decode=True)[0].digests)


class _Subsets:
    """The subsets as they would be drawn; taken from subsets.h5 where they were drawn from such a pool before.

    A long balanced design is slow to draw, as each row depends on those before it.
    """

    def __init__(self, config: dict[str, Any], pool: np.ndarray) -> None:
        self._seed, self._pool = config["seed"], pool
        self._drawn = _drawn_before(study_folder(config), pool)
        self._agrees: dict[tuple[str, int], bool] = {}

    def frames(self, subset: PlannedSubset) -> np.ndarray:
        """The numbers of a subset's frames, ascending."""
        return self._pool[self._inclusion(subset)]

    def _inclusion(self, subset: PlannedSubset) -> np.ndarray:
        """Bool [pool]."""
        before = self._drawn.get((subset_name(subset.percent, subset.seed), subset.design))
        if subset.design == "balanced" and before is not None and self._is_the_design(subset):
            return before
        return draw_subset(subset.design, len(self._pool), subset.percent, subset.seed, self._seed)

    def _is_the_design(self, subset: PlannedSubset) -> bool:
        """Whether the design's first row came out as it would now: then so did all of them."""
        key = subset.design, subset.percent
        if key not in self._agrees:
            first = self._drawn.get((subset_name(subset.percent, 1), subset.design))
            again = draw_subset(subset.design, len(self._pool), subset.percent, 1, self._seed)
            self._agrees[key] = first is not None and np.array_equal(first, again)
        return self._agrees[key]


def _drawn_before(folder: Path, pool: np.ndarray) -> dict[tuple[str, str], np.ndarray]:
    """The rows of subsets.h5, bool [pool], by the subset's name and its design; none where they do not fit."""
    try:
        with (folder / "subsets.csv").open(newline="") as file:
            names = [(row["subset"], row["design"]) for row in csv.DictReader(file)]
        with h5py.File(folder / "subsets.h5", "r") as file:
            inclusion = np.asarray(file["inclusion"][()], bool)
    except (OSError, KeyError, ValueError):
        return {}
    if len(inclusion) != len(names) or inclusion.shape[1] <= pool.max(initial=-1):
        return {}
    outside = np.delete(inclusion, pool, axis=1).any()
    return {} if outside else dict(zip(names, inclusion[:, pool], strict=True))


def _recorded_hashes(record: Path) -> list[str]:
    """Of the networks that a training.json tells of."""
    try:
        return [str(member["hash"]) for member in json.loads(record.read_text())["members"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _is_newer(path: Path, other: Path) -> bool:
    """Whether both are there, and `path` is not older than `other`."""
    try:
        return path.stat().st_mtime >= other.stat().st_mtime
    except OSError:
        return False
