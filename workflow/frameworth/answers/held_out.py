"""Influence of the pool's frames on the error at held-out ones, of a finished study."""

from __future__ import annotations

import warnings

from frameworth.attribution.estimate import FewClustersWarning, Influence, UndecidableFrameWarning, estimate_influence
from frameworth.attribution.inference import values
from frameworth.results.results import Results

RESAMPLES = 999  # redraws of the design


def held_out_influence(results: Results, score: str, estimator: str, resamples: int = RESAMPLES) -> Influence:
    """Influence of all frames on the subsets' mean score over held-out frames, one target."""
    options, subsets = results.options["influence"], results.subsets
    with warnings.catch_warnings():
        # The columns of held-out frames are in no subset, and the verdicts say what few clusters leave undecided.
        warnings.simplefilter("ignore", UndecidableFrameWarning)
        warnings.simplefilter("ignore", FewClustersWarning)
        return estimate_influence(
            results.inclusion,
            values.subset_score(results.scores[score], ~results.pool)[:, None],
            percents=subsets["percent"].to_numpy(),
            clusters=subsets["cluster"].to_numpy(),
            design=subsets["design"].to_numpy(),
            estimator=estimator,
            level=options["level"],
            resamples=resamples,
            random_state=0,
        )
