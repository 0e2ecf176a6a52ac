"""Agreement with other libraries on the same inputs; tools/record_peers.py recorded their results."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LassoCV

from benchmarks.peers import FOLDER, banzhaf_speed, pydvl_table
from frameworth.answers.validation import linear_datamodeling_score
from frameworth.attribution.estimators import banzhaf
from frameworth.attribution.estimators.ame import marginal_effect_regressors
from frameworth.attribution.sample import Sample


@pytest.fixture(scope="module")
def peers():
    content = json.loads((Path(__file__).parents[1] / "data" / "peers.json").read_text())
    return {name: np.array(values) for name, values in content.items()}


@pytest.mark.parametrize("peer", ["pydvl_banzhaf", "opendataval_banzhaf"])
def test_the_banzhaf_value_is_pydvls_and_opendatavals(peers, peer):
    inclusion = peers["inclusion"].astype(bool)
    rows = len(inclusion)
    estimate = banzhaf.estimate(Sample(inclusion, peers["scores"][:, None], np.full(rows, 50), np.arange(rows)))
    assert estimate.value[:, 0] == pytest.approx(peers[peer], abs=1e-9)


def lasso(inclusion, scores):
    """The paper's regression as OpenDataVal fits it: scikit-learn's LassoCV over rows, coefficients as they are."""
    x, root = marginal_effect_regressors(inclusion.astype(bool), inclusion.mean(axis=1))
    return LassoCV(random_state=np.random.RandomState(0)).fit(x, scores - scores.mean()).coef_, root


def test_the_average_marginal_effect_is_opendatavals_at_one_half_but_for_its_scale(peers):
    effects, root = lasso(peers["halves"], peers["half_scores"])
    assert effects == pytest.approx(peers["opendataval_ame_halves"], abs=1e-9)
    # The paper multiplies by √v = 2; so scaled it is the effect itself.
    assert root * effects[0] == pytest.approx(2.0, abs=0.5)


def test_on_a_grid_of_shares_opendataval_standardises_each_row_by_what_was_drawn(peers):
    """With p from a grid the paper's x is 1/(√v·p); standardising the drawn row is something else."""
    rows = np.repeat([0.2, 0.4, 0.6, 0.8], 30).reshape(4, 30).T.ravel()
    inclusion = peers["grid"].astype(bool)
    x, _ = marginal_effect_regressors(inclusion, rows)
    coefficients = LassoCV(random_state=np.random.RandomState(0)).fit(x, peers["grid_scores"]).coef_
    assert np.abs(coefficients - peers["opendataval_ame_grid"]).max() > 0.02


def test_the_linear_datamodeling_score_is_dattris(peers):
    for target, expected in enumerate(peers["dattri_lds"]):
        predicted, measured = peers["predicted"][:, target], peers["measured"][:, target]
        assert linear_datamodeling_score(predicted, measured, np.full(30, 50)) == pytest.approx(expected, abs=1e-9)


def test_where_pydvl_is_not_installed_the_benchmark_says_so(tmp_path, capsys):
    assert pydvl_table(tmp_path) is None
    assert "pyDVL is not installed; `make peers` installs it" in capsys.readouterr().out


@pytest.mark.skipif(not (FOLDER / "ready").exists(), reason="pyDVL is not installed; `make peers` installs it")
def test_banzhaf_values_are_pydvls_and_take_less_than_a_twentieth_of_its_time():
    speed = banzhaf_speed(100, 50)
    assert speed["largest_difference"] < 1e-9
    assert speed["ratio"] >= 20
