"""Variance components of replicated networks: simulated components are found, with intervals that cover."""

import numpy as np
import pandas as pd
import pytest

from frameworth.experiments import variance_components as module
from frameworth.experiments.variance_components import COMPONENTS, components_of, mean_squares, variance_components


def simulated(variances, subsets, rng, counts=(2, 2, 2)):
    s, i, o, a, e = np.sqrt(variances)
    weights, orders, augmentations = counts
    return (
        s * rng.normal(size=(subsets, 1, 1, 1))
        + i * rng.normal(size=(subsets, weights, 1, 1))
        + o * rng.normal(size=(subsets, 1, orders, 1))
        + a * rng.normal(size=(subsets, 1, 1, augmentations))
        + e * rng.normal(size=(subsets, *counts))
    )


def test_components_are_found_without_bias():
    truth = np.array([4.0, 2.0, 1.0, 0.5, 1.0])
    y = simulated(truth, 4000, np.random.default_rng(0), (2, 3, 2))
    sums, freedom = mean_squares(y)
    assert components_of(sums / freedom, (2, 3, 2)) == pytest.approx(truth, rel=0.1)
    assert sums.sum() == pytest.approx(((y - y.mean()) ** 2).sum())
    assert freedom.sum() == y.size - 1


def test_they_are_what_statsmodels_finds_by_reml():
    from statsmodels.regression.mixed_linear_model import MixedLM

    y = simulated([4.0, 2.0, 2.0, 2.0, 1.0], 30, np.random.default_rng(2))
    index = np.indices(y.shape).reshape(4, -1)
    table = pd.DataFrame({"y": y.ravel(), **dict(zip("sioa", index, strict=True))})
    parts = {name: f"0 + C({name})" for name in "ioa"}
    fit = MixedLM.from_formula("y ~ 1", table, groups="s", re_formula="1", vc_formula=parts).fit(reml=True)
    variance = variance_components(y, 0.95, np.random.default_rng(0)).set_index("component")["variance"]
    order = dict(zip(fit.model.exog_vc.names, fit.vcomp, strict=True))
    assert variance["subset"] == pytest.approx(float(fit.cov_re.iloc[0, 0]), rel=0.02)
    for name, component in zip("ioa", COMPONENTS[1:4], strict=True):
        assert variance[component] == pytest.approx(order[name], rel=0.02)
    assert variance["rest"] == pytest.approx(fit.scale, rel=0.02)


def coverage(truth, subsets, rounds, monkeypatch):
    monkeypatch.setattr(module, "_DRAWS", 2000)
    rng, inside = np.random.default_rng(5), np.zeros(5)
    for _ in range(rounds):
        intervals = variance_components(simulated(truth, subsets, rng), 0.95, rng)
        inside += ((intervals["ci_low"] <= truth) & (truth <= intervals["ci_high"])).to_numpy()
    return inside / rounds


def test_intervals_cover_with_eight_subsets(monkeypatch):
    covered = coverage(np.array([2.0, 1.0, 0.0, 0.5, 1.0]), 8, 150, monkeypatch)
    assert (covered >= 0.89).all(), covered


@pytest.mark.long
@pytest.mark.parametrize("subsets", [6, 12])
@pytest.mark.parametrize("truth", [[4, 2, 1, 1, 1], [1, 1, 0, 0.5, 3], [0, 2, 0.3, 0.3, 1]], ids=str)
def test_intervals_cover_as_they_say_in_many_simulations(truth, subsets, monkeypatch):
    covered = coverage(np.array(truth, float), subsets, 1000, monkeypatch)
    assert (covered >= 0.925).all(), covered
