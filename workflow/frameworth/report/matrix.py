"""The influence matrix for the page, as finely as its budget allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from frameworth.attribution.inference.values import mean_of_known
from frameworth.attribution.influence_file import UNITS
from frameworth.figures._matrix import ESTIMATOR, off_diagonal
from frameworth.figures._style import symmetric_limit
from frameworth.report.packing import Packed, packed_signed, relative_precision
from frameworth.results.results import Results

_COLOUR_QUANTILE = 0.98


@dataclass(frozen=True)
class Score:
    """One score's matrix.

    Attributes:
        value, standard_error: codes [panels, rows, N].
        limits: the colour limit of each keypoint, and last of their mean.
    """

    name: str
    unit: str
    value: Packed
    standard_error: Packed
    limits: tuple[float, ...]


@dataclass(frozen=True)
class Matrix:
    """What the page has of `influence.h5`.

    Attributes:
        rows: the training frames. keypoints: whether there is a panel per keypoint, or only one of their mean.
        left_out: what the study has more, a clause each.
    """

    rows: tuple[int, ...]
    keypoints: bool
    scores: tuple[Score, ...]
    left_out: tuple[str, ...]


def matrix(results: Results, first: Sequence[int], budget: int) -> Matrix:
    """The size-centred influence of pool frames on all frames within `budget` bytes of base64.

    What is given up, one after the other: precision (16 bits, then 8), scores other than the error in px, single
    keypoints, and training frames from the end of `first`, the pool's frames.
    """
    frames, panels = len(results.pool), len(results.labels.keypoints)
    plans = [(16, list(UNITS), panels), (8, list(UNITS), panels), (8, ["error"], panels), (8, ["error"], 1)]

    def size(bits: int, scores: list[str], of_panels: int) -> int:
        return 2 * len(scores) * of_panels * frames * bits // 8 * 4 // 3

    bits, scores, kept = next((plan for plan in plans if len(first) * size(*plan) <= budget), plans[-1])
    rows = list(first)[: max(1, budget // size(bits, scores, kept))]
    made = tuple(_score(results, name, rows, kept > 1 or panels == 1, bits) for name in scores)
    left_out = []
    if bits == 8:
        left_out.append(f"influences are rounded to about {100 * relative_precision(made[0].value):.0f} %")
    if len(scores) < len(UNITS):
        left_out.append("the matrix is that of the error in px only")
    if kept < panels:
        left_out.append("it is the mean over keypoints only")
    if len(rows) < len(first):
        left_out.append(f"it has the first {len(rows):,} of {len(first):,} training frames by check priority")
    return Matrix(tuple(rows), kept > 1 or panels == 1, made, tuple(left_out))


def _score(results: Results, name: str, rows: list[int], keypoints: bool, bits: int) -> Score:
    whole = results.influence(name, ESTIMATOR)
    others = off_diagonal(whole["value"])[rows]
    mean = mean_of_known(others, -1)
    panels = [others[:, :, index] for index in range(others.shape[2])] if keypoints else []
    limits = tuple(symmetric_limit(panel, _COLOUR_QUANTILE) for panel in [*panels, mean])

    def coded(part: str) -> Packed:
        values = whole[part][rows]
        # The standard error of a mean over keypoints is at most the mean of theirs.
        values = values if keypoints else mean_of_known(values, -1)[:, :, None]
        return packed_signed(f"{name}_{part}", np.moveaxis(values, 2, 0), bits)

    return Score(name, UNITS[name], coded("value"), coded("standard_error"), limits)
