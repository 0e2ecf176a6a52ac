"""Pseudo-labels of an arm: the consensus of the baseline's ensemble on a subset labels frames outside that subset."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from frameworth.config.experiments import Pseudo
from frameworth.labels.frames import read_frames
from frameworth.labels.labels import Labels, read_labels
from frameworth.labels.subsets import read_subset, write_chosen
from frameworth.storage.hdf5 import read_hdf5
from frameworth.training.scoremaps import CONSENSUS_FORMS


def write_pseudo_subset(study: Path, arm: str, place: str, pseudo: Pseudo, form: str) -> None:
    """Write an arm's subset: a subset of the grid, and the other pool frames where its consensus is confident.

    Args:
        place: the subset's name in paths, such as `percent-050/seed-2`.
        pseudo: the arm's `pseudo`. form: the form of consensus.
    """
    subset, labels = read_subset(study / f"subsets/{place}.json"), read_labels(study / "labels.h5")
    frames = read_frames(study / "frames.csv")
    consensus = read_hdf5(study / "ensembles" / place / "consensus.h5", ["pose", "confidence"])
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
    path = study / "arms" / arm / f"subsets/{place}.json"
    write_chosen(path, frames, extended, chosen, subset.design, subset.percent, subset.seed, subset.cluster)


def pseudo_labels(
    pose: np.ndarray, confidence: np.ndarray, outside: np.ndarray, threshold: float, truth: np.ndarray | None
) -> np.ndarray:
    """Labels [N, K, 2] px for the frames `outside` (bool [N]); NaN for other frames and below the threshold.

    Args:
        pose: the consensus, [N, K, 2] px. confidence: its confidence, [N, K].
        truth: labels [N, K, 2] px to use instead of the consensus, at keypoints that reach the threshold; or None.
    """
    sure = outside[:, None] & (confidence >= threshold) & np.isfinite(pose).all(axis=-1)
    given = pose if truth is None else truth
    return np.where(sure[..., None], given, np.nan).astype(float)
