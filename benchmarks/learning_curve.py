"""What the learning curve's intervals cover, and how wide they are, on simulated studies of known truth.

    make benchmark-learning-curve

Writes `results/benchmarks/learning_curve.json` and prints one table. Curves are power laws and others; noise is
heavy-tailed, larger or smaller in small subsets, and partly shared by the subsets of a seed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.simulation import Block, grid
from frameworth.answers.learning_curve import learning_curve
from frameworth.storage.files import write_json

OUT = Path("results/benchmarks/learning_curve.json")
POOL = 65
INIT: list[Block] = [("balanced", (50,), 24), ("independent", (20,), 4), ("independent", (90,), 8)]
DESIGNS: dict[str, list[Block]] = {
    "24 halves, 4 of 20 %, 8 of 90 %": INIT,  # what `init` writes
    "24 halves, 3 ladders": [("balanced", (50,), 24), ("nested", (10, 30, 70, 90), 3)],
}
# Mean log(1 + px) over held-out labels for n training frames, similar to that of real networks.
TRUTHS: dict[str, Callable[[np.ndarray | float], np.ndarray | float]] = {
    "flat": lambda n: 1.6 + 0 * n,
    "power law": lambda n: np.log1p(60 * n**-0.6),
    "power law with a floor": lambda n: np.log1p(3 + 80 / n),
    "logarithmic, shallow": lambda n: 2.2 - 0.15 * np.log(n),
    "exponential": lambda n: 1.4 + 1.5 * np.exp(-n / 25),
    "sigmoid, done": lambda n: 1.3 + 1.2 / (1 + (n / 20) ** 2.5),
    "sigmoid, half done": lambda n: 1.3 + 1.2 / (1 + (n / 60) ** 1.5),
    "rises at last": lambda n: 1.6 + 0.8 * np.exp(-n / 10) + 0.002 * np.maximum(n - 40, 0),
}
DEVIATIONS = (0.05, 0.08, 0.12)  # of the noise at half of the pool; reaching mice had .05 at half and .09 at 90 %
_TAILS = 6  # degrees of freedom of the noise


@dataclass(frozen=True)
class Outcome:
    """How often, in many studies, the change to half and to twice the pool was covered, and median half widths.

    Attributes:
        true_half, true_twice: the true changes of log(1 + px). within_twice: share of studies whose interval for twice
            the pool is at most ± .05.
    """

    true_half: float
    covered_half: float
    half_width_half: float
    true_twice: float
    covered_twice: float
    half_width_twice: float
    within_twice: float


def study(
    rng: np.random.Generator,
    truth: Callable[[np.ndarray | float], np.ndarray | float],
    blocks: Sequence[Block],
    pool: int,
    deviation: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, frames and clusters [S] of one study; how noise changes with size and is shared is drawn at random."""
    design = grid(blocks, pool, 1)
    frames = design.inclusion.sum(axis=1)
    which = np.unique(design.clusters, return_inverse=True)[1]
    fall, share = rng.uniform(-0.5, 1), rng.uniform(0, 0.6)
    shared, unshared = (rng.standard_t(_TAILS, len(frames)) / np.sqrt(_TAILS / (_TAILS - 2)) for _ in range(2))
    noise = np.sqrt(share) * shared[which] + np.sqrt(1 - share) * unshared
    return truth(frames.astype(float)) + deviation * (2 * frames / pool) ** -fall * noise, frames, design.clusters


def simulated(name: str, blocks: Sequence[Block], deviation: float, studies: int) -> Outcome:
    """The outcome of `studies` simulated studies of the truth `name`."""
    truth = TRUTHS[name]
    true = np.array([truth(POOL / 2) - truth(float(POOL)), truth(2.0 * POOL) - truth(float(POOL))])
    low, high = np.empty((2, studies, 2))
    for number in range(studies):
        score, frames, clusters = study(np.random.default_rng(number), truth, blocks, POOL, deviation)
        asked = [POOL / 2, 2 * POOL]
        curve = learning_curve(score, frames, clusters, np.ones(len(score), int), POOL, asked, 0.95)
        low[number], high[number] = curve.change_low, curve.change_high
    covered, width = ((low <= true) & (true <= high)).mean(axis=0), (high - low) / 2
    (half, twice), within = np.median(width, axis=0), (width[:, 1] <= 0.05).mean()
    numbers = (true[0], covered[0], half, true[1], covered[1], twice, within)
    return Outcome(*map(float, numbers))


def main() -> None:
    """Measure, print the table, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=300)
    studies = parser.parse_args().studies
    outcomes = {}
    for design, blocks in DESIGNS.items():
        for deviation in DEVIATIONS:
            for name in TRUTHS:
                outcome = simulated(name, blocks, deviation, studies)
                outcomes[f"{design}; {deviation}; {name}"] = asdict(outcome)
                print(
                    f"| {design} | {deviation} | {name} | {outcome.true_half:+.3f} | {outcome.covered_half:.3f} | "
                    f"± {outcome.half_width_half:.3f} | {outcome.true_twice:+.3f} | {outcome.covered_twice:.3f} | "
                    f"± {outcome.half_width_twice:.3f} | {outcome.within_twice:.2f} |",
                    flush=True,
                )
    write_json(OUT, {"studies": studies, "outcomes": outcomes})


if __name__ == "__main__":
    main()
