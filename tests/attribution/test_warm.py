"""Warm influence: what it changes and what it does not, and its tests on data with a known truth."""

from pathlib import Path

import numpy as np
import pytest
import torch

from frameworth.attribution.method_values import method_values
from frameworth.attribution.methods.base import TrainedNetwork
from frameworth.attribution.methods.warm import WarmOptions, ask, per_network
from frameworth.engine import engine_of
from frameworth.engine.devices import make_deterministic
from frameworth.labels.labels import read_labels
from frameworth.labels.subsets import read_subset
from frameworth.training.scaling import ScaledFrames
from frameworth.training.store import Entry
from tiny import TRAINING, prepare

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("warm")
    subset, labels = prepare(folder)
    make_deterministic(CPU)
    subset = read_subset(subset)
    network = engine_of(TRAINING, subset.keypoints).build("random", 1)
    return subset, ScaledFrames(read_labels(labels), 1), network


def run(base, candidates, **changes):
    """What the network tells of the candidates, [M, N, K]: the pool is these and the subset."""
    subset, frames, network = base
    pool = np.isin(np.arange(len(frames.labels.xy)), [*subset.frames, *candidates])
    engine = engine_of(TRAINING, subset.keypoints)
    nowhere = Entry(Path("no store"))
    trained = TrainedNetwork(engine, network, subset, frames, pool, TRAINING, 1, seed=5, device=CPU, entry=nowhere)
    change = ask(trained, WarmOptions(**{"steps": 3} | changes)).arrays["change"]
    assert np.isnan(np.delete(change, candidates, axis=0)).all()
    return change[candidates]


def outside(base):
    subset, frames, _ = base
    return np.setdiff1d(np.arange(len(frames.labels.xy)), subset.frames)


@pytest.mark.slow
def test_the_network_is_left_as_it_was_and_frames_do_not_depend_on_each_other(base):
    before = {name: value.clone() for name, value in base[2].state_dict().items()}
    first, second = outside(base)[:2]
    both = run(base, [first, second])
    alone = run(base, [second])
    assert all(torch.equal(before[name], value) for name, value in base[2].state_dict().items())
    assert np.array_equal(both[1], alone[0], equal_nan=True)
    assert not np.array_equal(both[0], both[1], equal_nan=True)


@pytest.mark.slow
def test_the_frame_itself_is_learned(base):
    """More steps on a frame lower the loss there, so its own error falls, whatever happens elsewhere."""
    candidates = outside(base)[:4]
    change = run(base, candidates, steps=60, learning_rate=1e-3)
    at_itself = [np.nanmean(change[index, frame]) for index, frame in enumerate(candidates)]
    assert np.mean(at_itself) < -0.2


def test_missing_labels_have_no_change_and_all_others_have(base):
    change = run(base, outside(base)[:1])
    missing = np.isnan(base[1].labels.xy).any(axis=2)
    assert np.isnan(change[0][missing]).all()
    assert np.isfinite(change[0][~missing]).all()


def study(rng, effects, networks=6, noise=1.0):
    """Changes [B, N, N, 1] in which frame i adds effects[i] to all others; each network has seen half."""
    frames = len(effects)
    inclusion = np.array([rng.permutation(frames) < frames // 2 for _ in range(networks)])
    change = effects[None, :, None, None] + noise * rng.normal(size=(networks, frames, 1, 1))
    change = np.broadcast_to(change, (networks, frames, frames, 1)).copy()
    change += rng.normal(size=(networks, 1, 1, 1))  # what a network does to all frames alike
    change[inclusion] = np.nan
    return change, inclusion


def test_only_the_other_out_of_bag_frames_count():
    change = np.zeros((1, 4, 4, 1))
    inclusion = np.array([[True, False, False, False]])
    change[0, 0] = np.nan
    change[0, 1] = np.array([100, 100, 1, 3])[:, None]  # seen, itself, others
    change[0, 2] = np.array([100, 2, 100, 2])[:, None]
    change[0, 3] = np.array([100, 0, 0, 100])[:, None]
    effect = per_network(change, inclusion)
    assert np.isnan(effect[0, 0])
    assert effect[0, 1:] == pytest.approx([2 - 4 / 3, 2 - 4 / 3, 0 - 4 / 3])


@pytest.mark.slow
def test_strong_frames_are_singled_out_and_among_frames_without_effect_few_studies_single_out_any():
    wrong = 0
    for number in range(60):
        rng = np.random.default_rng(number)
        change, inclusion = study(rng, np.zeros(40))
        wrong += (method_values(per_network(change, inclusion), 99, rng).p_adjusted < 0.05).any()
    assert wrong <= 8
    rng = np.random.default_rng(0)
    effects = np.where(np.arange(40) < 4, 12.0, 0.0)
    values = method_values(per_network(*study(rng, effects, networks=8)), 199, rng)
    assert (values.p_adjusted[:4] < 0.05).sum() >= 3
    assert (values.p_adjusted[4:] < 0.05).sum() <= 1
    assert np.nanmin(values.value[:4]) > np.nanmax(values.value[4:])
