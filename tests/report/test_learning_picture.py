"""The curve at the top of the report agrees with its numbers."""

import re

import numpy as np
import pandas as pd

from frameworth.answers.further_labels import ALL
from frameworth.report.learning_picture import learning_picture


def table(curve: bool = True) -> pd.DataFrame:
    """Errors of 4.2, 3.1 and 2.3 px with 10, 20 and 40 frames, and a curve to 80 of a pool of 40."""
    px = np.array([4.2, 3.1, 2.3, np.nan])
    rows = pd.DataFrame({"keypoint": ALL, "frames": [10, 20, 40, 80], "measured": np.log1p(px)})
    fitted = {"fitted": np.log1p([4.2, 3.1, 2.3, 1.6]), "ci_low": np.log1p(0.5), "ci_high": np.log1p(9.0)}
    return rows.assign(**(fitted if curve else dict.fromkeys(fitted, np.nan)))


def written(svg: str | None) -> list[str]:
    """The texts in a picture."""
    assert svg is not None
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_each_measured_size_has_its_error_in_px_beside_it():
    texts = written(learning_picture(table(), 40))
    assert [text for text in texts if text in ("4.2", "3.1", "2.3", "1.6")] == ["4.2", "3.1", "2.3"]
    assert "typical error, px" in texts


def test_without_a_curve_there_are_dots_and_with_one_size_no_picture():
    with_curve, without = learning_picture(table(), 40), learning_picture(table(curve=False), 40)
    assert with_curve is not None
    assert without is not None
    assert "FillBetweenPolyCollection" in with_curve
    assert "FillBetweenPolyCollection" not in without
    assert "4.2" in written(without)
    assert learning_picture(table()[:1], 40) is None
