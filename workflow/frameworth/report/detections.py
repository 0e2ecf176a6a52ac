"""What each subset's networks say of every frame: detections and distractors for the pairs that the page shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from frameworth.plan.names import subset_path
from frameworth.report.packing import Packed, packed, packed_positions
from frameworth.results.results import Results
from frameworth.training.predictions import read_distractors


@dataclass(frozen=True)
class Detections:
    """Attributes:
    consensus: [D, N, K, 2] px, the consensus of the subsets `subsets`.
    distractors: [E, N, K, 2] px, of networks of the subsets `distractor_subsets`; None where there is no room.
    left_out: what the study has more, a clause each.
    """

    subsets: tuple[int, ...]
    consensus: Packed
    distractor_subsets: tuple[int, ...]
    distractors: Packed | None
    distractor_confidence: Packed | None
    left_out: tuple[str, ...]


def detections(results: Results, budget: int) -> Detections:
    """Within `budget` bytes of base64: half for the consensus of each subset, half for distractors.

    Where that does not suffice, of evenly spaced subsets only; of distractors, first of one network per subset.
    """
    poses, left_out = results.scores["consensus_pose"], []
    total, frames, keypoints = poses.shape[:3]
    room = max(0, budget // 2 * 3 // 4 // (frames * keypoints * 4))
    subsets = _spread(total, max(1, room))
    if len(subsets) < total:
        left_out.append(f"pairs show the detections of {len(subsets)} of the {total} subsets")
    consensus = packed_positions("consensus", poses[subsets], results.labels.sizes)
    # Five bytes: two positions and a confidence.
    places = _distractors(results, budget // 2 * 3 // 4 // (frames * keypoints * 5))
    if places is None:
        left_out.append("there is no distractor map")
        return Detections(tuple(subsets), consensus, (), None, None, tuple(left_out))
    of_subset, pose, confidence = places
    if len(np.unique(of_subset)) < total:
        left_out.append(f"distractor maps show {len(np.unique(of_subset))} of the {total} subsets")
    shade = np.rint(255 * np.clip(np.nan_to_num(confidence), 0, 1)).astype(np.uint8)
    return Detections(
        tuple(subsets),
        consensus,
        tuple(int(subset) for subset in of_subset),
        packed_positions("distractors", pose, results.labels.sizes),
        packed("distractor_confidence", shade),
        tuple(left_out),
    )


def _spread(total: int, room: int) -> list[int]:
    """At most `room` of `total` numbers, evenly spaced."""
    return np.unique(np.linspace(0, total - 1, min(room, total)).round().astype(int)).tolist()


def _distractors(results: Results, room: int) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """For at most `room` networks: the subset of each [E], its distractors [E, N, K, 2] px and their confidence."""
    if room < 2:
        return None
    chosen = _spread(len(results.subsets), room)
    networks = int((results.rmse["kind"] == "network").sum())
    of_subset, poses, confidences = [], [], []
    for row in chosen:
        subset = results.subsets.iloc[row]
        folder = results.folder / "ensembles" / subset_path(subset["percent"], subset["seed"])
        pose, confidence = read_distractors(folder / "predictions.h5")
        members = len(pose) if networks <= room else 1
        of_subset += [row] * members
        poses.append(pose[:members])
        confidences.append(confidence[:members])
    return np.array(of_subset), np.concatenate(poses), np.concatenate(confidences)
