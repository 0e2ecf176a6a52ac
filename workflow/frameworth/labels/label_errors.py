"""Errors that people make in labels; `plant`, the demo and trials use them to spoil labels. Arrays in, arrays out.

Labels `xy` [K, 2] are in px, NaN where not labelled; `size` is an image's (width, height) in px. Unlabelled keypoints
stay unlabelled, and labels without an error keep their bits.
"""

from __future__ import annotations

import numpy as np

SMALL = (0.10, 0.25)  # share of the animal's length: one keypoint that was placed carelessly
SHIFT = (0.15, 0.30)  # share of the image's width: an animal that was labelled beside its place
_MARGIN = 1  # px from the image's edge
_ANGLES = np.arange(0, 2 * np.pi, np.pi / 90)


def shift_inside(
    xy: np.ndarray, size: np.ndarray, distances: tuple[float, float], rng: np.random.Generator
) -> np.ndarray:
    """A vector [2] px in a random direction that keeps all labelled points inside the image.

    Its length is drawn uniformly from `distances` (smallest, largest) or, if that does not fit, is the smallest of
    them. Raises ValueError if that does not fit either.
    """
    known = xy[np.isfinite(xy).all(axis=1)]
    angles = rng.permutation(_ANGLES)
    for distance in (rng.uniform(*distances), distances[0]):
        vectors = distance * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        moved = known + vectors[:, None]
        inside = ((moved >= _MARGIN) & (moved <= size - _MARGIN)).all(axis=(1, 2))
        if inside.any():
            return vectors[np.argmax(inside)]
    raise ValueError(f"no room to shift a label by {distances[0]:g} px in an image of {size[0]} x {size[1]} px")


def move_one(
    xy: np.ndarray, size: np.ndarray, distances: tuple[float, float], rng: np.random.Generator
) -> tuple[np.ndarray, int]:
    """The labels [K, 2] px with one labelled keypoint moved by `shift_inside`, and the number of that keypoint."""
    keypoint = int(rng.choice(np.flatnonzero(np.isfinite(xy).all(axis=1))))
    out = xy.copy()
    out[keypoint] += shift_inside(xy[[keypoint]], size, distances, rng)
    return out, keypoint


def exchange_neighbours(xy: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, tuple[int, int]]:
    """The labels [K, 2] with a labelled keypoint and its nearest labelled neighbour exchanged, and their two numbers.

    Raises ValueError if fewer than two keypoints are labelled.
    """
    known = np.flatnonzero(np.isfinite(xy).all(axis=1))
    if len(known) < 2:
        raise ValueError("one labelled keypoint has no neighbour to be exchanged with")
    chosen = int(rng.choice(known))
    others = known[known != chosen]
    other = int(others[np.linalg.norm(xy[others] - xy[chosen], axis=1).argmin()])
    out = xy.copy()
    out[[chosen, other]] = xy[[other, chosen]]
    return out, (chosen, other)


def farthest_keypoints(xy: np.ndarray) -> tuple[int, int]:
    """The two keypoints with the largest median distance over the frames of labels [N, K, 2]."""
    apart = np.nanmedian(np.linalg.norm(xy[:, :, None] - xy[:, None], axis=-1), axis=0)
    first, second = np.unravel_index(np.nanargmax(apart), apart.shape)
    return int(first), int(second)


def animal_length(xy: np.ndarray, size: np.ndarray) -> float:
    """The largest distance in px between two labels [K, 2] of a frame; its width if it has one label.

    Args:
        size: width and height of the image, px.
    """
    known = xy[np.isfinite(xy).all(axis=1)]
    return float(np.linalg.norm(known[:, None] - known, axis=-1).max()) or float(size[0])
