"""A small study of a drawn project: its config, runs of it by Snakemake, and its trained networks."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from conftest import run_snakemake
from frameworth.storage.digests import digest_of_file
from tiny import correct_label, write_config


def run_config(folder: Path, content: dict[str, Any], *arguments: str, check: bool = True) -> Any:
    """Write a config into `folder` and run the workflow there; targets come first among the arguments."""
    path = write_config(folder / "study.yaml", content)
    return run_snakemake(folder, *arguments, "--configfile", str(path), check=check)


def digests(folder: Path) -> dict[Path, str]:
    """The digests of all files below a folder."""
    return {path: digest_of_file(path) for path in folder.rglob("*") if path.is_file()}


def state(folder: Path) -> dict[Path, tuple[int, str]]:
    """Everything below a folder with its time, and files with their digest: what changes if anybody touches it."""
    return {
        path: (path.lstat().st_mtime_ns, digest_of_file(path) if path.is_file() else "") for path in folder.rglob("*")
    }


@dataclass
class SmallStudy:
    """The study `tiny` of the project in `folder`, whose config a test may change before it runs again."""

    folder: Path
    config: dict[str, Any]

    @property
    def project(self) -> Path:
        return self.folder / "project"

    @property
    def results(self) -> Path:
        return self.folder / "results" / "tiny"

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return run_config(self.folder, self.config, *arguments, check=check)

    def jobs(self, *arguments: str) -> dict[str, int]:
        """Run, and tell which rules ran (or would run) and how often, from Snakemake's job table."""
        done = self.run(*arguments)
        table = re.search(r"Job stats:\n.*?\n[- ]+\n(.*?)\ntotal", done.stdout + done.stderr, re.S)
        rows = [line.split() for line in table[1].splitlines()] if table else []
        return {name: int(count) for name, count in rows if name != "all"}

    def trained(self) -> dict[Path, int]:
        """The networks of the store and when each was trained (Snakemake touches the networks' own files)."""
        return {path: path.stat().st_mtime_ns for path in self.results.glob(".store/*/training.json")}

    def correct_label(self, frame: int) -> None:
        """Move the labels of a frame in the user's project, as a person would: in the CSV."""
        row = pd.read_csv(self.results / "frames.csv").loc[frame]
        correct_label(self.project, row.video, row.image)
