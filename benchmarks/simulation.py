"""Simulated studies with known true influence, on which statistical claims are tested. Numpy in, numpy out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from frameworth.attribution.sample import precisions
from frameworth.plan.designs import cluster_of, draw_subset

KINDS = ("additive", "interacting", "heteroscedastic")

Block = tuple[str, Sequence[int], int]


@dataclass(frozen=True)
class Grid:
    """The subsets of a simulated study.

    Attributes:
        inclusion: bool [S, N]. percents: int [S]. clusters, designs: str [S].
    """

    inclusion: np.ndarray
    percents: np.ndarray
    clusters: np.ndarray
    designs: np.ndarray


def grid(blocks: Sequence[Block], frames: int, study_seed: int) -> Grid:
    """Draw the subsets of blocks (design, percents, seeds) from a pool of `frames` frames."""
    planned = [(d, p, s) for d, percents, seeds in blocks for s in range(1, seeds + 1) for p in percents]
    return Grid(
        np.array([draw_subset(d, frames, p, s, study_seed) for d, p, s in planned]),
        np.array([p for _, p, _ in planned]),
        np.array([cluster_of(d, p, s) for d, p, s in planned]),
        np.array([d for d, _, _ in planned]),
    )


def simulate(
    study: Grid,
    kind: str,
    strength: float,
    rng: np.random.Generator,
    *,
    shared: float = 0.5,
    fall: float = 0.0,
    noise: float = 1.0,
    interaction: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Scores [S] of a study and the true value [N] of each frame: its expected size-centred difference.

    Frame effects are normal, and a tenth of them is three times as strong. Noise has standard deviation `noise`; the
    share `shared` of its variance is common to a cluster.

    Args:
        kind: `additive`; `interacting` (each pair of frames also has an effect together); or `heteroscedastic` (noise
            is up to three times as large in small subsets, and three times as large in subsets without the first
            frame).
        strength: standard deviation of Σ_i effects over subsets of half the frames.
        fall: how much the score falls from no frame to all frames.
        interaction: standard deviation of the interactions divided by that of the effects.
    """
    subsets, frames = study.inclusion.shape
    effects = rng.normal(size=(frames,))
    effects[: max(1, frames // 10)] *= 3
    effects *= strength * 2 / np.sqrt((effects**2).sum())
    pairs = np.zeros((frames, frames))
    if kind == "interacting":
        pairs = np.triu(rng.normal(size=(frames, frames)), 1)
        pairs *= 2 * interaction * strength / np.sqrt((pairs**2).sum())
    z = study.inclusion.astype(float)
    sizes = z.sum(axis=1)
    names, which = np.unique(study.clusters, return_inverse=True)
    error = np.sqrt(shared) * rng.normal(size=len(names))[which] + np.sqrt(1 - shared) * rng.normal(size=subsets)
    if kind == "heteroscedastic":
        error = error * 3 ** (1 - sizes / frames) / 3**0.5 * np.where(study.inclusion[:, 0], 0.5, 1.5)
    scores = z @ effects + ((z @ pairs) * z).sum(axis=1) - fall * sizes / frames + noise * error
    return scores, _truth(study, effects, pairs, precisions(scores[:, None], study.percents, study.clusters) ** 2)


def _truth(study: Grid, effects: np.ndarray, pairs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """E[u | i∈S] − E[u | i∉S] within sizes, with the weights of the size-centred difference, [N].

    If i∈S, another frame is in S with probability (s−1)/(n−1), and two others with (s−1)(s−2)/((n−1)(n−2)); if i∉S,
    with s/(n−1) and s(s−1)/((n−1)(n−2)).
    """
    n = len(effects)
    with_i = pairs.sum(axis=0) + pairs.sum(axis=1)
    others, pairs_of_others = effects.sum() - effects, pairs.sum() - with_i
    value, weight = np.zeros(n), 0.0
    for percent in np.unique(study.percents):
        rows = study.percents == percent
        s = study.inclusion[rows].sum(axis=1).mean()
        difference = effects + with_i * (s - 1) / (n - 1) - others / (n - 1)
        difference = difference - 2 * pairs_of_others * (s - 1) / ((n - 1) * (n - 2))
        weighs = weights[rows][0] * (rows.sum() - 1) * s / n * (1 - s / n)
        value, weight = value + weighs * difference, weight + weighs
    return value / weight
