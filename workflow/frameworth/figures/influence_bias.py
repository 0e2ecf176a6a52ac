"""How the presence of each training frame changes the error at every frame."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from frameworth.figures import _matrix
from frameworth.results.results import Results

_ESTIMATOR = "size-centred"


def table(results: Results) -> pd.DataFrame:
    """A row per panel, training frame and evaluated frame; `value`: change of the error in px."""
    return _matrix.matrix_table(results, "error", _ESTIMATOR)


def draw(table: pd.DataFrame, results: Results) -> Figure:
    """Matrices of error influence: negative (blue) helps."""
    return _matrix.draw_signed(
        table,
        results,
        score="error",
        estimator=_ESTIMATOR,
        colours=_matrix.HARMS_RED,
        unit=" px",
        digits=1,
        label="change in error, with − without (px)\nhelps  ←   0   →  harms",
    )
