"""`influence.h5`: the influence of every training frame on every frame, keypoint by keypoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from frameworth.estimators import Estimate, estimator, estimator_names
from frameworth.frames import read_frames
from frameworth.hdf5 import Array, read_hdf5, write_hdf5
from frameworth.subsets import read_subsets

UNITS = {"error": "px", "log_error": "log(1 + px)", "variance": "px^2", "confidence": "", "probability": ""}


def squared_deviation(scores: np.ndarray, percents: np.ndarray) -> np.ndarray:
    """(u − ū_p)² · m_p/(m_p − 1) of scores [S, …], with ū_p the mean over the m_p subsets of a percent.

    Its mean is the variance of the score between subsets of one size, so its influence is what a frame does
    to that variance. NaN for a percent with one subset.
    """
    out = np.full(scores.shape, np.nan)
    for percent in np.unique(percents):
        rows = percents == percent
        count = np.count_nonzero(rows)
        if count > 1:
            out[rows] = (scores[rows] - scores[rows].mean(axis=0)) ** 2 * count / (count - 1)
    return out


def score_arrays(scores: dict[str, np.ndarray], percents: np.ndarray) -> dict[str, np.ndarray]:
    """The scores [S, N, K] whose influence is estimated, by the names of `UNITS`."""
    variance = squared_deviation(scores["error"].astype(float), percents)
    return {name: variance if name == "variance" else scores[name] for name in UNITS}


def influence_on_frames(
    name: str, inclusion: np.ndarray, score: np.ndarray, subsets: pd.DataFrame, pool: np.ndarray
) -> Estimate:
    """Influence [N, N·K] by one estimator, of all N frames on `score` [S, N, K].

    Args:
        pool: bool [N], may be trained on; the others' rows come out NaN.
    """
    frames, keypoints = score.shape[1:]
    own = np.where(pool, np.arange(frames), -1).repeat(keypoints)
    return estimator(name)(
        inclusion,
        score.reshape(len(score), frames * keypoints),
        percents=subsets["percent"].to_numpy(),
        clusters=subsets["cluster"].to_numpy(),
        self_frame=own,
    )


def write_influence(
    study: Path, frames_csv: Path, scores_h5: Path, groups: Sequence[Sequence[int]], influence_h5: Path
) -> None:
    """Estimate with every estimator, for every score, over all subsets and over each group of percents."""
    subsets, inclusion = read_subsets(study)
    frames = read_frames(frames_csv)
    pool = (frames["split"] == "pool").to_numpy()
    scores = read_hdf5(scores_h5)
    percents = subsets["percent"].to_numpy()
    arrays: dict[str, Array] = {}
    rows_of = {"all": np.ones(len(subsets), bool)}
    rows_of |= {group_name(group): np.isin(percents, group) for group in groups}
    for score, values in score_arrays(scores, percents).items():
        for group, rows in rows_of.items():
            for name in estimator_names():
                estimate = influence_on_frames(name, inclusion[rows], values[rows], subsets[rows], pool)
                shape = (len(frames), *values.shape[1:])
                for part, unit in (("value", UNITS[score]), ("standard_error", UNITS[score])):
                    matrix = getattr(estimate, part).reshape(shape).astype(np.float32)
                    arrays[f"{score}/{name}/{group}/{part}"] = Array(
                        matrix, ("training_frame", "evaluated_frame", "keypoint"), unit
                    )
                held = inclusion[rows].sum(axis=0)
                arrays[f"{score}/{name}/{group}/n_with"] = Array(held, ("training_frame",))
                arrays[f"{score}/{name}/{group}/n_without"] = Array(rows.sum() - held, ("training_frame",))
    write_hdf5(
        influence_h5,
        arrays,
        {
            "training_frame": np.arange(len(frames)),
            "evaluated_frame": np.arange(len(frames)),
            "keypoint": scores["keypoint"],
        },
        {"sign": "with minus without: for errors negative helps, for confidence and probability positive"},
    )


def group_name(group: Sequence[int]) -> str:
    """The name of a group of percents in files, `10-30`."""
    return "-".join(map(str, group))
