"""Copies of a planted project for the question `acting`: as it is, and with some of its labels mended by the truth.

    python -m findings.mending openfield 1

An hour of checking is taken to be worth as many frames as an hour of labelling: a tenth of the pool. `list` mends
what is wrong among the first so many frames of labels_to_check.csv that are in the pool, `random` among as many random
ones, `all` everything.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import yaml

from findings.reading import PROJECTS
from frameworth.attribution.label_checks import read_label_checks
from frameworth.labels.deeplabcut import read_project
from frameworth.labels.deeplabcut_tables import write_collected_data
from frameworth.labels.plant import copy_labelled_frames
from frameworth.storage.files import read_table

SHARE = 0.1
WAYS = ("as-is", "list", "random", "all")


def checked(study: Path, seed: int) -> dict[str, np.ndarray]:
    """For each way of choosing frames, which frames are looked at, bool [N]."""
    frames = read_table(study / "frames.csv")
    pool = frames.index[frames["split"] == "pool"].to_numpy()
    count = round(SHARE * len(pool))
    order = read_label_checks(study / "labels_to_check.csv").sort_values("rank")["frame"].to_numpy()
    chosen = {
        "as-is": pool[:0],
        "list": order[np.isin(order, pool)][:count],
        "random": np.random.default_rng(seed).permutation(pool)[:count],
        "all": pool,
    }
    return {way: np.isin(np.arange(len(frames)), rows) for way, rows in chosen.items()}


def write_projects(source: Path, study: Path, folder: Path, seed: int) -> None:
    """Write a project for each way of mending into `folder`; `source` has the labels before errors were planted."""
    truth, spoilt = read_project(source), read_project(study / "planted_project")
    for way, rows in checked(study, seed).items():
        xy = np.where(rows[:, None, None], truth.xy, spoilt.xy)
        copy_labelled_frames(spoilt, folder / way)
        write_collected_data(
            folder / way, spoilt.scorer, spoilt.keypoints, spoilt.videos, spoilt.images, xy, decimals=None
        )


def main() -> None:
    """Write the copies of one project and planting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", choices=PROJECTS)
    parser.add_argument("planting", type=int)
    arguments = parser.parse_args()
    study = Path(f"results/plantings-{arguments.planting}-{arguments.project}")
    source = study / "imported_project"
    if not source.exists():
        with Path(f"findings/projects/{arguments.project}.yaml").open() as file:
            source = Path(yaml.safe_load(file)["labels"])
    write_projects(source, study, Path(f"results/mended-{arguments.planting}-{arguments.project}"), arguments.planting)


if __name__ == "__main__":
    main()
