"""What the figures share: theme, colours, titles, limits, and writing the files."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from frameworth.storage.files import atomic_path, write_csv

mpl.use("Agg")

# Okabe and Ito's colours, told apart with any of the common colour-vision deficiencies.
BLUE, RED, GREEN, ORANGE, SKY, PURPLE = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9", "#CC79A7"
GREY, DARK = "#8c8c8c", "#333333"
MISSING = "#d9d9d9"
DPI = 150
NBSP = "\u00a0"  # keeps a number and its unit on one line
_TITLE_SIZE, _NOTE_SIZE = 11, 8
_TITLE_LETTER, _NOTE_LETTER = (
    0.61,
    0.53,
)  # typical width of a letter of DejaVu Sans, bold and not, per its size


@contextmanager
def theme() -> Iterator[None]:
    """The look of all figures; SVG with text as text, and the same bytes every time."""
    look = sns.axes_style("ticks") | sns.plotting_context("paper")
    own = {
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
    with mpl.rc_context(look | own):
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of `width` × `height` inches, bound to no window and no global state."""
    return Figure(figsize=(width, height), layout="constrained")


def headline(figure: Figure, title: str, note: str) -> None:
    """Set what a reader should see above the figure, and how it was drawn below it."""
    note = _wrapped(note, figure.get_figwidth(), _NOTE_SIZE * _NOTE_LETTER)
    left = 0.08 / figure.get_figwidth()
    _set_title(figure, _wrapped(title, figure.get_figwidth(), _TITLE_SIZE * _TITLE_LETTER))
    figure.supxlabel(note, x=left, ha="left", fontsize=_NOTE_SIZE, color=DARK)


def say_above(figure: Figure, text: str) -> None:
    """Put a sentence above what the figure's headline says."""
    said = _wrapped(text, figure.get_figwidth(), _TITLE_SIZE * _TITLE_LETTER)
    _set_title(figure, f"{said}\n{figure.get_suptitle()}")


def _set_title(figure: Figure, title: str) -> None:
    left = 0.08 / figure.get_figwidth()
    figure.suptitle(title, x=left, ha="left", fontsize=_TITLE_SIZE, fontweight="bold")


def _wrapped(text: str, inches: float, letter: float) -> str:
    """`text` broken into lines of `inches`, for letters `letter` points wide."""
    lines = textwrap.wrap(plain(text), width=max(20, int((inches - 0.2) * 72 / letter)))
    return "\n".join(lines)


def plain(text: str) -> str:
    """Text as it is, whatever names of the study are in it: a dollar sign begins no mathematics."""
    return str(text).replace("$", r"\$")


def message(text: str, note: str) -> Figure:
    """A figure that says why there is nothing to see."""
    figure = new_figure(8, 1.2)
    headline(figure, text, note)
    return figure


def symmetric_limit(values: np.ndarray, quantile: float) -> float:
    """The colour limit v of [-v, v]: a high quantile of the sizes, so that no outlier bleaches the rest."""
    sizes = np.abs(values[np.isfinite(values)])
    limit = float(np.quantile(sizes, quantile)) if sizes.size else 0.0
    return limit or (float(sizes.max()) if sizes.size else 0.0) or 1.0


def percent_colours(percents: Sequence[int]) -> dict[int, tuple[float, float, float, float]]:
    """A colour per percent, darker with more frames."""
    known = sorted({int(percent) for percent in percents})
    shades = mpl.colormaps["viridis_r"](np.linspace(0.12, 0.95, len(known)) if len(known) > 1 else [0.6])
    return {percent: mpl.colors.to_rgba(shade) for percent, shade in zip(known, shades, strict=True)}


def signed(value: float, digits: int = 2) -> str:
    """A number with its sign, and a true minus; what rounds to 0 has a plus."""
    return f"{value:+z.{digits}f}".replace("-", "−")


def counted(number: int, noun: str) -> str:
    """`1 subset`, `2 subsets`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def percentage(share: float) -> str:
    """A share of 1 as a percentage, with a decimal where it is small."""
    digits = 0 if share >= 0.1 or round(100 * share, 1) % 1 == 0 else 1
    return f"{100 * share:.{digits}f}{NBSP}%"


def as_image(axes: Axes, picture: np.ndarray, box: tuple[float, float, float, float] | None = None) -> None:
    """Show an image [height, width, 3] with axes in px, whole or only `box` (left, top, right, bottom)."""
    height, width = picture.shape[:2]
    # Pixel (0, 0) covers 0…1, as in label files.
    axes.imshow(picture, extent=(0, width, height, 0), interpolation="nearest")
    left, top, right, bottom = box or (0, 0, width, height)
    axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    for side in ("top", "right"):
        axes.spines[side].set_visible(True)
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(4, integer=True))
    axes.yaxis.set_major_locator(mpl.ticker.MaxNLocator(4, integer=True))


def box_around(points: np.ndarray, size: tuple[int, int], least: float, margin: float = 0.2) -> tuple:
    """A square (left, top, right, bottom) in px around `points` [n, 2], at least `least` wide.

    It is moved, and if need be cut, to lie within an image of `size` (width, height), unless a point lies
    outside of it.
    """
    points = points[np.isfinite(points).all(axis=1)]
    low, high = points.min(axis=0), points.max(axis=0)
    side = max(float((high - low).max()) * (1 + 2 * margin), least)
    start = (low + high) / 2 - side / 2
    edge = np.asarray(size, float)
    outside = (low < 0) | (high > edge)
    inside = np.clip(start, 0, np.maximum(edge - side, 0))
    start = np.where(outside, start, inside)
    end = np.where(outside, start + side, np.minimum(start + side, edge))
    return float(start[0]), float(start[1]), float(end[0]), float(end[1])


def save(figure: Figure, table: pd.DataFrame, stem: Path) -> None:
    """Write `stem`.png, .svg and .csv, each atomically."""
    write_csv(stem.with_name(stem.name + ".csv"), table)
    _lay_out(figure)
    for kind, metadata in (("png", {}), ("svg", {"Date": None})):
        with atomic_path(stem.with_name(f"{stem.name}.{kind}")) as temporary:
            figure.savefig(temporary, format=kind, dpi=DPI, metadata=metadata)


def _lay_out(figure: Figure) -> None:
    """Find places for everything once for all files, and round them.

    The solver's last digits change from run to run, and SVG derives the names of clip paths from them.
    """
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        axes.set_position(Bbox.from_bounds(*(round(number, 6) for number in axes.get_position(original=True).bounds)))
