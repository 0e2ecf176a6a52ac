"""`add.csv`: is labelling more frames worth it, for which keypoints, and which poses are rare in the pool?"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.decomposition import PCA

from frameworth.answers.coverage import nearest, pose_distances
from frameworth.answers.learning_curve import LearningCurve, learning_curve
from frameworth.answers.validation import interval
from frameworth.attribution.inference import values
from frameworth.results.results import Results

ALL = "(all keypoints)"
TIMES = (0.5, 1.5, 2.0)  # frames of the pool
THIN_QUANTILE = 0.95  # of the pool's own distances to the nearest other frame
# A curve that falls goes on falling in most shapes: a change that may be less than about 2 % is not called one.
WORTHWHILE = 0.02  # log(1 + px)
HARDLY = 0.05  # log(1 + px), both ways: an interval within it is called hardly any change
_SCORE = "log_error"  # px errors of a few lost keypoints would rule the curve


def further_labels(results: Results) -> pd.DataFrame:
    """Rows `measured`, `curve` and `gain` per keypoint and for all, `frame` per frame, and one `far frames`.

    Curves of single keypoints have intervals that hold for all of them together (Bonferroni).
    """
    level, count = results.level, len(results.labels.keypoints)
    tables = [_curve_rows(results, ALL, np.arange(count), level)]
    if count > 1:
        each = 1 - (1 - level) / count
        tables += [_curve_rows(results, name, np.array([k]), each) for k, name in enumerate(results.labels.keypoints)]
    frames = _frame_rows(results)
    table = pd.concat([*tables, frames, _far_frames(frames, level)], ignore_index=True)
    if not results.learning.learned:
        table.loc[table["about"] == "gain", "verdict"] = "cannot be told: the networks have not learned"
    return table


def verdicts(curve: LearningCurve) -> list[str]:
    """What the change to each number of frames asked for amounts to, in words."""
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


def _curve_rows(results: Results, name: str, keypoints: np.ndarray, level: float) -> pd.DataFrame:
    pool, frames = int(results.pool.sum()), results.subsets["frames"].to_numpy()
    score = values.subset_score(results.scores[_SCORE][:, :, keypoints], ~results.pool)
    inside = np.geomspace(frames.min(), pool, 12)
    asked = np.concatenate([inside, np.geomspace(pool, max(TIMES) * pool, 6)[1:], pool * np.array(TIMES)])
    curve = learning_curve(score, frames, results.clusters, _networks(results), pool, asked, level)
    known = np.isfinite(score)
    by_size = pd.Series(score[known]).groupby(frames[known])
    measured = pd.DataFrame({"about": "measured", "value": by_size.mean(), "subsets": by_size.size()})
    rows = [measured.rename_axis("frames").reset_index()]
    along, last = slice(None, -len(TIMES)), slice(-len(TIMES), None)
    if not curve.reason:
        drawn = {"frames": asked[along], "value": curve.value[along]}
        drawn |= {"ci_low": curve.low[along], "ci_high": curve.high[along]}
        rows.append(pd.DataFrame({"about": "curve", **drawn}))
    gain: dict[str, object] = {"frames": asked[last], "value": curve.change[last], "ci_low": curve.change_low[last]}
    gain |= {"ci_high": curve.change_high[last], "verdict": verdicts(curve)[last]}
    rows.append(pd.DataFrame({"about": "gain", **gain}))
    return pd.concat(rows).assign(keypoint=name)


def _networks(results: Results) -> np.ndarray:
    """How many networks each subset's score is the mean of, int [S]."""
    spoke = results.networks[results.networks["mean_log_error"].notna()]
    return spoke.groupby("subset").size().reindex(results.subsets["subset"], fill_value=0).to_numpy()


def _frame_rows(results: Results) -> pd.DataFrame:
    """Each frame's place in the plane of poses, its distance to the nearest other frame of the pool, and its error."""
    pool, xy = results.pool, results.labels.xy
    distance = pose_distances(xy)
    own = nearest(distance, np.ones(len(pool), bool), pool)
    error = results.scores[_SCORE].astype(float)
    mean = values.mean_of_known(np.where(results.inclusion[:, :, None], np.nan, error), (0, 2))
    of_pool = own[pool & np.isfinite(own)]
    far = own > np.quantile(of_pool, THIN_QUANTILE) if len(of_pool) else np.zeros(len(pool), bool)
    high = mean > np.nanmedian(mean[~pool])
    place = pose_plane(xy)
    return pd.DataFrame(
        {
            "about": "frame",
            "frame": np.arange(len(pool)),
            "video": results.frames["video"],
            "image": results.frames["image"],
            "split": results.frames["split"],
            "pose_distance": own,
            "log_error": mean,
            "pose_1": place[:, 0],
            "pose_2": place[:, 1],
            "thin": ~pool & far & high,
        }
    )


def pose_plane(xy: np.ndarray) -> np.ndarray:
    """The first two principal components of poses about their centroids, [N, 2] px; NaN without two keypoints.

    Keypoints that are not labelled stand where they are on average.

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


def _far_frames(frames: pd.DataFrame, level: float) -> pd.DataFrame:
    """Whether held-out frames far from all of the pool have higher errors: rank correlation with its interval."""
    held_out = frames[frames["split"] == "held-out"].dropna(subset=["pose_distance", "log_error"])
    pair = held_out[["pose_distance", "log_error"]].to_numpy().T
    count = pair.shape[1]
    if count < 8 or (np.ptp(pair, axis=1) == 0).any():
        return pd.DataFrame()

    def correlation(some: np.ndarray) -> float:
        ranks = stats.rankdata(pair[:, some], axis=1)
        return float(np.corrcoef(ranks)[0, 1]) if (np.ptp(ranks, axis=1) > 0).all() else np.nan

    low, high = interval(correlation, lambda rng: rng.integers(0, count, count), level)
    row = {"about": "far frames", "value": correlation(np.arange(count)), "ci_low": low, "ci_high": high}
    return pd.DataFrame([row])
