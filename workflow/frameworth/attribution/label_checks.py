"""`labels_to_check.csv`: every labelled frame, in the pool or held out, by how far its labels stand out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from frameworth.attribution.inference.tails import tail_probability
from frameworth.attribution.inference.values import out_of_bag_consensus, out_of_bag_error, subset_level
from frameworth.attribution.suspicion.deviations import robust_spread
from frameworth.errors import UserError
from frameworth.labels.labels import distance
from frameworth.storage.digests import whole
from frameworth.storage.files import write_csv

if TYPE_CHECKING:
    from frameworth.results.results import Results

EXPECTED_FALSE = 1.0  # right frames among the flagged of a study
UNUSUAL = 0.05  # of the right frames have a label as far off: such a label is named in the reason, flagged or not
LOOKED_AT = 12  # frames, the most suspicious, are pictured and reviewed, flagged or not
LEAST_FRAMES = 8  # fewer labels of a keypoint do not tell how its errors spread
_FAR = 1e9  # px, for a place that is not known
_EXCHANGED = 1 / 3  # the labels of two keypoints fit so much better to each other's place than to their own


@dataclass(frozen=True)
class Suspicion:
    """How far labels stand out from those of the same keypoint in other frames.

    Attributes:
        deviation: [N, K] robust z of the out-of-bag log error; NaN without a label, or where all networks saw it.
        label_p: [N, K] the share of right frames that have any label as far off as this one.
        p: [N] the least over the frame's keypoints; NaN where none is known.
        keypoint: int [N], which keypoint that is; −1 where none is known.
    """

    deviation: np.ndarray
    label_p: np.ndarray
    p: np.ndarray
    keypoint: np.ndarray

    @property
    def frame(self) -> np.ndarray:
        """[N] −log10 p: by this frames are ranked."""
        return -np.log10(self.p)

    @property
    def expected_false(self) -> np.ndarray:
        """[N] how many right frames of so many would be at least as suspicious."""
        return self.p * np.isfinite(self.p).sum()


def label_suspicion(log_error: np.ndarray, inclusion: np.ndarray) -> Suspicion:
    """The suspicion of each frame: how seldom a right frame has a keypoint that deviates as its most deviating one.

    The most deviating and not the mean over keypoints: one wrong keypoint is not outvoted by those that are right.

    Args:
        log_error: [S, N, K], log(1 + px); NaN where not labelled.
        inclusion: bool [S, N]. A held-out frame is in no subset, so that all of them count.
    """
    mean, noise = mean_out_of_bag(log_error, inclusion)
    deviation = robust_deviation(mean, noise)
    label_p = tail_probability(deviation)
    known = np.isfinite(label_p)
    any_known = known.any(axis=1)
    filled = np.where(known, label_p, np.inf)
    # Of keypoints that are as improbable, as on their way to 0, the one that deviates more.
    worst = np.lexsort((-np.where(known, deviation, -np.inf), filled), axis=1)[:, 0]
    return Suspicion(
        deviation=deviation,
        label_p=label_p,
        p=np.where(any_known, filled.min(axis=1), np.nan),
        keypoint=np.where(any_known, worst, -1),
    )


def mean_out_of_bag(log_error: np.ndarray, inclusion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean log error [N, K] over the subsets that do not hold the frame, less their levels, and its variance [N, K].

    Levels are each keypoint's own, as more frames do not help all alike. The variance is that of the mean over so many
    networks, from the typical spread between networks at a label of the keypoint; 0 where it cannot be told. Both are
    NaN where no subset lacks the frame.

    Args:
        log_error: [S, N, K], NaN where not labelled. inclusion: bool [S, N].
    """
    keypoints = log_error.shape[2]
    levels = np.stack([subset_level(log_error[:, :, [k]], inclusion) for k in range(keypoints)], axis=1)
    levelled = log_error - levels[:, None, :]
    known = np.isfinite(levelled) & ~inclusion[:, :, None]
    count = known.sum(axis=0)
    several = np.where(count > 0, count, np.nan)
    mean = np.where(known, levelled, 0).sum(axis=0, dtype=float) / several
    squares = np.where(known, (levelled - mean) ** 2, 0).sum(axis=0)
    spread = np.where(count > 1, squares / np.maximum(count - 1, 1), np.nan)
    typical = [np.median(own[np.isfinite(own)]) if np.isfinite(own).any() else 0.0 for own in spread.T]
    return mean, np.array(typical) / several


def robust_deviation(values: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """(value − median) / standard deviation of each column of [N, K]; NaN stays NaN.

    The standard deviation is 1.4826 · median deviation, with the mean `noise` of the column replaced by the value's
    own: a mean over few networks has to lie farther off. A column of fewer than `LEAST_FRAMES` values is measured
    against all columns together. Where the median deviation is 0, the mean deviation takes its place (times 1.2533, for
    the same scale), and where all values are equal none deviates.

    Args:
        values: [N, K]. noise: [N, K], the part of each value's variance that comes from how few networks it rests on.

    Source: Iglewicz and Hoaglin 1993, How to detect and handle outliers.
    """
    deviation = np.full(values.shape, np.nan)
    for column in range(values.shape[1]):
        own = values[:, column]
        enough = np.isfinite(own).sum() >= LEAST_FRAMES
        others, of_others = (own, noise[:, column]) if enough else (values, noise)
        known = np.isfinite(others)
        others, of_others = others[known], of_others[known]
        if len(others):
            centre = np.median(others)
            between = max(robust_spread(np.abs(others - centre)) ** 2 - of_others.mean(), 0)
            spread = np.sqrt(between + noise[:, column])
            deviation[:, column] = np.where(spread > 0, (own - centre) / np.where(spread > 0, spread, 1), 0 * own)
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


def label_checks(results: Results, expected_false: float = EXPECTED_FALSE) -> pd.DataFrame:
    """The table: see the file formats in the documentation for its columns.

    Frames are flagged as long as, of so many right frames, at most `expected_false` would rank as high.
    Where the networks have not learned, no frame is flagged.
    """
    labels, scores, inclusion = results.labels, results.scores, results.inclusion
    suspicion = label_suspicion(scores["log_error"], inclusion)
    consensus = out_of_bag_consensus(scores["consensus_pose"], inclusion)
    error = out_of_bag_error(scores["error"], inclusion)
    frames, which = np.arange(len(error)), suspicion.keypoint
    limit = max(UNUSUAL, expected_false / max(np.isfinite(suspicion.p).sum(), 1))
    off = np.where(np.isfinite(suspicion.label_p), suspicion.label_p <= limit, np.nan)
    away = distance(consensus, labels.xy)[frames, which]
    table = results.frames[["frame", "video", "image", "split"]].assign(
        suspicion=suspicion.frame,
        p=suspicion.p,
        expected_false=suspicion.expected_false,
        keypoint=[labels.keypoints[k] if k >= 0 else None for k in which],
        distance_px=np.where(which >= 0, away, np.nan),
        out_of_bag_error=error,
        flagged=(suspicion.expected_false <= expected_false) & results.learning.learned,
        reason=[_reason(labels.xy[frame], consensus[frame], off[frame], labels.keypoints) for frame in frames],
    )
    if results.planted is not None:
        table["planted"] = results.frames["planted"]
    rank = table["suspicion"].rank(ascending=False, method="first", na_option="bottom").astype(int)
    table.insert(0, "rank", rank)
    return table.sort_values("rank").reset_index(drop=True)


def write_label_checks(results: Results, path: Path, expected_false: float = EXPECTED_FALSE) -> None:
    """Write `labels_to_check.csv`."""
    write_csv(path, label_checks(results, expected_false))


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


def first_to_check(checks: pd.DataFrame, count: int) -> pd.DataFrame:
    """The first rows of the table in the order in which to look at them: flagged ones before others."""
    return checks.sort_values("flagged", ascending=False, kind="stable").head(count)


def check_name(row: dict[str, Any]) -> str:
    """A row of the table in words: `m4s1/img0042.png (leftear, 34 px: this keypoint alone is off)`."""
    name = f"{row['video']}/{row['image']}"
    if not np.isfinite(row["distance_px"]):
        return name
    reason = f": {row['reason']}" if isinstance(row["reason"], str) and row["reason"] else ""
    return f"{name} ({row['keypoint']}, {row['distance_px']:.0f} px{reason})"


def _reason(label: np.ndarray, consensus: np.ndarray, off: np.ndarray, keypoints: Sequence[str]) -> str:
    """What kind of error a frame looks like by which of its labels are off (1, 0, NaN unknown); empty if none is."""
    known, off = np.isfinite(off), off == 1
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
