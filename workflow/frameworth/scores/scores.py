"""`scores.h5` and `rmse.csv`: the scores of each subset's networks at every frame and keypoint."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from frameworth.errors import UserError
from frameworth.labels.frames import read_frames
from frameworth.labels.labels import distance, read_labels
from frameworth.labels.subsets import read_subsets
from frameworth.plan.names import subset_path
from frameworth.scores.registry import SCORES, AtLabels, loss_names
from frameworth.storage.files import write_csv
from frameworth.storage.hdf5 import Array, made_from, pose_scales, write_hdf5
from frameworth.training.divergence import not_diverged
from frameworth.training.predictions import Predictions, read_predictions
from frameworth.training.scoremaps import CONSENSUS_FORMS

FORMS = list(CONSENSUS_FORMS)


def bias_and_variance(poses: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squared bias ‖mean ŷ − y‖² and variance mean‖ŷ − mean ŷ‖² of members [R, …, 2], px².

    Their sum is the members' mean squared error.
    """
    mean = poses.mean(axis=0)
    return ((mean - label) ** 2).sum(axis=-1), ((poses - mean) ** 2).sum(axis=-1).mean(axis=0)


def rmse(errors: np.ndarray) -> float:
    """√(mean e²) over all finite errors, px, of any shape; NaN if there are none."""
    known = errors[np.isfinite(errors)]
    return float(np.sqrt((known**2).mean())) if len(known) else float("nan")


def collect_scores(study: Path, form: str) -> None:
    """Read the predictions of all subsets of the folder `study` and write `scores.h5` and `rmse.csv`.

    Networks that diverged are left out. All values of a subset whose networks all diverged are NaN.

    Args:
        form: the form of consensus for `consensus_pose` and `consensus_error`.

    Raises UserError if all networks of the study diverged.
    """
    subsets, _ = read_subsets(study)
    labels = read_labels(study / "labels.h5")
    held_out = (read_frames(study / "frames.csv")["split"] == "held-out").to_numpy()
    shape = (len(subsets), *labels.xy.shape[:2])
    others = ("member_bias_squared", "member_variance", "consensus_error", "consensus_confidence")
    out = {name: np.full(shape, np.nan, np.float32) for name in (*SCORES, *others)}
    consensus_pose = np.full((*shape, 2), np.nan, np.float32)
    rows: list[dict[str, object]] = []
    for index, subset in enumerate(subsets.itertuples()):
        folder = study / "ensembles" / subset_path(subset.percent, subset.seed)
        predictions = read_predictions(folder / "predictions.h5", folder / "consensus.h5")
        converged = not_diverged(predictions.pose)
        pose = predictions.consensus_pose[FORMS.index(form)]
        if converged.any():
            outputs = AtLabels(
                predictions.pose[converged],
                predictions.confidence_at_label[converged],
                predictions.probability_at_label[converged],
                labels.xy,
            )
            for name, score in SCORES.items():
                out[name][index] = score.of(outputs).mean(axis=0)
            bias_squared, variance = bias_and_variance(predictions.pose[converged].astype(float), labels.xy)
            out["member_bias_squared"][index] = bias_squared
            out["member_variance"][index] = variance
        out["consensus_error"][index] = distance(pose, labels.xy)
        out["consensus_confidence"][index] = predictions.consensus_confidence
        consensus_pose[index] = pose
        keys = {"subset": subset.subset, "percent": subset.percent, "seed": subset.seed}
        rows += [keys | row for row in rmse_rows(predictions, labels.xy, held_out)]
    if not np.isfinite(out["error"]).any():
        raise UserError(
            f"{study / 'ensembles'}: all networks of the study diverged, so that nothing can be scored; lower "
            "training.learning_rate, or look at the labels (the logs of the trainings say how each diverged)"
        )
    unit = {name: score.unit for name, score in SCORES.items()}
    unit |= {"consensus_error": "px", "member_bias_squared": "px^2", "member_variance": "px^2"}
    dims = ("subset", "frame", "keypoint")
    write_hdf5(
        study / "scores.h5",
        {name: Array(values, dims, unit.get(name, "")) for name, values in out.items()}
        | {"consensus_pose": Array(consensus_pose, (*dims, "xy"), "px")},
        {"subset": subsets["subset"].to_numpy()} | pose_scales(shape[1], labels.keypoints),
        {"consensus_form": form} | made_from(study / "labels.h5", study / "subsets.h5"),
    )
    write_csv(study / "rmse.csv", pd.DataFrame(rows))


def rmse_rows(predictions: Predictions, label: np.ndarray, held_out: np.ndarray) -> list[dict[str, object]]:
    """A row per network and per form of consensus; a consensus has no stored map, so scores that need one are NaN."""
    label = label[held_out]
    unknown = np.full((1, *label.shape[:2]), np.nan)
    rows: list[dict[str, object]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the means of a diverged network are NaN
        for member, pose in enumerate(predictions.pose[:, held_out]):
            confidence = predictions.confidence_at_label[[member]][:, held_out]
            probability = predictions.probability_at_label[[member]][:, held_out]
            outputs = AtLabels(pose[None], confidence, probability, label)
            rows.append({"kind": "network", "form": "", "member": member, **_means(outputs)})
        for form, pose in zip(FORMS, predictions.consensus_pose[:, held_out], strict=True):
            outputs = AtLabels(pose[None], unknown, unknown, label)
            rows.append({"kind": "consensus", "form": form, "member": "", **_means(outputs)})
    return rows


def _means(outputs: AtLabels) -> dict[str, float]:
    """The columns of `rmse.csv` for one network or consensus."""
    means = {f"mean_{name}": float(np.nanmean(SCORES[name].of(outputs))) for name in loss_names()}
    return {"rmse_px": rmse(outputs.error), "median_px": float(np.nanmedian(outputs.error))} | means
