"""The fast loop learns the same as DeepLabCut's own runner."""

import copy
import json

import numpy as np
import pytest
import torch
from deeplabcut.pose_estimation_pytorch.runners.train import build_training_runner
from deeplabcut.pose_estimation_pytorch.task import Task

from frameworth.config.training import Training
from frameworth.engine import engine_of
from frameworth.engine.deeplabcut import framework
from frameworth.engine.deeplabcut import networks as engine
from frameworth.training.loop import train_step
from small_ensemble import OPTIONS, ensemble
from tiny import TRAINING

pytestmark = pytest.mark.slow

KEYPOINTS = ("snout", "leftear", "rightear", "tailbase")


def batches(count, dtype, height=48):
    """Images and labels with missing keypoints and some outside, as both loops take them."""
    rng = np.random.default_rng(5)
    for _ in range(count):
        images = torch.from_numpy(rng.normal(0, 1, (4, 3, height, 64))).to(dtype)
        labels = np.concatenate([rng.uniform(-5, 60, (4, 4, 2)), rng.choice([0, 2], (4, 4, 1), p=[0.2, 0.8])], axis=2)
        yield images, labels.astype(np.float32)


def in_double(targets):
    return {
        head: {part: {kind: value.double() for kind, value in kinds.items()} for part, kinds in parts.items()}
        for head, parts in targets.items()
    }


def both_ways(steps, dtype, tmp_path, monkeypatch):
    """Losses and final weights of DeepLabCut's runner and of the fast loop, from the same weights and batches."""
    config = engine.pose_config(TRAINING, KEYPOINTS)
    network = engine.build_network(config, "random", 1).to(dtype)
    stock_network = copy.deepcopy(network)
    if dtype == torch.float64:
        # Both loops make single-precision targets, which PyTorch's losses do not mix with double-precision maps.
        theirs, batched = stock_network.get_target, engine.targets_of
        stock_network.get_target = lambda *args: in_double(theirs(*args))
        monkeypatch.setattr(framework, "targets_of", lambda *args: in_double(batched(*args)))
    runner_config = copy.deepcopy(config["runner"]) | {"scheduler": None}
    runner = build_training_runner(runner_config, tmp_path, Task.BOTTOM_UP, stock_network, "cpu")
    runner.model.train()
    # DeepLabCut's runner casts its images to single precision; here they stay as they are.
    with monkeypatch.context() as patch:
        patch.setattr(torch.Tensor, "float", lambda tensor: tensor.to(dtype))
        stock = [
            runner.step(
                {"image": images, "annotations": {"keypoints": torch.from_numpy(labels)[:, None]}, "context": {}}
            )
            for images, labels in batches(steps, dtype)
        ]
    network.to(memory_format=torch.channels_last).train()
    ours = engine_of(TRAINING, KEYPOINTS)
    optimizer = ours.optimizer(network, None)
    fast = [
        train_step(ours, network, optimizer, images.contiguous(memory_format=torch.channels_last), labels).item()
        for images, labels in batches(steps, dtype)
    ]
    return [float(loss["total_loss"]) for loss in stock], fast, stock_network, network


def test_fifty_steps_in_double_precision_give_deeplabcuts_losses_and_weights(tmp_path, monkeypatch):
    stock, fast, theirs, ours = both_ways(50, torch.float64, tmp_path, monkeypatch)
    assert fast == pytest.approx(stock, rel=1e-9, abs=1e-12)
    assert stock[-1] < stock[0]
    for name, value in theirs.state_dict().items():
        assert torch.allclose(value, ours.state_dict()[name], rtol=1e-9, atol=1e-9), name


def test_the_first_loss_in_single_precision_is_deeplabcuts(tmp_path, monkeypatch):
    stock, fast, _, _ = both_ways(1, torch.float32, tmp_path, monkeypatch)
    assert fast == pytest.approx(stock, rel=1e-5)


@pytest.mark.parametrize("net_type", ["resnet_50", "hrnet_w18"])
def test_batched_targets_are_deeplabcuts_own(net_type):
    given = {key: value for key, value in TRAINING.for_weights.items() if key != "backbone"}
    training = Training.model_validate(given | {"net_type": net_type})
    network = engine.build_network(engine.pose_config(training, KEYPOINTS), "random", 1)
    images, labels = next(batches(1, torch.float32, height=64))
    labels[0, 0] = (12.0, 20.0, 2.0)  # exactly on the radius of some cells
    outputs = network(images)
    theirs = network.get_target(outputs, {"keypoints": torch.from_numpy(labels)[:, None]})[engine.HEAD]
    ours = engine.targets_of(network, outputs, labels)[engine.HEAD]
    assert theirs.keys() == ours.keys()
    for part in theirs:
        for kind in ("target", "weights"):
            visible = theirs[part]["weights"] != 0  # DeepLabCut keeps offsets where their weight is 0
            assert torch.allclose(ours[part][kind] * visible, theirs[part][kind] * visible, rtol=0, atol=1e-6)


def test_the_stock_engine_trains_by_deeplabcuts_runner_and_its_networks_are_used_alike(tmp_path, monkeypatch):
    fitted = []
    from frameworth.engine.deeplabcut import stock

    whole = stock.build_training_runner

    def spied(*args, **kwargs):
        fitted.append(args)
        return whole(*args, **kwargs)

    monkeypatch.setattr(stock, "build_training_runner", spied)
    training = OPTIONS["training"] | {"engine": "stock", "steps": 8}
    folder = ensemble(tmp_path, "stock", training=training)
    assert len(fitted) == 1
    record = json.loads((folder / "training.json").read_text())["members"][0]
    assert record["engine"] == "stock"
    assert record["loss_curve"][-1][0] == 8
    again = ensemble(tmp_path, "again", store=".store-2", training=training)
    first, second = (torch.load(f / "member-0.pt", weights_only=True)["model"] for f in (folder, again))
    assert all(torch.equal(first[name], second[name]) for name in first)
