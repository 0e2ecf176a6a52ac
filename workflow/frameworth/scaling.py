"""Between the original image and the image the network sees."""

from __future__ import annotations

import cv2
import numpy as np

from frameworth.images import read_image


def load_scaled(path: str, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Read an image at `scale`; returns it, uint8 [h, w, 3], and the true factors (x, y) after rounding to px.

    A position in the network's image is the position in the original times the factors, as in DeepLabCut.
    """
    image = read_image(path)
    if scale == 1:
        return image, np.ones(2)
    height, width = image.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    scaled = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return scaled, np.array(size) / (width, height)
