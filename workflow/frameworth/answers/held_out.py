"""Influence of the pool's frames on the error at held-out frames, in a finished study."""

from __future__ import annotations

import warnings

import numpy as np

from frameworth.attribution.estimate import FewClustersWarning, Influence, UndecidableFrameWarning, estimate_influence
from frameworth.attribution.inference.values import mean_of_known
from frameworth.results.results import Results

RESAMPLES = 999  # redraws of the design


def held_out_influence(results: Results, score: str, estimator: str, resamples: int = RESAMPLES) -> Influence:
    """Influence of all frames on one target: the subsets' mean score over held-out frames."""
    return influence_on(results, results.held_out_score(score)[:, None], estimator, resamples)


def influence_on(results: Results, scores: np.ndarray, estimator: str, resamples: int) -> Influence:
    """Influence of all frames on scores of the subsets, [S, targets]."""
    with warnings.catch_warnings():
        # Held-out frames are in no subset, and if clusters are too few the verdicts already say "undecided".
        warnings.simplefilter("ignore", UndecidableFrameWarning)
        warnings.simplefilter("ignore", FewClustersWarning)
        return estimate_influence(
            results.inclusion,
            scores,
            percents=results.percents,
            clusters=results.clusters,
            design=results.subsets["design"].to_numpy(),
            estimator=estimator,
            level=results.level,
            resamples=resamples,
            random_state=0,
        )


def memorization(results: Results) -> np.ndarray:
    """Influence of each frame on its own error, size-centred, mean over its keypoints, px [N]."""
    matrix = results.influence("error", "size-centred")["value"]
    frames = np.arange(len(matrix))
    return mean_of_known(matrix[frames, frames], 1)
