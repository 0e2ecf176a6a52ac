"""Record `data/peers.json`: the results of pyDVL, OpenDataVal and dattri for the same subsets and scores.

    pip install --no-deps --target peers pydvl==0.10.0 opendataval==1.3.0 dattri==0.3.0 pydeprecate more_itertools \\
        cvxpy qdldl
    PYTHONPATH=peers python -m tools.record_peers

Their pinned requirements conflict with this project's, so tests do not run them; `test_peers.py` reads the record.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import torch

warnings.simplefilter("ignore")

FRAMES, SUBSETS = 8, 60


# OpenDataVal imports libraries for methods that are not used here.
for unused in ("transformers", "geomloss"):
    sys.modules[unused] = MagicMock()


def main() -> None:
    """Draw subsets, run each peer on them, and write inputs and results."""
    rng = np.random.default_rng(0)
    inclusion = np.unique(rng.random((SUBSETS, FRAMES)) < 0.5, axis=0)
    inclusion = inclusion[inclusion.any(axis=1) & ~inclusion.all(axis=1)]
    scores = inclusion @ rng.normal(size=FRAMES) + 0.3 * rng.normal(size=len(inclusion))
    share = np.resize([0.2, 0.4, 0.6, 0.8], 120)
    grid = rng.random((120, FRAMES)) < share[:, None]
    grid_scores = grid @ np.array([2.0, 0, 0, -1, 0, 0, 0.5, 0]) + 0.1 * rng.normal(size=120)
    halves = np.array([rng.permutation(FRAMES) < FRAMES // 2 for _ in range(120)])
    half_scores = halves @ np.array([2.0, 0, 0, -1, 0, 0, 0.5, 0]) + 0.1 * rng.normal(size=120)
    predicted = rng.normal(size=(30, 4))
    measured = predicted + rng.normal(size=(30, 4))
    content = {
        "inclusion": inclusion.astype(int).tolist(),
        "scores": scores.tolist(),
        "pydvl_banzhaf": _pydvl(inclusion, scores),
        "opendataval_banzhaf": _opendataval_banzhaf(inclusion, scores),
        "halves": halves.astype(int).tolist(),
        "half_scores": half_scores.tolist(),
        "opendataval_ame_halves": _opendataval_ame(halves, half_scores),
        "grid": grid.astype(int).tolist(),
        "grid_scores": grid_scores.tolist(),
        "opendataval_ame_grid": _opendataval_ame(grid, grid_scores),
        "predicted": predicted.tolist(),
        "measured": measured.tolist(),
        "dattri_lds": _dattri(predicted, measured),
    }
    path = Path(__file__).parents[1] / "tests" / "data" / "peers.json"
    path.write_text(json.dumps(content) + "\n")


def _pydvl(inclusion: np.ndarray, scores: np.ndarray) -> list[float]:
    from pydvl.valuation import BanzhafValuation, Dataset, MSRSampler
    from pydvl.valuation.stopping import MaxSamples
    from pydvl.valuation.types import Sample
    from pydvl.valuation.utility.base import UtilityBase

    known = {frozenset(np.flatnonzero(row).tolist()): float(u) for row, u in zip(inclusion, scores, strict=True)}

    class Given(UtilityBase):
        def __call__(self, sample: Any) -> float:
            return known[frozenset(int(i) for i in sample.subset)]

    class GivenSubsets(MSRSampler):
        def generate(self, indices: Any) -> Iterator[Any]:
            for row in inclusion:
                yield Sample(None, np.flatnonzero(row))

    data = Dataset(np.zeros((FRAMES, 1)), np.zeros(FRAMES))
    utility = Given()
    utility._training_data = data
    valuation = BanzhafValuation(utility, GivenSubsets(batch_size=1), is_done=MaxSamples(GivenSubsets(), 10**6))
    return valuation.fit(data).result.values.tolist()


def _opendataval_banzhaf(inclusion: np.ndarray, scores: np.ndarray) -> list[float]:
    from opendataval.dataval import DataBanzhaf

    method = DataBanzhaf()
    method.num_points = FRAMES
    method.sample_utility, method.sample_counts = np.zeros((FRAMES, 2)), np.zeros((FRAMES, 2))
    for row, u in zip(inclusion, scores, strict=True):
        for i in range(FRAMES):
            method.sample_utility[i, int(row[i])] += u
            method.sample_counts[i, int(row[i])] += 1
    return np.asarray(method.evaluate_data_values()).tolist()


def _opendataval_ame(inclusion: np.ndarray, scores: np.ndarray) -> list[float]:
    from opendataval.dataval import AME

    method = AME(num_models=len(inclusion), random_state=np.random.RandomState(0))
    method.num_points = FRAMES
    method.subsets, method.performance = inclusion.astype(float), scores
    return np.asarray(method.evaluate_data_values()).tolist()


def _dattri(predicted: np.ndarray, measured: np.ndarray) -> list[float]:
    """dattri's LDS of each test point; each subset has one training point, whose attribution is the prediction."""
    from dattri.metric import lds

    scores = []
    for target in range(predicted.shape[1]):
        # Subset s has only training point s, so the sum over its points is the prediction itself.
        truth = torch.tensor(measured[:, target : target + 1]), torch.arange(len(predicted))[:, None]
        scores.append(float(lds(torch.tensor(predicted[:, target : target + 1]), truth)[0][0]))
    return scores


if __name__ == "__main__":
    main()
