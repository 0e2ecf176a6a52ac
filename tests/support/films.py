"""Films of pictures that a test drew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np


def write_film(path: Path, pictures: Sequence[np.ndarray], rate: float = 25, codec: str = "mp4v") -> Path:
    """A film of RGB pictures, uint8 [h, w, 3] each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = pictures[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), rate, (width, height))
    for picture in pictures:
        writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    writer.release()
    return path
