"""How the subsets and ensembles of a study are divided among jobs; the workflow's rules are written from the jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from frameworth.plan.requests import ARMS, GRID, Request

ANY_SUBSET = "{subset}"  # a wildcard of Snakemake's


@dataclass(frozen=True)
class SubsetJob:
    """Subsets of the grid that one job draws.

    Attributes:
        name: the name of its rule. files: the files of the subsets, below the study's folder.
    """

    name: str
    design: str
    percent: int
    files: tuple[str, ...]


def subset_jobs(asked: Iterable[Request], is_there: Callable[[str], bool]) -> list[SubsetJob]:
    """The jobs that draw the grid's subsets: for each design and percent, one for new files and one for existing ones.

    They are separate because Snakemake treats all outputs of a job as changed, and a new seed must not make the other
    subsets out of date.

    Args:
        is_there: whether a subset's file, given relative to the study's folder, exists.
    """
    alike: dict[tuple[str, int, bool], list[str]] = {}
    for request in asked:
        if request.part == GRID:
            key = request.subset.design, request.subset.percent, is_there(request.subset_file)
            alike.setdefault(key, []).append(request.subset_file)
    return [
        SubsetJob(f"subset_{design}_{percent:03d}_{'there' if there else 'new'}", design, percent, tuple(files))
        for (design, percent, there), files in alike.items()
    ]


def runs_of(seeds: Iterable[int]) -> str:
    """Seeds as runs, such as `1-24,30-30`, so that thousands of seeds fit on a command line."""
    runs: list[list[int]] = []
    for seed in sorted(seeds):
        if runs and seed == runs[-1][1] + 1:
            runs[-1][1] = seed
        else:
            runs.append([seed, seed])
    return ",".join(f"{first}-{last}" for first, last in runs)


def seeds_of(runs: str) -> list[int]:
    """The seeds in the text that `runs_of` returned, ascending."""
    ends = [run.split("-") for run in runs.split(",")]
    return [seed for first, last in ends for seed in range(int(first), int(last) + 1)]


@dataclass(frozen=True)
class TrainingJob:
    """The parts of a rule that trains ensembles.

    Attributes:
        name: the rule's name. paths: the paths of its subsets, such as `percent-050/seed-2`, or a wildcard for them.
        constraint: what the wildcard matches. trains: all that the rule may train; all have the same number of members.
    """

    name: str
    paths: tuple[str, ...]
    constraint: str
    trains: tuple[Request, ...]

    @property
    def folder(self) -> str:
        """The folder of its ensembles, below the study's folder."""
        return self.trains[0].folder

    @property
    def subsets(self) -> str:
        """The folder of its subsets' files, below the study's folder."""
        return f"{self.folder}/subsets" if self.trains[0].has_own_subset else "subsets"

    @property
    def members(self) -> int:
        """The number of networks of each subset."""
        return self.trains[0].subset.members

    @property
    def keeps_networks(self) -> bool:
        """Whether its networks are also put beside its predictions."""
        return self.trains[0].keeps_networks

    @property
    def arm(self) -> str:
        """The arm that it trains; empty if it trains no arm."""
        return self.trains[0].variant if self.trains[0].part == ARMS else ""

    def requests(self, path: str | None = None) -> list[Request]:
        """What one job of the rule trains: the ensemble of `path` if the rule has a wildcard, else all of `trains`."""
        return list(self.trains) if path is None else [self._by_path[path]]

    @cached_property
    def _by_path(self) -> dict[str, Request]:
        return {request.path: request for request in self.trains}


def training_jobs(asked: Sequence[Request], per_job: int) -> list[TrainingJob]:
    """The rules that train: if `per_job` is 1, one for each folder and number of members, else one for each job.

    The number of members matters because the list of a rule's outputs cannot depend on its wildcards.
    """
    alike: dict[tuple[str, int, int], list[Request]] = {}
    for request in asked:
        percent = 0 if per_job == 1 else request.subset.percent
        alike.setdefault((request.folder, request.subset.members, percent), []).append(request)
    folders = list(dict.fromkeys(request.folder for request in asked))
    jobs = []
    for (folder, members, percent), trains in alike.items():
        part = "" if trains[0].part == GRID else f"{trains[0].part}_{folders.index(folder)}_"
        if per_job == 1:
            others = [request for request in asked if request.folder == folder and request.subset.members != members]
            name = f"{part}ensemble_of_{members}"
            jobs.append(TrainingJob(name, (ANY_SUBSET,), _pattern(trains, others), tuple(trains)))
            continue
        for start in range(0, len(trains), per_job):
            together = tuple(trains[start : start + per_job])
            name = f"{part}ensembles_{percent:03d}_of_{members}_part_{start // per_job + 1}"
            jobs.append(TrainingJob(name, tuple(request.path for request in together), "none", together))
    return jobs


def _pattern(trains: Sequence[Request], others: Sequence[Request]) -> str:
    """A regular expression that matches the paths of `trains` but not those of `others`.

    It has one alternative per percent: with thousands, all would be tried on every file of the plan.
    """
    seeds: dict[int, list[str]] = {}
    for request in trains:
        seeds.setdefault(request.subset.percent, []).append(str(request.subset.seed))
    mixed = {request.subset.percent for request in others}
    return "|".join(
        rf"percent-{percent:03d}/seed-(?:{'|'.join(numbers) if percent in mixed else '[0-9]+'})"
        for percent, numbers in seeds.items()
    )
