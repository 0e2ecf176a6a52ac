"""DeepLabCut's networks, targets and augmentation through this project's coordinates."""

import copy

import numpy as np
import pytest
import torch
from PIL import Image

from frameworth.config.training import Training
from frameworth.engine.deeplabcut import networks as engine
from frameworth.engine.deeplabcut.augmentation import Augmentation
from frameworth.engine.devices import choose_device
from frameworth.errors import UserError
from frameworth.labels.labels import Labels
from frameworth.plan.identity import network_seed
from frameworth.training.loop import learning_rate_factor
from frameworth.training.predict import predict
from frameworth.training.scaling import ScaledFrames
from frameworth.training.scoremaps import CONSENSUS_FORMS
from frameworth.training.variants import batch_indices
from tiny import TRAINING

KEYPOINTS = ("snout", "leftear", "rightear", "tailbase")


def perfect_maps(model, xy, height, width):
    """What a network that is never wrong would say: DeepLabCut's own targets for labels xy [F, K, 2]."""
    stride = model.get_stride(engine.HEAD)
    cells = (1, 2 * -(-height // 16) + 1, 2 * -(-width // 16) + 1)
    frames, keypoints = xy.shape[:2]
    outputs = {
        engine.HEAD: {
            "heatmap": torch.zeros(frames, keypoints, *cells[1:]),
            "locref": torch.zeros(frames, 2 * keypoints, *cells[1:]),
        }
    }
    visible = np.concatenate([xy, np.full((frames, keypoints, 1), 2.0)], axis=2)
    targets = model.get_target(outputs, {"keypoints": torch.from_numpy(visible)[:, None]})[engine.HEAD]
    outputs[engine.HEAD]["heatmap"] = targets["heatmap"]["target"]
    outputs[engine.HEAD]["locref"] = targets["locref"]["target"]
    return outputs, stride


class Oracle:
    """Predicts what DeepLabCut's targets say of the true place, found from the image's own number."""

    def __init__(self, config, model, truth):
        self._predictor = engine.Predictor(config, model, torch.device("cpu"))
        self._model, self._truth = model, truth

    def __call__(self, images):
        height, width = images[0].shape[:2]
        numbers = [round(float(image[..., 0].mean()) / 10) for image in images]
        xy = np.stack([self._truth[number] for number in numbers])
        outputs, _ = perfect_maps(self._model, xy, height, width)
        forward, self._model.forward = self._model.forward, lambda batch: outputs
        try:
            return self._predictor(images)
        finally:
            self._model.forward = forward


@pytest.fixture(scope="module")
def config():
    return engine.pose_config(TRAINING, KEYPOINTS)


@pytest.fixture(scope="module")
def model(config):
    return engine.build_network(config, "random", 1)


@pytest.mark.parametrize("scale", [1, 0.5, 0.3, 1.5])
def test_a_peak_comes_back_at_its_place_through_scale_and_stride(tmp_path, config, model, scale):
    """Frames of two sizes, scaled with rounding, each with its own labels: back within 0.01 px."""
    rng = np.random.default_rng(0)
    sizes = np.array([[97, 75], [64, 80], [97, 75]])
    paths = []
    for number, (width, height) in enumerate(sizes, 1):
        paths.append(str(tmp_path / f"{number}.png"))
        Image.new("RGB", (int(width), int(height)), (10 * number,) * 3).save(paths[-1])
    xy = rng.uniform(0.1, 0.9, (3, 4, 2)) * sizes[:, None, :]
    factors = np.array([[max(1, round(side * scale)) / side for side in size] for size in sizes])
    truth = {number + 1: xy[number] * factors[number] for number in range(3)}
    labels = Labels(xy, KEYPOINTS, np.zeros((0, 2), int), tuple(paths), ("",) * 3, sizes)
    oracle = Oracle(config, model, truth)
    predictions = predict([oracle, oracle], ScaledFrames(labels, scale), distractor_radius=20)
    assert np.abs(predictions.pose - xy).max() < 0.01
    for form in ("argmax", "weighted_mean"):
        assert np.abs(predictions.consensus_pose[list(CONSENSUS_FORMS).index(form)] - xy).max() < 0.01
    # Between four cells, 4 px from each in x and y, the map is that much lower than at its peak.
    assert predictions.confidence_at_label.min() > np.exp(-32 / (2 * (16 / 3) ** 2)) - 0.01
    assert np.abs(predictions.spread).max() < 1e-4


def test_crop_and_padding_move_labels_as_they_move_the_image(config):
    """A bright px is where the label says, before and after padding to, and cutting out, the training crop."""
    for crop in (64, 256):
        cropped = engine.pose_config(
            TRAINING | {"crop": crop, "augmentation": {"affine": None, "motion_blur": False, "gaussian_noise": False}},
            KEYPOINTS,
        )
        seen = 0
        for seed in range(20):
            rng = np.random.default_rng(seed)
            image = np.zeros((100, 140, 3), np.uint8)
            xy = rng.integers([5, 5], [135, 95], (4, 2)).astype(float)
            for number, (x, y) in enumerate(xy.astype(int)):
                image[y, x] = 50 * (number + 1)
            out, labels = Augmentation(cropped["data"]["train"], [image], xy[None], torch.device("cpu"))([0], [seed])
            assert out.shape == (1, 3, crop, crop)
            for number, (x, y, visible) in enumerate(labels[0]):
                if visible:
                    value = (out[0, 0, round(float(y)), round(float(x))] * 0.229 + 0.485) * 255
                    assert value == pytest.approx(50 * (number + 1), abs=0.5)
                    seen += 1
        assert seen > 20


def test_a_missing_label_gives_an_empty_target_and_stays_missing(config, model):
    xy = np.array([[20.0, 20.0], [np.nan, np.nan], [30.0, 10.0], [np.nan, 3.0]])
    augment = Augmentation(config["data"]["train"], [np.zeros((64, 80, 3), np.uint8)], xy[None], torch.device("cpu"))
    _, labels = augment([0], [1])
    assert labels[0, [1, 3], 2].tolist() == [0, 0]
    target = engine.targets_of(model, model(torch.zeros(1, 3, 64, 80)), labels)[engine.HEAD]
    assert target["heatmap"]["target"][0, 1].abs().max() == 0
    assert target["heatmap"]["target"][0, 0].max() > 0.5


def test_the_stock_configuration_is_deeplabcuts_own():
    stock = Training(weights="random")
    config = engine.pose_config(stock, KEYPOINTS)
    assert config["model"]["backbone"]["model_name"] == "resnet50_gn"
    assert config["data"]["train"]["affine"] == {"p": 0.5, "rotation": 30, "scaling": [0.5, 1.25], "translation": 0}
    assert config["data"]["train"]["crop_sampling"]["width"] == 448
    assert config["model"]["heads"]["bodypart"]["target_generator"]["pos_dist_thresh"] == 17


def test_weights_from_a_snapshot_are_loaded_and_a_wrong_file_is_refused(tmp_path, config, model):
    torch.save({"model": model.state_dict()}, tmp_path / "good.pt")
    (tmp_path / "bad.pt").write_text("not weights")
    loaded = engine.build_network(config, str(tmp_path / "good.pt"), 99)
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)
    with pytest.raises(UserError, match=r"bad\.pt"):
        engine.build_network(config, str(tmp_path / "bad.pt"), 1)


def test_a_gpu_that_is_asked_for_and_not_there_is_an_error():
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert choose_device("auto").type == "cpu"
    with pytest.raises(UserError, match=r"training\.device"):
        choose_device("cuda")


def test_initial_weights_come_from_the_networks_seed(config):
    weights = [engine.build_network(copy.deepcopy(config), "random", seed).state_dict() for seed in (1, 1, 2)]
    name = next(name for name in weights[0] if name.endswith("conv1.weight"))
    assert torch.equal(weights[0][name], weights[1][name])
    assert not torch.equal(weights[0][name], weights[2][name])


def test_after_whole_passes_each_frame_was_seen_equally_often():
    seen = [index for step in range(30) for index in batch_indices(12, 8, step, seed=3)]
    assert np.bincount(seen).tolist() == [20] * 12
    small = [index for step in range(3) for index in batch_indices(6, 8, step, seed=3)]
    assert np.bincount(small).tolist() == [4] * 6


def test_rates_drop_at_their_fraction_of_the_budget():
    drops = [[0.45, 0.2], [0.6, 0.02]]
    factors = [learning_rate_factor(drops, step, 200) for step in (0, 89, 90, 119, 120, 199)]
    assert factors == [1, 1, 0.2, 0.2, 0.02, 0.02]


def test_epochs_are_passes_over_the_subset_and_steps_are_the_same_for_all():
    assert Training(epochs=10).total_steps(6) == 8
    assert Training(steps=100).total_steps(6) == 100


def test_network_seeds_differ_over_the_whole_grid():
    seeds = {network_seed(1, p, s, m) for p in (10, 30, 50, 70, 90) for s in range(1, 50) for m in range(4)}
    assert len(seeds) == 5 * 49 * 4
