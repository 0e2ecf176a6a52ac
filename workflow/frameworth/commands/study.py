"""What people call: a study from its first config to its report. Snakemake stays the engine."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

import click

from frameworth.commands._common import FILE, friendly


@click.group()
def study() -> None:
    """A study from its first config to its report."""


@study.command()
@click.option("--configfile", type=click.File(), required=True, help="The study's YAML; - for standard input.")
@click.option(
    "--cores", type=click.IntRange(min=1), default=1, show_default=True, help="Networks that train side by side."
)
@click.option("--measure/--no-measure", default=True, help="Whether to train a few steps here if none is finished.")
@friendly
def estimate(configfile: TextIO, cores: int, measure: bool) -> None:
    """Tell what a study will take: networks, jobs, time, device-hours and disk, from measured training steps.

    Example: python -m frameworth estimate --configfile config/openfield.yaml --cores 2
    """
    from frameworth.config import read_config
    from frameworth.planning import describe

    print(f"\n{describe(read_config(configfile), cores, measure)}\n", flush=True)


@study.command()
@click.option("--configfile", type=FILE, required=True, help="The study's YAML.")
@click.option("--strict", is_flag=True, help="Exit with 3 if there are warnings.")
@friendly
def check(configfile: Path, strict: bool) -> None:
    """Tell all that is wrong with a study before anything trains, a line each; nothing on disk is changed.

    Exits with 0 if there is no error, with 2 if there is one.

    Example: python -m frameworth check --configfile config/mine.yaml
    """
    from frameworth.checking import check_study_file

    checked = check_study_file(configfile)
    for line in checked.lines():
        print(line)
    print(f"{configfile}: {checked.count('error')} errors, {checked.count('warning')} warnings")
    if checked.count("error"):
        raise SystemExit(2)
    if strict and checked.count("warning"):
        raise SystemExit(3)
