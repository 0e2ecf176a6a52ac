"""Metagradients: the derivative of a whole training, compared with finite differences of it, and its use."""

import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from frameworth.attribution import adjoint
from frameworth.attribution.adjoint import differentiate, steps_before_next_state
from frameworth.attribution.method_files import write_network_answer
from frameworth.attribution.methods import metagradient
from frameworth.attribution.methods.base import TrainedNetwork
from frameworth.attribution.methods.metagradient import METHOD, MetagradientOptions
from frameworth.engine.deeplabcut.augmentation import per_grey_level
from frameworth.engine.deeplabcut.label_losses import label_losses
from frameworth.engine.devices import make_deterministic
from frameworth.labels.labels import read_labels
from frameworth.labels.subsets import read_subset
from frameworth.training.ensemble import training_data
from frameworth.training.loop import Descent, NetworkJob
from frameworth.training.scaling import ScaledFrames
from frameworth.training.store import Entry
from small_ensemble import ensemble
from tiny import TRAINING, prepare

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
SEED = 11


class Weighted(Descent):
    """A training in double precision, with a weight on each label's part of the loss and labels moved by some px."""

    def __init__(self, subset, frames, weights, moves, first, steps):
        make_deterministic(CPU)
        training = TRAINING | {"steps": steps}
        super().__init__(NetworkJob(subset.keypoints, *training_data(subset, frames), training, SEED, CPU))
        self.network.double().register_forward_pre_hook(lambda _module, given: (given[0].double(),))
        self.weights, self.moves, self.first = weights, moves, first
        self.spot = None  # [h, w] grey levels, added to the first frame's pictures in double precision

    def prepare(self, step):
        batch, keypoints = super().prepare(step)
        chosen, keypoints = np.asarray(self.chosen(step)), keypoints.astype(float)
        linear = self.augment.affine_parts(chosen, self.draw(step))[:, :, :2]
        if step >= self.first:
            keypoints[..., :2] += np.einsum("bij,bkj->bki", linear, self.moves[chosen])
        if step >= self.first and self.spot is not None:
            batch = batch.double()
            for row in np.flatnonzero(chosen == 0):
                matrix = self.augment.affine_parts(chosen, self.draw(step))[row]
                moved = cv2.warpAffine(self.spot, matrix, self.spot.shape[::-1], flags=cv2.INTER_LINEAR)
                batch[row] += per_grey_level(torch.from_numpy(moved).expand(1, 3, -1, -1).double())[0]
        return batch, keypoints

    def advance(self, step):
        batch, keypoints = self.prepare(step)
        self.optimizer.zero_grad()
        losses = label_losses(self.network, self.network(batch), torch.from_numpy(keypoints))
        weights = torch.from_numpy(self.weights)[self.chosen(step)] if step >= self.first else torch.ones(losses.shape)
        (losses * weights).sum().backward()
        self.optimizer.step()
        return losses.detach().sum()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    subset, labels = prepare(tmp_path_factory.mktemp("metagradient"))
    return read_subset(subset), ScaledFrames(read_labels(labels), 1)


class Experiment:
    """Trainings of one network on a subset, differentiated from the step `first` on, and their score at four frames."""

    def __init__(self, data, first, steps):
        self.data, self.first, self.steps = data, first, steps
        subset, frames = data
        self.ones, self.still = np.ones(subset.xy.shape[:2]), np.zeros(subset.xy.shape)
        unseen = np.setdiff1d(np.arange(len(frames.labels.xy)), subset.frames)[:4]
        images = torch.from_numpy(np.stack([frames.image(frame) for frame in unseen]))
        self.batch = images.permute(0, 3, 1, 2).double() / 128 - 1
        xy = frames.labels.xy[unseen]
        visible = 2.0 * np.isfinite(xy).all(axis=2)[..., None]
        self.keypoints = torch.from_numpy(np.concatenate([np.nan_to_num(xy), visible], axis=2))

    def train(self, weights, moves, until):
        descent = Weighted(*self.data, weights, moves, self.first, self.steps)
        for step in range(until):
            descent.advance(step)
        return descent

    def score(self, network):
        """The loss of the frames together, with their own batch statistics."""
        return label_losses(network, network(self.batch), self.keypoints).sum()

    def after(self, weights, moves):
        return self.score(self.train(weights, moves, self.steps).network).item()

    def with_spot(self, spot):
        """The score with the spot on the first frame's pictures."""
        descent = self.train(self.ones, self.still, 0)
        descent.spot = spot
        for step in range(self.steps):
            descent.advance(step)
        return self.score(descent.network).item()

    def derivatives(self, **shown):
        descent = self.train(self.ones, self.still, self.first)

        def score_gradient():
            values = [value for value in descent.network.parameters() if value.requires_grad]
            return list(torch.autograd.grad(self.score(descent.network), values))

        return differentiate(descent, self.first, *self.ones.shape, score_gradient, 0, **shown)


def test_the_loss_label_by_label_adds_up_to_the_loss_that_is_trained_on(data):
    subset, frames = data
    make_deterministic(CPU)
    job = NetworkJob(subset.keypoints, *training_data(subset, frames), TRAINING, SEED, CPU)
    descent = Descent(job)
    network = descent.network
    for step in range(3):
        batch, keypoints = descent.prepare(step)
        labels = torch.from_numpy(keypoints).double()
        apart = label_losses(network, network(batch), labels).sum()
        assert apart.item() == pytest.approx(job.engine.loss(network, batch, keypoints).item(), rel=1e-5)


@pytest.mark.parametrize("states", [20, 2])
def test_derivatives_are_those_of_the_whole_training(data, states, monkeypatch):
    """By a change of the weights, and of the positions, in a random direction over all labels."""
    monkeypatch.setattr(adjoint, "_FEWEST_STATES", states)
    rng = np.random.default_rng(0)
    experiment = Experiment(data, first=3, steps=8)
    derivatives = experiment.derivatives()
    # Steps so short that no rectifier of the network switches between the two trainings.
    for step, derivative in ((1e-6, derivatives.weight), (1e-7, derivatives.position)):
        direction = rng.normal(size=derivative.shape)
        weights, moves = (direction, experiment.still) if derivative is derivatives.weight else (0, direction)
        above, below = (experiment.after(experiment.ones + d * weights, d * moves) for d in (step, -step))
        assert (derivative * direction).sum() == pytest.approx((above - below) / (2 * step), rel=1e-4)


def test_a_frame_left_out_changes_the_score_about_as_predicted(data):
    """Same seed and order, from the middle of training on, one frame after the other."""
    experiment = Experiment(data, first=6, steps=12)
    predicted = -experiment.derivatives().weight.sum(axis=1)
    without = experiment.ones - np.eye(len(predicted))[:, :, None]
    changes = [experiment.after(weights, experiment.still) for weights in without]
    changes = np.array(changes) - experiment.after(experiment.ones, experiment.still)
    slope, _ = np.polyfit(predicted, changes, 1)
    assert np.corrcoef(predicted, changes)[0, 1] > 0.9
    assert 0.7 < slope < 1.5


@cache
def fewest_steps(steps, states):
    """By trying all places for the next state: how many steps are taken again to go back through so many."""
    if steps == 1 or not states:
        return 0 if steps == 1 else np.inf
    return min(at + fewest_steps(steps - at, states - 1) + fewest_steps(at, states) for at in range(1, steps))


def steps_taken(steps, states):
    """How many steps are taken to go back through so many, from states kept as the adjoint does."""
    if steps == 1:
        return 0
    at = steps_before_next_state(steps, states)
    return at + steps_taken(steps - at, states - 1) + steps_taken(at, states)


def test_states_are_kept_where_the_fewest_steps_are_taken_again():
    for steps in range(1, 40):
        for states in range(1, 6):
            assert steps_taken(steps, states) == fewest_steps(steps, states)


def test_the_last_twentieth_of_a_long_training_costs_less_than_three_tenths_of_it():
    window = 1000
    assert (steps_taken(window, adjoint._FEWEST_STATES - 1) + window * metagradient._BACKWARD) / 20 < 0.3 * window


def asked(data, store, **options):
    subset, frames = data
    make_deterministic(CPU)
    descent = Descent(NetworkJob(subset.keypoints, *training_data(subset, frames), TRAINING, SEED, CPU))
    for step in range(TRAINING.steps):
        descent.advance(step)
    pool = np.zeros(len(frames.labels.xy), bool)
    pool[subset.frames] = True
    engine, network = descent.job.engine, descent.network
    trained = TrainedNetwork(engine, network, subset, frames, pool, TRAINING, SEED, 0, CPU, Entry(store))
    return METHOD.ask(trained, MetagradientOptions(**options)).arrays


@pytest.mark.parametrize("score", ["log_probability", "heatmap_loss"])
def test_the_training_is_taken_again_to_the_same_bits_and_tells_the_same_twice(data, score, tmp_path, capsys):
    first, again = (asked(data, tmp_path, score=score) for _ in range(2))
    assert not capsys.readouterr().err  # else it would say that the weights are others
    for name in first:
        assert first[name].tobytes() == again[name].tobytes()


def test_only_frames_that_the_network_was_trained_on_have_values(data, tmp_path):
    subset, _ = data
    change = asked(data, tmp_path, window=1)["change"]
    assert set(np.flatnonzero(np.isfinite(change).all(axis=1))) == set(subset.frames)
    last = asked(data, tmp_path, window=0.01)["change"]  # one step
    assert np.isfinite(last).all(axis=1).sum() == TRAINING.batch_size


def test_what_all_frames_of_a_network_share_is_taken_off():
    change = np.array([[[5.0, 1], [7, 1], [np.nan] * 2], [[-3, 0], [np.nan] * 2, [-1, 0]]])
    inclusion = np.isfinite(change).all(axis=2)
    relative = METHOD.per_network(change, inclusion)
    assert np.array_equal(relative, [[-1, 1, np.nan], [-1, np.nan, 1]], equal_nan=True)


def answer(root, out):
    """Ask the network of the small ensemble below `root`, whose answer goes to the file `out` there; its bytes."""
    subset, labels = prepare(root)
    network = root / "ensembles/percent-050/seed-1/member-0.pt"
    write_network_answer(
        "metagradient", subset, labels, root / "frames.csv", network, root / ".store", root / out, training=TRAINING,
        options={"window": 0.5, "score": "heatmap_loss"}, study_seed=1, device="cpu",
    )  # fmt: skip
    return (root / out).read_bytes()


@pytest.fixture
def steps(monkeypatch):
    """The numbers of the steps that are taken."""
    taken, advance = [], Descent.advance
    monkeypatch.setattr(Descent, "advance", lambda descent, step: taken.append(step) or advance(descent, step))
    return taken


def test_the_training_keeps_the_state_that_the_pass_begins_with_and_the_answer_is_that_without(tmp_path, steps):
    folder = tmp_path / "ensembles/percent-050/seed-1"
    ensemble(tmp_path, "ensembles", windows={str(folder): 0.5})
    steps.clear()
    from_state = answer(tmp_path, "first.h5")
    assert min(steps) == TRAINING.steps // 2
    assert not list(tmp_path.glob(".store/*/before-step-*"))
    assert answer(tmp_path, "again.h5") == from_state
    assert min(steps) == 0


def test_a_pass_killed_half_way_goes_on_from_the_windows_start_and_ends_with_the_same_bytes(tmp_path, steps):
    ensemble(tmp_path, "ensembles")
    undisturbed = answer(tmp_path, "undisturbed.h5")
    here = Path(__file__).parents[1]
    code = (
        "import sys, time; sys.path[:0] = sys.argv[2:]\n"
        "from pathlib import Path\n"
        "from frameworth.attribution.adjoint import Backward\n"
        "import test_metagradient\n"
        "root, step = Path(sys.argv[1]), Backward.step\n"
        "def slow(self, number, state):\n"
        "    step(self, number, state)\n"
        "    (root / 'back').touch()\n"
        "    time.sleep(600)\n"
        "Backward.step = slow\n"
        "test_metagradient.answer(root, 'killed.h5')"
    )
    folders = [str(here / "attribution"), str(here / "support"), str(here.parent / "workflow"), str(here.parent)]
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path), *folders])
    while not (tmp_path / "back").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed.h5").exists()
    steps.clear()
    assert answer(tmp_path, "killed.h5") == undisturbed
    assert min(steps) == TRAINING.steps // 2


def test_the_derivative_in_pixels_is_that_of_the_whole_training(data):
    """A pale spot on one frame, added to its batches as the augmentation moves it, against the map that came back."""
    experiment = Experiment(data, first=3, steps=8)
    subset, frames = data
    shape = frames.image(int(subset.frames[0])).shape
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    spot = np.exp(-((columns - 36) ** 2 + (rows - 22) ** 2) / (2 * 5.0**2))
    derivatives = experiment.derivatives(place=0, pixels=np.zeros(shape))
    assert derivatives.uses[0]
    change = 1e-4
    above, below = (experiment.with_spot(direction * change * spot) for direction in (1, -1))
    expected = (above - below) / (2 * change)
    # It is interpolated on both ways.
    assert (derivatives.pixels * spot[..., None]).sum() == pytest.approx(expected, rel=0.05)
