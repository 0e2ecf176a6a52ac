"""`add*.csv`: is labelling more frames worth it, for which keypoints, and which poses are rare in the pool?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

from frameworth.answers.coverage import nearest, pose_distances
from frameworth.answers.learning_curve import LearningCurve, learning_curve
from frameworth.attribution.inference import values
from frameworth.attribution.inference.resampling import rank_correlation
from frameworth.results.results import Results
from frameworth.storage.files import write_tables

ALL = "(all keypoints)"
TIMES = (0.5, 1.5, 2.0)  # multiples of the pool's number of frames
THIN_QUANTILE = 0.95  # of the distances from pool frames to their nearest other pool frame
# In most shapes a falling curve goes on falling, so a change is called only if it is more than about 2 %.
WORTHWHILE = 0.02  # log(1 + px)
HARDLY = 0.05  # log(1 + px): an interval within ± this is called hardly any change
_SCORE = "log_error"  # in px, a few lost keypoints would dominate the curve


class FurtherLabels(NamedTuple):
    """Three tables.

    Attributes:
        changes: a row per keypoint (and for all) and each of `TIMES`, the change from the pool's size to that size.
        curve: a row per keypoint (and for all) and number of frames, with the measured and the fitted score.
        poses: a row per frame, with its pose and its distance from the pool.
    """

    changes: pd.DataFrame
    curve: pd.DataFrame
    poses: pd.DataFrame


def write_further_labels(results: Results) -> None:
    """Write `add.csv`, `add_curve.csv` and `add_poses.csv`."""
    write_tables(results.folder / "add", further_labels(results)._asdict())


def further_labels(results: Results) -> FurtherLabels:
    """How more frames would change the error, and which poses are rare in the pool.

    The intervals of single keypoints hold for all keypoints together (Bonferroni).
    """
    level, count = results.level, len(results.labels.keypoints)
    tables = [_curve_rows(results, ALL, np.arange(count), level)]
    if count > 1:
        each = 1 - (1 - level) / count
        tables += [_curve_rows(results, name, np.array([k]), each) for k, name in enumerate(results.labels.keypoints)]
    changes, curve = (pd.concat(rows, ignore_index=True) for rows in zip(*tables, strict=True))
    if not results.learning.learned:
        changes["verdict"] = "cannot be told: the networks have not learned"
    return FurtherLabels(changes, curve, _pose_rows(results))


def verdicts(curve: LearningCurve) -> list[str]:
    """The change to each number of frames in `curve`, in words."""
    if curve.reason:
        return [f"cannot be told: {curve.reason}"] * len(curve.frames)
    return [_verdict(low, high) for low, high in zip(curve.change_low, curve.change_high, strict=True)]


def _verdict(low: float, high: float) -> str:
    if high < -WORTHWHILE:
        return "would gain"
    if low > WORTHWHILE:
        return "would lose"
    if low > -HARDLY and high < HARDLY:
        return "would hardly change"
    return "cannot be told: it may be much or nothing"


def _curve_rows(results: Results, name: str, keypoints: np.ndarray, level: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of `changes` and of `curve` for the mean over some keypoints."""
    pool, frames = int(results.pool.sum()), results.subsets["frames"].to_numpy()
    score = values.subset_score(results.scores[_SCORE][:, :, keypoints], ~results.pool)
    inside = np.geomspace(frames.min(), pool, 12)
    known = np.isfinite(score)
    by_size = pd.Series(score[known]).groupby(frames[known].astype(float))
    measured = pd.DataFrame({"measured": by_size.mean(), "subsets": by_size.size()})
    along = np.unique(np.concatenate([inside, np.geomspace(pool, max(TIMES) * pool, 6), measured.index]))
    asked = np.concatenate([along, pool * np.array(TIMES)])
    curve = learning_curve(score, frames, results.clusters, _networks(results), pool, asked, level)
    rows = pd.DataFrame({"frames": asked, "fitted": curve.value, "ci_low": curve.low, "ci_high": curve.high})
    rows = rows[: len(along)].join(measured, on="frames").dropna(how="all", subset=["measured", "fitted"])
    change = {"frames": asked, "value": curve.change, "ci_low": curve.change_low, "ci_high": curve.change_high}
    changes = pd.DataFrame(change | {"verdict": verdicts(curve)})[len(along) :]
    for table in (changes, rows):
        table.insert(0, "keypoint", name)
    return changes, rows


def _networks(results: Results) -> np.ndarray:
    """Number of networks that each subset's score is averaged over, int [S]."""
    spoke = results.networks[results.networks["mean_log_error"].notna()]
    return spoke.groupby("subset").size().reindex(results.subsets["subset"], fill_value=0).to_numpy()


def _pose_rows(results: Results) -> pd.DataFrame:
    """Each frame's position in the plane of poses, its distance to the nearest other pool frame, and its error."""
    pool, xy = results.pool, results.labels.xy
    distance = pose_distances(xy)
    to_nearest = nearest(distance, np.ones(len(pool), bool), pool)
    error = results.scores[_SCORE].astype(float)
    mean = values.mean_of_known(np.where(results.inclusion[:, :, None], np.nan, error), (0, 2))
    of_pool = to_nearest[pool & np.isfinite(to_nearest)]
    far = to_nearest > np.quantile(of_pool, THIN_QUANTILE) if len(of_pool) else np.zeros(len(pool), bool)
    high = mean > np.nanmedian(mean[~pool])
    place = pose_plane(xy)
    return pd.DataFrame(
        {
            "frame": np.arange(len(pool)),
            "video": results.frames["video"],
            "image": results.frames["image"],
            "split": results.frames["split"],
            "pose_distance": to_nearest,
            "log_error": mean,
            "pose_1": place[:, 0],
            "pose_2": place[:, 1],
            "thin": ~pool & far & high,
        }
    )


def pose_plane(xy: np.ndarray) -> np.ndarray:
    """The first two principal components of centred poses, [N, 2] px; NaN for frames with fewer than two keypoints.

    A keypoint that is not labelled is placed at its average position.

    Args:
        xy: [N, K, 2] px, NaN where not labelled.
    """
    known = np.isfinite(xy).all(axis=2)
    several = known.sum(axis=1) > 1
    out = np.full((len(xy), 2), np.nan)
    if several.sum() < 3:
        return out
    pose = xy[several] - np.nanmean(xy[several], axis=1, keepdims=True)
    labelled = known[several].any(axis=0)
    pose = pose[:, labelled]
    filled = np.where(np.isfinite(pose), pose, np.nanmean(pose, axis=0)).reshape(len(pose), -1)
    if filled.shape[1] >= 2:
        out[several] = PCA(2, svd_solver="full").fit_transform(filled)
    return out


def far_frames(poses: pd.DataFrame, level: float) -> dict[str, float] | None:
    """Rank correlation, with its interval, of held-out frames' distance from the pool and their error.

    Args:
        poses: `add_poses.csv`. Returns None if there are too few frames.
    """
    held_out = poses[poses["split"] == "held-out"].dropna(subset=["pose_distance", "log_error"])
    pair = held_out[["pose_distance", "log_error"]].to_numpy().T
    if pair.shape[1] < 8 or (np.ptp(pair, axis=1) == 0).any():
        return None
    correlation, low, high = rank_correlation(pair, level)
    return {"correlation": correlation, "low": low, "high": high} if np.isfinite(low) else None
