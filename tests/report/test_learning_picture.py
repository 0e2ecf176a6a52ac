"""The curve at the top of the report agrees with its numbers."""

import re

import numpy as np
import pandas as pd
import pytest

from frameworth.answers.further_labels import ALL
from frameworth.report.learning_picture import HEIGHT, WIDTH, LearningPicture, learning_picture


def table(curve: bool = True) -> pd.DataFrame:
    """Errors of 4, 3 and 2 px with 10, 20 and 40 frames, and a curve to 80 of a pool of 40."""
    px = np.array([4, 3, 2, np.nan])
    rows = pd.DataFrame({"keypoint": ALL, "frames": [10, 20, 40, 80], "measured": np.log1p(px)})
    fitted = {"fitted": np.log1p([4, 3, 2, 1]), "ci_low": np.log1p(0.5), "ci_high": np.log1p(9.0)}
    return rows.assign(**(fitted if curve else dict.fromkeys(fitted, np.nan)))


def places(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", path)]


@pytest.fixture
def picture() -> LearningPicture:
    drawn = learning_picture(table(), 40)
    assert drawn is not None
    return drawn


def test_dots_lie_on_a_curve_that_passes_through_them_and_say_their_px(picture: LearningPicture):
    assert [dot[:2] for dot in picture.dots] == places(picture.line)
    assert [dot[2] for dot in picture.dots] == ["10 frames: 4.0 px", "20 frames: 3.0 px", "40 frames: 2.0 px"]


def test_twice_the_px_stand_twice_as_high_and_twice_the_frames_twice_as_far(picture: LearningPicture):
    (ten, four), (twenty, _), (_, two) = places(picture.line)
    assert picture.bottom - four == pytest.approx(2 * (picture.bottom - two), abs=0.2)
    assert twenty - picture.left == pytest.approx(2 * (ten - picture.left), abs=0.2)


def test_the_forecast_begins_at_the_pool_and_the_band_stays_in_the_picture(picture: LearningPicture):
    assert places(picture.beyond)[0] == places(picture.line)[-1]
    assert places(picture.beyond)[0][0] == picture.pool
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places(picture.band))


def test_without_a_curve_there_are_dots_and_with_one_size_no_picture():
    drawn = learning_picture(table(curve=False), 40)
    assert drawn is not None
    assert (drawn.line, drawn.beyond, drawn.band) == ("", "", "")
    assert learning_picture(table()[:1], 40) is None
