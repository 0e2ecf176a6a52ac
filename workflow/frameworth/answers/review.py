"""The review folder: the frames to check as a small DeepLabCut project, and the labels that a person corrected in it.

The folder is not an output of Snakemake, which would delete corrections before it writes the folder again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from frameworth.attribution.inference.values import out_of_bag_consensus
from frameworth.attribution.label_checks import LOOKED_AT, study_suspects
from frameworth.errors import UserError
from frameworth.labels.corrected import Name
from frameworth.labels.deeplabcut import read_project
from frameworth.labels.deeplabcut_tables import write_collected_data, write_machine_labels
from frameworth.labels.labels import labels_as_lists, labels_from_lists
from frameworth.labels.project_config import project_config
from frameworth.labels.readers.deeplabcut_labels import read_label_file
from frameworth.results.results import Results
from frameworth.scores.learning import learning_sentences
from frameworth.storage.files import copy_file, replaced_folder, write_json, write_text
from frameworth.text import counted

UNCHANGED = 1e-3  # px; smaller changes come from editors that store positions in single precision
MACHINE = "frameworth_out-of-bag"
Changes = dict[Name, np.ndarray | None]  # new labels [K, 2] px by frame; None for a frame that loses all labels


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
    def changes(self) -> Changes:
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
        f"Then `frameworth apply {folder} --configfile …` puts the corrected labels into a copy of the project.",
    ]


def read_review(folder: Path) -> Review:
    """Read the labels of a review folder; of a video's two label files (.h5, .csv) the one that was changed is used.

    Raises UserError if it is not a review folder, or if its label files cannot be read or contradict each other.
    """
    record = folder / "written.json"
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
    """Whether two arrays of labels [..., 2] differ by less than `UNCHANGED` px; None equals None alone."""
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
            "not in the study; run frameworth apply on the folder and go on with the corrected project, or delete the "
            "folder, then run review again"
        )


def _write_record(
    folder: Path, scorer: str, keypoints: Sequence[str], videos: Sequence[str], images: Sequence[str], xy: np.ndarray
) -> None:
    rows = zip(videos, images, labels_as_lists(xy), strict=True)
    frames = [{"video": video, "image": image, "labels": labels} for video, image, labels in rows]
    write_json(folder / "written.json", {"scorer": scorer, "keypoints": list(keypoints), "frames": frames})
