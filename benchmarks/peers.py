"""Compare the time of Banzhaf values with pyDVL, which updates them by subset and frame; here they are matrix products.

pyDVL's pinned requirements conflict with this project's; `make peers` installs it into a separate folder.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import numpy as np

from frameworth.attribution.estimators import banzhaf
from frameworth.attribution.sample import Sample
from frameworth.plan.designs import draw_subset

FOLDER = Path(__file__).parents[1] / ".peers"
SUBSETS, FRAMES = 500, 200  # pyDVL takes half a minute for these
REPEATS = {"pydvl": 3, "frameworth": 25}


def pydvl_table(folder: Path = FOLDER) -> dict[str, float] | None:
    """Measure and print the speeds at full size; prints a hint and returns None if `make peers` has not run."""
    print(f"\nBanzhaf values of {SUBSETS} subsets of {FRAMES} frames, one score: seconds, median of several runs")
    if not (folder / "ready").exists():
        print("pyDVL is not installed; `make peers` installs it")
        return None
    speeds = banzhaf_speed(SUBSETS, FRAMES, folder)
    print("  ".join(f"{name} {value:.3g}" for name, value in speeds.items()), flush=True)
    return {"subsets": SUBSETS, "frames": FRAMES} | speeds


def banzhaf_speed(subsets: int, frames: int, folder: Path = FOLDER) -> dict[str, float]:
    """Median seconds that pyDVL and this project take for Banzhaf values of one score with their standard errors.

    Args:
        folder: the folder in which pyDVL is installed.

    Returns:
        `pydvl` and `frameworth` in seconds, `ratio`, and `largest_difference` between their values.
    """
    inclusion = np.array([draw_subset("independent", frames, 50, seed, 1) for seed in range(1, subsets + 1)])
    rng = np.random.default_rng(0)
    scores = inclusion @ rng.normal(size=frames) + rng.normal(size=subsets)
    halves, clusters = np.full(subsets, 50), np.arange(subsets)

    def ours() -> np.ndarray:
        return banzhaf.estimate(Sample(inclusion, scores[:, None], halves, clusters)).value[:, 0]

    sys.path.append(str(folder))  # after this environment's own packages
    seconds, values = {}, {}
    for name, compute in (("pydvl", _pydvl(inclusion, scores)), ("frameworth", ours)):
        runs = []
        for _ in range(REPEATS[name]):
            started = time.perf_counter()
            values[name] = compute()
            runs.append(time.perf_counter() - started)
        seconds[name] = median(runs)
    return seconds | {
        "ratio": seconds["pydvl"] / seconds["frameworth"],
        "largest_difference": float(np.abs(values["pydvl"] - values["frameworth"]).max()),
    }


def _pydvl(inclusion: np.ndarray, scores: np.ndarray) -> Callable[[], np.ndarray]:
    """A function that runs pyDVL's BanzhafValuation (maximum sample reuse) on subsets [S, N] with scores [S]."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        from pydvl.valuation import BanzhafValuation, Dataset, MSRSampler
        from pydvl.valuation.stopping import MaxSamples
        from pydvl.valuation.types import Sample
        from pydvl.valuation.utility.base import UtilityBase

    # Scores are looked up by bytes, which is fast, so that the time is that of pyDVL.
    known = {np.flatnonzero(row).tobytes(): score for row, score in zip(inclusion, scores.tolist(), strict=True)}

    class Known(UtilityBase):
        def __call__(self, sample: Sample) -> float:
            return known[sample.subset.tobytes()]

    class Given(MSRSampler):
        def generate(self, indices: np.ndarray) -> Iterator[Sample]:
            for row in inclusion:
                yield Sample(None, np.flatnonzero(row))

    frames = inclusion.shape[1]
    data = Dataset(np.zeros((frames, 1)), np.zeros(frames))
    utility = Known()
    utility._training_data = data

    def compute() -> np.ndarray:
        sampler = Given(batch_size=1)
        # No criterion stops it early, so it uses all subsets.
        valuation = BanzhafValuation(utility, sampler, is_done=MaxSamples(sampler, sys.maxsize), progress=False)
        return np.asarray(valuation.fit(data).result.values)

    return compute
