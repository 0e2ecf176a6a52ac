"""How often verdicts are wrong, on simulated studies as users get them: 999 redraws, and the verdicts of the table.

    make benchmark-verdicts

Writes `results/benchmarks/verdicts.json` and prints one table.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

from benchmarks.simulation import Block, Grid, grid
from frameworth import estimate_influence
from frameworth.answers.held_out import RESAMPLES
from frameworth.attribution.estimate import Influence
from frameworth.storage.files import write_json

OUT = Path("results/benchmarks/verdicts.json")
FRAMES = 60
LADDER = (10, 30, 70, 90)
DESIGNS: dict[str, list[Block]] = {
    "40 balanced halves": [("balanced", (50,), 40)],
    "40 independent halves": [("independent", (50,), 40)],
    "20 complementary pairs": [("paired", (50,), 40)],
    "24 balanced halves, 3 ladders": [("balanced", (50,), 24), ("nested", LADDER, 3)],
    "12 ladders": [("nested", LADDER, 12)],
}
SITUATIONS = ("no effects", "no effects, falling", "skewed", "skewed, falling", "two frames")
EFFECT = 1.5  # effect of one frame, and −1.5 of the other, in deviations of the noise
KINDS = ("no effects", "skewed", "two frames")
_LEVEL = {10: 20.0, 30: 10.0, 50: 9.6, 70: 9.2, 90: 9.0}  # falling error by percent, in deviations of the noise


def simulate(subsets: Grid, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Scores [S] of one study in each situation; `falling` needs several sizes.

    The noise has standard deviation 1, and half of its variance is common to a cluster. It is normal, or for `skewed` a
    sum of two exponentials with skewness 1.4, because log probability has a tail of networks that lost a keypoint.
    """
    names, which = np.unique(subsets.clusters, return_inverse=True)
    normal, skewed, other = (
        (draw(len(names))[which] + draw(len(which))) / np.sqrt(2)
        for draw in (rng.standard_normal, rng.standard_exponential, rng.standard_normal)
    )
    falling = np.array([_LEVEL[percent] for percent in subsets.percents])
    scores = {"no effects": normal, "skewed": skewed, "two frames": other + subsets.inclusion @ effects()}
    if np.ptp(falling):
        scores |= {"no effects, falling": normal + falling, "skewed, falling": skewed + falling}
    return {name: scores[name] for name in SITUATIONS if name in scores}


def effects() -> np.ndarray:
    """The effects of frames in `two frames`, [N]; their mean is 0, so that all other frames are average."""
    return EFFECT * np.r_[1, -1, np.zeros(FRAMES - 2)]


def called_wrongly(influence: Influence, target: int, situation: str) -> bool:
    """Whether a study calls a frame without an effect, or calls a frame with the wrong sign.

    If the error falls with every further frame, `helpful` is right for all frames.
    """
    signs = {"harmful": 1, "worse than average": 1, "undecided": 0, "better than average": -1, "helpful": -1}
    called = np.vectorize(signs.get)(influence.verdict[:, target])
    if situation.endswith("falling"):
        return bool((influence.p_adjusted[:, target] < 0.05).any() or (influence.verdict[:, target] == "harmful").any())
    truth = np.sign(effects()) if situation == "two frames" else 0
    return bool(((called != 0) & (called != truth)).any())


def measure(
    design: str, studies: int, resamples: int = RESAMPLES, kinds: Sequence[str] = KINDS
) -> list[dict[str, Any]]:
    """A row for each situation: studies with a wrong call, and for `two frames` the calls and intervals with the truth.

    If there is one size, all situations are targets of one call; each gets the same result as alone.
    """
    wrong: dict[str, int] = {}
    called, right, plain = 0, 0, 0
    truth = FRAMES / (FRAMES - 1) * effects()
    for number in range(studies):
        subsets = grid(DESIGNS[design], FRAMES, number)
        scores = simulate(subsets, np.random.default_rng([number, 18]))
        calls = [[name for name in scores if name.startswith(kind)] for kind in kinds]
        if len(np.unique(subsets.percents)) == 1:
            calls = [list(chain.from_iterable(calls))]
        for together in calls:
            answer = estimate_influence(
                subsets.inclusion, np.column_stack([scores[name] for name in together]), percents=subsets.percents,
                clusters=subsets.clusters, design=subsets.designs, resamples=resamples, random_state=number,
            )  # fmt: skip
            for target, name in enumerate(together):
                wrong[name] = wrong.get(name, 0) + called_wrongly(answer, target, name)
                if name == "two frames":
                    decided = answer.p_adjusted[:, target] < 0.05
                    called += int(decided.sum())
                    right += int((_inside(truth, answer.called_ci_low, answer.called_ci_high, target) & decided).sum())
                    plain += int((_inside(truth, answer.ci_low, answer.ci_high, target) & decided).sum())
    rows: list[dict[str, Any]] = [
        {"design": design, "situation": name, "studies": studies, "wrong": count, "interval": _interval(count, studies)}
        for name, count in wrong.items()
    ]
    if called:
        rows[-1] |= {
            "called": called,
            "held": right,
            "held_interval": _interval(right, called),
            "held_plain": plain,
        }
    return rows


def _inside(truth: np.ndarray, low: np.ndarray, high: np.ndarray, target: int) -> np.ndarray:
    return (low[:, target] <= truth) & (truth <= high[:, target])


def _interval(count: int, of: int) -> list[float]:
    """The 95 % interval of a share, by Clopper and Pearson 1934."""
    interval = binomtest(count, of).proportion_ci()
    return [interval.low, interval.high]


def line(row: dict[str, Any]) -> str:
    """The line to print for a row."""
    text = f"{row['design']:32}{row['situation']:22}wrong {row['wrong']:3} of {row['studies']}"
    text += " [{:.3f}, {:.3f}]".format(*row["interval"])
    if "called" in row:
        text += f"; of {row['called']} called {row['held'] / row['called']:.3f} held"
        text += " [{:.3f}, {:.3f}]".format(*row["held_interval"])
        text += f", {row['held_plain'] / row['called']:.3f} by plain intervals"
    return text


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure all designs in all situations, print a table, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=300)
    parser.add_argument("--resamples", type=int, default=RESAMPLES)
    options = parser.parse_args(arguments)
    rows = []
    for design in DESIGNS:
        for row in measure(design, options.studies, options.resamples):
            rows.append(row)
            print(line(row), flush=True)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    write_json(OUT, {"frames": FRAMES, "resamples": options.resamples, "rows": rows})


if __name__ == "__main__":
    main()
