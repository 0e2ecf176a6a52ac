"""A colour per keypoint, the same in figures and report."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np

# Okabe and Ito's colours, told apart with any of the common colour-vision deficiencies; bright ones first, as they are
# drawn over pictures.
_COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#F0E442", "#D55E00", "#0072B2")
_GOLDEN = (5**0.5 - 1) / 2  # steps of this share of a circle never come close to where they were a few steps before


def keypoint_colours(count: int) -> list[str]:
    """A colour per keypoint as `#rrggbb`; for more than seven, shades between dark and bright, as so many hues are not
    told apart by everyone. Keypoints that follow each other, as paws often do, have shades that lie far apart."""
    if count <= len(_COLOURS):
        return list(_COLOURS[:count])
    place = np.argsort(np.argsort(np.arange(count) * _GOLDEN % 1))
    return [mpl.colors.to_hex(shade) for shade in mpl.colormaps["viridis"](np.linspace(0.15, 1, count)[place])]
