"""One command per stage, called by the workflow's rules.

Modules are imported where they are used: starting a command must not pay for PyTorch or plotting.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TextIO

import click

from frameworth.cli._common import FILE, Json, friendly
from frameworth.training.preemption import sigterm_stops

ANNOUNCE_SECONDS = 15  # between words about how far a study is


@click.group()
def stages() -> None:
    """Stages of the workflow, one command each."""


def _of_training(command: Callable[..., None]) -> Callable[..., None]:
    """`--training`, and `--pilot` for what it chose: the command is called with `training`, the two taken together."""

    @friendly  # for a file that is damaged
    @functools.wraps(command)
    def resolved(*arguments: Any, training: dict[str, Any], pilot: Path | None, **options: Any) -> None:
        from frameworth.plan.pilot import resolved_training

        command(*arguments, training=resolved_training(training, pilot), **options)

    of_pilot = click.option("--pilot", type=FILE, help="The study's pilot.json, which has what `training` lacks.")
    own = click.option(
        "--training", type=Json(), required=True, help="What determines weights, of the config's `training`."
    )
    return own(of_pilot(resolved))


@stages.command("draw-demo")
@click.argument("folder", type=FILE)
@click.option("--demo", type=Json(), help="The config's `demo`; the defaults if left out.")
@click.option("--held-out", type=Json(), help="The config's `held_out`; the defaults if left out.")
@click.option("--seed", type=int, default=1, show_default=True, help="The study's seed.")
@friendly
def draw_demo(folder: Path, demo: dict[str, Any] | None, held_out: dict[str, Any] | None, seed: int) -> None:
    """Draw the demo's DeepLabCut project into FOLDER."""
    from frameworth.labels.demo import draw_project
    from frameworth.plan.config import check_config
    from frameworth.plan.split import hold_out

    given = {"demo": demo, "held_out": held_out}
    config = check_config({"study": "demo", "labels": "demo"} | {key: part for key, part in given.items() if part})
    split = {"seed": seed, "pictures": None, **config["held_out"]}
    draw_project(folder, seed=seed, pool=lambda v, i: ~hold_out(v, i, **split), **config["demo"])


@stages.command("import-labels")
@click.argument("labels", type=FILE)
@click.argument("folder", type=FILE)
@friendly
def import_labels(labels: Path, folder: Path) -> None:
    """Write another tool's LABELS, with their images, as a DeepLabCut project into FOLDER."""
    from frameworth.labels.imported import write_imported

    write_imported(labels, folder)


@stages.command()
@click.argument("project", type=FILE)
@click.argument("folder", type=FILE)
@click.option("--plant", type=Json(), required=True, help="The config's `plant`.")
@click.option("--held-out", type=Json(), required=True, help="The config's `held_out`.")
@click.option("--seed", type=int, required=True, help="The study's seed.")
@friendly
def plant(project: Path, folder: Path, plant: dict[str, Any], held_out: dict[str, Any], seed: int) -> None:
    """Copy PROJECT to FOLDER and spoil a share of its labels."""
    from frameworth.labels.plant import plant_errors

    plant_errors(project, folder, held_out=held_out, seed=seed, **plant)


@stages.command()
@click.argument("project", type=FILE)
@click.option("--held-out", type=Json(), required=True, help="The config's `held_out`.")
@click.option("--seed", type=int, required=True, help="The study's seed.")
@click.option("--frames", type=FILE, required=True, help="frames.csv to write.")
@click.option("--labels", type=FILE, required=True, help="labels.h5 to write.")
@friendly
def frames(project: Path, held_out: dict[str, Any], seed: int, frames: Path, labels: Path) -> None:
    """Read PROJECT's labels, and split its frames into pool and held-out."""
    from frameworth.labels.frames import collect_frames

    for problem in collect_frames(project, held_out, seed, frames, labels):
        print(f"frameworth: {problem.severity}: {problem}")


@stages.command("draw-subsets")
@click.argument("folder", type=FILE)
@click.option("--frames", type=FILE, required=True)
@click.option("--labels", type=FILE, required=True)
@click.option("--design", required=True)
@click.option("--percent", type=int, required=True)
@click.option("--seeds", required=True, help="Runs of seeds, such as 1-24,30-30.")
@click.option("--study-seed", type=int, required=True)
@friendly
def draw_subsets(
    folder: Path, frames: Path, labels: Path, design: str, percent: int, seeds: str, study_seed: int
) -> None:
    """Draw the subsets of one design and percent, and write a file for each below FOLDER."""
    from frameworth.labels.subsets import write_subsets
    from frameworth.plan.jobs import seeds_of

    write_subsets(folder, frames, labels, design=design, percent=percent, seeds=seeds_of(seeds), study_seed=study_seed)


@stages.command()
@click.argument("study", type=FILE)
@click.option("--frames", type=FILE, required=True)
@click.option("--grid", type=Json(), required=True, help="The config's `subsets`.")
@friendly
def subsets(study: Path, frames: Path, grid: list[dict[str, Any]]) -> None:
    """Collect the files of the grid's subsets in the folder STUDY into one table and one matrix."""
    from frameworth.labels.subsets import collect_subsets
    from frameworth.plan.grid import planned_subsets
    from frameworth.plan.names import subset_path

    paths = [study / f"subsets/{subset_path(s.percent, s.seed)}.json" for s in planned_subsets({"subsets": grid})]
    collect_subsets(paths, frames, study / "subsets.csv", study / "subsets.h5")


@stages.command("fetch-weights")
@click.argument("out", type=FILE)
@click.option("--network", type=Json(), required=True, help="net_type and backbone of the config's `training`.")
@friendly
def fetch_weights(out: Path, network: dict[str, Any]) -> None:
    """Fetch the backbone's ImageNet weights to the file OUT."""
    from frameworth.engine.networks import imagenet_weights
    from frameworth.storage.files import write_bytes
    from frameworth.training.store import saved_bytes

    write_bytes(out, saved_bytes({"model": imagenet_weights(**network)}))


@stages.command()
@click.argument("subsets", type=FILE, nargs=-1, required=True)
@click.option("--labels", type=FILE, required=True)
@click.option("--folder", type=FILE, required=True, help="The folder of the ensembles.")
@click.option("--store", type=FILE, required=True, help="The store of networks.")
@click.option("--study-seed", type=int, required=True)
@click.option("--members", type=int, required=True)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), required=True)
@click.option("--consensus", required=True, help="The form of consensus for the DeepLabCut table.")
@click.option("--distractor-radius", type=float, required=True, help="px of the original image.")
@click.option("--imagenet", type=FILE, help="What fetch-weights wrote, for training that starts from it.")
@click.option("--keep-snapshots", type=bool, default=True, help="The config's `keep_snapshots`.")
@_of_training
@click.option("--arm", type=Json(), help="An arm's options, of the config's `arms`; left out, its networks are plain.")
@click.option("--baseline", type=FILE, help="The study's ensembles/, for an arm.")
@click.option("--out-of-bag", type=FILE, help="What out-of-bag wrote, for an arm that is steered by it.")
@friendly
def ensemble(
    subsets: tuple[Path, ...], labels: Path, folder: Path, store: Path,
    arm: dict[str, Any] | None, baseline: Path, out_of_bag: Path, **options: Any,
) -> None:  # fmt: skip
    """Train the networks of the files SUBSETS, predict all frames, and form each one's consensus."""
    with sigterm_stops():
        if arm is None:
            from frameworth.training.ensemble import run_ensembles

            run_ensembles(subsets, labels, folder, store, **options)
        else:
            from frameworth.experiments.arm_training import run_arm

            run_arm(subsets, labels, folder, store, arm=arm, baseline=baseline, out_of_bag=out_of_bag, **options)


@stages.command("pilot")
@click.argument("subset", type=FILE)
@click.argument("pilot_json", type=FILE)
@click.option("--labels", type=FILE, required=True)
@click.option("--frames", type=FILE, required=True)
@click.option("--store", type=FILE, required=True, help="The store of networks.")
@click.option("--pilot", type=Json(), required=True, help="The config's `pilot`.")
@click.option("--training", type=Json(), required=True, help="What determines weights, of the config's `training`.")
@click.option("--study-seed", type=int, required=True)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), required=True)
@click.option("--imagenet", type=FILE, help="What fetch-weights wrote, for training that starts from it.")
@click.option("--keep-snapshots", type=bool, default=True, help="The config's `keep_snapshots`.")
@friendly
def pilot(subset: Path, pilot_json: Path, labels: Path, frames: Path, store: Path, **options: Any) -> None:
    """Train short networks on SUBSET, and write to PILOT_JSON which image size and how many steps do best."""
    with sigterm_stops():
        from frameworth.training.pilot import run_pilot

        run_pilot(subset, labels, frames, store, pilot_json, **options)


@stages.command("method-network")
@click.argument("method")
@click.argument("subset", type=FILE)
@click.option("--labels", type=FILE, required=True)
@click.option("--frames", type=FILE, required=True)
@click.option("--network", type=FILE, required=True, help="The finished network.")
@_of_training
@click.option("--options", type=Json(), required=True, help="The config's `influence.{method}` without `networks`.")
@click.option("--study-seed", type=int, required=True)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), required=True)
@click.option("--imagenet", type=FILE, help="What fetch-weights wrote, for training that starts from it.")
@click.option("--out", type=FILE, required=True)
@friendly
def method_network(
    method: str, subset: Path, labels: Path, frames: Path, network: Path, out: Path, **options: Any
) -> None:
    """Ask SUBSET's finished network by METHOD, such as warm, what each frame does."""
    from frameworth.attribution.method_files import write_network_answer

    with sigterm_stops():
        write_network_answer(method, subset, labels, frames, network, out, **options)


@stages.command("method-influence")
@click.argument("method")
@click.argument("files", type=FILE, nargs=-1, required=True)
@click.option("--out", type=FILE, required=True, help="The file of all networks to write, such as warm_influence.h5.")
@friendly
def method_influence(method: str, files: tuple[Path, ...], out: Path) -> None:
    """Collect FILES, what METHOD was told by single networks."""
    from frameworth.attribution.method_files import collect_answers

    collect_answers(method, files, out)


@stages.command()
@click.argument("video")
@click.argument("networks", type=FILE, nargs=-1, required=True)
@click.option("--subset", type=FILE, required=True, help="The file of a subset that one of NETWORKS was trained on.")
@click.option("--folder", type=FILE, required=True, help="Where the video's files go.")
@_of_training
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), required=True)
@click.option("--consensus", required=True, help="The form of consensus.")
@friendly
def video(video: str, networks: tuple[Path, ...], subset: Path, folder: Path, **options: Any) -> None:
    """Form the consensus of NETWORKS over the unlabelled VIDEO; those of one folder are one ensemble."""
    from frameworth.videos.video import analyse_video

    analyse_video(video, networks, subset, folder, **options)


@stages.command("frames-to-label")
@click.argument("videos", type=FILE, nargs=-1, required=True)
@click.option("--frames", type=FILE, required=True)
@click.option("--count", type=int, required=True, help="How many frames to choose.")
@click.option("--seconds-apart", type=float, required=True, help="None is nearer to another of its video.")
@click.option("--out", type=FILE, required=True, help="frames_to_label.csv to write.")
@friendly
def frames_to_label(videos: tuple[Path, ...], frames: Path, out: Path, **options: Any) -> None:
    """Choose the frames to label next from VIDEOS, the consensus.h5 of each."""
    from frameworth.videos.frames_to_label import write_frames_to_label

    write_frames_to_label(videos, frames, out, **options)


@stages.command()
@click.argument("study", type=FILE)
@click.option("--frames", type=FILE, required=True)
@click.option("--labels", type=FILE, required=True)
@click.option("--form", required=True, help="The form of consensus to score.")
@click.option("--scores", type=FILE, required=True, help="scores.h5 to write.")
@click.option("--rmse", type=FILE, required=True, help="rmse.csv to write.")
@friendly
def scores(study: Path, frames: Path, labels: Path, form: str, scores: Path, rmse: Path) -> None:
    """Score all ensembles in the folder STUDY."""
    from frameworth.scores.scores import collect_scores

    collect_scores(study, frames, labels, form, scores, rmse)


@stages.command()
@click.argument("study", type=FILE)
@click.option("--frames", type=FILE, required=True)
@click.option("--scores", type=FILE, required=True)
@click.option("--groups", type=Json(), required=True, help="The config's `influence.groups`.")
@click.option("--estimator", required=True, help="The config's `influence.estimator`.")
@click.option("--influence", type=FILE, required=True, help="influence.h5 to write.")
@friendly
def influence(
    study: Path, frames: Path, scores: Path, groups: list[list[int]], estimator: str, influence: Path
) -> None:
    """Estimate the influence of every frame on every frame."""
    from frameworth.attribution.influence_file import write_influence

    write_influence(study, frames, scores, groups, estimator, influence)


@stages.command("frame-values")
@click.argument("study", type=FILE)
@click.option("--options", type=Json(), required=True, help="The config's choices that this depends on.")
@friendly
def frame_values(study: Path, options: dict[str, Any]) -> None:
    """Write frame_values.csv of the folder STUDY."""
    from frameworth.answers.frame_values import write_frame_values
    from frameworth.results.results import Results

    write_frame_values(Results(study, options), study / "frame_values.csv")


@stages.command("labels-to-check")
@click.argument("study", type=FILE)
@click.option("--expected-false", type=float, required=True, help="So many right frames may be among the flagged.")
@friendly
def labels_to_check(study: Path, expected_false: float) -> None:
    """Write labels_to_check.csv of the folder STUDY."""
    from frameworth.attribution.label_checks import write_label_checks
    from frameworth.results.results import Results

    write_label_checks(Results(study, {}), study / "labels_to_check.csv", expected_false)


@stages.command()
@click.argument("study", type=FILE)
@click.option("--options", type=Json(), required=True, help="The config's choices that this depends on.")
@friendly
def summary(study: Path, options: dict[str, Any]) -> None:
    """Write summary.json of the folder STUDY."""
    from frameworth.answers.frame_values import write_summary
    from frameworth.results.results import Results

    write_summary(Results(study, options), study / "summary.json")


@stages.command()
@click.argument("study", type=FILE)
@click.option("--options", type=Json(), required=True, help="The config's choices that this depends on.")
@friendly
def validation(study: Path, options: dict[str, Any]) -> None:
    """Write validation.csv of the folder STUDY."""
    from frameworth.answers.validation import validation
    from frameworth.results.results import Results
    from frameworth.storage.files import write_csv

    write_csv(study / "validation.csv", validation(Results(study, options)))


@stages.command()
@click.argument("study", type=FILE)
@click.option("--labels", type=FILE, required=True)
@click.option("--distractor-radius", type=float, required=True, help="px of the original image.")
@click.option("--members", type=FILE, required=True, help="members.h5 to write.")
@friendly
def members(study: Path, labels: Path, distractor_radius: float, members: Path) -> None:
    """Collect what the networks of all ensembles in the folder STUDY say of labels and of other places."""
    from frameworth.scores.members import collect_members

    collect_members(study, labels, distractor_radius, members)


@stages.command()
@click.argument("study", type=FILE)
@click.option("--options", type=Json(), required=True, help="The config's choices that this depends on.")
@friendly
def distractors(study: Path, options: dict[str, Any]) -> None:
    """Write distractors.csv of the folder STUDY."""
    from frameworth.answers.distractors import distractor_table
    from frameworth.results.results import Results
    from frameworth.storage.files import write_csv

    write_csv(study / "distractors.csv", distractor_table(Results(study, options)))


@stages.command()
@click.argument("study", type=FILE)
@click.option("--options", type=Json(), required=True, help="The config's choices that this depends on.")
@friendly
def outliers(study: Path, options: dict[str, Any]) -> None:
    """Write outliers.csv of the folder STUDY."""
    from frameworth.answers.outliers import outlier_table
    from frameworth.results.results import Results
    from frameworth.storage.files import write_csv

    write_csv(study / "outliers.csv", outlier_table(Results(study, options)))


@stages.command("plan-table")
@click.argument("study", type=FILE)
@click.option("--options", type=Json(), required=True, help="The config's choices that this depends on.")
@_of_training
@friendly
def plan_table(study: Path, options: dict[str, Any], training: dict[str, Any]) -> None:
    """Write plan.csv of the folder STUDY."""
    from frameworth.answers.larger_study import write_plan
    from frameworth.results.results import Results

    reason = write_plan(Results(study, options), training, study / "plan.csv")
    if reason:
        print(f"frameworth: no plan: {reason}")


@stages.command()
@click.argument("study", type=FILE)
@click.option("--options", type=Json(), required=True, help="The config's choices that this depends on.")
@friendly
def add(study: Path, options: dict[str, Any]) -> None:
    """Write add.csv of the folder STUDY."""
    from frameworth.answers.further_labels import further_labels
    from frameworth.results.results import Results
    from frameworth.storage.files import write_csv

    write_csv(study / "add.csv", further_labels(Results(study, options)))


@stages.command("toggle-subset")
@click.argument("subset", type=FILE)
@click.option("--frames", type=FILE, required=True)
@click.option("--labels", type=FILE, required=True)
@click.option("--values", type=FILE, required=True, help="frame_values.csv, which says what is flagged.")
@click.option("--toggle", type=Json(), required=True, help="The config's `toggle`.")
@click.option("--arm", required=True)
@click.option("--pair", type=int, required=True)
@click.option("--study-seed", type=int, required=True)
@friendly
def toggle_subset(subset: Path, frames: Path, labels: Path, values: Path, **options: Any) -> None:
    """Write the file SUBSET of one arm of one pair."""
    from frameworth.experiments.toggle import write_arm

    write_arm(subset, frames, labels, values, **options)


@stages.command()
@click.argument("folder", type=FILE)
@click.option("--frames", type=FILE, required=True)
@click.option("--labels", type=FILE, required=True)
@click.option("--values", type=FILE, required=True, help="frame_values.csv, which says what is flagged.")
@click.option("--toggle", type=Json(), required=True, help="The config's `toggle`.")
@click.option("--level", type=float, required=True)
@click.option("--out", type=FILE, required=True, help="toggle.csv to write.")
@friendly
def toggle(folder: Path, frames: Path, labels: Path, values: Path, out: Path, **options: Any) -> None:
    """Compare the arms in FOLDER pair by pair."""
    from frameworth.experiments.toggle import statement, write_toggle

    table = write_toggle(folder, frames, labels, values, out, **options)
    print("\n".join(statement(table, 1 - options["level"])))


@stages.command("out-of-bag")
@click.argument("study", type=FILE)
@click.option("--labels", type=FILE, required=True)
@click.option("--out", type=FILE, required=True, help="out_of_bag.h5 to write.")
@friendly
def out_of_bag(study: Path, labels: Path, out: Path) -> None:
    """Collect what networks in the folder STUDY say of frames that they had not seen."""
    from frameworth.experiments.out_of_bag import collect_out_of_bag

    collect_out_of_bag(study, labels, out)


@stages.command("arm-subset")
@click.argument("out", type=FILE)
@click.option("--subset", type=FILE, required=True)
@click.option("--frames", type=FILE, required=True)
@click.option("--labels", type=FILE, required=True)
@click.option("--consensus", type=FILE, required=True, help="consensus.h5 of the baseline on the same subset.")
@click.option("--pseudo", type=Json(), required=True, help="The arm's `pseudo`.")
@click.option("--form", required=True, help="The form of consensus.")
@friendly
def arm_subset(out: Path, subset: Path, frames: Path, labels: Path, consensus: Path, **options: Any) -> None:
    """Write a subset with pseudo-labelled frames to OUT."""
    from frameworth.experiments.pseudo import write_pseudo_subset

    write_pseudo_subset(out, subset, frames, labels, consensus, **options)


@stages.command()
@click.argument("study", type=FILE)
@click.option("--frames", type=FILE, required=True)
@click.option("--labels", type=FILE, required=True)
@click.option("--plan", type=Json(), required=True, help="The config's `arms` and `subsets`.")
@click.option("--level", type=float, required=True)
@friendly
def arms(study: Path, frames: Path, labels: Path, plan: dict[str, Any], level: float) -> None:
    """Compare the arms in the folder STUDY with the baseline."""
    from frameworth.experiments.arm_comparison import write_arms

    write_arms(study, plan, frames, labels, level)


@stages.command("prune-subset")
@click.argument("subset", type=FILE)
@click.option("--frames", type=FILE, required=True)
@click.option("--labels", type=FILE, required=True)
@click.option("--values", type=FILE, required=True, help="frame_values.csv, which ranks the frames.")
@click.option("--by", required=True, help="The config's `prune.by`.")
@click.option("--removed", required=True, help="none, worst-4, best-4, random-4-1 …")
@click.option("--network", type=int, required=True)
@click.option("--study-seed", type=int, required=True)
@friendly
def prune_subset(subset: Path, frames: Path, labels: Path, values: Path, **options: Any) -> None:
    """Write the file SUBSET of the pool without some frames."""
    from frameworth.experiments.prune import write_pruned

    write_pruned(subset, frames, labels, values, **options)


@stages.command()
@click.argument("folder", type=FILE)
@click.option("--frames", type=FILE, required=True)
@click.option("--labels", type=FILE, required=True)
@click.option("--prune", type=Json(), required=True, help="The config's `prune`.")
@click.option("--level", type=float, required=True)
@click.option("--out", type=FILE, required=True)
@friendly
def prune(folder: Path, frames: Path, labels: Path, out: Path, **options: Any) -> None:
    """Compare networks without the worst frames in FOLDER with those without random ones."""
    from frameworth.experiments.prune import write_prune

    write_prune(folder, frames, labels, out, **options)


@stages.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--study", type=FILE, required=True)
@click.option("--options", type=Json(), required=True, help="The config's choices that this depends on.")
@friendly
def figure(names: tuple[str, ...], study: Path, options: dict[str, Any]) -> None:
    """Draw the figures NAMES (.png, .svg and the .csv behind each)."""
    from frameworth.figures import draw_figure
    from frameworth.results.results import Results

    results = Results(study, options)
    for name in names:
        draw_figure(name, results, study / "figures")


@stages.command("report-page")
@click.argument("study", type=FILE)
@click.option("--options", type=Json(), required=True, help="The config's choices that this depends on.")
@click.option("--config", type=Json(), required=True, help="The whole config, for the page to show.")
@friendly
def report_page(study: Path, options: dict[str, Any], config: dict[str, Any]) -> None:
    """Write report.html of the folder STUDY."""
    from frameworth.report import write_report
    from frameworth.results.results import Results

    write_report(Results(study, options), study / "report.html", config)


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
        time.sleep(ANNOUNCE_SECONDS)
        if os.getppid() != caller:
            return
        line = meter.line()
        if line != last:
            _say([line])
        last = line


@stages.command()
@click.argument("study", type=FILE)
@click.option("--project", type=FILE, required=True, help="The study's labelled project.")
@friendly
def review(study: Path, project: Path) -> None:
    """Write the frames to check of the folder STUDY as a small DeepLabCut project."""
    from frameworth.answers.review import write_review
    from frameworth.results.study_files import SCORED, require

    require(study, SCORED)
    _say(write_review(study, project))


@stages.command("apply-review")
@click.argument("study", type=FILE)
@click.option("--project", type=FILE, required=True, help="The study's labelled project.")
@click.option("--held-out", type=Json(), required=True, help="The config's `held_out`.")
@click.option("--seed", type=int, required=True, help="The study's seed.")
@click.option("--keep-snapshots", type=bool, required=True, help="The config's `keep_snapshots`.")
@friendly
def apply_review(study: Path, project: Path, **options: Any) -> None:
    """Write a copy of PROJECT with the labels that were corrected in STUDY's review."""
    from frameworth.answers.review import apply_review
    from frameworth.results.study_files import SCORED, require

    require(study, (*SCORED, "rmse.csv"))
    _say(apply_review(study, project, **options))


def _say(lines: Iterable[str]) -> None:
    """Lines for the person, told apart from Snakemake's words beside which they stand."""
    print("\n".join(f"frameworth: {line}" if line else "" for line in lines), flush=True)
