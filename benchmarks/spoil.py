"""Spoil labels among all labelled frames of a project, held-out ones too, for a trial with known truth.

    python -m benchmarks.spoil PROJECT FOLDER --share 0.08 --seed 1
    python -m benchmarks.spoil PROJECT FOLDER --shuffle --seed 1

PROJECT is a DeepLabCut project or another tool's label file, and only read; FOLDER becomes a DeepLabCut project. Its
`spoilt.csv` has the truth (video, image, kind, keypoints, px), by a name that no study reads, and is what
`benchmarks.trial` compares a study of FOLDER with.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from frameworth.errors import UserError, refuse_errors
from frameworth.labels.deeplabcut import LabelledProject, read_project
from frameworth.labels.deeplabcut_tables import write_collected_data
from frameworth.labels.imported import is_import, write_imported
from frameworth.labels.label_errors import exchange_neighbours, move_one, shift_inside
from frameworth.labels.pictures import inspect_pictures
from frameworth.labels.plant import copy_labelled_frames
from frameworth.storage.files import write_csv

KINDS = ("moved", "exchanged", "shifted")
FAR = (15, 40)  # px
FULL_WIDTH = 400  # px; in narrower images, distances are smaller in proportion to the width


def spoil(source: Path, folder: Path, *, share: float, seed: int) -> pd.DataFrame:
    """Write `source` to `folder` with a share of all labelled frames spoilt; returns the table of `spoilt.csv`.

    The kinds take turns: `moved` (one keypoint by 15-40 px), `exchanged` (one keypoint and its nearest labelled
    neighbour), `shifted` (all keypoints by the same 15-40 px). In images narrower than 400 px, distances are multiplied
    by width / 400. If a frame has no two keypoints to exchange, or no room for a shift, one keypoint is moved instead.
    """
    project, sizes = _copied(source, folder)
    rng = np.random.default_rng([seed, 8])
    xy, kinds = project.xy.copy(), [""] * len(project.xy)
    count = round(share * len(xy))
    if count < 1:
        raise UserError(f"--share: {share} of {len(xy)} labelled frames is none; ask for more")
    for place, row in enumerate(rng.permutation(len(xy))[:count]):
        kinds[row], xy[row] = _spoilt(KINDS[place % len(KINDS)], xy[row], sizes[row], rng)
    return _write(project, folder, xy, kinds)


def shuffle(source: Path, folder: Path, *, seed: int) -> pd.DataFrame:
    """Write `source` to `folder`, where each frame gets the labels of another frame, so that nothing can be learned.

    Labels of an image of another size are scaled to the frame's own size. Returns the table of `spoilt.csv`.
    """
    project, sizes = _copied(source, folder)
    if len(project.xy) < 2:
        raise UserError(f"{source}: has one labelled frame; labels can only be exchanged between two or more")
    order = np.random.default_rng([seed, 8]).permutation(len(project.xy))
    xy = np.empty_like(project.xy)
    other = np.roll(order, 1)
    xy[order] = project.xy[other] * (sizes[order] / sizes[other])[:, None]
    return _write(project, folder, xy, ["shuffled"] * len(xy))


def _copied(source: Path, folder: Path) -> tuple[LabelledProject, np.ndarray]:
    """Copy the frames to `folder`, without labels; returns the project and the images' sizes [N, 2] px."""
    if folder.exists():
        raise UserError(f"{folder}: is there already; name a new folder, or remove it")
    if is_import(source):
        write_imported(source, folder)
        project = read_project(folder)
    else:
        project = read_project(source)
        copy_labelled_frames(project, folder)
    pictures, problems = inspect_pictures(project, decode=False)
    refuse_errors(problems)
    return project, pictures.sizes


def _spoilt(kind: str, xy: np.ndarray, size: np.ndarray, rng: np.random.Generator) -> tuple[str, np.ndarray]:
    """The kind of error that was made, and the spoilt labels [K, 2]."""
    scale = min(1, size[0] / FULL_WIDTH)
    distances = (FAR[0] * scale, FAR[1] * scale)
    try:
        if kind == "exchanged":
            return kind, exchange_neighbours(xy, rng)[0]
        if kind == "shifted":
            return kind, xy + shift_inside(xy, size, distances, rng)
    except ValueError:  # no neighbour, or no room
        pass
    return "moved", move_one(xy, size, distances, rng)[0]


def _write(project: LabelledProject, folder: Path, xy: np.ndarray, kinds: list[str]) -> pd.DataFrame:
    """Write labels and `spoilt.csv`; its `px` is the largest distance by which a label of the frame was moved."""
    write_collected_data(folder, project.scorer, project.keypoints, project.videos, project.images, xy, decimals=None)
    off = np.linalg.norm(xy - project.xy, axis=2)
    rows = [
        {
            "video": project.videos[row],
            "image": project.images[row],
            "kind": kind,
            "keypoints": ";".join(name for name, far in zip(project.keypoints, off[row], strict=True) if far > 0),
            "px": round(float(np.nanmax(off[row], initial=0)), 1),
        }
        for row, kind in enumerate(kinds)
        if kind
    ]
    table = pd.DataFrame(rows)
    write_csv(folder / "spoilt.csv", table)
    return table


def main() -> None:
    """Spoil a project, and print what was done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--share", type=float, default=0.08, help="of all labelled frames")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shuffle", action="store_true", help="exchange the labels of all frames instead")
    arguments = parser.parse_args()
    try:
        if arguments.shuffle:
            table = shuffle(arguments.project, arguments.folder, seed=arguments.seed)
        else:
            table = spoil(arguments.project, arguments.folder, share=arguments.share, seed=arguments.seed)
    except UserError as refused:
        raise SystemExit(str(refused)) from None
    for kind, part in table.groupby("kind"):
        print(f"{kind}: {len(part)} frames, {part['px'].min():.1f}-{part['px'].max():.1f} px")
    print(f"The truth: {arguments.folder / 'spoilt.csv'}")


if __name__ == "__main__":
    main()
