"""Who finds wrong labels: `suspect_labels`, its parts, plain errors of networks, and other projects' label checkers, on
the poses that finished studies stored.

    make benchmark-labels PROJECT=results/openfield
    make benchmark-labels PROJECT="results/openfield results/reaching"

Labels are spoilt after training, several times for each kind: networks that did not see a frame do not depend on its
label.
Where a study planted errors itself, or `--spoilt` names frames whose labels were spoilt before it (the file of
`benchmarks.spoil`), those are judged, too, and left out elsewhere: its networks were trained on them. Writes
`results/benchmarks/labels.json` and prints a table of each study in Markdown. `make peers` and `make sleap-environment`
install the other projects' checkers.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import metadata
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.metrics import roc_auc_score

from benchmarks.label_qc import ENVIRONMENT, suspicions
from benchmarks.peers import FOLDER
from benchmarks.suspects import SHARE, WHOLE
from frameworth.attribution.inference.auroc import interval_of_auroc
from frameworth.attribution.inference.values import out_of_bag_error
from frameworth.attribution.suspicion.geometry import suspect_geometry
from frameworth.attribution.suspicion.runs import runs
from frameworth.attribution.suspicion.suspects import suspect_labels, where_seen
from frameworth.errors import UserError
from frameworth.labels.label_errors import animal_length, exchange_neighbours, move_one, shift_inside
from frameworth.labels.labels import Labels, distance
from frameworth.results.results import Results
from frameworth.storage.files import read_table, write_json

OUT = Path("results/benchmarks/labels.json")
OURS = "suspect_labels"
IN_SAMPLE = "in-sample error"
FACTORS = (1.5, 2.5, 4.0)  # distances by which one keypoint is moved, in median out-of-bag errors
PX = (14.0, 20.0)
RUN_FACTOR, RUN = 2.5, 3  # distance in median errors, and the most neighbouring frames that are spoilt together
LEVEL = 0.95

Ranking = Callable[[np.ndarray], np.ndarray]
"""Turns labels [N, K, 2] px into suspicions [N]; higher is more suspicious, NaN is unknown."""
Spoil = Callable[[np.ndarray, int, np.ndarray, np.random.Generator], Sequence[int]]
"""Spoils labels [N, K, 2] in place at a row and perhaps other free rows (bool [N]), and returns the spoilt rows;
raises ValueError if the frame has no room for the error."""


@dataclass(frozen=True)
class Stored:
    """The stored results of a study with N frames, K keypoints and S subsets.

    Attributes:
        poses: [S, N, K, 2] px, the consensus of each subset's networks. inclusion: bool [S, N]. percents: [S].
        labels: the labels to compare them with; videos: the name of each frame's video [N], grouped by video.
        planted: bool [N], whether the frame's labels were spoilt before training.
    """

    poses: np.ndarray
    labels: Labels
    inclusion: np.ndarray
    percents: np.ndarray
    videos: Sequence[str]
    planted: np.ndarray

    @cached_property
    def judged(self) -> np.ndarray:
        """Bool [N]: at least two keypoints are labelled, and some subset does not include the frame."""
        return (np.isfinite(self.labels.xy).all(axis=2).sum(axis=1) >= 2) & ~self.inclusion.all(axis=0)

    @cached_property
    def median_error(self) -> float:
        """The median distance in px between labels and the poses of networks that were not trained on them."""
        error = distance(self.poses, self.labels.xy)
        return float(np.nanmedian(error[~self.inclusion]))

    @cached_property
    def place(self) -> np.ndarray:
        """The positions of keypoints by networks that were not trained on the frame, [N, K, 2] px."""
        return where_seen(self.poses, self.labels.xy, self.inclusion, self.percents)[0]


def read_stored(study: Path, spoilt: Path | None = None) -> Stored:
    """Read the folder of a finished study; raises UserError if it is not one.

    Args:
        spoilt: a CSV with `video` and `image` of frames that were spoilt before the study, besides those it planted.
    """
    if not (study / "scores.h5").exists():
        raise UserError(f"{study}: has no scores.h5; name the folder of a finished study, such as results/demo")
    results = Results(study)
    planted = np.zeros(len(results.frames), bool) if results.planted is None else results.planted
    if spoilt is not None:
        names = pd.MultiIndex.from_frame(read_table(spoilt, text=("video", "image"))[["video", "image"]])
        planted = planted | pd.MultiIndex.from_frame(results.frames[["video", "image"]].astype(str)).isin(names)
    return Stored(
        poses=results.scores["consensus_pose"].astype(float),
        labels=results.labels,
        inclusion=results.inclusion,
        percents=results.subsets["percent"].to_numpy(),
        videos=results.frames["video"].tolist(),
        planted=planted,
    )


def spoils(stored: Stored) -> dict[str, list[Spoil]]:
    """The lists of errors for plantings, by name: each kind alone, all of single keypoints, and all kinds."""
    sizes, usual = stored.labels.sizes, stored.median_error

    def moved(px: float) -> Spoil:
        def spoil(xy: np.ndarray, row: int, free: np.ndarray, rng: np.random.Generator) -> Sequence[int]:
            xy[row] = move_one(xy[row], sizes[row], (px, px), rng)[0]
            return [row]

        return spoil

    def exchanged(xy: np.ndarray, row: int, free: np.ndarray, rng: np.random.Generator) -> Sequence[int]:
        xy[row] = exchange_neighbours(xy[row], rng)[0]
        return [row]

    def shifted(xy: np.ndarray, row: int, free: np.ndarray, rng: np.random.Generator) -> Sequence[int]:
        px = WHOLE * sizes[row, 0]
        xy[row] += shift_inside(xy[row], sizes[row], (px, px), rng)
        return [row]

    videos = np.unique(stored.videos, return_inverse=True)[1]
    units = runs(stored.labels.xy[..., 0] + 1j * stored.labels.xy[..., 1], videos)
    unit_of = {int(row): unit for unit in units for row in unit}

    def run(xy: np.ndarray, row: int, free: np.ndarray, rng: np.random.Generator) -> Sequence[int]:
        unit = unit_of[row]
        unit = unit[free[unit]]
        start = min(int(np.flatnonzero(unit == row)[0]), max(0, len(unit) - RUN))
        rows = unit[start : start + RUN]
        known = np.flatnonzero(np.isfinite(xy[rows]).all(axis=(0, 2)))
        if len(rows) < 2 or not len(known):
            raise ValueError("the frame has no neighbour like it")
        keypoint, px = int(rng.choice(known)), RUN_FACTOR * usual
        xy[rows, keypoint] += shift_inside(xy[rows, keypoint], sizes[row], (px, px), rng)
        return rows.tolist()

    single = {f"one keypoint by {factor:g} × the median error, {factor * usual:.1f} px": factor for factor in FACTORS}
    kinds = {name: moved(factor * usual) for name, factor in single.items()}
    kinds |= {f"one keypoint by {px:g} px": moved(px) for px in PX}
    alone = list(kinds.values())
    kinds |= {"neighbours exchanged": exchanged, f"whole animal by {WHOLE:.0%} of the width": shifted}
    kinds |= {f"one keypoint of like neighbouring frames by {RUN_FACTOR * usual:.1f} px": run}
    return {name: [kind] for name, kind in kinds.items()} | {"single keypoints": alone, "all": list(kinds.values())}


def plant(stored: Stored, kinds: Sequence[Spoil], planting: int) -> tuple[np.ndarray, np.ndarray]:
    """Spoil about a twelfth of the right frames, with the kinds in turn; returns labels [N, K, 2] and which, bool [N].

    A frame without room for its kind of error is not changed.
    """
    rng = np.random.default_rng([planting, 21])
    xy, wrong = stored.labels.xy.copy(), np.zeros(len(stored.planted), bool)
    right = stored.judged & ~stored.planted
    count = max(3, round(SHARE * right.sum()))
    for row, kind in zip(rng.permutation(np.flatnonzero(right)), cycle(kinds), strict=False):
        if wrong.sum() >= count:
            break
        if not wrong[row]:
            try:
                wrong[kind(xy, int(row), right & ~wrong, rng)] = True
            except ValueError:
                continue
    return xy, wrong


def rankings(stored: Stored) -> dict[str, Ranking]:
    """The functions that compute suspicions, by name: ours, and all others that are installed."""

    def ours(xy: np.ndarray) -> np.ndarray:
        return suspect_labels(stored.poses, xy, stored.inclusion, percents=stored.percents).suspicion

    def error_by(networks: np.ndarray) -> Ranking:
        """The mean error over keypoints and over the given networks, bool [S, N]."""
        return lambda xy: out_of_bag_error(distance(stored.poses, xy), ~networks)

    by_name: dict[str, Ranking] = {
        OURS: ours,
        "geometry alone": lambda xy: suspect_geometry(xy).suspicion,
        "out-of-bag error": error_by(~stored.inclusion),
        IN_SAMPLE: error_by(stored.inclusion),
    }
    if is_installed("trekr"):
        by_name["TREKR"] = trekr
    if (ENVIRONMENT / "ready").exists():
        by_name["SLEAP"] = lambda xy: suspicions(replace(stored.labels, xy=xy), list(stored.videos), ENVIRONMENT)[0]
    if is_installed("cleanlab"):
        by_name["cleanlab, regression"] = lambda xy: cleanlab_regression(xy, stored.place)
        by_name["cleanlab, ObjectLab"] = lambda xy: cleanlab_objectlab(xy, stored.place, stored.labels.sizes)
    return by_name


def left_out() -> list[str]:
    """A sentence for each checker that is not installed."""
    peers = {"trekr": "TREKR's label checker", "cleanlab": "cleanlab"}
    missing = [
        f"{name} is not installed; `make peers` installs it" for of, name in peers.items() if not is_installed(of)
    ]
    if not (ENVIRONMENT / "ready").exists():
        missing.append("SLEAP's label quality control is not installed; `make sleap-environment` installs it")
    return missing


def is_installed(package: str) -> bool:
    """Whether a package of `make peers` can be imported."""
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))  # after this environment's own packages
    return importlib.util.find_spec(package) is not None


def trekr(xy: np.ndarray) -> np.ndarray:
    """The highest score of a frame's keypoints, as `trekr labels` ranks animals; NaN with fewer than four keypoints.

    Source: TREKR 0.1, `trekr.labels.check`.
    """
    scores = importlib.import_module("trekr.labels.check").scores(xy)
    return np.fmax.reduce(scores, axis=1)


def cleanlab_regression(xy: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Minus the worst quality of a frame's coordinates; each is scored together with that coordinate in all frames.

    Args:
        xy: [N, K, 2] px. place: [N, K, 2] px, out-of-sample predictions.

    Source: cleanlab 2.9, `cleanlab.regression.rank.get_label_quality_scores` with its defaults.
    """
    quality_of = importlib.import_module("cleanlab.regression.rank").get_label_quality_scores
    quality = np.full(xy.shape, np.nan)
    for at in np.ndindex(xy.shape[1:]):
        label, predicted = xy[(slice(None), *at)], place[(slice(None), *at)]
        known = np.isfinite(label) & np.isfinite(predicted)
        if known.sum() > 1:
            quality[(known, *at)] = quality_of(label[known], predicted[known])
    return -np.fmin.reduce(quality.reshape(len(xy), -1), axis=1)


def cleanlab_objectlab(xy: np.ndarray, place: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Minus ObjectLab's quality of images in which each labelled keypoint is a square with its own class.

    Squares are as wide as the median animal is long, because ObjectLab does not call a label badly placed if it does
    not overlap with its prediction. Predictions get probability 1, because ObjectLab uses less probable ones little.

    Args:
        xy, place: [N, K, 2] px, as for `cleanlab_regression`. sizes: [N, 2] px.

    Source: cleanlab 2.9, `cleanlab.object_detection.rank.get_label_quality_scores` with its defaults.
    """
    quality_of = importlib.import_module("cleanlab.object_detection.rank").get_label_quality_scores
    known = np.isfinite(xy).all(axis=2) & np.isfinite(place).all(axis=2)
    rows = np.flatnonzero(known.any(axis=1))
    half = 0.5 * np.median([animal_length(xy[row], sizes[row]) for row in rows])
    labelled = np.concatenate([xy - half, xy + half], axis=2)
    predicted = np.concatenate([place - half, place + half, np.ones((*known.shape, 1))], axis=2)
    labels = [{"bboxes": labelled[row, known[row]], "labels": np.flatnonzero(known[row])} for row in rows]
    predictions = [[predicted[row, [k]][known[row, [k]]] for k in range(known.shape[1])] for row in rows]
    suspicion = np.full(len(xy), np.nan)
    suspicion[rows] = -quality_of(labels, predictions, verbose=False)
    return suspicion


def judge(wrong: np.ndarray, suspicion: np.ndarray) -> tuple[float, float]:
    """AUROC, and the share of wrong frames among the first n, n being their number; `wrong` bool [M], suspicion [M].

    Unknown suspicions count as the lowest. If frames with equal suspicion are only partly among the first n, the share
    of wrong ones among them is used.
    """
    count, suspicion = int(wrong.sum()), _filled(suspicion)
    least = np.sort(suspicion)[-count]
    before, level = suspicion > least, suspicion == least
    hits = wrong[before].sum() + (count - before.sum()) * wrong[level].mean()
    return float(roc_auc_score(wrong, suspicion)), float(hits / count)


def _filled(suspicion: np.ndarray) -> np.ndarray:
    known = suspicion[np.isfinite(suspicion)]
    return np.nan_to_num(suspicion, nan=known.min() if len(known) else 0.0)


def measure(stored: Stored, rank: Mapping[str, Ranking], plantings: int) -> list[dict[str, Any]]:
    """A row for each kind of error: `kind`, `plantings`, `spoilt` (frames in the first planting), `rankings` by name.

    Each ranking has the mean `auroc` and `precision` over plantings, `auroc_interval` and `precision_interval` (of
    the mean, by Student's t; the networks are always the same), and `auroc_each`. Errors made before training are one
    planting; its `auroc_interval` is over frames, and it has no interval of the precision. Kinds without room in any
    frame have no row. In-sample error is judged among the frames of the pool only.
    """
    pool = stored.inclusion.any(axis=0)
    rows: list[dict[str, Any]] = []

    def judged_by(name: str, xy: np.ndarray, wrong: np.ndarray, of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        of = of & pool if name == IN_SAMPLE else of
        return wrong[of], rank[name](xy)[of]

    for kind, kinds in spoils(stored).items():
        each: dict[str, list[tuple[float, float]]] = {name: [] for name in rank}
        spoilt = []
        for planting in range(plantings):
            xy, wrong = plant(stored, kinds, planting)
            spoilt.append(int(wrong.sum()))
            if not wrong.any():
                continue
            for name in rank:
                truth, suspicion = judged_by(name, xy, wrong, stored.judged & ~stored.planted)
                if truth.any():
                    each[name].append(judge(truth, suspicion))
        if any(spoilt):
            measures = {name: _over_plantings(np.array(values)) for name, values in each.items() if values}
            rows.append({"kind": kind, "plantings": plantings, "spoilt": spoilt[0], "rankings": measures})
    planted = stored.planted & stored.judged
    if planted.any():
        measures = {}
        for name in rank:
            truth, suspicion = judged_by(name, stored.labels.xy, planted, stored.judged)
            auroc, precision = judge(truth, suspicion)
            interval = list(interval_of_auroc(truth, _filled(suspicion), LEVEL))
            measures[name] = {"auroc": auroc, "auroc_interval": interval, "precision": precision}
        kind = "spoilt before training"
        rows.append({"kind": kind, "plantings": 1, "spoilt": int(planted.sum()), "rankings": measures})
    return rows


def _over_plantings(values: np.ndarray) -> dict[str, Any]:
    """Means and intervals of AUROC and precision [plantings, 2]."""
    measures: dict[str, Any] = {}
    for name, of in zip(("auroc", "precision"), values.T, strict=True):
        away = stats.t.ppf((1 + LEVEL) / 2, len(of) - 1) * of.std(ddof=1) / np.sqrt(len(of)) if len(of) > 1 else np.nan
        interval = [max(0.0, float(of.mean() - away)), min(1.0, float(of.mean() + away))]
        measures |= {name: float(of.mean())} | ({f"{name}_interval": interval} if len(of) > 1 else {})
    return measures | {"auroc_each": values[:, 0].tolist()}


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table of AUROC with its interval, and precision; the highest AUROC of a row is bold."""
    names = list(rows[0]["rankings"])
    lines = ["| spoilt | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for row in rows:
        best = max(of["auroc"] for of in row["rankings"].values())
        cells = [_cell(row["rankings"].get(name), best) for name in names]
        lines.append(f"| {row['kind']} ({row['spoilt']}) | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(of: Mapping[str, Any] | None, best: float) -> str:
    if of is None:
        return ""
    auroc = _short(of["auroc"])
    if of["auroc"] >= best:
        auroc = f"**{auroc}**"
    interval = f" [{', '.join(map(_short, of['auroc_interval']))}]" if "auroc_interval" in of else ""
    return f"{auroc}{interval}, {_short(of['precision'])}"


def _short(value: float) -> str:
    return f"{value:.2f}".removeprefix("0")


def versions() -> dict[str, str]:
    """The versions of the installed checkers of `make peers`."""
    return {name: metadata.version(name) for name in ("trekr", "cleanlab") if is_installed(name)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure every study, print its table, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", type=Path, nargs="+", help="folders of finished studies, such as results/demo")
    parser.add_argument("--plantings", type=int, default=20)
    parser.add_argument("--spoilt", type=Path, help="CSV of the frames (video, image) spoilt before a single study")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args(arguments)
    missing = left_out()
    for line in missing:
        print(line, flush=True)
    studies = {}
    try:
        for study in options.studies:
            stored = read_stored(study, options.spoilt)
            rows = measure(stored, rankings(stored), options.plantings)
            studies[study.name] = {
                "frames": int(stored.judged.sum()),
                "keypoints": stored.poses.shape[2],
                "subsets": len(stored.poses),
                "median_out_of_bag_px": stored.median_error,
                "rows": rows,
            }
            print(f"\n{study.name}: {stored.judged.sum()} frames, {stored.poses.shape[2]} keypoints, ", end="")
            print(f"{len(stored.poses)} subsets, median out-of-bag error {stored.median_error:.1f} px")
            print(f"\n{table(rows)}", flush=True)
    except UserError as refused:
        raise SystemExit(str(refused)) from None
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(options.out, {"left_out": missing, "versions": versions(), "studies": studies})


if __name__ == "__main__":
    main()
