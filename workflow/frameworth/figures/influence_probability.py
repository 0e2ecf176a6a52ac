"""How the presence of each training frame changes the probability at the label of every frame."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from frameworth.figures import _matrix
from frameworth.results.results import Results

_ESTIMATOR = "size-centred"


def table(results: Results) -> pd.DataFrame:
    """A row per panel, training frame and evaluated frame; `value`: change of the probability."""
    return _matrix.matrix_table(results, "probability", _ESTIMATOR)


def draw(table: pd.DataFrame, results: Results) -> Figure:
    """Matrices of probability influence: positive (blue) helps."""
    return _matrix.draw_signed(
        table,
        results,
        score="probability",
        estimator=_ESTIMATOR,
        colours=_matrix.HELPS_BLUE,
        unit="",
        digits=4,
        label="change in probability, with − without (of 1 over the map)\nharms  ←   0   →  helps",
    )
