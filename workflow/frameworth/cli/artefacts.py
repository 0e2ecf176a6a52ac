"""The paths of the files that a study makes, for the rules; they follow from the config alone."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from frameworth.attribution.methods import method
from frameworth.config.experiments import Arm
from frameworth.config.model import StudyConfig
from frameworth.config.registries import asked_methods, replay_windows
from frameworth.figures import figure_module, figure_names, figure_reads
from frameworth.labels.imported import is_import
from frameworth.plan.arms import trained_arms
from frameworth.plan.grid import base_subsets, video_networks
from frameworth.plan.jobs import TrainingJob
from frameworth.plan.names import subset_path
from frameworth.plan.pilot import pilot_subset
from frameworth.plan.requests import ARMS, GRID, Request, requests
from frameworth.videos.video_names import video_folder

_TABLES = (
    "frames", "subsets", "rmse", "labels_to_check", "frame_values", "validation",
    "distractors", "distractors_groups", "distractors_places", "outliers", "outliers_methods",
    "plan", "plan_power", "add", "add_curve", "add_poses",
)  # fmt: skip
_ARRAYS = ("labels", "subsets", "scores", "influence", "members")
_OF_ENSEMBLE = ("predictions.h5", "training.json", "consensus.h5", "consensus_dlc.h5", "consensus_dlc.csv")


class FigureJob(NamedTuple):
    """Figures that one job draws, and the files that they read besides those that all figures read."""

    rule: str
    names: list[str]
    further: list[str]


class Artefacts:
    """The files of one study, of a checked config, relative to the working directory.

    Attributes:
        videos: the config's videos, by the names of their folders.
        methods: names of the methods in the config's `influence`.
    """

    def __init__(self, config: StudyConfig, sources: Sequence[Path]) -> None:
        self._config, self._sources, self._folder = config, list(sources), config.folder
        self._requests, self._arms = requests(config), trained_arms(config.arms)
        self.videos: dict[str, str] = {video_folder(path): path for path in config.videos}
        self.methods: list[str] = list(asked_methods(config.influence))

    def __call__(self, *names: str) -> list[str]:
        """The paths of files in the study's folder."""
        return [str(self._folder / name) for name in names]

    # -- labels --------------------------------------------------------------------------------------------------

    @property
    def labelled_project(self) -> str:
        """The project with the original labels: the user's own, the demo's, or that of imported labels."""
        labels = self._config.labels
        if labels == "demo":
            return str(self._folder / "project")
        return str(self._folder / "imported_project") if is_import(Path(labels)) else labels

    @property
    def project(self) -> str:
        """The project that the study reads: the labelled one, or its copy with planted errors."""
        planted = self._config.plant and self._config.labels != "demo"
        return str(self._folder / "planted_project") if planted else self.labelled_project

    def project_files(self, project: str) -> list[Any]:
        """The user's files if `project` is the user's own, else the project's folder, which a rule makes."""
        return list(self._sources) if project == self._config.labels else [project]

    # -- networks ------------------------------------------------------------------------------------------------

    def subsets(self) -> list[str]:
        """The files of the grid's subsets, in the order of the config."""
        return self(*(request.subset_file for request in self._requests if request.part == GRID))

    def ensembles(self, part: str, *names: str) -> list[str]:
        """The files with these names of all ensembles of a part of the study."""
        of_part = [request for request in self._requests if request.part == part]
        return self(*(f"{request.ensemble}/{name}" for request in of_part for name in names))

    def arm_predictions(self) -> list[str]:
        """The predictions of all arms, and of the grid on the same subsets."""
        shared = dict.fromkeys(request.path for request in self._requests if request.part == ARMS)
        baseline = self(*(f"{GRID}/{path}/predictions.h5" for path in shared))
        return self.ensembles(ARMS, "predictions.h5") + baseline

    def pilot(self) -> list[str]:
        """The file with the pilot's choice, if the config has a pilot; networks of another choice are outdated."""
        return self("pilot.json") if self._config.pilot else []

    def pilot_subset(self) -> str:
        """The file of the subset that the pilot's networks are trained on."""
        subset = pilot_subset(self._config)
        return self(f"subsets/{subset_path(subset.percent, subset.seed)}.json")[0]

    def method_files(self, name: str) -> list[str]:
        """The files with the answers of a method's base networks."""
        bases = base_subsets(self._config, name)
        return self(*(f"{name}/{subset_path(base.percent, base.seed)}.h5" for base in bases))

    def windows(self) -> dict[str, float]:
        """For an ensemble's folder, the last part of its first network's steps, which a method repeats."""
        return {
            self(f"{GRID}/{subset_path(base.percent, base.seed)}")[0]: window
            for name, window in replay_windows(self._config.influence).items()
            for base in base_subsets(self._config, name)
        }

    def method_influences(self) -> list[str]:
        """The files with the answers of all networks, one for each method of the config."""
        return self(*(method(name).artefact for name in self.methods))

    def label_tables(self) -> list[str]:
        """The tables of single labels by methods of the config."""
        return self(*(table for name in self.methods if (table := method(name).label_table)))

    def _of_ensemble(self, request: Request) -> list[str]:
        """All files of one ensemble, and the file of its subset."""
        members = request.subset.members if self._config.keep_snapshots and request.keeps_networks else 0
        names = [*_OF_ENSEMBLE, *(f"member-{member}.pt" for member in range(members))]
        return self(request.subset_file, *(f"{request.ensemble}/{name}" for name in names))

    def arm_inputs(self, job: TrainingJob, path: str | None) -> list[str]:
        """What a job of an arm needs besides its subsets: the grid's networks to continue, or their out-of-bag file."""
        arm = self._arms.get(job.arm, Arm())
        if arm.start_from:
            starts = (subset_path(arm.start_from.percent, request.subset.seed) for request in job.requests(path))
            return self(*(f"{GRID}/{start}/training.json" for start in starts))
        return self("out_of_bag.h5") if arm.curriculum or arm.augment else []

    def arm_options(self, job: TrainingJob) -> str:
        """The command's options for a job of an arm; empty for other jobs."""
        if not job.arm:
            return ""
        arm = json.dumps(self._arms[job.arm].model_dump(), sort_keys=True)
        baseline, out_of_bag = self(GRID, "out_of_bag.h5")
        return shlex.join(["--arm", arm, "--baseline", baseline, "--out-of-bag", out_of_bag])

    # -- videos --------------------------------------------------------------------------------------------------

    def video_networks(self) -> list[str]:
        """The networks that predict videos; those of one subset are next to each other."""
        networks = video_networks(self._config) if self.videos else []
        return self(*(f"{GRID}/{subset_path(s.percent, s.seed)}/member-{member}.pt" for s, member in networks))

    def video_subset(self) -> list[str]:
        """The file of the first subset whose networks predict videos."""
        return self(*(f"subsets/{subset_path(s.percent, s.seed)}.json" for s, _ in video_networks(self._config)[:1]))

    def video_consensus(self) -> list[str]:
        """The consensus file of each video, in the order of the config."""
        return self(*(f"videos/{video}/consensus.h5" for video in self.videos))

    # -- answers and figures -------------------------------------------------------------------------------------

    def experiments(self) -> list[str]:
        """The tables with the results of the config's experiments."""
        asked = {"toggle": self._config.toggle, "prune": self._config.prune, "arms": self._arms}
        return self(*(f"{name}.csv" for name, part in asked.items() if part))

    def figures(self) -> list[str]:
        """All figures of the study."""
        names = figure_names(*self._pairs, videos=bool(self.videos), pilot=bool(self._config.pilot))
        return self(*(f"figures/{name}.png" for name in names))

    @property
    def _pairs(self) -> tuple[int, list[list[int]]]:
        return self._config.figures.pairs, self._config.figures.pair_list

    def figure_inputs(self, module: str) -> list[str]:
        """The files that a figure reads besides those that all figures read, if the study makes them."""
        return [path for path in self(*figure_reads(module)) if path in self._made]

    @cached_property
    def _made(self) -> set[str]:
        return set(self.all())

    def figure_jobs(self) -> Iterator[FigureJob]:
        """Figures grouped by the further files they read; those of videos and of the pilot have their own rules."""
        alike: dict[str, list[str]] = {}
        for name in figure_names(*self._pairs):
            drawn_by = figure_module(name)
            alike.setdefault(drawn_by if self.figure_inputs(drawn_by) else "", []).append(name)
        for alone, names in alike.items():
            yield FigureJob(f"draw_{alone or 'figures'}", names, self.figure_inputs(alone) if alone else [])

    def all(self) -> list[str]:
        """All files of a study, intermediate ones, too: Snakemake makes a lost file again only if it is asked for.

        The ImageNet weights are not included, because only training needs them.
        """
        names = [f"{table}.csv" for table in _TABLES] + [f"{array}.h5" for array in _ARRAYS]
        names.append("plan.json")
        names += ["arm_scores.csv", "variance_components.csv"] if self._arms else []
        steered = any(arm.curriculum or arm.augment for arm in self._arms.values())
        names += ["out_of_bag.h5"] if steered else []
        names += ["frames_to_label.csv"] if self.videos else []
        names += [f"videos/{video}/consensus{end}" for video in self.videos for end in (".h5", "_dlc.h5", "_dlc.csv")]
        return [
            *sorted({self.labelled_project, self.project} - {self._config.labels}),
            *dict.fromkeys(file for request in self._requests for file in self._of_ensemble(request)),
            *self.pilot(),
            *(file for name in self.methods for file in self.method_files(name)),
            *self.method_influences(),
            *self.label_tables(),
            *self(*names),
            *self.experiments(),
            *(path.removesuffix("png") + kind for path in self.figures() for kind in ("png", "svg", "csv")),
        ]
