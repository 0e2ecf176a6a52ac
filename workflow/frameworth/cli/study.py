"""The commands for users: a study from its first config to its report. Snakemake does the work."""

from __future__ import annotations

import inspect
import math
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import cpu_count
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from frameworth.cli._common import FILE, Cores, friendly
from frameworth.text import command, counted

if TYPE_CHECKING:  # these import pandas and more, which would slow the start of a command
    from frameworth.config.model import StudyConfig
    from frameworth.results.results import Results

_CONFIGFILE = click.option(
    "--configfile", type=click.File(encoding="utf-8-sig"), required=True, help="The study's YAML."
)


def _examples(*lines: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add examples to a command's help, kept line by line."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        command.__doc__ = f"{inspect.cleandoc(command.__doc__ or '')}\n\n\b\nExamples:\n" + "\n".join(
            f"  {line}" for line in lines
        )
        return command

    return add


@click.group()
def study() -> None:
    """A study from its first config to its report."""


@study.command()
@click.argument("labels")
@click.option("--study", help="The study's name; from the project's folder if left out.")
@click.option("--out", type=FILE, help="The file to write; {study}.yaml, in config/ where there is one, if left out.")
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="What networks will train on; auto looks for a GPU on this machine.",
)
@friendly
@_examples("frameworth init path/to/dlc-project", "frameworth init path/to/dlc-project --study mice --device cuda")
def init(labels: str, study: str | None, out: Path | None, device: str) -> None:
    """Look at a labelled project and write a config for it.

    LABELS is its folder, or another tool's file of labels; the config is commented.
    Then says what `check` says of it.
    """
    from frameworth.cli.checking import check_study_file
    from frameworth.cli.first_config import write_first_config
    from frameworth.cli.network_check import has_usable_gpu
    from frameworth.errors import printable

    gpu = device == "cuda" or (device == "auto" and has_usable_gpu())
    path, look = write_first_config(labels, study, out, gpu)
    print(printable(f"{labels}: {look.sentence()}."))
    print(f"Networks are planned for a {'GPU' if gpu else 'CPU'}.")
    print(f"Wrote {path}.")
    checked = check_study_file(path)
    for line in [*checked.lines(), *checked.first_look]:
        print(line)
    if checked.count("error"):
        print(f"Correct what is named above; this command says whether that is all: {command('check', str(path))}")
        return
    print("Read the config, then:\n")
    print(f"  {command('estimate', str(path))}   # what it will take")
    print(f"  {command('run', str(path))}        # or: snakemake --cores all --configfile {shlex.quote(str(path))}")


@study.command()
@_CONFIGFILE
@click.option(
    "--cores", type=Cores(), help="Networks that train side by side; all cores if left out, or as the profile says."
)
@click.option("--profile", help="local-gpu, slurm, slurm-gres, or the path of a Snakemake profile of your own.")
@click.argument("snakemake", nargs=-1, type=click.UNPROCESSED)
@friendly
@_examples(
    "frameworth run --configfile config/mine.yaml",
    "frameworth run --configfile config/mine.yaml --profile slurm",
    "frameworth run --configfile config/mine.yaml -- --rerun-incomplete",
)
def run(configfile: TextIO, cores: str | None, profile: str | None, snakemake: tuple[str, ...]) -> None:
    """Run a study, or what is left of it.

    What follows `--` goes to Snakemake.
    """
    from frameworth.answers.closing import closing_lines
    from frameworth.cli.running import refuse_places, run_workflow, runs_whole_study, snakemake_command
    from frameworth.plan.config import read_config

    config = read_config(configfile)
    log = Path("logs") / config.study / "run.log"
    refuse_places([config.folder, log.parent, Path(".snakemake")])
    command = snakemake_command(Path(configfile.name), cores or (None if profile else "all"), profile, snakemake)
    print(f"Study {config.study}; all that Snakemake says goes to {log}", flush=True)
    if code := run_workflow(command, log, sys.stderr):
        raise SystemExit(code)
    if runs_whole_study(snakemake):
        print("\n".join(["", *closing_lines(config.folder, config, configfile.name)]))


@study.command()
@_CONFIGFILE
@friendly
@_examples("frameworth status --configfile config/mine.yaml")
def status(configfile: TextIO) -> None:
    """Show how far a study is, and what it has found so far."""
    from frameworth.answers.closing import closing_lines, pilot_sentences
    from frameworth.cli.progress import progress_sentence, study_progress
    from frameworth.errors import UserError
    from frameworth.plan.config import read_config
    from frameworth.results.study_files import being_read, estimated_otherwise, require
    from frameworth.training.divergence import diverged_sentence, recorded_diverged

    config = read_config(configfile)
    folder, changed, finished = config.folder, False, True
    try:
        now = study_progress(config)
        changed, finished = now.outdated > 0 or now.guessed, now.finished == now.planned
        print(f"Study {config.study}: {progress_sentence(now)}")
    except UserError as refused:
        print(f"Study {config.study}: its networks cannot be counted:\n{refused}")
    if not (folder / "summary.json").exists():
        if diverged := diverged_sentence(*recorded_diverged(folder)):
            print(f"So far {diverged}")
        for line in pilot_sentences(config):
            print(line)
        elsewhere = f" {folder} is not in this folder; results lie where `frameworth run` was typed."
        print(f"Nothing has been estimated yet.{'' if folder.exists() else elsewhere}")
        return
    with being_read(folder):
        require(folder, ["summary.json"], _first(configfile))
        otherwise = estimated_otherwise(folder, config.influence)
        lines = closing_lines(folder, config, configfile.name, finished=finished and not otherwise)
    print("\nThis was found before the labels or the config changed:" if changed or otherwise else "")
    print("\n".join(lines))


def _first(configfile: TextIO) -> str:
    return f"first: {command('run', configfile.name)}"


@contextmanager
def _reading(config: StudyConfig, configfile: TextIO, *further: str) -> Iterator[Results]:
    """The results of an estimated study, to be read within the block.

    Raises UserError if a necessary file, or one of `further`, is missing or damaged, or disappears within the block,
    or if the study was estimated with other options than the config has now.
    """
    from frameworth.config.result_options import result_options
    from frameworth.errors import UserError
    from frameworth.results.results import Results
    from frameworth.results.study_files import ESTIMATED, being_read, estimated_otherwise, require, require_one_study

    with being_read(config.folder):
        require(config.folder, (*ESTIMATED, "labels_to_check.csv", "summary.json", *further), _first(configfile))
        require_one_study(config.folder, _first(configfile))
        if changed := estimated_otherwise(config.folder, config.influence):
            raise UserError(f"{changed}; set it back, or {command('run', configfile.name)}")
        yield Results(config.folder, result_options(config))


@study.command()
@_CONFIGFILE
@click.option(
    "--cores",
    type=click.IntRange(min=1),
    default=cpu_count,
    help="Networks that train side by side; all cores if left out.",
)
@click.option("--measure/--no-measure", default=True, help="Whether to train a few steps here if none is finished.")
@friendly
@_examples("frameworth estimate --configfile config/openfield.yaml --cores 2")
def estimate(configfile: TextIO, cores: int, measure: bool) -> None:
    """Show what a study will take: networks, jobs, time, disk.

    Time comes from finished networks of the study, or from a few training steps made here.
    """
    from frameworth.cli.planning import describe
    from frameworth.plan.config import read_config

    print(f"\n{describe(read_config(configfile), cores, measure)}\n", flush=True)


@study.command()
@_CONFIGFILE
@click.option(
    "--effect", type=float, multiple=True, help="log(1 + px) per frame, as often as wanted; four if left out."
)
@click.option("--power", type=click.FloatRange(0.5, 0.99), default=0.8, show_default=True, help="Chance to see it.")
@friendly
@_examples(
    "frameworth plan --configfile config/mine.yaml",
    "frameworth plan --configfile config/mine.yaml --effect 0.03 --power 0.9",
)
def plan(configfile: TextIO, effect: tuple[float, ...], power: float) -> None:
    """Show how many networks would see an effect of a given size.

    A finished study is the pilot.
    """
    from frameworth.answers.larger_study import EFFECTS, larger_study, plan_lines
    from frameworth.cli.costs import measured
    from frameworth.errors import UserError
    from frameworth.plan.config import read_config
    from frameworth.plan.pilot import possible_trainings

    if wrong := [size for size in effect if not 0 < size < math.inf]:
        what = "must be above 0 and finite; it says by how much a frame is worse than average"
        raise UserError(f"--effect: {wrong[0]:g} {what}")
    config = read_config(configfile)
    with _reading(config, configfile, "rmse.csv") as results:
        larger = larger_study(results, possible_trainings(config)[0], effect or EFFECTS, power)
    speed = measured(config)
    print("\n".join(plan_lines(larger, "GPU" if speed and speed.device == "cuda" else "CPU")))


@study.command()
@_CONFIGFILE
@click.option("--open", "show", is_flag=True, help="Show it in the browser.")
@friendly
@_examples("frameworth report --configfile config/mine.yaml --open")
def report(configfile: TextIO, show: bool) -> None:
    """Bring a finished study's report up to date and say where it is."""
    import webbrowser

    from frameworth.cli.progress import study_progress
    from frameworth.cli.running import refuse_places, run_workflow, snakemake_command
    from frameworth.errors import UserError
    from frameworth.plan.config import read_config

    config = read_config(configfile)
    now = study_progress(config)
    if now.finished < now.planned:
        are = "is" if now.planned - now.finished == 1 else "are"
        raise UserError(
            ("up to " if now.guessed else "")
            + f"{now.planned - now.finished} of {counted(now.planned, 'network')} {are} still to be trained"
            + (f" ({now.outdated} outdated)" if now.outdated else "")
            + f"; {_first(configfile)}"
        )
    page, log = config.folder / "report.html", Path("logs") / config.study / "run.log"
    refuse_places([page.parent, log.parent, Path(".snakemake")])
    command = snakemake_command(Path(configfile.name), "all", None, ["--", str(page)])
    if code := run_workflow(command, log, sys.stderr):
        raise SystemExit(code)
    print(page)
    if show and not webbrowser.open(page.resolve().as_uri()):
        raise UserError(f"{page}: no browser was found to show it with; open the file yourself, it needs nothing else")


@study.command()
@click.argument("frame")
@_CONFIGFILE
@click.option("--pixels", is_flag=True, help="Draw where in the picture the harm sits, with influence.metagradient.")
@friendly
@_examples(
    "frameworth explain 12 --configfile config/mine.yaml",
    "frameworth explain video1/img0042.png --configfile config/mine.yaml",
    "frameworth explain 12 --pixels --configfile config/mine.yaml",
)
def explain(frame: str, configfile: TextIO, pixels: bool) -> None:
    """Show what a study knows of FRAME.

    FRAME is a number as in frames.csv, video/image, or an image's name.
    """
    from frameworth.answers.explaining import explain, frame_number
    from frameworth.plan.config import read_config

    config = read_config(configfile)
    with _reading(config, configfile) as results:
        number = frame_number(results, frame)
        print("\n".join(explain(results, number)), flush=True)
        if pixels:
            from frameworth.report.harmful_pixels import write_harmful_pixels

            path, networks = write_harmful_pixels(results, config, number)
            source = "by one network" if networks == 1 else f"the mean of {networks} networks"
            print(f"\nWhere in the picture its harm sits, {source}: {path}")


@study.command()
@click.argument("corrections", type=FILE)
@_CONFIGFILE
@friendly
@_examples("frameworth apply corrections.csv --configfile config/mine.yaml")
def apply(corrections: Path, configfile: TextIO) -> None:
    """Write the project with the labels that you corrected.

    CORRECTIONS is the file that the report's page gave you, or the review folder. They go into a copy,
    results/{study}/corrected_project.
    """
    from frameworth.answers.corrections import apply_corrections
    from frameworth.cli.planning import corrected_lines
    from frameworth.cli.present_frames import project_folder
    from frameworth.errors import UserError
    from frameworth.plan.config import read_config
    from frameworth.results.study_files import being_read, require

    config = read_config(configfile)
    folder, project = config.folder, project_folder(config)
    if project is None:
        raise UserError(f"{folder}: the labels that it was made from are not as they were; {_first(configfile)}")
    with being_read(folder):
        require(folder, ("frames.csv", "labels.h5"), _first(configfile))
        lines, changed = apply_corrections(corrections, folder, project)
    follows = corrected_lines(config) if changed else ["No label was changed, so no network is outdated."]
    print("\n".join([*lines, *follows, f"Next    {command('run', configfile.name)}"]))


@study.command()
@click.option("--configfile", type=FILE, required=True, help="The study's YAML.")
@click.option("--strict", is_flag=True, help="Exit with 3 if there are warnings.")
@friendly
@_examples("frameworth check --configfile config/mine.yaml")
def check(configfile: Path, strict: bool) -> None:
    """Report what is wrong with a study before anything trains.

    A line for each problem, and which labels fit their own animal worst; nothing on disk is changed. Exits with 0 if
    there is no error, with 2 if there is one.
    """
    from frameworth.cli.checking import check_study_file

    checked = check_study_file(configfile)
    for line in checked.lines():
        print(line)
    print(f"{configfile}: {counted(checked.count('error'), 'error')}, {counted(checked.count('warning'), 'warning')}")
    for line in checked.first_look:
        print(line)
    if checked.count("error"):
        raise SystemExit(2)
    if strict and checked.count("warning"):
        raise SystemExit(3)


@study.command()
@click.argument("folder", type=FILE)
@click.option(
    "--remove", is_flag=True, help="Remove what is damaged or was left by killed runs; the next run makes it again."
)
@friendly
@_examples("frameworth verify results/mine", "frameworth verify results/mine --remove")
def verify(folder: Path, remove: bool) -> None:
    """Find damaged files in the study in FOLDER.

    Reads all of them again and reports which are not as they were written, a line each. Exits with 0 if there is
    none, or all were removed, else with 1.
    """
    from frameworth.results.verifying import files_of, remove_damaged, verify_study

    size = sum(path.stat().st_size for path in files_of(folder)) if folder.is_dir() else 0
    with click.progressbar(length=size, file=sys.stderr, label=str(folder)) as shown:
        state = verify_study(folder, shown.update)
    for damage in state.damages:
        print(damage)
    for line in remove_damaged(folder, state.damages) if remove else ():
        print(line)
    unknown = f", {len(state.unrecorded)} without a record" if state.unrecorded else ""
    print(f"{folder}: {counted(state.agreed, 'file')} as written, {len(state.damages)} damaged or left behind{unknown}")
    if not state.damages:
        return
    if not remove:
        print(f"Remove them with: frameworth verify {shlex.quote(str(folder))} --remove")
        raise SystemExit(1)
    print("The next run makes what is missing again; undamaged networks are not trained again.")
