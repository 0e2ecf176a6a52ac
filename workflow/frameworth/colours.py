"""A colour per keypoint, the same in figures and report."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np

# Okabe and Ito's colours, which people with any common colour-vision deficiency can tell apart; bright colours come
# first, because they are drawn over pictures.
_COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#F0E442", "#D55E00", "#0072B2")
_GOLDEN = (5**0.5 - 1) / 2  # steps of this share of a circle stay far from the places of the last few steps


def keypoint_colours(count: int) -> list[str]:
    """A colour per keypoint as `#rrggbb`; for more than seven, shades from dark to bright, as not everyone can tell so
    many hues apart. Keypoints next to each other in the list, as paws often are, have very different shades."""
    if count <= len(_COLOURS):
        return list(_COLOURS[:count])
    place = np.argsort(np.argsort(np.arange(count) * _GOLDEN % 1))
    return [mpl.colors.to_hex(shade) for shade in mpl.colormaps["viridis"](np.linspace(0.15, 1, count)[place])]
