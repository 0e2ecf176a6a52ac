"""The review loop: write frames to check as a small DeepLabCut project, and put corrected labels into a copy.

These folders are not outputs of Snakemake, which would delete corrections before it writes a folder again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from frameworth.attribution.inference.values import out_of_bag_consensus
from frameworth.attribution.label_checks import LOOKED_AT, study_suspects
from frameworth.errors import UserError
from frameworth.labels.corrected import Name, write_corrected_copy
from frameworth.labels.deeplabcut import LabelledProject, read_project
from frameworth.labels.deeplabcut_tables import write_collected_data, write_machine_labels
from frameworth.labels.labels import labels_as_lists, labels_from_lists
from frameworth.labels.pictures import inspect_pictures
from frameworth.labels.project_config import project_config
from frameworth.labels.readers.deeplabcut_labels import read_label_file
from frameworth.plan.designs import draw_subset
from frameworth.plan.split import hold_out
from frameworth.results.results import Results
from frameworth.scores.learning import learning_sentences
from frameworth.storage.files import copy_file, read_table, replaced_folder, write_csv, write_json, write_text
from frameworth.text import counted

UNCHANGED = 1e-3  # px; smaller changes come from editors that store positions in single precision
MACHINE = "frameworth_out-of-bag"


@dataclass(frozen=True)
class Review:
    """The labels of a review folder: those that were written into it and those that are in it now.

    Attributes:
        written: labels [K, 2] px by frame. current: the labels now; None for a frame that has lost all its labels.
    """

    keypoints: tuple[str, ...]
    written: dict[Name, np.ndarray]
    current: dict[Name, np.ndarray | None]

    @property
    def changes(self) -> dict[Name, np.ndarray | None]:
        """The new labels of the frames whose labels were changed."""
        return {name: now for name, now in self.current.items() if not same_labels(now, self.written[name])}


def write_review(study: Path, project: Path) -> list[str]:
    """Write the folder `review` of `study`: the flagged frames and the first twelve of the list, also held-out frames.

    It contains images and labels. Its machine labels are where networks that never saw the frame put each keypoint. The
    lines to print are returned; they first say if the networks have not learned, and people can still check labels.
    Raises UserError, and changes nothing, if labels in the folder were changed and the study lacks these changes.
    """
    results = Results(study)
    folder, labels = study / "review", results.labels
    _keep_corrections(folder, results)
    checks = results.label_checks
    chosen = checks[checks["flagged"] | (checks["rank"] <= LOOKED_AT)]
    frames = np.sort(chosen["frame"].to_numpy())
    videos, images = (results.frames.loc[frames, name].tolist() for name in ("video", "image"))
    scorer = read_project(project).scorer or "frameworth"
    bones = [(labels.keypoints[first], labels.keypoints[second]) for first, second in labels.skeleton]
    sizes = {video: (int(w), int(h)) for video, (w, h) in zip(videos, labels.sizes[frames], strict=True)}
    with replaced_folder(folder) as new:
        for video, image, frame in zip(videos, images, frames, strict=True):
            target = new / "labeled-data" / video / image
            copy_file(labels.paths[frame], target)
        write_text(new / "config.yaml", project_config(f"{study.name}-review", scorer, labels.keypoints, bones, sizes))
        write_collected_data(new, scorer, labels.keypoints, videos, images, labels.xy[frames], decimals=None)
        pose = study_suspects(results).place[frames]
        confidence = out_of_bag_consensus(results.scores["consensus_confidence"], results.inclusion)[frames]
        write_machine_labels(new, MACHINE, labels.keypoints, videos, images, pose, confidence)
        _write_record(new, scorer, labels.keypoints, videos, images, labels.xy[frames])
    return [
        *([] if results.learning.learned else learning_sentences(results.learning)),
        f"{counted(len(frames), 'frame')} to check: {folder}/ (open a folder below its labeled-data/ in "
        "napari-deeplabcut).",
        "Then the same command with `apply_review` in place of `review` reads the corrected labels.",
    ]


def apply_review(
    study: Path, project: Path, *, held_out: dict[str, Any], seed: int, keep_snapshots: bool = True
) -> list[str]:
    """Write `corrected_project` of `study`: the project with the labels corrected in `review`; returns lines to print.

    A frame that has no label left in the review has none in the copy. The project itself is only read.

    Args:
        held_out: `{"fraction": float, "by": "frame" | "video"}`. seed: the study's.
        keep_snapshots: of the config. If no networks are kept, all must be trained again to predict new labels.

    Raises UserError if no label was changed, or if the project has other keypoints than the review.
    """
    review = read_review(study / "review")
    changes = review.changes
    if not changes:
        raise UserError(f"{study / 'review'}: no label was changed; correct labels there first, then apply the review")
    source = read_project(project)
    if source.keypoints != review.keypoints:
        raise UserError(
            f"{study / 'review'}: was written for other keypoints than {project} has; delete it and run review again"
        )
    corrected = write_corrected(study, source, changes, study / "review")
    return [*corrected, *what_follows(study, held_out, seed, keep_snapshots)]


def write_corrected(
    study: Path, source: LabelledProject, changes: dict[Name, np.ndarray | None], given: Path
) -> list[str]:
    """Write `corrected_project` of `study`, a copy of `source` with `changes` of labels; returns lines to print.

    Args:
        changes: labels [K, 2] px by frame, None for a frame that loses all labels. given: the source of the changes.

    Raises UserError for a frame that the project does not have, or if no frame would be left.
    """
    names = list(zip(source.videos, source.images, strict=True))
    gone = [name for name in changes if name not in names]
    if gone:
        raise UserError(f"{given}: changes {'/'.join(gone[0])}, which is not in {source.root}; remove it there")
    removed = sum(now is None for now in changes.values())
    if removed == len(names):
        raise UserError(f"{given}: removes every frame of the study; leave labels in some")
    folder, planted_csv = study / "corrected_project", source.root / "planted.csv"
    with replaced_folder(folder) as new:
        write_corrected_copy(source, new, changes)
        if planted_csv.exists():
            table = read_table(planted_csv, text=("video", "image", "planted"))
            still = [name not in changes for name in zip(table["video"], table["image"], strict=True)]
            write_csv(new / planted_csv.name, table[still])
    return [f"{len(changes) - removed} corrected and {removed} removed frames: {folder}/."]


def what_follows(study: Path, held_out: dict[str, Any], seed: int, keep_snapshots: bool) -> list[str]:
    """Lines that say which networks `corrected_project` outdates, and what to do with it next."""
    folder = study / "corrected_project"
    return [
        _outdated(Results(study), folder, held_out, seed, keep_snapshots),
        f"To see what that changes, write `labels: {folder}` into the config, keep the study's name, leave out `plant` "
        "if it is there, and run the study again.",
        f"To train your own network on it, let DeepLabCut open {folder}, or copy its labeled-data/*/CollectedData_* "
        "files into your project."
        if not (folder / "planted.csv").exists()
        else f"{folder} still holds planted errors; train no network of your own on it.",
    ]


def read_review(folder: Path) -> Review:
    """Read the labels of a review folder; of a video's two label files (.h5, .csv) the one that was changed is used.

    Raises UserError if it is not a review folder, or if its label files cannot be read or contradict each other.
    """
    record = folder / "written.json"
    if not folder.exists():
        raise UserError(
            f"{folder}: there is no such folder; run the same command with `review` in place of `apply_review` first"
        )
    try:
        content = json.loads(record.read_text())
        keypoints, scorer = tuple(content["keypoints"]), content["scorer"]
        rows = content["frames"]
        labels = labels_from_lists(row["labels"] for row in rows)
        written = {(row["video"], row["image"]): xy for row, xy in zip(rows, labels, strict=True)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{record}: missing or damaged ({error}); move {folder} away and run review again") from None
    current: dict[Name, np.ndarray | None] = {}
    for video in dict.fromkeys(video for video, _ in written):
        of_images = {image: xy for (name, image), xy in written.items() if name == video}
        of_video = _current(folder / "labeled-data" / video, scorer, keypoints, folder / "config.yaml", of_images)
        current |= {(video, image): xy for image, xy in of_video.items()}
    return Review(keypoints, written, current)


def _current(
    folder: Path, scorer: str, keypoints: Sequence[str], config: Path, written: dict[str, np.ndarray]
) -> dict[str, np.ndarray | None]:
    """The present labels [K, 2] px by image of one video; None for an image without labels."""
    stem = f"CollectedData_{scorer}"
    files = sorted(path for path in folder.glob("CollectedData_*") if path.suffix in (".h5", ".csv"))
    others = [path for path in files if path.stem != stem]
    if others:
        raise UserError(f"{others[0]}: is not by the review's scorer '{scorer}'; rename it to {stem}, or remove it")
    if not files:
        raise UserError(f"{folder}: holds no {stem}.h5 or .csv; delete the review folder and run review again")
    tables = [read_label_file(path, keypoints, config) for path in files]
    for path, table in zip(files, tables, strict=True):
        for image in table.keys() - written.keys():
            raise UserError(f"{path}: labels {image}, which is not in the review; remove its row")
    current: dict[str, np.ndarray | None] = {}
    for image, before in written.items():
        changed = [now for now in (_now(table, image, before) for table in tables) if not same_labels(now, before)]
        if len(changed) == 2 and not same_labels(*changed):
            raise UserError(
                f"{folder / image}: is labelled in {stem}.h5 and {stem}.csv in two new ways; remove the wrong file"
            )
        current[image] = changed[0] if changed else before
    return current


def _now(table: dict[str, np.ndarray], image: str, before: np.ndarray) -> np.ndarray | None:
    """A frame's labels in a table, where tiny changes keep the old label; None if it has no label."""
    now = table.get(image)
    if now is None or np.isnan(now).all():
        return None
    if np.isinf(now).any():
        raise UserError(f"{image}: a label of it in the review lies at infinity; label it again")
    same = (np.abs(now - before) < UNCHANGED).all(axis=1, keepdims=True)
    return np.where(same, before, now)


def same_labels(first: np.ndarray | None, second: np.ndarray | None) -> bool:
    if first is None or second is None:
        return first is second
    return np.allclose(first, second, rtol=0, atol=UNCHANGED, equal_nan=True)


def _keep_corrections(folder: Path, results: Results) -> None:
    """Raise UserError if labels in the review folder were changed and the study does not have them."""
    if not folder.exists():
        return
    frames, labels = results.frames, results.labels
    known = dict(zip(zip(frames["video"], frames["image"], strict=True), labels.xy, strict=True))
    review = read_review(folder)
    unsaved = [name for name, now in review.changes.items() if not same_labels(now, known.get(name))]
    if unsaved:
        raise UserError(
            f"{folder}: the labels of {counted(len(unsaved), 'frame')} were changed ({'/'.join(unsaved[0])} …) and are "
            "not in the study; run apply_review and go on with the corrected project, or delete the folder, then run "
            "review again"
        )


def _write_record(
    folder: Path, scorer: str, keypoints: Sequence[str], videos: Sequence[str], images: Sequence[str], xy: np.ndarray
) -> None:
    rows = zip(videos, images, labels_as_lists(xy), strict=True)
    frames = [{"video": video, "image": image, "labels": labels} for video, image, labels in rows]
    write_json(folder / "written.json", {"scorer": scorer, "keypoints": list(keypoints), "frames": frames})


def _outdated(results: Results, corrected: Path, held_out: dict[str, Any], seed: int, keep_snapshots: bool) -> str:
    """Which networks of the grid are outdated by the corrected labels, found by drawing the subsets again."""
    project = read_project(corrected)
    pictures = inspect_pictures(project, decode=True)[0].digests  # identical pictures stay on one side of the split
    pool = np.flatnonzero(~hold_out(project.videos, project.images, seed=seed, pictures=pictures, **held_out))
    before = _contents(results.frames["video"], results.frames["image"], results.labels.xy)
    after = _contents(project.videos, project.images, project.xy)
    networks = Counter(results.networks["subset"])
    outdated = []
    for subset, included in zip(results.subsets.itertuples(), results.inclusion, strict=True):
        drawn = pool[draw_subset(subset.design, len(pool), subset.percent, subset.seed, seed)]
        if not keep_snapshots or {after[i] for i in drawn} != {before[i] for i in np.flatnonzero(included)}:
            outdated.append(subset.subset)
    total = sum(networks.values())
    if not outdated:
        return f"That outdates none of the {total} networks: none was trained on a changed frame."
    count = sum(networks[name] for name in outdated)
    why = "" if keep_snapshots else " (none is kept, `keep_snapshots: false`)"
    if len(after) < len(before):
        why += " (a removed frame changes the pool, from which the subsets are drawn)"
    rest = f"; the other {total - count} are taken from the store" if count < total else ""
    subsets = f"{len(outdated)} of {len(results.subsets)} subsets"
    return f"That outdates {count} of {total} networks, on {subsets}{why}{rest}."


def _contents(videos: Sequence[str], images: Sequence[str], xy: np.ndarray) -> list[tuple[str, str, str]]:
    """What networks depend on in each frame: its name, which stands for the image, and its labels."""
    return list(zip(videos, images, (str(labels.tolist()) for labels in xy), strict=True))
