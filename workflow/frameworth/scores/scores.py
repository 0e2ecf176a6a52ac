"""`scores.h5` and `rmse.csv`: how well each subset's networks do at every frame and keypoint."""

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
from frameworth.scores.members import LEAST_CONFIDENCE
from frameworth.storage.files import write_csv
from frameworth.storage.hdf5 import Array, write_hdf5
from frameworth.storage.made_from import made_from
from frameworth.training.divergence import not_diverged
from frameworth.training.predictions import Predictions, read_predictions
from frameworth.training.scoremaps import CONSENSUS_FORMS

FORMS = list(CONSENSUS_FORMS)
# Below this a probability is background, as a confidence below `LEAST_CONFIDENCE` over a map that sums to a thousand.
LEAST_PROBABILITY = 1e-6


def bias_and_variance(poses: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squared bias ‖mean ŷ − y‖² and variance mean‖ŷ − mean ŷ‖² of members [R, …, 2], px².

    Their sum is the members' mean squared error.
    """
    mean = poses.mean(axis=0)
    return ((mean - label) ** 2).sum(axis=-1), ((poses - mean) ** 2).sum(axis=-1).mean(axis=0)


def negative_logs(confidence: np.ndarray, probability: np.ndarray) -> dict[str, np.ndarray]:
    """`log_probability`, `log_confidence`: −log of either at the label, so that what raises it harms, as for errors.

    Taken of at least `LEAST_PROBABILITY` and `LEAST_CONFIDENCE`, so finite where either is exactly 0; NaN stays NaN.
    """
    return {
        "log_probability": -np.log(np.maximum(probability.astype(float), LEAST_PROBABILITY)),
        "log_confidence": -np.log(np.maximum(confidence.astype(float), LEAST_CONFIDENCE)),
    }


def rmse(errors: np.ndarray) -> float:
    """√mean e² over all that is not NaN; NaN if nothing is."""
    known = errors[np.isfinite(errors)]
    return float(np.sqrt((known**2).mean())) if len(known) else float("nan")


def collect_scores(study: Path, frames_csv: Path, labels_h5: Path, form: str, scores_h5: Path, rmse_csv: Path) -> None:
    """Read the predictions of all subsets in `subsets.csv` and write both files.

    Networks that diverged are left out; a subset all of whose networks did has NaN throughout.

    Args:
        study: the study's folder, which holds `subsets.csv` and `ensembles/`.
        form: the form of consensus that `consensus_pose` and `consensus_error` are of.

    Raises UserError if all networks of the study diverged.
    """
    subsets, _ = read_subsets(study)
    labels = read_labels(labels_h5)
    held_out = (read_frames(frames_csv)["split"] == "held-out").to_numpy()
    shape = (len(subsets), *labels.xy.shape[:2])
    names = (
        "error", "log_error", "confidence", "probability", "member_bias_squared", "member_variance",
        "log_probability", "log_confidence", "consensus_error", "consensus_confidence",
    )  # fmt: skip
    out = {name: np.full(shape, np.nan, np.float32) for name in names}
    consensus_pose = np.full((*shape, 2), np.nan, np.float32)
    rows: list[dict[str, object]] = []
    for index, subset in enumerate(subsets.itertuples()):
        folder = study / "ensembles" / subset_path(subset.percent, subset.seed)
        predictions = read_predictions(folder / "predictions.h5", folder / "consensus.h5")
        speak = not_diverged(predictions.pose)
        pose = predictions.consensus_pose[FORMS.index(form)]
        if speak.any():
            error = distance(predictions.pose[speak], labels.xy)
            out["error"][index] = error.mean(axis=0)
            out["log_error"][index] = np.log1p(error).mean(axis=0)
            out["confidence"][index] = predictions.confidence_at_label[speak].mean(axis=0)
            out["probability"][index] = predictions.probability_at_label[speak].mean(axis=0)
            logs = negative_logs(predictions.confidence_at_label[speak], predictions.probability_at_label[speak])
            for name, values in logs.items():
                out[name][index] = values.mean(axis=0)
            bias_squared, variance = bias_and_variance(predictions.pose[speak].astype(float), labels.xy)
            out["member_bias_squared"][index] = bias_squared
            out["member_variance"][index] = variance
        out["consensus_error"][index] = distance(pose, labels.xy)
        out["consensus_confidence"][index] = predictions.consensus_confidence
        consensus_pose[index] = pose
        keys = {"subset": subset.subset, "percent": subset.percent, "seed": subset.seed}
        rows += [keys | row for row in _rmse_rows(predictions, labels.xy, held_out)]
    if not np.isfinite(out["error"]).any():
        raise UserError(
            f"{study / 'ensembles'}: all networks of the study diverged, so that nothing can be scored; lower "
            "training.learning_rate, or look at the labels (the logs of the trainings say how each diverged)"
        )
    unit = {"error": "px", "log_error": "log(1 + px)", "consensus_error": "px"}
    unit |= {"log_probability": "−log(probability)", "log_confidence": "−log(confidence)"}
    unit |= {"member_bias_squared": "px^2", "member_variance": "px^2"}
    dims = ("subset", "frame", "keypoint")
    write_hdf5(
        scores_h5,
        {name: Array(values, dims, unit.get(name, "")) for name, values in out.items()}
        | {"consensus_pose": Array(consensus_pose, (*dims, "xy"), "px")},
        {
            "subset": subsets["subset"].to_numpy(),
            "frame": np.arange(shape[1]),
            "keypoint": np.array(labels.keypoints),
            "xy": np.array(["x", "y"]),
        },
        {"consensus_form": form} | made_from(labels_h5, study / "subsets.h5"),
    )
    write_csv(rmse_csv, pd.DataFrame(rows))


def _rmse_rows(predictions: Predictions, label: np.ndarray, held_out: np.ndarray) -> list[dict[str, object]]:
    """A row per network and per form of consensus; of a consensus no map is kept, so no log at the label is known."""
    logs = negative_logs(predictions.confidence_at_label[:, held_out], predictions.probability_at_label[:, held_out])
    unknown = np.full(label[held_out].shape[:1], np.nan)
    rows: list[dict[str, object]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all NaN if a network diverged: kept as NaN
        for member, pose in enumerate(predictions.pose):
            own = {name: values[member] for name, values in logs.items()}
            rows.append({"kind": "network", "form": "", "member": member} | _of_pose(pose, label, held_out, own))
        for form, pose in zip(FORMS, predictions.consensus_pose, strict=True):
            row = _of_pose(pose, label, held_out, dict.fromkeys(logs, unknown))
            rows.append({"kind": "consensus", "form": form, "member": "", **row})
    return rows


def _of_pose(
    pose: np.ndarray, label: np.ndarray, held_out: np.ndarray, logs: dict[str, np.ndarray]
) -> dict[str, float]:
    error = distance(pose[held_out], label[held_out])
    return {
        "rmse_px": rmse(error),
        "median_px": float(np.nanmedian(error)),
        "mean_error": float(np.nanmean(error)),
        "mean_log_error": float(np.nanmean(np.log1p(error))),
    } | {f"mean_{name}": float(np.nanmean(values)) for name, values in logs.items()}
