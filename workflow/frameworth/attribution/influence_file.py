"""`influence.h5`: the influence of every training frame on every frame, keypoint by keypoint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from frameworth.attribution.estimators import estimator
from frameworth.attribution.inference.values import false_discovery, p_values
from frameworth.attribution.sample import Sample
from frameworth.labels.frames import read_frames
from frameworth.labels.subsets import read_subsets
from frameworth.scores.registry import unit_of
from frameworth.storage.hdf5 import Array, made_from, read_hdf5, write_hdf5

ALWAYS = ("difference-of-means", "size-centred")
DIMENSIONS = ("training_frame", "evaluated_frame", "keypoint")
VARIANCE = "variance"  # of the error between subsets of one size: frames influence it, but no single network has it
SCORES = ("error", "log_error", VARIANCE, "confidence", "probability")


def squared_deviation(scores: np.ndarray, percents: np.ndarray) -> np.ndarray:
    """(u − ū_p)² · m_p/(m_p − 1) of scores [S, …], with ū_p the mean over the m_p subsets of a percent.

    Its mean is the variance of the score between subsets of one size, so the influence on it is the effect of a frame
    on that variance. NaN for a percent with one subset. Subsets without any score, because all their networks diverged,
    are left out.
    """
    out = np.full(scores.shape, np.nan)
    scored = np.isfinite(scores).reshape(len(scores), -1).any(axis=1)
    for percent in np.unique(percents):
        rows = scored & (percents == percent)
        count = np.count_nonzero(rows)
        if count > 1:
            out[rows] = (scores[rows] - scores[rows].mean(axis=0)) ** 2 * count / (count - 1)
    return out


def score_arrays(scores: dict[str, np.ndarray], percents: np.ndarray) -> dict[str, np.ndarray]:
    """The scores [S, N, K] whose influence is estimated, by the names of `SCORES`."""
    variance = squared_deviation(scores["error"].astype(float), percents)
    return {name: variance if name == VARIANCE else scores[name] for name in SCORES}


def influence_unit(score: str) -> str:
    """The unit of the influence on one of `SCORES`."""
    return f"{unit_of('error')}^2" if score == VARIANCE else unit_of(score)


def write_influence(study: Path, groups: Sequence[Sequence[int]], chosen: str) -> None:
    """Estimate the influence on every score, over all subsets and over each group of percents, and write the file.

    The estimators are the paper's difference of means, the size-centred difference, and the estimator `chosen`. Where
    there are standard errors, `q_value` is the false discovery rate over the whole matrix.
    """
    frames, scores = read_frames(study / "frames.csv"), read_hdf5(study / "scores.h5")
    numbers = np.arange(len(frames))
    write_hdf5(
        study / "influence.h5",
        _estimates(*read_subsets(study), (frames["split"] == "pool").to_numpy(), scores, groups, chosen),
        {"training_frame": numbers, "evaluated_frame": numbers, "keypoint": scores["keypoint"]},
        {"sign": "with minus without: for errors negative helps, for confidence and probability positive"}
        | made_from(study / "scores.h5"),
    )


def _estimates(
    subsets: pd.DataFrame,
    inclusion: np.ndarray,
    pool: np.ndarray,
    scores: dict[str, np.ndarray],
    groups: Sequence[Sequence[int]],
    chosen: str,
) -> Iterator[tuple[str, Array]]:
    """Yields the datasets of `influence.h5` by name, one at a time: together they may not fit into memory."""
    percents, clusters = subsets["percent"].to_numpy(), subsets["cluster"].to_numpy()
    by_score = score_arrays(scores, percents)
    shape = (len(pool), *scores["error"].shape[1:])
    # All scores at once, so that what depends on inclusion alone is computed once.
    together = np.concatenate([values.reshape(len(subsets), -1).astype(np.float32) for values in by_score.values()], 1)
    own_frame = np.tile(np.where(pool, np.arange(len(pool)), -1).repeat(shape[2]), len(by_score))
    rows_of = {"all": np.ones(len(subsets), bool)}
    rows_of |= {group_name(group): np.isin(percents, group) for group in groups}
    for group, rows in rows_of.items():
        n_with = inclusion[rows].sum(axis=0)
        for name in sorted({*ALWAYS, chosen}):
            sample = Sample(inclusion[rows], together[rows], percents[rows], clusters[rows], own_frame)
            estimated = estimator(name)(sample)
            parts = (estimated.value, estimated.standard_error)
            of_scores = zip(by_score, *(np.split(part, len(by_score), axis=1) for part in parts), strict=True)
            for score, value, error in of_scores:
                prefix = f"{score}/{name}/{group}"
                value, error = (part.reshape(shape).astype(np.float32) for part in (value, error))
                yield f"{prefix}/value", Array(value, DIMENSIONS, influence_unit(score))
                yield f"{prefix}/standard_error", Array(error, DIMENSIONS, influence_unit(score))
                if name == "size-centred":
                    q = false_discovery(p_values(value, error, estimated.clusters)).astype(np.float32)
                    yield f"{prefix}/q_value", Array(q, DIMENSIONS)
                yield f"{prefix}/n_with", Array(n_with, DIMENSIONS[:1])
                yield f"{prefix}/n_without", Array(rows.sum() - n_with, DIMENSIONS[:1])


def group_name(group: Sequence[int]) -> str:
    """The name of a group of percents in files, `10-30`."""
    return "-".join(map(str, group))
