"""`labels_to_check.csv`: every labelled frame, in the pool or held out, by how far its labels stand out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from frameworth.errors import UserError
from frameworth.estimation.values import out_of_bag_consensus, out_of_bag_error
from frameworth.networks.scores import distance
from frameworth.storage.digests import whole
from frameworth.storage.files import write_csv

if TYPE_CHECKING:
    from frameworth.study.results import Results

SUSPICIOUS = 3.5  # robust deviations, as Iglewicz and Hoaglin advise
OUTLYING = 3.0  # robust deviations among the errors of all labels
LOOKED_AT = 12  # frames, the most suspicious, are pictured and reviewed, flagged or not
LEAST_FRAMES = 8  # fewer labels of a keypoint do not tell how its errors spread
_FAR = 1e9  # px, for a place that is not known
_EXCHANGED = 1 / 3  # the labels of two keypoints fit so much better to each other's place than to their own


@dataclass(frozen=True)
class Suspicion:
    """How far labels stand out from those of the same keypoint in other frames.

    Attributes:
        deviation: [N, K] robust z of the out-of-bag log error; NaN without a label, or where all networks saw it.
        frame: [N] the largest over the frame's keypoints; NaN where none is known.
        keypoint: int [N], which keypoint that is; −1 where none is known.
    """

    deviation: np.ndarray
    frame: np.ndarray
    keypoint: np.ndarray


def label_suspicion(log_error: np.ndarray, inclusion: np.ndarray) -> Suspicion:
    """The suspicion of each frame: how far its most deviating keypoint lies from the typical frame.

    The largest and not the mean over keypoints: one wrong keypoint is not outvoted by those that are right.

    Args:
        log_error: [S, N, K], log(1 + px); NaN where not labelled.
        inclusion: bool [S, N]. A held-out frame is in no subset, so that all of them count.
    """
    deviation = robust_deviation(mean_out_of_bag(log_error, inclusion))
    known = np.isfinite(deviation)
    filled = np.where(known, deviation, -np.inf)
    any_known = known.any(axis=1)
    return Suspicion(
        deviation=deviation,
        frame=np.where(any_known, filled.max(axis=1), np.nan),
        keypoint=np.where(any_known, filled.argmax(axis=1), -1),
    )


def stands_out(suspicion: Suspicion, log_error: np.ndarray) -> np.ndarray:
    """Bool [N]: the frame is flagged, by its suspicion and by the error of that keypoint among all labels'.

    The second, as a high suspicion may be a small error of a keypoint that is hardly ever missed: above the median of
    all labels by `OUTLYING` robust standard deviations.

    Args:
        log_error: [N, K], the mean out-of-bag log error of each label. NaN is not flagged.
    """
    known = suspicion.keypoint >= 0
    own = np.where(known, log_error[np.arange(len(log_error)), suspicion.keypoint], np.nan)
    every = log_error[np.isfinite(log_error)]
    if not len(every):
        return np.zeros(len(own), bool)
    limit = np.median(every) + OUTLYING * _spread(np.abs(every - np.median(every)))
    return (suspicion.frame >= SUSPICIOUS) & (own > limit)


def mean_out_of_bag(score: np.ndarray, inclusion: np.ndarray) -> np.ndarray:
    """Mean of a score [S, N, K] over the subsets that do not hold the frame, [N, K]; NaN where there is none."""
    known = np.isfinite(score) & ~inclusion[:, :, None]
    count = known.sum(axis=0)
    return np.where(known, score, 0).sum(axis=0, dtype=float) / np.where(count > 0, count, np.nan)


def robust_deviation(values: np.ndarray) -> np.ndarray:
    """(value − median) / (1.4826 · median deviation) of each column of [N, K]; NaN stays NaN.

    A column of fewer than `LEAST_FRAMES` values is measured against all columns together. Where the median deviation
    is 0, the mean deviation takes its place (times 1.2533, for the same scale), and where all values are equal none
    deviates.

    Source: Iglewicz and Hoaglin 1993, How to detect and handle outliers.
    """
    deviation = np.full(values.shape, np.nan)
    for column in range(values.shape[1]):
        own = values[:, column]
        others = own if np.isfinite(own).sum() >= LEAST_FRAMES else values
        others = others[np.isfinite(others)]
        if len(others):
            centre = np.median(others)
            spread = _spread(np.abs(others - centre))
            deviation[:, column] = (own - centre) / spread if spread > 0 else 0 * own
    return deviation


def exchanged_pairs(label: np.ndarray, consensus: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of keypoints of one frame, each of whose labels lies where the networks see the other.

    A keypoint is in one pair at most: by the assignment of labels to places that leaves the least distance in all.

    Args:
        label, consensus: [K, 2] px; NaN where not known.
    """
    to = distance(label[:, None], consensus[None])
    own = np.diag(to)
    with np.errstate(invalid="ignore"):
        fits = to + to.T < _EXCHANGED * (own[:, None] + own[None])
    _, place = linear_sum_assignment(np.where(np.isfinite(to), to, _FAR))
    pairs = [(one, int(other)) for one, other in enumerate(place) if one < other and place[other] == one]
    return [pair for pair in pairs if fits[pair]]


def label_checks(results: Results) -> pd.DataFrame:
    """The table: see the file formats in the documentation for its columns.

    Where the networks have not learned, no frame is flagged.
    """
    labels, scores, inclusion = results.labels, results.scores, results.inclusion
    suspicion = label_suspicion(scores["log_error"], inclusion)
    consensus = out_of_bag_consensus(scores["consensus_pose"], inclusion)
    error = out_of_bag_error(scores["error"], inclusion)
    frames, which = np.arange(len(error)), suspicion.keypoint
    away = distance(consensus, labels.xy)[frames, which]
    table = results.frames[["frame", "video", "image", "split"]].assign(
        suspicion=suspicion.frame,
        keypoint=[labels.keypoints[k] if k >= 0 else None for k in which],
        distance_px=np.where(which >= 0, away, np.nan),
        out_of_bag_error=error,
        flagged=stands_out(suspicion, mean_out_of_bag(scores["log_error"], inclusion)) & results.learning.learned,
        reason=[
            _reason(labels.xy[frame], consensus[frame], suspicion.deviation[frame], labels.keypoints)
            for frame in frames
        ],
    )
    if results.planted is not None:
        table["planted"] = results.frames["planted"]
    rank = table["suspicion"].rank(ascending=False, method="first", na_option="bottom").astype(int)
    table.insert(0, "rank", rank)
    return table.sort_values("rank").reset_index(drop=True)


def write_label_checks(results: Results, path: Path) -> None:
    """Write `labels_to_check.csv`."""
    write_csv(path, label_checks(results))


def read_label_checks(path: Path) -> pd.DataFrame:
    """Read `labels_to_check.csv`.

    Raises UserError if it is not there, as in a study of an older version.
    """
    text = dict.fromkeys(("video", "image", "split", "keypoint", "reason", "planted"), str)
    try:
        return pd.read_csv(whole(path), dtype=text, keep_default_na=False, na_values=[""])
    except FileNotFoundError:
        raise UserError(
            f"{path}: there is no such file; run the study again to have it made, no network is trained anew"
        ) from None


def check_name(row: dict[str, Any]) -> str:
    """A row of the table in words: `m4s1/img0042.png (leftear, 34 px)`."""
    name = f"{row['video']}/{row['image']}"
    if not np.isfinite(row["distance_px"]):
        return name
    return f"{name} ({row['keypoint']}, {row['distance_px']:.0f} px)"


def _spread(deviation: np.ndarray) -> float:
    """The standard deviation that normal values of these absolute deviations would have."""
    return float(1.4826 * np.median(deviation) or 1.2533 * deviation.mean())


def _reason(label: np.ndarray, consensus: np.ndarray, deviation: np.ndarray, keypoints: Sequence[str]) -> str:
    """What kind of error a suspicious frame looks like; empty for other frames."""
    known = np.isfinite(deviation)
    off = known & (np.where(known, deviation, 0) >= SUSPICIOUS)
    if not off.any():
        return ""
    pairs = [pair for pair in exchanged_pairs(label, consensus) if off[list(pair)].any()]
    if pairs:
        names = ", ".join(f"{keypoints[one]} with {keypoints[other]}" for one, other in pairs)
        return f"labels look exchanged: {names}"
    if off.sum() == known.sum() > 1:
        return "all keypoints are off together: labels or networks have the animal turned round or elsewhere"
    if off.sum() == 1:
        return "this keypoint alone is off"
    return f"{off.sum()} of {known.sum()} keypoints are off"
