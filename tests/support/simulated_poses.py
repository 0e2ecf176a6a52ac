"""Poses of networks with known errors: right and wrong labels are compared without any training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Simulated:
    """poses [S, N, K, 2], labels [N, K, 2], inclusion bool [S, N], and where the keypoints are, truth [N, K, 2], px."""

    poses: np.ndarray
    labels: np.ndarray
    inclusion: np.ndarray
    truth: np.ndarray


def simulated_poses(
    rng: np.random.Generator,
    *,
    frames: int = 120,
    keypoints: int = 4,
    subsets: int = 8,
    freedom: float = np.inf,
    common: float = 2.0,
    hardness: float = 0.5,
) -> Simulated:
    """Animals about 100 px long that turn and bend, labelled to 1 px, and networks on halves that err by some px.

    Args:
        freedom: degrees of freedom of the t distribution of what all networks err by at a keypoint.
        common: px that all keypoints of a frame are displaced by, in all networks.
        hardness: log units that frames differ by, in the errors of all networks and in their disagreement alike.
    """
    shape = rng.normal(0, 30, (keypoints, 2))
    angle = rng.uniform(0, 2 * np.pi, frames)
    turn = np.stack([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]).transpose(2, 0, 1)
    bent = shape + rng.normal(0, 5, (frames, keypoints, 2))
    truth = np.einsum("nij,nkj->nki", turn, bent) + rng.uniform(100, 500, (frames, 1, 2))
    size = np.exp(hardness * rng.normal(size=(frames, 1, 1)) + 0.3 * rng.normal(size=(1, keypoints, 1)))
    drawn = (frames, keypoints, 2)
    shared = rng.normal(size=drawn) if np.isinf(freedom) else rng.standard_t(freedom, drawn)
    error = size * (3 * shared + 3 * rng.normal(size=(subsets, *drawn))) + common * rng.normal(size=(frames, 1, 2))
    pool = 3 * frames // 4
    inclusion = np.zeros((subsets, frames), bool)
    inclusion[::2, :pool] = np.argsort(rng.random((len(inclusion[::2]), pool)), axis=1) < pool // 2
    inclusion[1::2, :pool] = ~inclusion[::2, :pool][: subsets // 2]  # halves and what they leave out
    return Simulated(truth + error, truth + rng.normal(0, 1, drawn), inclusion, truth)
