"""What the demo claims holds for seeds it was not made with; the table is recorded by `record_demo_seeds.py`."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from frameworth.estimation import values
from frameworth.estimators import size_centred
from frameworth.storage.hdf5 import digest_is_right, read_hdf5

TABLE = Path(__file__).parent / "data" / "demo_seeds.h5"


@pytest.fixture(scope="module")
def recorded():
    assert digest_is_right(TABLE)
    return read_hdf5(TABLE)


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_out_of_bag_error_ranks_the_planted_frames_first(recorded, seed):
    pool, planted, inclusion, error = (
        recorded[f"seed-{seed}/{name}"] for name in ("pool", "planted", "inclusion", "error")
    )
    out_of_bag = values.out_of_bag_error(error[:, :, None], inclusion)
    assert roc_auc_score(planted[pool], out_of_bag[pool]) >= 0.95


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_as_a_group_the_planted_frames_are_worse(recorded, seed):
    pool, planted, inclusion = (recorded[f"seed-{seed}/{name}"] for name in ("pool", "planted", "inclusion"))
    rows = len(inclusion)
    estimate = size_centred.estimate(
        inclusion,
        recorded[f"seed-{seed}/held_out_log_error"],
        percents=np.full(rows, 50),
        clusters=np.arange(rows),
        self_frame=np.array([-1]),
    )
    rng = np.random.default_rng(0)
    difference, p = values.group_is_worse(estimate.value[pool, 0], planted[pool], 9999, rng)
    assert difference > 0
    assert p < 0.05
