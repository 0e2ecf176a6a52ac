"""Labels and consensus as SVG paths over a frame's picture, for browsers that do not run scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_MARK = 0.014  # half a mark's size, as a share of the longer side shown
_LEAST = 0.25  # a crop shows at least this share of the image's sides


@dataclass(frozen=True)
class Drawing:
    """SVG path data in px of the original image, and the part of the image to show.

    Attributes:
        box: the SVG's `viewBox`. width, height: size of the whole image in px.
        bones: `d` of the skeleton's path. marks: one for each keypoint with a label or a consensus.
    """

    box: str
    width: float
    height: float
    bones: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Mark:
    """A keypoint's cross (label), circle (consensus) and the line between them: `d` of each path, or empty."""

    keypoint: str
    colour: str
    label: str
    consensus: str
    link: str


def drawing(
    label: np.ndarray,
    consensus: np.ndarray,
    skeleton: np.ndarray,
    size: np.ndarray,
    keypoints: Sequence[str],
    colours: Sequence[str],
) -> Drawing:
    """The drawing over a frame, from label and consensus [K, 2] px, skeleton [bones, 2], size (width, height)."""
    width, height = (float(side) for side in size)
    left, top, side_x, side_y = _box(np.vstack([label, consensus]), width, height)
    mark = _MARK * max(side_x, side_y)
    labelled, placed = np.isfinite(label).all(axis=1), np.isfinite(consensus).all(axis=1)
    m, d = f"{mark:.2f}", f"{2 * mark:.2f}"
    circle = f"a{m} {m} 0 1 0 {d} 0a{m} {m} 0 1 0 -{d} 0"

    def cross_at(x: float, y: float) -> str:
        return f"M{x - mark:.2f} {y - mark:.2f}l{d} {d}m0 -{d}l-{d} {d}"

    return Drawing(
        box=f"{left:.2f} {top:.2f} {side_x:.2f} {side_y:.2f}",
        width=width,
        height=height,
        bones="".join(_line(label[a], label[b]) for a, b in skeleton if labelled[a] and labelled[b]),
        marks=tuple(
            Mark(
                keypoint=keypoints[k],
                colour=colours[k],
                label=cross_at(*label[k]) if labelled[k] else "",
                consensus=f"M{consensus[k][0] - mark:.2f} {consensus[k][1]:.2f}{circle}" if placed[k] else "",
                link=_line(label[k], consensus[k]) if labelled[k] and placed[k] else "",
            )
            for k in np.flatnonzero(labelled | placed).tolist()
        ),
    )


def _line(start: np.ndarray, end: np.ndarray) -> str:
    return f"M{start[0]:.2f} {start[1]:.2f}L{end[0]:.2f} {end[1]:.2f}"


def _box(points: np.ndarray, width: float, height: float) -> tuple[float, float, float, float]:
    """Left, top, width and height of the part of the image around the points, in the image's proportions."""
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return 0.0, 0.0, width, height
    low, high = points.min(axis=0), points.max(axis=0)
    share = min(1.0, max(_LEAST, 1.4 * float(((high - low) / (width, height)).max())))
    sides = np.array([width, height]) * share
    start = np.clip((low + high) / 2 - sides / 2, 0, np.array([width, height]) - sides)
    return float(start[0]), float(start[1]), float(sides[0]), float(sides[1])
