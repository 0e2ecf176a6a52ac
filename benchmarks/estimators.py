"""What the estimators, intervals, tests and designs are worth, on simulated studies whose truth is known.

    make benchmark-estimators

Writes `results/benchmarks/estimators.json` and prints one table. All numbers but the speeds are reproducible.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.simulation import KINDS, Block, Grid, grid, simulate
from frameworth import estimate_influence
from frameworth.attribution.estimate import Influence
from frameworth.attribution.estimators import difference_of_means, estimator
from frameworth.attribution.inference import values
from frameworth.attribution.sample import Sample
from frameworth.plan.designs import draw_subset
from frameworth.storage.files import write_json

OUT = Path("results/benchmarks/estimators.json")
LADDER = (10, 30, 70, 90)
FRAMES = 60
DESIGNS: dict[str, Callable[[int], list[Block]]] = {
    "nested": lambda clusters: [("nested", LADDER, clusters)],
    "independent": lambda clusters: [("independent", (50,), clusters)],
    "balanced": lambda clusters: [("balanced", (50,), clusters)],
    "paired": lambda clusters: [("paired", (50,), 2 * clusters)],
}
STRENGTHS = {"weak": 0.5, "strong": 2.0}


def coverage(design: str, kind: str, strength: float, clusters: int, studies: int) -> dict[str, float]:
    """Share of 95 % intervals that contain the true value, over all frames and over the strongest tenth.

    It is measured for the size-centred difference, and for the pooled difference of means with its standard error.
    """
    inside: dict[str, list[bool]] = {"size_centred": [], "size_centred_strongest": [], "pooled": []}
    for study in range(studies):
        rng = np.random.default_rng([study, clusters])
        subsets = _grid(design, clusters, study)
        scores, truth = simulate(subsets, kind, strength, rng, fall=3.0)
        # With one redraw no frame can be decided, so these are the intervals without stepping down.
        influence = _influence(subsets, scores, "size-centred", 1, rng)
        holds = ((influence.ci_low[:, 0] <= truth) & (truth <= influence.ci_high[:, 0])).tolist()
        inside["size_centred"] += holds
        inside["size_centred_strongest"] += [holds[i] for i in np.argsort(-np.abs(truth))[: FRAMES // 10]]
        pooled = _run(difference_of_means.estimate, subsets, scores)
        low, high = values.confidence_interval(pooled.value, pooled.standard_error, pooled.clusters, 0.95)
        inside["pooled"] += ((low[:, 0] <= truth) & (truth <= high[:, 0])).tolist()
    return {name: float(np.mean(shares)) for name, shares in inside.items()}


def false_positives(design: str, situation: str, clusters: int, studies: int, resamples: int) -> dict[str, float]:
    """How often frames without an effect are called: single frames at 5 %, and any frame of a study by max-T at 5 %.

    Args:
        situation: `no effect`; `a strong frame` (one frame has an effect of five noise deviations and is not counted);
            or `falling error` (the score falls with size by five noise deviations).
    """
    single, family = [], []
    for study in range(studies):
        rng = np.random.default_rng([study, 1])
        subsets = _grid(design, clusters, study)
        scores, _ = simulate(subsets, "additive", 0.0, rng, fall=5.0 if situation == "falling error" else 0.0)
        counted = np.arange(FRAMES)
        if situation == "a strong frame":
            scores = scores + 5.0 * subsets.inclusion[:, 0]
            counted = counted[1:]
        influence = _influence(subsets, scores, "size-centred", resamples, rng)
        single += (influence.p_value[counted, 0] < 0.05).tolist()
        family.append((influence.p_adjusted[counted, 0] < 0.05).any())
    return {"single": float(np.mean(single)), "family_wise": float(np.mean(family))}


def correlations(
    blocks: Sequence[Block],
    frames: int,
    kind: str,
    strength: float,
    studies: int,
    names: Sequence[str],
    interaction: float = 1.0,
) -> dict[str, float]:
    """Correlation of each estimator's values with the truth, averaged over studies."""
    correlations: dict[str, list[float]] = {name: [] for name in names}
    for study in range(studies):
        rng = np.random.default_rng([study, frames])
        subsets = grid(blocks, frames, study)
        scores, truth = simulate(subsets, kind, strength, rng, fall=3.0, interaction=interaction)
        for name in names:
            value = _run(estimator(name), subsets, scores, with_errors=False).value[:, 0]
            correlations[name].append(_correlation(value, truth))
    return {name: float(np.mean(each)) for name, each in correlations.items()}


def designs_at_equal_cost(networks: int, frames: int, strength: float, studies: int) -> dict[str, float]:
    """Mean correlation of regression's values with the truth, each design with `networks` trained networks.

    A network's own noise has variance 1, and the members of an ensemble share their subset. So a further member lowers
    the noise of one score, and a further subset adds a score. `paper` is 10/30/70/90 % with 4, 4, 2, 2 members.
    """
    plans: dict[str, tuple[list[Block], Sequence[int]]] = {
        "balanced": ([("balanced", (50,), networks)], [1]),
        "independent": ([("independent", (50,), networks)], [1]),
        "paired": ([("paired", (50,), networks)], [1]),
        "nested": ([("nested", LADDER, networks // 4)], [1, 1, 1, 1]),
        "paper": ([("nested", LADDER, networks // 12)], [4, 4, 2, 2]),
    }
    correlations: dict[str, float] = {}
    for name, (blocks, members) in plans.items():
        each = []
        for study in range(studies):
            rng = np.random.default_rng([study, networks])
            subsets = grid(blocks, frames, study)
            scores, truth = simulate(subsets, "additive", strength, rng, shared=0.0, noise=0.0)
            count = np.resize(members, len(scores))
            scores = scores + rng.normal(size=len(scores)) / np.sqrt(count)
            value = _run(estimator("regression"), subsets, scores, with_errors=False).value[:, 0]
            each.append(_correlation(value, truth))
        correlations[name] = float(np.mean(each))
    return correlations


def speed(subsets: int, frames: int, targets: int) -> dict[str, float]:
    """Seconds of point estimates and of cluster-robust errors, and of plain loops (extrapolated from 20 targets).

    The targets are the frames' keypoints, so each target must be adjusted for the inclusion of its own frame.
    """
    rng = np.random.default_rng(0)
    inclusion = np.array([draw_subset("independent", frames, 50, s, 1) for s in range(1, subsets + 1)])
    scores = inclusion @ rng.normal(size=(frames, targets)) + rng.normal(size=(subsets, targets))
    own_frame = np.arange(targets) * frames // targets
    sample = Sample(inclusion, scores, np.full(subsets, 50), np.arange(subsets), own_frame)
    seconds = {}
    for name, label, with_errors in (
        ("difference-of-means", "difference_of_means", False),
        ("regression", "regression", False),
        ("size-centred", "size_centred_with_errors", True),
    ):
        started = time.perf_counter()
        estimator(name)(sample, with_errors=with_errors)
        seconds[label] = time.perf_counter() - started
    part = min(targets, 20)
    started = time.perf_counter()
    _plain_loop(inclusion, scores[:, :part])
    seconds["plain_loop"] = (time.perf_counter() - started) * targets / part
    seconds["peak_rss_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return seconds


@cache
def _grid(design: str, clusters: int, study: int) -> Grid:
    """The subsets of a design; they are cached, because drawing balanced subsets takes longer than all else here."""
    return grid(DESIGNS[design](clusters), FRAMES, study)


def _influence(
    subsets: Grid, scores: np.ndarray, name: str, resamples: int, random_state: np.random.Generator
) -> Influence:
    return estimate_influence(
        subsets.inclusion, scores[:, None], percents=subsets.percents, clusters=subsets.clusters,
        design=subsets.designs, estimator=name, resamples=resamples, random_state=random_state,
    )  # fmt: skip


def _correlation(value: np.ndarray, truth: np.ndarray) -> float:
    """The correlation; 0 if all values are equal, for example if the LASSO sets all to 0."""
    return float(np.corrcoef(value, truth)[0, 1]) if np.ptp(value) > 0 else 0.0


def _plain_loop(inclusion: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The difference of means in the simplest way, with loops over frames and targets."""
    out = np.zeros((inclusion.shape[1], scores.shape[1]))
    for i in range(inclusion.shape[1]):
        for t in range(scores.shape[1]):
            with_i = [scores[s, t] for s in range(len(scores)) if inclusion[s, i]]
            without = [scores[s, t] for s in range(len(scores)) if not inclusion[s, i]]
            out[i, t] = np.mean(with_i) - np.mean(without)
    return out


def _run(estimate: Callable[..., Any], subsets: Grid, scores: np.ndarray, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimate(Sample(subsets.inclusion, scores[:, None], subsets.percents, subsets.clusters), **options)


def main() -> None:
    """Measure everything, print tables, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=300)
    parser.add_argument("--resamples", type=int, default=199)
    arguments = parser.parse_args()
    result: dict[str, Any] = {"studies": arguments.studies, "frames": FRAMES}
    result["coverage"] = _coverage_table(arguments.studies)
    result["false_positives"] = _false_positive_table(arguments.studies, arguments.resamples)
    result["correlation"] = _correlation_table(max(arguments.studies // 10, 2))
    result["designs"] = _design_table(max(arguments.studies // 5, 2))
    result["speed"] = _speed_table()
    result["pydvl"] = peers.pydvl_table()
    OUT.parent.mkdir(parents=True, exist_ok=True)
    write_json(OUT, result)


def _coverage_table(studies: int) -> list[dict[str, Any]]:
    print(f"\nCoverage of 95 % intervals\n{'':46}{'clusters':>9}{'all':>7}{'strongest':>11}{'pooled':>8}")
    rows = []
    for design in DESIGNS:
        for kind in KINDS:
            for strength, size in STRENGTHS.items():
                for clusters in (12, 16, 40):
                    row = coverage(design, kind, size, clusters, studies)
                    rows.append({"design": design, "kind": kind, "strength": strength, "clusters": clusters} | row)
                    print(
                        f"{design:14}{kind:18}{strength:14}{clusters:9}{row['size_centred']:7.3f}"
                        f"{row['size_centred_strongest']:11.3f}{row['pooled']:8.3f}",
                        flush=True,
                    )
    return rows


def _false_positive_table(studies: int, resamples: int) -> list[dict[str, Any]]:
    print(f"\nFalse positives at 5 %\n{'':34}{'single':>8}{'family':>8}")
    rows = []
    for design in DESIGNS:
        for situation in ("no effect", "a strong frame", "falling error"):
            row = false_positives(design, situation, 20, studies, resamples)
            rows.append({"design": design, "situation": situation} | row)
            print(f"{design:14}{situation:20}{row['single']:8.3f}{row['family_wise']:8.3f}", flush=True)
    return rows


def _correlation_table(studies: int) -> list[dict[str, Any]]:
    names = ["difference-of-means", "size-centred", "regression", "lasso", "shapley", "beta-shapley", "ame"]
    settings: list[tuple[str, list[Block]]] = [
        ("60 balanced halves", [("balanced", (50,), 60)]),
        ("120 independent halves", [("independent", (50,), 120)]),
        ("nested ladder, 15 seeds", [("nested", LADDER, 15)]),
        ("paired halves, 60", [("paired", (50,), 60)]),
    ]
    print(f"\nCorrelation with the true value, 60 frames\n{'':52}" + "".join(f"{name:>21}" for name in names))
    rows = []
    for label, blocks in settings:
        for kind in KINDS:
            # Additive values cannot fit interactions; with little noise, these are as large as the noise.
            for strength, size, interaction in (("much noise", 0.5, 1.0), ("little noise", 4.0, 0.25)):
                row = correlations(blocks, 60, kind, size, studies, names, interaction)
                rows.append({"setting": label, "kind": kind, "strength": strength} | row)
                print(f"{label:24}{kind:16}{strength:12}" + "".join(f"{row[name]:21.3f}" for name in names), flush=True)
    return rows


def _design_table(studies: int) -> list[dict[str, Any]]:
    print("\nCorrelation of regression's values with the truth by design, 120 networks, 87 frames")
    rows = []
    for strength, size in (("weak", 0.5), ("strong", 1.5)):
        row = designs_at_equal_cost(120, 87, size, studies)
        rows.append({"strength": strength} | row)
        print(f"{strength:8}" + "".join(f"  {name} {value:.2f}" for name, value in row.items()), flush=True)
    return rows


def _speed_table() -> list[dict[str, Any]]:
    """Measure each size in its own process, which has its own peak memory."""
    print("\nSeconds and MiB")
    rows = []
    for size in ((500, 250, 500), (2000, 1000, 2000), (2000, 1000, 4000), (2000, 1000, 8000)):
        code = f"from benchmarks.estimators import speed; import json; print(json.dumps(speed{size}))"
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        row = dict(zip(("subsets", "frames", "targets"), size, strict=True)) | json.loads(done.stdout)
        rows.append(row)
        print("  ".join(f"{name} {value:.3g}" for name, value in row.items()), flush=True)
    return rows


if __name__ == "__main__":
    main()
