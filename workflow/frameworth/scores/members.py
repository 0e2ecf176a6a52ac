"""`members.h5`: summaries of each subset's networks that `scores.h5` lacks; reads each file of predictions once."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from frameworth.labels.labels import read_labels
from frameworth.labels.subsets import read_subsets
from frameworth.plan.names import subset_path
from frameworth.scores.registry import LEAST_CONFIDENCE, negative_log
from frameworth.storage.hdf5 import Array, pose_scales, read_hdf5, write_hdf5
from frameworth.training.divergence import not_diverged

_READ = ["pose", "confidence_at_label", "probability_at_label", "distractor_pose", "distractor_confidence"]


def of_networks(predictions: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Summaries of the predictions of R networks of one subset, for N frames and K keypoints.

    Args:
        predictions: `pose`, `distractor_pose` [R, N, K, 2] px; `confidence_at_label`, `probability_at_label`,
            `distractor_confidence` [R, N, K].

    Returns:
        `members`: number of networks that did not diverge. `mean_pose` [N, K, 2] px.
        `log_confidence`, `log_mass` [N, K]: mean over members of the logarithms of the confidence at the label (at
        least `LEAST_CONFIDENCE`) and of the map's sum. The sum is confidence divided by probability. Where a member's
        confidence or probability is 0, its sum is unknown, and the member is left out of both means. NaN where no
        member remains.
        `distractor_confidence` [N, K]: mean over members; a member without a peak away from the label adds 0.
        `distractor_pose` [N, K, 2] px: the pose of the member whose distractor is highest.
        All but `members` and `mean_pose` are NaN where there is no label. Networks that diverged are left out; if all
        diverged, the result is `members` = 0 alone.
    """
    converged = not_diverged(predictions["pose"])
    if not converged.any():
        return {"members": np.array(0)}
    predictions = {name: predictions[name][converged] for name in _READ}
    confidence = predictions["confidence_at_label"].astype(float)
    probability = predictions["probability_at_label"].astype(float)
    has_sum = (confidence > 0) & (probability > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mass = np.where(has_sum, np.log(confidence / probability), np.nan)
    log_confidence = -negative_log(confidence, LEAST_CONFIDENCE)
    labelled = np.isfinite(confidence)
    height = np.where(labelled, np.nan_to_num(predictions["distractor_confidence"].astype(float)), np.nan)
    highest = np.nan_to_num(height).argmax(axis=0)[None, ..., None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no label, or no member whose sum is known: NaN
        return {
            "members": np.array(len(confidence)),
            "mean_pose": predictions["pose"].mean(axis=0, dtype=float),
            "log_confidence": np.nanmean(np.where(has_sum, log_confidence, np.nan), axis=0),
            "log_mass": np.nanmean(mass, axis=0),
            "distractor_confidence": np.nanmean(height, axis=0),
            "distractor_pose": np.take_along_axis(predictions["distractor_pose"], highest, axis=0)[0],
        }


def collect_members(study: Path, distractor_radius: float) -> None:
    """Read the predictions of all subsets of the folder `study` and write `members.h5`.

    Args:
        distractor_radius: the radius in px that the predictions were made with; it is written to the file.
    """
    subsets, _ = read_subsets(study)
    labels = read_labels(study / "labels.h5")
    shape = (len(subsets), *labels.xy.shape[:2])
    out = {name: np.full((*shape, 2), np.nan, np.float32) for name in ("mean_pose", "distractor_pose")}
    out |= {
        name: np.full(shape, np.nan, np.float32) for name in ("log_confidence", "log_mass", "distractor_confidence")
    }
    out["members"] = np.zeros(len(subsets), int)
    for index, subset in enumerate(subsets.itertuples()):
        folder = study / "ensembles" / subset_path(subset.percent, subset.seed)
        for name, values in of_networks(read_hdf5(folder / "predictions.h5", _READ)).items():
            out[name][index] = values
    write_members(study / "members.h5", out, subsets["subset"].tolist(), labels.keypoints, distractor_radius)


def write_members(
    path: Path,
    arrays: dict[str, np.ndarray],
    subsets: list[str],
    keypoints: tuple[str, ...],
    distractor_radius: float,
) -> None:
    """Write the results of `of_networks` for all subsets, stacked along a first axis, to `path`."""
    dims = ("subset", "frame", "keypoint", "xy")
    write_hdf5(
        path,
        {
            name: Array(values, dims[: values.ndim], "px" if name.endswith("pose") else "")
            for name, values in arrays.items()
        },
        {"subset": np.array(subsets)} | pose_scales(arrays["mean_pose"].shape[1], keypoints),
        {"distractor_radius_px": repr(distractor_radius)},
    )
