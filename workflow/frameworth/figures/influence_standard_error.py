"""How uncertain each influence on the error is."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from frameworth.figures import _matrix, _style
from frameworth.results.results import Results

_NOTE = (
    "Standard error of the influence on the error, from the spread between independent subsets (clusters). "
    "The mean of keypoints is the mean of their standard errors. Columns right of the black line are held "
    "out. Grey: no label, or not estimable. Colours end at the 98th percentile."
)


def table(results: Results) -> pd.DataFrame:
    """A row per panel, training frame and evaluated frame; `standard_error` in px."""
    return _matrix.matrix_table(results, "error", "standard_error")


def draw(table: pd.DataFrame, results: Results) -> Figure:
    """Matrices of standard errors, from 0 up."""
    limit = _style.symmetric_limit(table["standard_error"].to_numpy(), 0.98)
    label = "standard error of the change in error (px)"
    figure = _matrix.draw_matrices(table, results, "standard_error", "viridis", Normalize(0, limit), label)
    _style.headline(figure, _title(table, results), _NOTE)
    return figure


def _title(table: pd.DataFrame, results: Results) -> str:
    single = table.loc[(table["group"] == "all") & (table["keypoint"] != _matrix.MEAN), "standard_error"]
    if single.isna().all():
        return "No influence has a standard error: there are too few independent subsets"
    others = _matrix.off_diagonal(results.influence("error", _matrix.ESTIMATOR)["value"])
    text = (
        f"An influence is known to ± {single.median():.2f} px (median standard error); the influences "
        f"themselves are typically {np.nanmedian(np.abs(others)):.2f} px"
    )
    share, chance = _matrix.influence_on_others(results, "error")
    if share is None:
        return text
    return f"{text}, and {_style.percentage(share)} stand out ({_style.percentage(chance)} would by chance on average)"
