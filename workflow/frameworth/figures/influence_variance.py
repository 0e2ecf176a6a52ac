"""How the presence of each training frame changes the spread of the error between subsets, at every frame."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from frameworth.figures import _matrix
from frameworth.results.results import Results

_ESTIMATOR = "size-centred"


def table(results: Results) -> pd.DataFrame:
    """A row per panel, training frame and evaluated frame; `value`: change of the error's variance in px²."""
    return _matrix.matrix_table(results, "variance", _ESTIMATOR)


def draw(table: pd.DataFrame, results: Results) -> Figure:
    """Matrices of variance influence: negative (blue) steadies."""
    return _matrix.draw_signed(
        table,
        results,
        score="variance",
        estimator=_ESTIMATOR,
        colours=_matrix.HARMS_RED,
        unit=" px²",
        digits=1,
        squash=True,
        label="change in the variance of the error, with − without (px²)\nsteadies  ←   0   →  unsettles",
    )
