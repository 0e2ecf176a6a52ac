"""The matrix figures: training frames × evaluated frames, a panel per keypoint."""

from __future__ import annotations

from collections.abc import Callable

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import AsinhNorm, Colormap, Normalize
from matplotlib.figure import Figure
from scipy import stats

from frameworth.attribution.inference.values import mean_of_known
from frameworth.attribution.influence_file import group_name
from frameworth.errors import UserError
from frameworth.figures import _style
from frameworth.results.results import Results

MEAN = "(mean of keypoints)"
ESTIMATOR = "size-centred"  # its standard errors give intervals with the right coverage
HARMS_RED = "RdBu_r"
HELPS_BLUE = "RdBu"
_NAMES = {
    "error": "error",
    "confidence": "confidence at its label",
    "probability": "probability at its label",
    "variance": "variance of its error between subsets of one size",
}


def signed_figure(
    score: str, *, colours: str, unit: str, digits: int, label: str, squash: bool = False
) -> tuple[Callable[[Results], pd.DataFrame], Callable[[pd.DataFrame, Results], Figure]]:
    """`table` and `draw` of the figure of a score's influences; blue helps and red harms.

    Args:
        unit, digits: of the change in the title. label: of the colour bar.
        squash: compress large values (inverse hyperbolic sine), if sizes of the score differ by orders of magnitude.

    The colours end at the 98th percentile of the absolute influences on other frames (with `squash` at the 99.9th).
    Otherwise a frame's influence on itself, or a single outlier, would make all other colours pale.
    """

    def table(results: Results) -> pd.DataFrame:
        return matrix_table(results, score)

    def draw(table: pd.DataFrame, results: Results) -> Figure:
        others = table.loc[table["training_frame"] != table["evaluated_frame"], "value"].to_numpy()
        limit = _style.symmetric_limit(others, 0.999 if squash else 0.98)
        norm = Normalize(-limit, limit)
        if squash:
            norm = AsinhNorm(_style.symmetric_limit(others, 0.5), -limit, limit)
        figure = draw_matrices(table, results, "value", colours, norm, label)
        note = (
            "The size-centred influence is the score with the training frame in the subset minus the score without it. "
            "Frames right of the black line are held out. Grey cells have no label or cannot be estimated. Colours "
            + ("are compressed towards their ends. " if squash else "end at the 98th percentile. ")
            + "Panels of only some sizes use fewer subsets and are noisier." * bool(results.groups)
        )
        _style.headline(figure, _in_words(results, score, unit, digits), note)
        return figure

    return table, draw


def matrix_table(results: Results, score: str, part: str = "value") -> pd.DataFrame:
    """A row per panel, training frame (of the pool) and evaluated frame, with the estimate in column `part`.

    There is a panel for each keypoint, for the mean of all keypoints, and for this mean within each group of percents
    in the config that the study's percents cover.
    """
    whole = results.influence(score, ESTIMATOR)[part]
    panels = [("all", name, whole[:, :, index]) for index, name in enumerate(results.labels.keypoints)]
    panels.append(("all", MEAN, mean_of_known(whole, -1)))
    for group in map(group_name, results.groups):
        try:
            values = results.influence(score, ESTIMATOR, group)[part]
        except UserError:  # the study's percents do not cover the group
            continue
        panels.append((group, MEAN, mean_of_known(values, -1)))
    pool, total = np.flatnonzero(results.pool), len(results.pool)
    cells = len(pool) * total
    return pd.DataFrame(
        {
            "group": _repeated([group for group, _, _ in panels], cells),
            "keypoint": _repeated([keypoint for _, keypoint, _ in panels], cells),
            "training_frame": np.tile(np.repeat(pool, total), len(panels)),
            "evaluated_frame": np.tile(np.arange(total), len(pool) * len(panels)),
            part: np.concatenate([values[pool].ravel() for _, _, values in panels]),
        }
    )


def draw_matrices(
    table: pd.DataFrame, results: Results, column: str, colours: str, norm: Normalize, label: str
) -> Figure:
    """A panel for each (group, keypoint) of the table, with one colour bar; the pool's columns come first."""
    pool, held_out = np.flatnonzero(results.pool), np.flatnonzero(~results.pool)
    panels = list(table.groupby(["group", "keypoint"], sort=False, observed=True)[column])
    across = min((4, 3, 2), key=lambda columns: (-len(panels) % columns, -columns))
    across = min(across, len(panels))
    lines = -(-len(panels) // across)
    figure = _style.new_figure(2.9 * across + 1, 2.7 * lines + 1.1)
    grid = figure.subplots(lines, across, squeeze=False)
    shade = mpl.colormaps[colours].with_extremes(bad=_style.MISSING)
    for index, (axes, (name, values)) in enumerate(zip(grid.flat, panels, strict=False)):
        matrix = values.to_numpy().reshape(len(pool), len(results.pool))
        _panel(axes, matrix, pool, held_out, shade, norm)
        group, keypoint = name
        title = _style.plain(keypoint) if group == "all" else f"mean, subsets of {group.replace('-', ' and ')} %"
        axes.set_title(title, pad=13)
        axes.set_ylabel("training frame (number)" if index % across == 0 else "")
        axes.set_xlabel("evaluated frame (number)" if index + across >= len(panels) else "")
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    extend = "both" if norm.vmin else "max"
    bar = figure.colorbar(ScalarMappable(norm, shade), ax=grid, extend=extend, pad=0.01, aspect=40, fraction=0.03)
    bar.set_label(label)
    return figure


def off_diagonal(values: np.ndarray) -> np.ndarray:
    """A copy of [N, N, …] with NaN in place of each frame's influence on itself."""
    copy = np.array(values, dtype=float)
    index = np.arange(len(copy))
    copy[index, index] = np.nan
    return copy


def share_beyond_chance(values: np.ndarray, errors: np.ndarray, clusters: int, level: float) -> float | None:
    """Share of the cells whose t statistic is beyond the quantile of `level`; None without standard errors.

    t has `clusters` − 1 degrees of freedom. If there were no effect, the share would be 1 − `level`.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.abs(values / errors)
    size = size[np.isfinite(size)]
    if not size.size or clusters < 2:
        return None
    return float((size > stats.t.ppf((1 + level) / 2, clusters - 1)).mean())


def influence_on_others(results: Results, score: str) -> tuple[float | None, float]:
    """`share_beyond_chance` of a score's influences on other frames, and what chance alone would give."""
    estimate, clusters = results.influence(score, ESTIMATOR), len(np.unique(results.clusters))
    others = off_diagonal(estimate["value"])
    return share_beyond_chance(others, estimate["standard_error"], clusters, results.level), 1 - results.level


def _in_words(results: Results, score: str, unit: str, digits: int) -> str:
    diagonal = np.diagonal(results.influence(score, ESTIMATOR)["value"])
    diagonal = diagonal[np.isfinite(diagonal)]
    change = _style.signed(diagonal.mean(), digits) + unit if diagonal.size else "an unknown amount"
    text = f"Training on a frame changes the {_NAMES[score]} by {change} (the diagonal)"
    share, chance = influence_on_others(results, score)
    if share is None:
        return text
    seen, expected = _style.percentage(share), _style.percentage(chance)
    if share < 1.2 * chance:
        return f"{text}; other influences stand out no more often than by chance ({seen}; {expected} expected)"
    return f"{text}; of the other influences {seen} stand out, where chance gives {expected} on average"


def _panel(
    axes: Axes, matrix: np.ndarray, pool: np.ndarray, held_out: np.ndarray, shade: Colormap, norm: Normalize
) -> None:
    order = np.concatenate([pool, held_out])
    axes.imshow(matrix[:, order], cmap=shade, norm=norm, aspect="auto", interpolation="nearest")
    axes.axvline(len(pool) - 0.5, color="black", lw=1)
    for name, middle in (("pool", len(pool) / 2), ("held out", len(pool) + len(held_out) / 2)):
        axes.text(middle, 1.01, name, transform=axes.get_xaxis_transform(), ha="center", va="bottom", fontsize=7)
    _numbers(axes.set_xticks, order)
    _numbers(axes.set_yticks, pool)


def _numbers(set_ticks: Callable[..., object], frames: np.ndarray) -> None:
    """Label about eight positions of an axis with their frame numbers."""
    places = np.unique(np.linspace(0, len(frames) - 1, 8).round().astype(int))
    set_ticks(places, frames[places], fontsize=7)


def _repeated(names: list[str], times: int) -> pd.Categorical:
    return pd.Categorical(names, categories=list(dict.fromkeys(names))).repeat(times)
