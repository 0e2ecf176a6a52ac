"""Measure how well `suspect_labels`, the mean error of the networks alone, and `suspect_geometry` find spoilt labels.

    python -m benchmarks.suspects study results/openfield --draws 20
    python -m benchmarks.suspects project path/to/dlc-project --draws 20

Labels of a finished study, or of any project, are spoilt after training. This needs no new network, because networks
that did not see a frame do not depend on its label.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from frameworth.attribution.suspicion.geometry import LEAST_KEYPOINTS, suspect_geometry
from frameworth.attribution.suspicion.mean_errors import error_probability
from frameworth.attribution.suspicion.suspects import suspect_labels
from frameworth.labels.label_errors import exchange_neighbours
from frameworth.labels.sources import inspect_labels
from frameworth.results.results import Results

SHARE = 1 / 12  # share of the right frames that a draw spoils
WHOLE = 0.05  # distance by which a whole animal is moved, as a share of the image's width
Spoil = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def moved(px: float) -> Spoil:
    """An error that moves one labelled keypoint by `px` in a random direction."""

    def spoil(xy: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        out = xy.copy()
        out[rng.choice(np.flatnonzero(np.isfinite(xy).all(axis=1)))] += _direction(px, rng)
        return out

    return spoil


def displaced(px: float) -> Spoil:
    """An error that moves all keypoints by `px` in one random direction."""
    return lambda xy, rng: xy + _direction(px, rng)


def exchanged(first: int, second: int) -> Spoil:
    """An error that exchanges the labels of two given keypoints."""

    def spoil(xy: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        out = xy.copy()
        out[[first, second]] = xy[[second, first]]
        return out

    return spoil


def exchanged_at_random(xy: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Exchange the labels of two random labelled keypoints."""
    first, second = rng.choice(np.flatnonzero(np.isfinite(xy).all(axis=1)), 2, replace=False)
    return exchanged(first, second)(xy, rng)


def _direction(px: float, rng: np.random.Generator) -> np.ndarray:
    angle = rng.uniform(0, 2 * np.pi)
    return px * np.array([np.cos(angle), np.sin(angle)])


def measure(
    xy: np.ndarray, right: np.ndarray, rank: Mapping[str, Callable[[np.ndarray], np.ndarray]], spoil: Spoil, draws: int
) -> dict[str, float]:
    """Each ranking's AUROC, and the share of wrong frames among its first n (n: their number), averaged over draws.

    Args:
        xy: [N, K, 2] px. right: bool [N], frames with right labels; some of them are spoilt.
        rank: by name, functions that compute the suspicion [N] of labels.
    """
    rows = np.flatnonzero(right)
    shares: dict[str, list[float]] = {}
    for draw in range(draws):
        rng = np.random.default_rng([draw, 21])
        labels, wrong = xy.copy(), rng.choice(rows, max(3, round(SHARE * len(rows))), replace=False)
        for row in wrong:
            labels[row] = spoil(xy[row], rng)
        is_wrong = np.isin(rows, wrong)
        for name, ranking in rank.items():
            suspicion = np.nan_to_num(ranking(labels)[rows], nan=-1)
            first = np.argsort(-suspicion, kind="stable")[: len(wrong)]
            shares.setdefault(name, []).append(roc_auc_score(is_wrong, suspicion))
            shares.setdefault(f"{name}, first n", []).append(is_wrong[first].mean())
    return {name: float(np.mean(values)) for name, values in shares.items()}


def of_study(folder: Path, sizes: list[float], pair: tuple[int, int], draws: int, subsets: slice) -> pd.DataFrame:
    """A row for each kind of error, from the poses that a finished study stored."""
    results = Results(folder)
    poses = results.scores["consensus_pose"][subsets].astype(float)
    inclusion = results.inclusion[subsets]
    percents = results.subsets["percent"].to_numpy()[subsets]
    whole = np.isfinite(results.labels.xy).all(axis=(1, 2)) & ~inclusion.all(axis=0)
    right = whole & results.frames["planted"].isna().to_numpy() if "planted" in results.frames else whole

    def of_errors(labels: np.ndarray) -> np.ndarray:
        p = error_probability(np.log1p(np.linalg.norm(poses - labels, axis=-1)), inclusion)
        return -np.where(np.isfinite(p), p, 2).min(axis=1)

    def of_networks(labels: np.ndarray) -> np.ndarray:
        return suspect_labels(poses, labels, inclusion, percents=percents).suspicion

    width = float(results.frames["width"].median())
    kinds = {f"one keypoint by {px:g} px": moved(px) for px in sizes}
    kinds |= {f"{' and '.join(results.labels.keypoints[k] for k in pair)} exchanged": exchanged(*pair)}
    kinds |= {f"all by {WHOLE:.0%} of the width": displaced(WHOLE * width)}
    kinds |= {"nearest neighbours exchanged": lambda xy, rng: exchange_neighbours(xy, rng)[0]}
    rank = {"mean error": of_errors, "suspect_labels": of_networks, "suspect_geometry": _of_geometry}
    return pd.DataFrame(
        {kind: measure(results.labels.xy, right, rank, spoil, draws) for kind, spoil in kinds.items()}
    ).T


def of_project(labels: Path, sizes: list[float], draws: int) -> pd.DataFrame:
    """A row for each kind of error, from the labels of a project alone."""
    project = inspect_labels(labels).project
    assert project is not None
    right = np.isfinite(project.xy).all(axis=2).sum(axis=1) >= LEAST_KEYPOINTS
    kinds = {f"one keypoint by {px:g} px": moved(px) for px in sizes} | {"two exchanged": exchanged_at_random}
    kinds |= {"nearest neighbours exchanged": lambda xy, rng: exchange_neighbours(xy, rng)[0]}
    rank = {"suspect_geometry": _of_geometry}
    return pd.DataFrame({kind: measure(project.xy, right, rank, spoil, draws) for kind, spoil in kinds.items()}).T


def _of_geometry(labels: np.ndarray) -> np.ndarray:
    return suspect_geometry(labels).suspicion


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("of", choices=["study", "project"])
    parser.add_argument("path", type=Path)
    parser.add_argument("--px", type=float, nargs="+", default=[15.0, 25.0, 40.0])
    parser.add_argument("--pair", type=int, nargs=2, default=(1, 2), help="keypoints that are exchanged in a study")
    parser.add_argument("--subsets", type=int, help="of a study, the first so many; all if left out")
    parser.add_argument("--draws", type=int, default=20)
    given = parser.parse_args()
    if given.of == "study":
        table = of_study(given.path, given.px, tuple(given.pair), given.draws, slice(given.subsets))
    else:
        table = of_project(given.path, given.px, given.draws)
    print(table.round(2).to_string())


if __name__ == "__main__":
    main()
