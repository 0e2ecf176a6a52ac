"""The learning curve at the top of the report: typical error in px over number of training frames."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd

from frameworth.answers.further_labels import ALL
from frameworth.figures import _style
from frameworth.figures.add import draw_curve

_ERRORS = ["measured", "fitted", "ci_low", "ci_high"]
_HEADROOM = 1.1


def learning_picture(table: pd.DataFrame, pool: int) -> str | None:
    """The picture from `add_curve.csv` as SVG; None if fewer than two sizes were measured.

    Args:
        table: its errors are in log(1 + px), and drawn in px. pool: number of frames in the pool.
    """
    rows = table[table["keypoint"] == ALL].sort_values("frames")
    if rows["measured"].notna().sum() < 2:
        return None
    rows = rows.assign(**{name: np.expm1(rows[name]) for name in _ERRORS})
    with _style.theme():
        figure = _style.new_figure(4.4, 3.0)
        axes = figure.subplots()
        draw_curve(axes, rows, pool)
        for _, row in rows.dropna(subset="measured").iterrows():
            place = (row["frames"], row["measured"])
            axes.annotate(f"{row['measured']:.1f}", place, (0, 6), textcoords="offset points", ha="center")
        most = _HEADROOM * rows[["measured", "fitted"]].max(axis=None)
        axes.set(xlim=(0, None), ylim=(0, most), ylabel="typical error, px")
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()
