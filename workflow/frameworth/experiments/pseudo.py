"""Pseudo-labels of an arm: frames outside a subset, labelled by the consensus of the baseline's ensemble of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from frameworth.config.experiments import Pseudo
from frameworth.labels.frames import read_frames
from frameworth.labels.labels import Labels, read_labels
from frameworth.labels.subsets import read_subset, write_chosen
from frameworth.storage.hdf5 import read_hdf5
from frameworth.training.scoremaps import CONSENSUS_FORMS


def write_pseudo_subset(
    path: Path,
    subset_json: Path,
    frames_csv: Path,
    labels_h5: Path,
    consensus_h5: Path,
    *,
    pseudo: Pseudo,
    form: str,
) -> None:
    """Write the subset with the frames of the pool outside it that the consensus is sure of.

    Args:
        consensus_h5: of the baseline's ensemble of the same subset.
        pseudo: the arm's `pseudo`. form: of consensus.
    """
    subset, labels, frames = read_subset(subset_json), read_labels(labels_h5), read_frames(frames_csv)
    consensus = read_hdf5(consensus_h5, ["pose", "confidence"])
    added = pseudo_labels(
        consensus["pose"][list(CONSENSUS_FORMS).index(form)],
        consensus["confidence"],
        (frames["split"] == "pool").to_numpy() & ~np.isin(np.arange(len(frames)), subset.frames),
        pseudo.confidence,
        labels.xy if pseudo.labels is True else None,
    )
    xy = added.copy()
    xy[subset.frames] = subset.xy
    chosen = np.union1d(subset.frames, np.flatnonzero(np.isfinite(added).any(axis=(1, 2))))
    extended = Labels(xy, labels.keypoints, labels.skeleton, labels.paths, labels.digests, labels.sizes)
    write_chosen(path, frames, extended, chosen, subset.design, subset.percent, subset.seed, subset.cluster)


def pseudo_labels(
    pose: np.ndarray, confidence: np.ndarray, outside: np.ndarray, threshold: float, truth: np.ndarray | None
) -> np.ndarray:
    """Labels [N, K, 2] for the frames `outside` (bool [N]); NaN for other frames and below the threshold.

    Args:
        pose: the consensus, px [N, K, 2]. confidence: its, [N, K].
        truth: labels to give in place of the consensus, at the keypoints that it is sure of.
    """
    sure = outside[:, None] & (confidence >= threshold) & np.isfinite(pose).all(axis=-1)
    given = pose if truth is None else truth
    return np.where(sure[..., None], given, np.nan).astype(float)
