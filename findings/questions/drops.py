"""Do metagradients predict which other subsets do well, if little of the pool is left out, or half of it?

make findings-drops
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import rankdata

from findings.drawing import intervals_by_project
from findings.reading import finished
from frameworth.answers.validation import no_base
from frameworth.attribution.inference.resampling import rank_correlation
from frameworth.attribution.methods import method
from frameworth.results.results import Results
from frameworth.storage.hdf5 import read_hdf5

STUDIES = "drops"
BASES = {"drops": "by networks on 95 %", "drops-halves": "by networks on halves"}
SCORES = {"log_error": "log(1 + px)", "log_probability": "−log(probability)"}
LEVEL = 0.95
RELABELLED = 9999


def collect() -> pd.DataFrame:
    """A row per project, percent of the base networks, and subset of other networks; see `subsets_of`."""
    parts = [
        subsets_of(folder).assign(project=project, base=base)
        for studies, base in BASES.items()
        for project, folder in finished(studies).items()
    ]
    table = pd.concat(parts)[["project", "base", *parts[0].columns[:-2]]]
    # Predictions from both kinds of base networks are compared on the same subsets.
    subset = ["project", "percent", "seed"]
    bases = table.groupby("project")["base"].transform("nunique")
    return table[table.groupby(subset)["base"].transform("nunique") == bases]


def subsets_of(folder: Path) -> pd.DataFrame:
    """A row per subset without a base network: percent, seed, sum of its frames' metagradients, held-out scores."""
    results = Results(folder)
    asked = read_hdf5(folder / method("metagradient").artefact, ["inclusion"])["inclusion"]
    values = results.frame_values.set_index("frame")["metagradient_value"]
    worth = values.reindex(range(results.inclusion.shape[1]), fill_value=0).to_numpy()
    table = results.subsets[["percent", "seed"]].assign(predicted=results.inclusion @ worth)
    return table.assign(**{score: results.held_out_score(score) for score in SCORES})[no_base(asked, results.inclusion)]


def answer(table: pd.DataFrame) -> pd.DataFrame:
    """A row per project, base, score and percent: rank correlation, its interval, and p by relabelling subsets."""
    rows = []
    for (project, base, percent), part in table.groupby(["project", "base", "percent"], sort=False):
        predicted = part["predicted"].to_numpy()
        for score, words in SCORES.items():
            pair = np.stack([predicted, part[score].to_numpy()])
            value, low, high = rank_correlation(pair, LEVEL)
            ranks = rankdata(pair, axis=1) - (len(part) + 1) / 2
            shuffled = np.random.default_rng(0).permuted(np.tile(ranks[1], (RELABELLED, 1)), axis=1)
            above = np.count_nonzero(shuffled @ ranks[0] >= ranks[1] @ ranks[0] - 1e-9)
            row = {"project": project, "comparison": f"subsets of {percent} %: {words}, {base}", "subsets": len(part)}
            rows.append(
                row | {"correlation": value, "ci_low": low, "ci_high": high, "p": (1 + above) / (1 + RELABELLED)}
            )
    return pd.DataFrame(rows).round(4)


def draw(table: pd.DataFrame) -> Figure:
    """The correlation for each size and score in each project, with its interval."""
    label = "rank correlation of predicted and measured scores, 95 % intervals"
    return intervals_by_project(answer(table), "comparison", "correlation", ("ci_low", "ci_high"), label)
