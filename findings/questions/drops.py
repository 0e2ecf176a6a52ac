"""Do metagradients foretell which other subsets do well, if little of the pool is left out or half of it?

make findings-drops
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from findings.drawing import intervals_by_project
from findings.reading import finished
from frameworth.answers.validation import linear_datamodeling_score
from frameworth.attribution.inference.resampling import rank_correlation
from frameworth.attribution.inference.values import mean_of_known
from frameworth.results.results import Results

STUDIES = "drops"
SCORES = {"log_error": "log(1 + px)", "log_probability": "−log(probability)"}
LEVEL = 0.95
RELABELLED = 9999


def collect() -> pd.DataFrame:
    """A row per project and subset that no asked network was trained on; see `subsets_of`."""
    parts = [subsets_of(folder).assign(project=project) for project, folder in finished(STUDIES).items()]
    return pd.concat(parts)[["project", *parts[0].columns[:-1]]]


def subsets_of(folder: Path) -> pd.DataFrame:
    """Percent, seed, the summed metagradients of the subset's frames, and its networks' mean held-out scores."""
    results = Results(folder)
    (answers,) = results.methods
    bases = {row.tobytes() for row in answers.inclusion.astype(bool)}
    is_base = [row.tobytes() in bases for row in results.inclusion.astype(bool)]
    worth = np.nan_to_num(mean_of_known(answers.harm, 0))
    table = results.subsets[["percent", "seed"]].assign(predicted=results.inclusion @ worth)
    return table.assign(**{score: results.held_out_score(score) for score in SCORES})[~np.array(is_base)]


def answer(table: pd.DataFrame) -> pd.DataFrame:
    """A row per project, score and percent: the rank correlation, its interval over subsets, and p by relabelling."""
    rows = []
    for (project, percent), part in table.groupby(["project", "percent"], sort=False):
        predicted, percents = part["predicted"].to_numpy(), part["percent"].to_numpy()
        for score, words in SCORES.items():
            measured, rng = part[score].to_numpy(), np.random.default_rng(0)
            value, low, high = rank_correlation(np.stack([predicted, measured]), LEVEL)
            shuffled = (rng.permutation(measured) for _ in range(RELABELLED))
            above = sum(linear_datamodeling_score(predicted, other, percents) >= value - 1e-12 for other in shuffled)
            row = {"project": project, "comparison": f"{percent} % of the pool, {words}", "subsets": len(part)}
            rows.append(
                row | {"correlation": value, "ci_low": low, "ci_high": high, "p": (1 + above) / (1 + RELABELLED)}
            )
    return pd.DataFrame(rows).round(4)


def draw(table: pd.DataFrame) -> Figure:
    """The correlation by size and score in each project, with its interval."""
    label = "rank correlation of foretold and measured scores of subsets, 95 % intervals"
    return intervals_by_project(answer(table), "comparison", "correlation", ("ci_low", "ci_high"), label)
