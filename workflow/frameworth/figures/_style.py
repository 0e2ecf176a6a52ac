"""What the figures share: theme, colours, titles, limits, and writing the files."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import AbstractPathEffect, withStroke
from matplotlib.transforms import Bbox

from frameworth.storage.files import atomic_path, write_csv

mpl.use("Agg")

# Okabe and Ito's colours: people with any common colour-vision deficiency can tell them apart.
BLUE, RED, GREEN, ORANGE, SKY, PURPLE = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9", "#CC79A7"
GREY, DARK = "#8c8c8c", "#333333"
MISSING = "#d9d9d9"
DPI = 150
_MARGIN = 0.2  # on each side of a box, as a share of the width of its content
NBSP = "\u00a0"  # keeps a number and its unit on one line
_TITLE_SIZE, _NOTE_SIZE = 11, 8
_TITLE_LETTER, _NOTE_LETTER = 0.61, 0.53  # typical width of a letter over its size: DejaVu Sans, bold and not


@contextmanager
def theme() -> Iterator[None]:
    """The look of all figures; SVG files keep text as text and have the same bytes every time."""
    look = sns.axes_style("ticks") | sns.plotting_context("paper")
    changes = {
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 9,
        "axes.titlelocation": "left",
        "legend.frameon": False,
        "svg.fonttype": "none",
        "svg.hashsalt": "frameworth",
    }
    with mpl.rc_context(look | changes):
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of `width` × `height` inches, without a window or global state."""
    return Figure(figsize=(width, height), layout="constrained")


def headline(figure: Figure, title: str, note: str) -> None:
    """Write `title`, what a reader should see, above the figure, and `note`, how it was drawn, below it."""
    note = _wrapped(note, figure.get_figwidth(), _NOTE_SIZE * _NOTE_LETTER)
    _set_title(figure, _wrapped(title, figure.get_figwidth(), _TITLE_SIZE * _TITLE_LETTER))
    figure.supxlabel(note, x=_left(figure), ha="left", fontsize=_NOTE_SIZE, color=DARK)


def say_above(figure: Figure, text: str) -> None:
    """Put a sentence above the figure's headline."""
    sentence = _wrapped(text, figure.get_figwidth(), _TITLE_SIZE * _TITLE_LETTER)
    _set_title(figure, f"{sentence}\n{figure.get_suptitle()}")


def _set_title(figure: Figure, title: str) -> None:
    figure.suptitle(title, x=_left(figure), ha="left", fontsize=_TITLE_SIZE, fontweight="bold")


def _left(figure: Figure) -> float:
    """Where text begins, as a share of the figure's width."""
    return 0.08 / figure.get_figwidth()


def _wrapped(text: str, inches: float, letter: float) -> str:
    """`text` broken into lines of `inches`, for letters `letter` points wide."""
    return textwrap.fill(plain(text), width=max(20, int((inches - 0.2) * 72 / letter)))


def plain(text: str) -> str:
    """The text with escaped dollar signs, so that names of the study are not read as mathematics."""
    return str(text).replace("$", r"\$")


def message(text: str, note: str) -> Figure:
    """A figure that only says why there is nothing to draw."""
    figure = new_figure(8, 1.2)
    headline(figure, text, note)
    return figure


def outline(width: float, colour: str = "black") -> list[AbstractPathEffect]:
    """A rim that makes a line or mark stand out on any image; both together are `width` points wide."""
    return [withStroke(linewidth=width, foreground=colour)]


def intervals(
    axes: Axes,
    rows: pd.DataFrame,
    value: str,
    names: Sequence[str],
    colours: str | Sequence[Any] = BLUE,
    ends: tuple[str, str] = ("ci_low", "ci_high"),
    nothing: float = 0.0,
) -> None:
    """Draw a line per row of a table, the first on top: its interval, with a dot at its `value`.

    Args:
        names: of the rows. ends: columns of the interval. nothing: the value without any effect, a dotted line.
    """
    place = np.arange(len(rows))[::-1]
    axes.axvline(nothing, color=GREY, ls=":", lw=1)
    axes.hlines(place, rows[ends[0]], rows[ends[1]], color=colours, lw=1.5, alpha=0.6)
    axes.scatter(rows[value], place, color=colours, s=26, zorder=3)
    axes.set_yticks(place, [plain(name) for name in names])
    axes.set_ylim(-0.6, len(rows) - 0.4)


def kinds_of_frames(
    axes: Axes, x: pd.Series, y: pd.Series, kinds: Sequence[tuple[pd.Series | np.ndarray, str, str, str]]
) -> None:
    """Draw a mark per frame, with one look for each kind (rows, marker, colour, name); the legend has their numbers."""
    for rows, marker, colour, name in kinds:
        if rows.any():
            size = 10 if marker == "*" else 5
            axes.plot(x[rows], y[rows], marker, color=colour, ms=size, mec="white", mew=0.4, alpha=0.85,
                      label=f"{name} ({rows.sum()})")  # fmt: skip


def symmetric_limit(values: np.ndarray, quantile: float) -> float:
    """The colour limit v of [-v, v]: a high quantile of absolute values, so that outliers do not make the rest pale."""
    sizes = np.abs(values[np.isfinite(values)])
    limit = float(np.quantile(sizes, quantile)) if sizes.size else 0.0
    return limit or float(sizes.max(initial=0.0)) or 1.0


def percent_colours(percents: Sequence[int]) -> dict[int, tuple[float, float, float, float]]:
    """A colour per percent; it is darker for more frames."""
    known = sorted({int(percent) for percent in percents})
    shades = mpl.colormaps["viridis_r"](np.linspace(0.12, 0.95, len(known)) if len(known) > 1 else [0.6])
    return {percent: mpl.colors.to_rgba(shade) for percent, shade in zip(known, shades, strict=True)}


def signed(value: float, digits: int = 2) -> str:
    """A number with its sign, a plus if it rounds to 0, and a typographic minus (U+2212)."""
    return f"{value:+z.{digits}f}".replace("-", "−")


def percentage(share: float) -> str:
    """A share of 1 in percent, with one decimal if it is small, and a typographic minus (U+2212)."""
    digits = 0 if abs(share) >= 0.1 or round(100 * share, 1) % 1 == 0 else 1
    return f"{100 * share:z.{digits}f}{NBSP}%".replace("-", "−")


def stated(level: float) -> str:
    """A given level in percent, with all its digits."""
    return f"{100 * level:g}{NBSP}%"


def as_image(axes: Axes, picture: np.ndarray, box: tuple[float, float, float, float] | None = None) -> None:
    """Show an image [height, width, 3] with axes in px, or only its part `box` (left, top, right, bottom)."""
    height, width = picture.shape[:2]
    # Pixel (0, 0) covers 0 to 1 on both axes, as in label files.
    axes.imshow(picture, extent=(0, width, height, 0), interpolation="nearest")
    left, top, right, bottom = box or (0, 0, width, height)
    axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    for side in ("top", "right"):
        axes.spines[side].set_visible(True)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(mpl.ticker.MaxNLocator(4, integer=True))


def box_around(points: np.ndarray, size: np.ndarray, least: float) -> tuple[float, float, float, float]:
    """A square (left, top, right, bottom) in px around `points` [n, 2] with a margin, at least `least` wide.

    It is moved into the image of `size` (width, height), and cut if necessary, unless a point is outside the image.
    """
    points = points[np.isfinite(points).all(axis=1)]
    low, high = points.min(axis=0), points.max(axis=0)
    side = max(float((high - low).max()) * (1 + 2 * _MARGIN), least)
    start = (low + high) / 2 - side / 2
    edge = size.astype(float)
    outside = (low < 0) | (high > edge)
    inside = np.clip(start, 0, np.maximum(edge - side, 0))
    start = np.where(outside, start, inside)
    end = np.where(outside, start + side, np.minimum(start + side, edge))
    left, top, right, bottom = map(float, (*start, *end))
    return left, top, right, bottom


def save(figure: Figure, table: pd.DataFrame, stem: Path) -> None:
    """Write `stem`.png, .svg and .csv, each atomically."""
    write_csv(stem.with_name(stem.name + ".csv"), table)
    _lay_out(figure)
    for kind, metadata in (("png", {}), ("svg", {"Date": None})):
        with atomic_path(stem.with_name(f"{stem.name}.{kind}")) as temporary:
            figure.savefig(temporary, format=kind, dpi=DPI, metadata=metadata)


def _lay_out(figure: Figure) -> None:
    """Compute the layout once for all files, and round the positions.

    The solver's last digits change from run to run, and SVG derives the names of clip paths from them.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        axes.set_position(Bbox.from_bounds(*(round(number, 6) for number in axes.get_position(original=True).bounds)))
