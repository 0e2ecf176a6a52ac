"""Scale the original images to the size that the networks are trained at."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np

from frameworth.labels.images import DECODED_BYTES_KEPT, read_image
from frameworth.labels.labels import Labels
from frameworth.storage.digests import digest_of_file


def scaled_sizes(sizes: np.ndarray, scale: float) -> np.ndarray:
    """Sizes int [..., 2] in px times `scale`, rounded, at least 1: the sizes of the networks' images."""
    return np.maximum(1, np.round(sizes * scale)).astype(int) if scale != 1 else sizes


def scaled_image(image: np.ndarray, scale: float) -> np.ndarray:
    """The image, uint8 [h, w, 3], resized by `scale`."""
    size = tuple(int(side) for side in scaled_sizes(np.array(image.shape[1::-1]), scale))
    if image.shape[1::-1] == size:
        return image
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


class ScaledFrames:
    """A study's frames at the size of the networks' images; decoded images are kept while memory for them lasts.

    Attributes:
        labels: the study's labels, in px of the original images.
        sizes: int [N, 2], width and height of the networks' images in px.
        factors: float [N, 2], the exact factors (x, y) after sizes were rounded to px: a position in the original
            image times these is the position in the network's image, as in DeepLabCut.
    """

    def __init__(self, labels: Labels, scale: float) -> None:
        self.labels = labels
        self.sizes = scaled_sizes(labels.sizes, scale)
        self.factors = self.sizes / labels.sizes
        self._scale = scale
        self._images: dict[int, np.ndarray] = {}
        self._digests: dict[int, str] = {}
        self._bytes = 0

    def image(self, frame: int) -> np.ndarray:
        """The image of a frame, uint8 [h, w, 3]; raises UserError naming the file if it is unreadable."""
        if frame in self._images:
            return self._images[frame]
        image = scaled_image(read_image(self.labels.paths[frame]), self._scale)
        if self._bytes + image.nbytes <= DECODED_BYTES_KEPT:
            self._images[frame] = image
            self._bytes += image.nbytes
        return image

    def digest(self, frame: int) -> str:
        """SHA-256 of a frame's image file, computed at the first call."""
        if frame not in self._digests:
            self._digests[frame] = digest_of_file(self.labels.paths[frame])
        return self._digests[frame]


def batches_of_one_size(sizes: np.ndarray, at_once: Callable[[np.ndarray], int]) -> Iterator[np.ndarray]:
    """The indices of F images in batches, in each of which all images have one size.

    Args:
        sizes: int [F, 2], px. at_once: gives the largest batch of images of a size [2].
    """
    for size in np.unique(sizes, axis=0):
        same, most = np.flatnonzero((sizes == size).all(axis=1)), at_once(size)
        for start in range(0, len(same), most):
            yield same[start : start + most]
