"""The detections and distractors of each subset's networks in every frame, for the pairs that the page shows."""

from __future__ import annotations

import numpy as np

from frameworth.plan.names import subset_path
from frameworth.report.packing import Part, packed, packed_positions
from frameworth.results.results import Results
from frameworth.training.predictions import read_distractors


def detections(results: Results, budget: int) -> Part:
    """Pack the consensus of subsets, and distractors of their networks, into half of `budget` (bytes of base64) each.

    If that is too little, only evenly spaced subsets are used, with distractors of one network for each of them.

    The arrays are `consensus` [D, N, K, 2] px, of the subsets listed in the data as `subsets`, and, if there is room,
    `distractors` [E, N, K, 2] px and `distractor_confidence`, of networks of the subsets `distractor_subsets`.
    """
    poses, sizes, left_out = results.scores["consensus_pose"], results.labels.sizes, []
    total, frames, keypoints = poses.shape[:3]
    room = max(0, budget // 2 * 3 // 4 // (frames * keypoints * 4))
    subsets = _spread(total, max(1, room))
    if len(subsets) < total:
        left_out.append(f"pairs show the detections of {len(subsets)} of the {total} subsets")
    arrays = [packed_positions("consensus", poses[subsets], sizes)]
    of_subset: list[int] = []
    # A distractor takes five bytes: two for each coordinate and one for its confidence.
    places = _distractors(results, budget // 2 * 3 // 4 // (frames * keypoints * 5))
    if places is None:
        left_out.append("there is no distractor map")
    else:
        of_subset, pose, confidence = places
        shade = np.rint(255 * np.clip(np.nan_to_num(confidence), 0, 1)).astype(np.uint8)
        arrays += [packed_positions("distractors", pose, sizes), packed("distractor_confidence", shade)]
        if len(set(of_subset)) < total:
            left_out.append(f"distractor maps show {len(set(of_subset))} of the {total} subsets")
    return Part(arrays, {"subsets": subsets, "distractor_subsets": of_subset}, left_out)


def _spread(total: int, room: int) -> list[int]:
    """At most `room` of `total` numbers, evenly spaced."""
    return np.unique(np.linspace(0, total - 1, min(room, total)).round().astype(int)).tolist()


def _distractors(results: Results, room: int) -> tuple[list[int], np.ndarray, np.ndarray] | None:
    """For at most `room` networks, the subset of each [E], its distractors [E, N, K, 2] px and their confidence."""
    if room < 2:
        return None
    chosen = _spread(len(results.subsets), room)
    networks = len(results.networks)
    of_subset: list[int] = []
    poses, confidences = [], []
    for row in chosen:
        subset = results.subsets.iloc[row]
        folder = results.folder / "ensembles" / subset_path(subset["percent"], subset["seed"])
        pose, confidence = read_distractors(folder / "predictions.h5")
        members = len(pose) if networks <= room else 1
        of_subset += [row] * members
        poses.append(pose[:members])
        confidences.append(confidence[:members])
    return of_subset, np.concatenate(poses), np.concatenate(confidences)
