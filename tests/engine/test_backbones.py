"""Backbones beyond DeepLabCut's own: their weights, what is frozen, and what they compute."""

import numpy as np
import pytest
import timm
import torch

from frameworth.engine import engine_of
from frameworth.engine.deeplabcut import backbones
from frameworth.engine.deeplabcut import networks as engine
from frameworth.engine.deeplabcut.augmentation import normalised
from frameworth.engine.deeplabcut.backbones import FoldedConvolution, TimmFeatures, feature_level, load_in_order
from frameworth.errors import UserError
from frameworth.storage.digests import digest_of_file
from frameworth.training.loop import train_step
from small_ensemble import ensemble
from tiny import TRAINING, kill_while_training, prepare

pytestmark = pytest.mark.slow

LITE = "tf_efficientnet_lite0"
CHANGES = {"backbone": LITE, "weights": "imagenet", "target_radius": 10}
PRETRAINED = TRAINING | CHANGES


@pytest.fixture(autouse=True)
def without_internet(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def features(name, **changes):
    level, _, stride = feature_level(name)
    options = {"freeze": 8, "freeze_bn_stats": True, "pretrained": backbones.is_packaged(name)} | changes
    torch.manual_seed(0)
    network = TimmFeatures(name, level, stride, **options)
    network.eval()
    return network


def test_the_packaged_weights_make_the_network_of_timm_with_its_own_normalisation():
    whole = timm.create_model(LITE).eval()
    load_in_order(whole, backbones._packaged_weights(LITE))
    levels = []
    whole.blocks[4].register_forward_hook(lambda *hook_arguments: levels.append(hook_arguments[2]))
    levels_of_grey = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, 96, 128), np.uint8))
    with torch.no_grad():
        whole(levels_of_grey / 127.5 - 1)  # what TensorFlow's networks are given
        output = features(LITE)(normalised(levels_of_grey))
    assert output.shape == (2, 112, 6, 8)
    assert torch.allclose(output, levels[0], atol=1e-3 * float(levels[0].std()))


def test_weights_of_another_network_are_refused():
    other = timm.create_model("tf_efficientnet_lite1").state_dict()
    with pytest.raises(ValueError, match="does not fit"):
        load_in_order(timm.create_model(LITE), other)
    with pytest.raises(ValueError, match="tensors for"):
        load_in_order(timm.create_model(LITE), dict(list(timm.create_model(LITE).state_dict().items())[:9]))


@pytest.mark.parametrize("name", [LITE, "mobilenetv2_100", "mobilenetv3_small_100"])
def test_folding_frozen_norms_changes_neither_outputs_nor_gradients(name, monkeypatch):
    folded = features(name, freeze=0)
    assert any(isinstance(module, FoldedConvolution) for module in folded.modules())
    monkeypatch.setattr(backbones, "_fold_norms", lambda model: None)
    plain = features(name, freeze=0)
    for network in (folded.double(), plain.double()):  # statistics and weights that a fold could get wrong
        torch.manual_seed(1)
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 2)
                torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    images = torch.randn(2, 3, 64, 81, dtype=torch.float64)
    outputs = [network(images) for network in (folded, plain)]
    assert torch.allclose(*outputs, rtol=1e-9, atol=1e-9)
    for output in outputs:
        output.square().mean().backward()
    ours, theirs = ([p.grad for p in network.parameters()] for network in (folded, plain))
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert torch.allclose(a, b, rtol=1e-6, atol=1e-9 * float(b.abs().max()))


@pytest.mark.parametrize("name", [LITE, "mobilenetv3_small_100", "convnext_atto", "regnety_002"])
@torch.no_grad()
def test_where_a_map_lies_does_not_depend_on_the_size_of_the_image(name):
    """A network is trained on crops or on padded frames, and predicts frames of their own size."""
    network = features(name, pretrained=False).double()
    images = torch.randn(1, 3, 288 + 16, 288 + 31, dtype=torch.float64)
    smaller = network(images[..., :288, :288])
    near = (..., slice(0, 4), slice(0, 4))  # cells that no border but the common one can reach in every network
    for height, width in ((1, 0), (0, 1), (3, 5), (16, 31)):
        larger = network(images[..., : 288 + height, : 288 + width])
        assert torch.allclose(larger[near], smaller[near], rtol=1e-2, atol=1e-2 * float(smaller.std())), (height, width)


def trained(training, steps=3):
    """A network before and after some gradient steps: its weights by name."""
    framework = engine_of(training, ["a", "b"])
    network = framework.build(training.weights, 1)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.train()
    optimizer = framework.optimizer(network, 1e-2)
    labels = np.full((4, 2, 3), 30, np.float32)
    for _ in range(steps):
        train_step(framework, network, optimizer, torch.randn(4, 3, 64, 64), labels)
    after = network.state_dict()
    return {name for name in before if not torch.equal(before[name], after[name])}, set(before)


def test_frozen_stages_and_statistics_stay_as_they_were_and_all_else_is_trained():
    changed, names = trained(PRETRAINED)
    depth = {name: int(name.split(".")[3]) if ".blocks." in name else -1 for name in names}
    statistics = {name for name in names if "running_" in name or "num_batches" in name}
    front = {name for name in names if name.startswith("backbone.") and depth[name] <= 2}  # up to stride 8
    assert changed == names - statistics - front
    changed, names = trained(PRETRAINED | {"freeze": 0, "batch_norm": "trained"})
    assert changed == names


@pytest.mark.parametrize("name", ["mobilenetv3_small_100", "efficientnet_b0", "convnext_atto", "regnety_002"])
def test_networks_of_other_families_train(name):
    training = TRAINING | {"backbone": name, "weights": "random"}
    config = engine.pose_config(training, ["a", "b"])
    network = engine.build_network(config, "random", 1)
    assert network.get_stride(engine.HEAD) == 8
    assert trained(training, steps=1)[0]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mobilenet_of_nobody", "timm knows no"),
        ("resnet_of_nobody", "timm knows no"),
        ("vit_tiny_patch16_224", "gives no features"),  # wants images of one size
    ],
)
def test_a_backbone_that_cannot_be_used_is_refused_before_training(name, words):
    with pytest.raises(UserError, match=rf"training\.backbone.*{words}"):
        engine.pose_config(TRAINING | {"backbone": name}, ["a"])


def test_weights_whose_layers_have_other_names_are_refused_instead_of_left_random(tmp_path):
    training = TRAINING | {"backbone": "test_efficientnet", "weights": "imagenet"}
    torch.save({"model": engine_of(training, ["a"]).build("random", 1).state_dict()}, tmp_path / "weights.pt")
    engine_of(training, ["a"]).build(str(tmp_path / "weights.pt"), 2)
    with pytest.raises(UserError, match=r"weights\.pt lacks \d+ of the \d+ backbone weights.* batch_norm"):
        engine_of(training | {"batch_norm": "trained"}, ["a"]).build(str(tmp_path / "weights.pt"), 2)


@pytest.mark.parametrize("change", [{"freeze": 8}, {"batch_norm": "frozen"}], ids=str)
def test_what_a_resnet_cannot_do_is_refused(change):
    with pytest.raises(UserError, match=rf"training\.{next(iter(change))}"):
        engine.pose_config(TRAINING | change, ["a"])


@pytest.mark.long
def test_a_killed_pretrained_network_ends_with_the_same_bytes(tmp_path):
    training = PRETRAINED | {"steps": 60}
    whole = ensemble(tmp_path, "whole", training=training, store="whole-store")
    prepare(tmp_path)
    kill_while_training(
        "from small_ensemble import ensemble\nfrom tiny import TRAINING\n"
        f"ensemble(folder, 'killed', training=TRAINING | {CHANGES | {'steps': 60}}, store='killed-store')",
        tmp_path,
        "killed-store",
    )
    killed = ensemble(tmp_path, "killed", training=training, store="killed-store")
    assert digest_of_file(whole / "member-0.pt") == digest_of_file(killed / "member-0.pt")
