"""The frames as small JPEG images, as large as the page's budget allows."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from frameworth.labels.images import read_image

_SIDES = (800, 640, 480, 320, 240, 160)  # px of the longer side
_QUALITY = 80
_SAMPLE = 16  # images from which the size of all is estimated


@dataclass(frozen=True)
class Pictures:
    """The base64 of each frame's JPEG, `jpegs`; it is empty for frames beyond the budget.

    Images larger than `side` px on their longer side were reduced to it.
    """

    side: int
    jpegs: tuple[str, ...]

    @property
    def left_out(self) -> int:
        """The number of frames without a picture."""
        return sum(not jpeg for jpeg in self.jpegs)


def pictures(paths: Sequence[str], first: Sequence[int], budget: int) -> Pictures:
    """Make pictures of frames, first those in `first`, until `budget` bytes of base64 are used.

    Raises UserError naming an image that cannot be read.
    """
    side = _largest_side(paths, budget)
    jpegs, spent = [""] * len(paths), 0
    for frame in dict.fromkeys([*first, *range(len(paths))]):
        jpeg = base64.b64encode(_jpeg(paths[frame], side)).decode("ascii")
        spent += len(jpeg) + 1
        if spent > budget:
            break
        jpegs[frame] = jpeg
    return Pictures(side, tuple(jpegs))


def _largest_side(paths: Sequence[str], budget: int) -> int:
    sample = [paths[index] for index in np.unique(np.linspace(0, len(paths) - 1, _SAMPLE).astype(int))]
    for side in _SIDES:
        size = np.mean([len(_jpeg(path, side)) for path in sample]) * 4 / 3
        if 1.1 * size * len(paths) <= budget:
            return side
    return _SIDES[-1]


def _jpeg(path: str, side: int) -> bytes:
    image = Image.fromarray(read_image(path))
    image.thumbnail((side, side), Image.Resampling.BOX, reducing_gap=None)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()
