"""Write envs/frameworth.yaml (conda) and envs/frameworth.def (Apptainer) for the rules, from the lock."""

from __future__ import annotations

import re
from pathlib import Path

PYTHON = "3.11"  # the version for which `make lock` resolves
# Rules need neither Snakemake, which runs them, nor the packages that check and test the project.
NOT_IN_RULES = {
    "snakemake", "snakemake-executor-plugin-slurm", "hypothesis", "pytest", "pytest-xdist", "ruff", "snakefmt",
}  # fmt: skip

CONDA = """\
# What the rules need, for `snakemake --sdm conda`. Written from requirements.lock by `make envs`; do not edit.
# It holds no Snakemake, so that nothing in it conflicts. Untried.
name: frameworth
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python={python}
  - pip
  - pip:
{pins}
"""

APPTAINER = """\
# What the rules need, for `snakemake --sdm apptainer`. Written by `make envs`; do not edit. Untried.
# Build it from the repository's root: apptainer build envs/frameworth.sif envs/frameworth.def
Bootstrap: docker
From: python:{python}-slim-bookworm

%files
    envs/requirements.lock /opt/requirements.lock

%post
    python -m pip install --no-cache-dir --no-deps --require-hashes -r /opt/requirements.lock
    python -m compileall -q /usr/local/lib/python{python}/site-packages || true
"""


def pins_of_rules(lock: str, named: str) -> dict[str, str]:
    """The versions of the packages that the rules need, by name.

    Args:
        lock: the text of requirements.lock; its comments say which packages need each package.
        named: the text of requirements.in.
    """
    versions: dict[str, str] = {}
    wanted_by: dict[str, set[str]] = {}
    for block in re.split(r"^(?=\S)", lock, flags=re.M):
        if pin := re.match(r"([A-Za-z0-9_.-]+)==(\S+)", block):
            versions[pin[1]] = pin[2]
            wanted_by[pin[1]] = set(re.findall(r"^    #(?: via|  ) +(\S+)$", block, flags=re.M))
    wanted = set(re.findall(r"^[A-Za-z0-9_.-]+", named, flags=re.M)) - NOT_IN_RULES
    while more := {name for name, parents in wanted_by.items() if parents & wanted and name not in wanted}:
        wanted |= more
    return {name: version for name, version in versions.items() if name in wanted}


def environments(folder: Path) -> dict[str, str]:
    """The texts of the generated files by name, from the lock in `folder`."""
    pins = pins_of_rules((folder / "requirements.lock").read_text(), (folder / "requirements.in").read_text())
    listed = "\n".join(f"      - {name}=={version}" for name, version in pins.items())
    return {
        "frameworth.yaml": CONDA.format(python=PYTHON, pins=listed),
        "frameworth.def": APPTAINER.format(python=PYTHON),
    }


if __name__ == "__main__":
    home = Path("envs")
    for name, text in environments(home).items():
        (home / name).write_text(text)
