"""The influence matrix for the page, as detailed as its budget allows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from frameworth.attribution.inference.values import mean_of_known
from frameworth.attribution.influence_file import SCORES, influence_unit
from frameworth.figures._matrix import ESTIMATOR, off_diagonal
from frameworth.figures._style import symmetric_limit
from frameworth.report.packing import Packed, Part, packed_signed, relative_precision
from frameworth.results.results import Results

_COLOUR_QUANTILE = 0.98


def matrix(results: Results, first: Sequence[int], budget: int) -> Part:
    """The size-centred influence of pool frames on all frames, in about `budget` bytes of base64.

    To save space it reduces, in this order: precision (16 to 8 bits), scores (only the error in px), keypoints (only
    their mean), and training frames (those at the end of `first`, the pool's frames).

    Arrays are `{score}_value` and `{score}_standard_error`, codes [panels, rows, N]. The data for the script are `rows`
    (the training frames), `keypoints` (whether there is a panel per keypoint, or only one of their mean) and `scores`,
    each with `name`, `unit` and `limits`: the colour limits of the keypoints, then of their mean.
    """
    frames, panels = len(results.pool), len(results.labels.keypoints)
    choices = [(16, SCORES, panels), (8, SCORES, panels), (8, ("error",), panels), (8, ("error",), 1)]

    def size(bits: int, scores: tuple[str, ...], of_panels: int) -> int:
        return 2 * len(scores) * of_panels * frames * bits // 8 * 4 // 3

    bits, scores, kept = next((choice for choice in choices if len(first) * size(*choice) <= budget), choices[-1])
    rows, keypoints = list(first)[: max(1, budget // size(bits, scores, kept))], kept > 1 or panels == 1
    arrays, shown = [], []
    for name in scores:
        of_score, limits = _score(results, name, rows, keypoints, bits)
        arrays += of_score
        shown.append({"name": name, "unit": influence_unit(name), "limits": limits})
    left_out = []
    if bits == 8:
        left_out.append(f"influences are rounded to about {100 * relative_precision(arrays[0]):.0f} %")
    if len(scores) < len(SCORES):
        left_out.append("the matrix is that of the error in px only")
    if kept < panels:
        left_out.append("it is the mean over keypoints only")
    if len(rows) < len(first):
        left_out.append(f"it has the first {len(rows):,} of {len(first):,} training frames by suspicion")
    return Part(arrays, {"rows": rows, "keypoints": keypoints, "scores": shown}, left_out)


def _score(
    results: Results, score: str, rows: list[int], keypoints: bool, bits: int
) -> tuple[list[Packed], list[float]]:
    """The arrays of a score and its colour limits."""
    influence = results.influence(score, ESTIMATOR)
    arrays = []
    for part, values in influence.items():
        # The standard error of a mean over keypoints is at most the mean of theirs.
        panels = values[rows] if keypoints else mean_of_known(values[rows], -1)[:, :, None]
        arrays.append(packed_signed(f"{score}_{part}", np.moveaxis(panels, 2, 0), bits))
    others = off_diagonal(influence["value"])[rows]
    shown = [*(np.moveaxis(others, 2, 0) if keypoints else ()), mean_of_known(others, -1)]
    return arrays, [symmetric_limit(panel, _COLOUR_QUANTILE) for panel in shown]
