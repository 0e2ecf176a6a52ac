"""The learning curve at the top of the report, as SVG paths: typical error in px over number of training frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from frameworth.answers.further_labels import ALL

WIDTH, HEIGHT = 420, 300  # size of the whole picture
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 10, 42  # margins around the plot
_HEADROOM = 1.06


@dataclass(frozen=True)
class Tick:
    """A number along an axis and its position in the picture."""

    at: float
    text: str


@dataclass(frozen=True)
class LearningPicture:
    """What the template draws.

    Attributes:
        dots: x, y and text of each measured size. line, beyond, band: path data of the curve up to the pool's size, of
            the extrapolated curve, and of the interval; empty if no curve was fitted. pool: x of the pool's size.
    """

    dots: list[tuple[float, float, str]]
    line: str
    beyond: str
    band: str
    pool: float
    across: list[Tick]
    up: list[Tick]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    bottom: int = HEIGHT - _BOTTOM


def learning_picture(table: pd.DataFrame, pool: int) -> LearningPicture | None:
    """The picture from `add_curve.csv`; None if fewer than two sizes were measured.

    Args:
        table: its errors are in log(1 + px), and drawn in px. pool: number of frames in the pool.
    """
    rows = table[table["keypoint"] == ALL]
    measured = rows.dropna(subset="measured")
    if len(measured) < 2:
        return None
    curve = rows.dropna(subset="fitted").sort_values("frames")
    px = np.expm1(curve[["fitted", "ci_low", "ci_high"]].to_numpy(float)) if len(curve) else np.empty((0, 3))
    frames, errors = measured["frames"].to_numpy(float), np.expm1(measured["measured"].to_numpy(float))
    inside = curve["frames"].to_numpy(float) if len(curve) else np.empty(0)
    most = _HEADROOM * max(errors.max(), px[:, 0].max(initial=0))
    widest = max(float(pool), frames.max(), inside.max(initial=0))

    def x(value: float) -> float:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * value / widest, 1)

    def y(value: float) -> float:
        return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * min(max(value, 0.0), most) / most, 1)

    def path(places: Sequence[float], values: Sequence[float]) -> str:
        return "".join(f"{'L' if i else 'M'}{x(a)} {y(b)}" for i, (a, b) in enumerate(zip(places, values, strict=True)))

    here = inside <= pool * 1.0001
    last = inside >= pool * 0.9999
    around = np.concatenate([px[:, 1], px[::-1, 2]])
    return LearningPicture(
        dots=[
            (x(size), y(error), f"{size:.0f} frames: {error:.1f} px")
            for size, error in zip(frames, errors, strict=True)
        ],
        line=path(inside[here].tolist(), px[here, 0].tolist()),
        beyond=path(inside[last].tolist(), px[last, 0].tolist()),
        band=f"{path(np.concatenate([inside, inside[::-1]]).tolist(), around.tolist())}Z" if len(curve) else "",
        pool=x(pool),
        across=[Tick(x(value), f"{value:g}") for value in _ticks(widest)],
        up=[Tick(y(value), f"{value:g}") for value in _ticks(most)],
    )


def _ticks(most: float) -> list[float]:
    return [float(value) for value in MaxNLocator(5).tick_values(0, most) if 0 <= value <= most]
