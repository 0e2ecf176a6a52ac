"""One command for each stage; the workflow's rules call them.

Each is a function whose signature gives the command's arguments and options. Modules are imported where they are used,
so that a command starts fast if it does not need PyTorch or plotting.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TextIO

import click

from frameworth.cli._common import friendly
from frameworth.cli._stage import ChosenTraining, stage
from frameworth.config.experiments import Arm, Prune, Pseudo, Toggle
from frameworth.config.model import Block
from frameworth.config.result_options import ResultOptions
from frameworth.config.training import Pilot, UnsizedTraining
from frameworth.plan.arms import AskedArms
from frameworth.training.preemption import sigterm_stops

ANNOUNCE_SECONDS = 15  # time between lines about the progress of a study

Keys = dict[str, Any]  # the keys of a section of the config
HeldOut = Annotated[Keys, "The config's `held_out`."]
Options = Annotated[ResultOptions, "The config's choices that this depends on."]
StudySeed = Annotated[int, "The study's seed."]
Device = Literal["auto", "cpu", "cuda"]
Store = Annotated[Path, "The store of networks."]
Imagenet = Annotated[Path | None, "What fetch-weights wrote, for training that starts from it."]
KeepSnapshots = Annotated[bool, "The config's `keep_snapshots`."]
Px = Annotated[float, "px of the original image."]
Consensus = Annotated[str, "The form of consensus."]
AskedToggle = Annotated[Toggle, "The config's `toggle`."]
Level = Annotated[float, "The config's `influence.level`."]
Project = Annotated[Path, "The study's labelled project."]


@click.group()
def stages() -> None:
    """Stages of the workflow, one command each."""


@stage(stages)
def import_labels(labels: Path, folder: Path) -> None:
    """Write another tool's LABELS, with their images, as a DeepLabCut project into FOLDER."""
    from frameworth.labels.imported import write_imported

    write_imported(labels, folder)


@stage(stages)
def plant(
    project: Path,
    folder: Path,
    *,
    plant: Annotated[Keys, "The config's `plant`."],
    held_out: HeldOut,
    seed: StudySeed,
) -> None:
    """Copy PROJECT to FOLDER and spoil a share of its labels."""
    from frameworth.labels.plant import plant_errors

    plant_errors(project, folder, held_out=held_out, seed=seed, **plant)


@stage(stages)
def frames(
    project: Path,
    *,
    held_out: HeldOut,
    seed: StudySeed,
    frames: Annotated[Path, "frames.csv to write."],
    labels: Annotated[Path, "labels.h5 to write."],
) -> None:
    """Read PROJECT's labels, and split its frames into pool and held-out."""
    from frameworth.labels.frames import collect_frames

    for problem in collect_frames(project, held_out, seed, frames, labels):
        print(f"frameworth: {problem.severity}: {problem}")


@stage(stages)
def draw_subsets(
    folder: Path,
    *,
    frames: Path,
    labels: Path,
    design: str,
    percent: int,
    seeds: Annotated[str, "Runs of seeds, such as 1-24,30-30."],
    study_seed: StudySeed,
) -> None:
    """Draw the subsets of one design and percent, and write a file for each below FOLDER."""
    from frameworth.labels.subsets import write_subsets
    from frameworth.plan.jobs import seeds_of

    write_subsets(folder, frames, labels, design=design, percent=percent, seeds=seeds_of(seeds), study_seed=study_seed)


@stage(stages)
def subsets(study: Path, *, frames: Path, grid: Annotated[list[Block], "The config's `subsets`."]) -> None:
    """Collect the files of the grid's subsets in the folder STUDY into one table and one matrix."""
    from frameworth.labels.subsets import collect_subsets
    from frameworth.plan.grid import subsets_of
    from frameworth.plan.names import subset_path

    paths = [study / f"subsets/{subset_path(s.percent, s.seed)}.json" for s in subsets_of(grid)]
    collect_subsets(paths, frames, study / "subsets.csv", study / "subsets.h5")


@stage(stages)
def fetch_weights(
    out: Path, *, network: Annotated[Keys, "engine, net_type, backbone and batch_norm of the config's `training`."]
) -> None:
    """Fetch the backbone's ImageNet weights to the file OUT."""
    from frameworth.config.training import Training
    from frameworth.engine import engine_of
    from frameworth.storage.files import write_bytes
    from frameworth.training.store import saved_bytes

    given = {key: value for key, value in network.items() if value is not None}
    engine = engine_of(Training.model_validate(given), ["any"])
    write_bytes(out, saved_bytes({"model": engine.imagenet_weights()}))


@stage(stages)
def ensemble(
    subsets: tuple[Path, ...],
    *,
    labels: Path,
    folder: Annotated[Path, "The folder of the ensembles."],
    store: Store,
    training: ChosenTraining,
    study_seed: StudySeed,
    members: int,
    device: Device,
    consensus: Annotated[str, "The form of consensus for the DeepLabCut table."],
    distractor_radius: Px,
    imagenet: Imagenet = None,
    keep_snapshots: KeepSnapshots = True,
    arm: Annotated[Arm | None, "An arm's options, of the config's `arms`; left out, its networks are plain."] = None,
    baseline: Annotated[Path | None, "The study's ensembles/, for an arm."] = None,
    out_of_bag: Annotated[Path | None, "What out-of-bag wrote, for an arm that is steered by it."] = None,
) -> None:
    """Train the networks of the files SUBSETS, predict all frames, and form each one's consensus."""
    with sigterm_stops():
        from frameworth.experiments.arm_training import networks_of_arm
        from frameworth.training.ensemble import run_ensembles

        variants = None
        if arm is not None:
            assert baseline is not None and out_of_bag is not None
            variants = partial(
                networks_of_arm, arm=arm, labels_h5=labels, store=store, baseline=baseline, out_of_bag=out_of_bag,
                training=training, study_seed=study_seed, members=members,
            )  # fmt: skip
        windows = json.loads(os.environ.get("FRAMEWORTH_WINDOWS", "{}"))  # an option would outdate networks
        run_ensembles(
            subsets, labels, folder, store, training=training, study_seed=study_seed, members=members, device=device,
            consensus=consensus, distractor_radius=distractor_radius, imagenet=imagenet, keep_snapshots=keep_snapshots,
            variants=variants, windows=windows,
        )  # fmt: skip


@stage(stages)
def pilot(
    subset: Path,
    pilot_json: Path,
    *,
    labels: Path,
    frames: Path,
    store: Store,
    pilot: Annotated[Pilot, "The config's `pilot`."],
    training: Annotated[UnsizedTraining, "The config's `training`, without what is to be chosen."],
    study_seed: StudySeed,
    device: Device,
    imagenet: Imagenet = None,
    keep_snapshots: KeepSnapshots = True,
) -> None:
    """Train short networks on SUBSET, and write to PILOT_JSON which image size and how many steps do best."""
    with sigterm_stops():
        from frameworth.training.pilot import run_pilot

        run_pilot(
            subset, labels, frames, store, pilot_json, pilot=pilot, training=training, study_seed=study_seed,
            device=device, imagenet=imagenet, keep_snapshots=keep_snapshots,
        )  # fmt: skip


@stage(stages)
def method_network(
    method: str,
    subset: Path,
    *,
    labels: Path,
    frames: Path,
    network: Annotated[Path, "The finished network."],
    store: Store,
    training: ChosenTraining,
    options: Annotated[Keys, "The config's `influence.{method}` without `networks` and `percent`."],
    study_seed: StudySeed,
    device: Device,
    imagenet: Imagenet = None,
    out: Path,
) -> None:
    """Examine SUBSET's finished network by METHOD, such as warm, for the effect of each frame."""
    from frameworth.attribution.method_files import write_network_answer

    with sigterm_stops():
        write_network_answer(
            method, subset, labels, frames, network, store, out, training=training, options=options,
            study_seed=study_seed, device=device, imagenet=imagenet,
        )  # fmt: skip


@stage(stages)
def method_influence(
    method: str,
    files: tuple[Path, ...],
    *,
    out: Annotated[Path, "The file of all networks to write, such as warm_influence.h5."],
) -> None:
    """Collect FILES, the answers of single networks by METHOD."""
    from frameworth.attribution.method_files import collect_answers

    collect_answers(method, files, out)


@stage(stages)
def video(
    video: str,
    networks: tuple[Path, ...],
    *,
    subset: Annotated[Path, "The file of a subset that one of NETWORKS was trained on."],
    folder: Annotated[Path, "Where the video's files go."],
    training: ChosenTraining,
    device: Device,
    consensus: Consensus,
) -> None:
    """Form the consensus of NETWORKS over the unlabelled VIDEO; those of one folder are one ensemble."""
    from frameworth.videos.video import analyse_video

    analyse_video(video, networks, subset, folder, training=training, device=device, consensus=consensus)


@stage(stages)
def frames_to_label(
    study: Path,
    videos: tuple[Path, ...],
    *,
    count: Annotated[int, "How many frames to choose."],
    seconds_apart: Annotated[float, "None is nearer to another of its video."],
) -> None:
    """Choose the frames to label next of the folder STUDY from VIDEOS, the consensus.h5 of each."""
    from frameworth.videos.frames_to_label import write_frames_to_label

    write_frames_to_label(study, videos, count=count, seconds_apart=seconds_apart)


@stage(stages)
def scores(study: Path, *, form: Consensus) -> None:
    """Score all ensembles in the folder STUDY."""
    from frameworth.scores.scores import collect_scores

    collect_scores(study, form)


@stage(stages)
def influence(
    study: Path,
    *,
    groups: Annotated[list[list[int]], "The config's `influence.groups`."],
    estimator: Annotated[str, "The config's `influence.estimator`."],
) -> None:
    """Estimate the influence of every frame of the folder STUDY on every frame."""
    from frameworth.attribution.influence_file import write_influence

    write_influence(study, groups, estimator)


@stage(stages)
def frame_values(study: Path, *, options: Options) -> None:
    """Write frame_values.csv of the folder STUDY."""
    from frameworth.answers.frame_values import write_frame_values
    from frameworth.results.results import Results

    write_frame_values(Results(study, options))


@stage(stages)
def method_labels(study: Path, method: str, *, options: Options) -> None:
    """Write what METHOD, such as metagradient, says of single labels of the folder STUDY."""
    from frameworth.answers.label_harm import write_label_harm
    from frameworth.attribution.methods import method as method_of
    from frameworth.results.results import Results

    write_label_harm(Results(study, options), method_of(method))


@stage(stages)
def labels_to_check(
    study: Path, *, expected_false: Annotated[float, "How many correctly labelled frames may be flagged, on average."]
) -> None:
    """Write labels_to_check.csv and errors_over_frames.csv of the folder STUDY."""
    from frameworth.answers.errors_over_frames import write_errors_over_frames
    from frameworth.attribution.label_checks import write_label_checks
    from frameworth.results.results import Results

    results = Results(study)
    write_errors_over_frames(results)
    write_label_checks(results, expected_false)


@stage(stages)
def summary(study: Path, *, options: Options, training: ChosenTraining) -> None:
    """Write summary.json of the folder STUDY."""
    from frameworth.answers.frame_values import write_summary
    from frameworth.results.results import Results

    write_summary(Results(study, options | {"training": training}))


@stage(stages)
def validation(study: Path, *, options: Options) -> None:
    """Write validation.csv of the folder STUDY."""
    from frameworth.answers.validation import validation
    from frameworth.results.results import Results
    from frameworth.storage.files import write_csv

    write_csv(study / "validation.csv", validation(Results(study, options)))


@stage(stages)
def members(study: Path, *, distractor_radius: Px) -> None:
    """Collect what the networks of all ensembles in the folder STUDY say of labels and of other places."""
    from frameworth.scores.members import collect_members

    collect_members(study, distractor_radius)


@stage(stages)
def distractors(study: Path, *, options: Options) -> None:
    """Write distractors.csv of the folder STUDY, and the tables beside it."""
    from frameworth.answers.distractors import write_distractors
    from frameworth.results.results import Results

    write_distractors(Results(study, options))


@stage(stages)
def outliers(study: Path, *, options: Options) -> None:
    """Write outliers.csv of the folder STUDY, and the table beside it."""
    from frameworth.answers.outliers import write_outliers
    from frameworth.results.results import Results

    write_outliers(Results(study, options))


@stage(stages)
def plan_table(study: Path, *, options: Options, training: ChosenTraining) -> None:
    """Write plan.csv of the folder STUDY, and the files beside it."""
    from frameworth.answers.larger_study import write_plan
    from frameworth.results.results import Results

    reason = write_plan(Results(study, options), training)
    if reason:
        print(f"frameworth: no plan: {reason}")


@stage(stages)
def add(study: Path, *, options: Options) -> None:
    """Write add.csv of the folder STUDY, and the tables beside it."""
    from frameworth.answers.further_labels import write_further_labels
    from frameworth.results.results import Results

    write_further_labels(Results(study, options))


@stage(stages)
def toggle_subset(study: Path, *, toggle: AskedToggle, side: str, pair: int, study_seed: StudySeed) -> None:
    """Write the subset of one side of one pair into the folder STUDY."""
    from frameworth.experiments.toggle import write_side

    write_side(study, toggle, side, pair, study_seed)


@stage(stages)
def toggle(study: Path, *, toggle: AskedToggle, level: Level) -> None:
    """Compare the sides in the folder STUDY pair by pair."""
    from frameworth.experiments.toggle import statement, write_toggle

    print("\n".join(statement(write_toggle(study, toggle, level), 1 - level)))


@stage(stages)
def out_of_bag(study: Path) -> None:
    """Collect what networks in the folder STUDY say of frames that they had not seen."""
    from frameworth.experiments.out_of_bag import collect_out_of_bag

    collect_out_of_bag(study)


@stage(stages)
def arm_subset(
    study: Path, arm: str, subset: str, *, pseudo: Annotated[Pseudo, "The arm's `pseudo`."], form: Consensus
) -> None:
    """Write a SUBSET of an ARM, such as percent-050/seed-2, with pseudo-labelled frames into the folder STUDY."""
    from frameworth.experiments.pseudo import write_pseudo_subset

    write_pseudo_subset(study, arm, subset, pseudo, form)


@stage(stages)
def arms(study: Path, *, asked: Annotated[AskedArms, "The config's `arms` and `subsets`."], level: Level) -> None:
    """Compare the arms in the folder STUDY with the baseline."""
    from frameworth.experiments.arm_comparison import write_arms

    write_arms(study, asked, level)


@stage(stages)
def prune_subset(
    study: Path,
    *,
    by: Annotated[str, "The config's `prune.by`."],
    removed: Annotated[str, "none, worst-4, best-4, random-4-1 …"],
    network: int,
    study_seed: StudySeed,
) -> None:
    """Write a subset, the pool without some frames, into the folder STUDY."""
    from frameworth.experiments.prune import write_pruned

    write_pruned(study, by, removed, network, study_seed)


@stage(stages)
def prune(study: Path, *, prune: Annotated[Prune, "The config's `prune`."], level: Level) -> None:
    """Compare networks without the worst frames in the folder STUDY with those without random ones."""
    from frameworth.experiments.prune import write_prune

    write_prune(study, prune, level)


@stage(stages)
def figure(names: tuple[str, ...], *, study: Path, options: Options) -> None:
    """Draw the figures NAMES (.png, .svg and the .csv behind each)."""
    from frameworth.figures import draw_figure
    from frameworth.results.results import Results

    results = Results(study, options)
    for name in names:
        draw_figure(name, results, study / "figures")


@stage(stages)
def report_page(
    study: Path, *, options: Options, config: Annotated[Keys, "The whole config, for the page to show."]
) -> None:
    """Write report.html of the folder STUDY."""
    from frameworth.plan.config import checked_config
    from frameworth.report import write_report
    from frameworth.results.results import Results

    write_report(Results(study, options), study / "report.html", checked_config(config))


@stages.command()
@click.option(
    "--configfile", type=click.File(encoding="utf-8-sig"), required=True, help="The study's YAML; - for standard input."
)
@click.option("--cores", type=int, required=True, help="Jobs that run side by side.")
@click.option("--measure/--no-measure", required=True, help="Whether to train a few steps here if none is finished.")
@friendly
def announce(configfile: TextIO, cores: int, measure: bool) -> None:
    """Say what is coming, then how far it is, as long as the process that called this lives."""
    from frameworth.cli.planning import describe
    from frameworth.cli.progress import Meter
    from frameworth.plan.config import read_config

    caller, config = os.getppid(), read_config(configfile)
    meter = Meter(config)
    _say(describe(config, cores, measure).splitlines())
    last = ""
    while True:
        for _ in range(ANNOUNCE_SECONDS):  # checked every second, so that this ends soon after the run
            time.sleep(1)
            if os.getppid() != caller:
                return
        line = meter.line()
        if line != last:
            _say([line])
        last = line


@stage(stages)
def review(study: Path, *, project: Project) -> None:
    """Write the frames to check of the folder STUDY as a small DeepLabCut project."""
    from frameworth.answers.review import write_review
    from frameworth.results.study_files import SCORED, require

    require(study, SCORED)
    _say(write_review(study, project))


def _say(lines: Iterable[str]) -> None:
    """Print lines for the user; their prefix distinguishes them from Snakemake's output."""
    print("\n".join(f"frameworth: {line}" if line else "" for line in lines), flush=True)
