"""`out_of_bag.h5`: errors and distractors of baseline networks that were not trained on the frame; used by arms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from frameworth.attribution.inference import values
from frameworth.labels.labels import read_labels
from frameworth.labels.subsets import read_subsets
from frameworth.plan.names import subset_path
from frameworth.storage.hdf5 import Array, pose_scales, read_hdf5, write_hdf5

PLACES = 8  # number of strongest distractors that are kept per frame and keypoint


def strongest_places(pose: np.ndarray, confidence: np.ndarray, places: int = PLACES) -> tuple[np.ndarray, np.ndarray]:
    """The `places` distractors with the highest confidence among R networks, strongest first.

    Args:
        pose: [R, …, 2] px, NaN where a network has no distractor. confidence: [R, …].

    Returns poses [places, …, 2], NaN where there are fewer, and confidences [places, …], 0 where there are fewer.
    """
    known = np.isfinite(pose).all(axis=-1) & (confidence > 0)
    height = np.where(known, confidence, 0)
    missing = max(0, places - len(height))
    height = np.concatenate([height, np.zeros((missing, *height.shape[1:]), height.dtype)])
    pose = np.concatenate([pose, np.full((missing, *pose.shape[1:]), np.nan, pose.dtype)])
    order = np.argsort(-height, axis=0, kind="stable")[:places]
    height = np.take_along_axis(height, order, axis=0)
    pose = np.take_along_axis(pose, order[..., None], axis=0)
    return np.where(height[..., None] > 0, pose, np.nan), height


def collect_out_of_bag(study: Path) -> None:
    """Read the predictions of all subsets of the folder `study` and write `out_of_bag.h5`."""
    subsets, inclusion = read_subsets(study)
    labels = read_labels(study / "labels.h5")
    shape = labels.xy.shape[:2]
    pose, height = np.zeros((0, *shape, 2), np.float32), np.zeros((0, *shape), np.float32)
    for included, subset in zip(inclusion, subsets.itertuples(), strict=True):
        file = study / "ensembles" / subset_path(subset.percent, subset.seed) / "predictions.h5"
        distractors = read_hdf5(file, ["distractor_pose", "distractor_confidence"])
        unseen_height = np.where(included[:, None], 0, np.nan_to_num(distractors["distractor_confidence"]))
        pose, height = strongest_places(
            np.concatenate([pose, distractors["distractor_pose"]]), np.concatenate([height, unseen_height])
        )
    error = read_hdf5(study / "scores.h5", ["error"])["error"]
    frame = ("frame", "keypoint", "place")
    write_hdf5(
        study / "out_of_bag.h5",
        {
            "error": Array(values.out_of_bag_error(error, inclusion), ("frame",), "px"),
            "distractor_pose": Array(np.moveaxis(pose, 0, 2), (*frame, "xy"), "px"),
            "distractor_confidence": Array(np.moveaxis(height, 0, 2), frame),
        },
        pose_scales(shape[0], labels.keypoints),
    )


def ranks_of(error: np.ndarray, frames: Sequence[int] | np.ndarray, hard_first: bool) -> np.ndarray:
    """The rank of each frame of a subset in a curriculum, from 0; an unknown error is replaced by the median."""
    errors = error[np.asarray(frames)]
    known = errors[np.isfinite(errors)]
    errors = np.where(np.isfinite(errors), errors, np.median(known) if len(known) else 0.0)
    order = np.argsort(-errors if hard_first else errors, kind="stable")
    ranks = np.empty(len(errors), int)
    ranks[order] = np.arange(len(errors))
    return ranks
