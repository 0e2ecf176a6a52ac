"""How far frames are from each other in pose and in appearance, and how well a subset covers others."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from scipy.spatial.distance import pdist

from frameworth.attribution.inference.values import mean_of_known
from frameworth.labels.images import read_image

THUMBNAIL = 16  # px


def pose_distances(xy: np.ndarray) -> np.ndarray:
    """Distance of the poses of all pairs of frames, in units of the animal's size, [N, N].

    The distance is the root mean square over the keypoints that both frames have, after the centroids of these are
    moved together. Poses are not rotated, because an animal that faces another way looks different to networks. The
    size is the median over frames of the root mean square distance of keypoints from their centroid. NaN where two
    frames share fewer than two keypoints.

    Args:
        xy: [N, K, 2] px, NaN where not labelled.
    """
    known = np.isfinite(xy).all(axis=2)
    filled = np.where(known[..., None], xy, 0.0)
    out = np.full((len(xy), len(xy)), np.nan)
    for frame in range(len(xy)):
        both = (known & known[frame])[..., None]
        count = both.sum(axis=1)
        offset = np.where(both, filled - filled[frame], 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = offset.sum(axis=1) / count
            square = (np.where(both, offset - mean[:, None], 0) ** 2).sum(axis=(1, 2)) / count[:, 0]
        out[frame] = np.where(count[:, 0] > 1, np.sqrt(square), np.nan)
    return out / _size(xy, known)


def _size(xy: np.ndarray, known: np.ndarray) -> float:
    several = known.sum(axis=1) > 1
    if not several.any():
        return 1.0
    centroid = np.nanmean(xy[several], axis=1, keepdims=True)
    square = ((xy[several] - centroid) ** 2).sum(axis=2)
    return float(np.median(np.sqrt(np.nanmean(square, axis=1)))) or 1.0


def median_animal_length(xy: np.ndarray) -> float:
    """Median over frames of the largest distance between two labelled keypoints, px; NaN where no frame has two.

    Args:
        xy: [N, K, 2] px, NaN where not labelled.
    """
    spans = [pdist(pose[np.isfinite(pose).all(axis=1)]).max(initial=0.0) for pose in xy]
    several = [span for span in spans if span > 0]
    return float(np.median(several)) if several else float("nan")


def appearance_distances(paths: Sequence[str]) -> np.ndarray:
    """Root mean square difference of grey thumbnails of all pairs of images, in grey levels (0 to 255), [N, N]."""
    grey = (cv2.cvtColor(read_image(path), cv2.COLOR_RGB2GRAY) for path in paths)
    side = (THUMBNAIL, THUMBNAIL)
    small = np.stack([cv2.resize(image, side, interpolation=cv2.INTER_AREA).ravel() for image in grey]).astype(float)
    square = (small**2).sum(axis=1)
    between = square[:, None] + square[None, :] - 2 * small @ small.T
    return np.sqrt(np.maximum(between, 0) / small.shape[1])


def nearest(distance: np.ndarray, of: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Distance from each frame in `of` to the nearest other frame in `among`, [frames in `of`]; NaN if unknown.

    Args:
        distance: [N, N]. of, among: bool [N].
    """
    some = np.where(np.isfinite(distance), distance, np.inf)
    np.fill_diagonal(some, np.inf)
    least = some[np.ix_(of, among)].min(axis=1, initial=np.inf)
    return np.where(np.isfinite(least), least, np.nan)


def mean_nearest(distance: np.ndarray, held_out: np.ndarray, inclusion: np.ndarray) -> np.ndarray:
    """Mean distance from held-out frames to the nearest frame of each subset, [S]; small means good coverage."""
    return mean_of_known(np.array([nearest(distance, held_out, subset) for subset in inclusion]), 1)
