"""The axes of an animal in a plane, from the positions of its keypoints. Points are complex numbers, x + iy."""

from __future__ import annotations

import numpy as np


def centred(points: np.ndarray) -> np.ndarray:
    """Points [N, K] minus the mean of the known points of each row; NaN where not known."""
    known = np.isfinite(points)
    total = np.where(known, points, 0).sum(axis=1, keepdims=True)
    return points - total / np.maximum(known.sum(axis=1, keepdims=True), 1)


def median_point(points: np.ndarray) -> complex:
    """The median of x and of y over points [N] that are all known; 0 for no points."""
    return complex(np.median(points.real), np.median(points.imag)) if len(points) else 0j


def mean_shape(points: np.ndarray) -> np.ndarray:
    """The shape [K] of length 1 that is nearest to all rows of [N, K] once they are turned and scaled to it.

    It is turned so that its keypoint farthest from the middle lies on the x axis. A missing point counts as the middle
    of its row. The shape is all zeros where no row has two different points.

    Source: Kent 1994, The complex Bingham distribution and shape analysis (the full Procrustes mean).
    """
    shape = np.nan_to_num(centred(points))
    length = np.linalg.norm(shape, axis=1, keepdims=True)
    shape = shape[length[:, 0] > 0] / length[length[:, 0] > 0]
    if not len(shape):
        return np.zeros(points.shape[1], complex)
    mean = np.linalg.eigh(shape.T @ shape.conj())[1][:, -1]
    farthest = np.abs(mean) > (1 - 1e-9) * np.abs(mean).max()
    return mean * np.exp(-1j * np.angle(mean[farthest][0]))


def direction(points: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """The rotation that fits `shape` [K] to each row of [N, K]: complex [N] of length 1; 1 where it is not known.

    Dividing a vector by it brings the vector into the animal's own axes.
    """
    known = np.isfinite(points)
    of_shape = centred(np.where(known, shape, np.nan))
    fit = np.where(known, np.nan_to_num(centred(points)) * np.nan_to_num(of_shape).conj(), 0).sum(axis=1)
    length = np.abs(fit)
    return np.where(length > 0, fit / np.where(length > 0, length, 1), 1)
