"""The batched augmentation has the distributions of DeepLabCut's own transforms, which work image by image."""

import cv2
import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp

from frameworth.engine.deeplabcut.augmentation import Augmentation, draw_blur, is_covered, normalised
from frameworth.engine.deeplabcut.networks import pose_config
from frameworth.engine.deeplabcut.stock import StockAugmentation, build_transforms
from tiny import TRAINING

pytestmark = pytest.mark.slow

KEYPOINTS = ("snout", "leftear", "rightear", "tailbase")
CPU = torch.device("cpu")
MEAN = np.array([0.485, 0.456, 0.406], np.float32)[:, None, None] * 255
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)[:, None, None] * 255


def options(crop=None, **changes):
    return pose_config(TRAINING | {"crop": crop, "augmentation": changes}, KEYPOINTS)["data"]["train"]


def picture(seed, width=96, height=80):
    """A smooth coloured ground with bright spots, so that blur, noise and interpolation all show."""
    rng = np.random.default_rng(seed)
    ground = np.array([90, 120, 150]) + cv2.GaussianBlur(rng.normal(0, 300, (height, width, 3)), (0, 0), 4)
    for x, y in rng.integers([0, 0], [width, height], (30, 2)):
        ground[y, x] = 255
    return np.clip(ground, 0, 255).astype(np.uint8)


def draws(kind, chosen, images, xy, count):
    """Grey levels [count, 3, h, w] and labels [count, K, 3] of one frame, drawn `count` times."""
    augment = kind(chosen, images, xy, CPU)
    batches = [augment([0] * 8, [7, step]) for step in range(count // 8)]
    grey = np.concatenate([batch.numpy() for batch, _ in batches]) * DEVIATION + MEAN
    return grey, np.concatenate([labels for _, labels in batches])


def features(grey, labels):
    """Numbers per draw whose distributions must agree."""
    fine = np.abs(np.diff(grey, axis=-1)).mean(axis=(1, 2, 3))
    measures = {
        "mean": grey.mean(axis=(1, 2, 3)),
        "spread": grey.std(axis=(1, 2, 3)),
        "sharpness": fine,
        "black": (grey < 0.5).mean(axis=(1, 2, 3)),
        "centre": grey[:, :, grey.shape[2] // 2, grey.shape[3] // 2].mean(axis=1),
        "corner": grey[:, :, 1, 1].mean(axis=1),
        "visible": (labels[..., 2] > 0).sum(axis=1).astype(float),
    }
    for keypoint in range(labels.shape[1]):
        seen = labels[:, keypoint, 2] > 0
        measures |= {f"x{keypoint}": labels[seen, keypoint, 0], f"y{keypoint}": labels[seen, keypoint, 1]}
    return measures


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"crop": 64},
        {"crop": 120},
        {"affine": {"p": 1.0, "rotation": 90, "scaling": [1.0, 2.0], "translation": 20}},
        {"affine": None, "motion_blur": False},
        {"affine": None, "gaussian_noise": False},
    ],
    ids=str,
)
def test_pixels_and_keypoints_are_distributed_as_deeplabcuts(changes):
    """Kolmogorov-Smirnov over many features of 1,200 draws each, at a family-wise level of 1 in 1,000."""
    chosen = options(**changes)
    images = [picture(1)]
    xy = np.array([[[20.0, 30.0], [60.0, 12.0], [90.0, 76.0], [np.nan, np.nan]]])
    ours, theirs = (features(*draws(kind, chosen, images, xy, 1200)) for kind in (Augmentation, StockAugmentation))
    p = {name: ks_2samp(ours[name], theirs[name]).pvalue for name in ours if len(ours[name]) and len(theirs[name])}
    assert min(p.values()) > 0.001 / len(p), p
    assert set(p) >= {"x0", "y0", "mean", "sharpness"}


def test_the_two_sample_test_sees_a_wrong_distribution():
    """Were the rotation half as large or the noise a third weaker, the test above would fail."""
    images, xy = [picture(1)], np.array([[[20.0, 30.0], [60.0, 12.0], [90.0, 76.0], [np.nan, np.nan]]])
    stock = features(*draws(StockAugmentation, options(), images, xy, 1200))
    for wrong, feature in (
        ({"affine": {"p": 0.5, "rotation": 15, "scaling": [0.5, 1.25], "translation": 0}}, "x1"),
        ({"gaussian_noise": 8.5}, "sharpness"),
    ):
        ours = features(*draws(Augmentation, options(**wrong), images, xy, 1200))
        assert ks_2samp(ours[feature], stock[feature]).pvalue < 0.001 / 17


def test_a_given_affine_moves_pixels_as_opencv_does_and_keypoints_with_them():
    """The same matrix through OpenCV, which DeepLabCut uses: within its fixed-point interpolation."""
    image = cv2.GaussianBlur(picture(2), (0, 0), 2)
    turned = {"p": 1.0, "rotation": 40, "scaling": [0.8, 1.2], "translation": 5}
    chosen = options(affine=turned, motion_blur=False, gaussian_noise=False)
    xy = np.array([[[20.0, 30.0], [60.0, 12.0], [40.0, 40.0], [50.0, 50.0]]])
    augment = Augmentation(chosen, [image], xy, CPU)
    for seed in range(5):
        batch, labels = augment([0], [seed])
        matrix = np.linalg.lstsq(np.column_stack([xy[0], np.ones(4)]), labels[0, :, :2], rcond=None)[0].T
        expected = cv2.warpAffine(image, matrix, (96, 80)).transpose(2, 0, 1)
        grey = batch[0].numpy() * DEVIATION + MEAN
        assert np.abs(grey - expected).max() < 8
        assert np.abs(grey - expected).mean() < 0.5


def test_blur_kernels_are_lines_of_weight_one_and_correlate_as_opencv_does():
    image = picture(3)
    chosen = options(affine=None, motion_blur=True, gaussian_noise=False)
    augment = Augmentation(chosen, [image], np.zeros((1, 4, 2)), CPU)
    seen = set()
    for seed in range(40):
        rng = np.random.default_rng([seed])
        blurred = rng.random(1) < 0.5
        kernel = draw_blur(rng)
        assert kernel.sum() == pytest.approx(1)
        seen.add(len(kernel))
        expected = cv2.filter2D(image, -1, kernel) if blurred else image
        grey = augment([0], [seed])[0][0].numpy() * DEVIATION + MEAN
        assert np.abs(grey - expected.transpose(2, 0, 1)).max() < 1.01
    assert seen == {3, 5, 7}


def test_a_batch_is_a_pure_function_of_its_seed():
    augment = Augmentation(options(crop=64), [picture(1), picture(2, 70, 60)], np.full((2, 4, 2), 30.0), CPU)
    first, again, other = (augment([0, 1, 1, 0], seed) for seed in ([1, 2], [1, 2], [1, 3]))
    assert torch.equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])


def test_frames_of_two_sizes_share_a_crop_and_none_sees_the_others_pixels():
    """A small white frame beside a large black one: what is bright is the small frame's own area."""
    small, large = np.full((40, 50, 3), 255, np.uint8), np.zeros((90, 100, 3), np.uint8)
    chosen = options(crop=64, affine=None, motion_blur=False, gaussian_noise=False)
    augment = Augmentation(chosen, [small, large], np.full((2, 4, 2), 20.0), CPU)
    batch, _ = augment([0, 1], [1])
    grey = batch.numpy() * DEVIATION + MEAN
    assert grey.shape[2:] == (64, 64)
    assert (grey[0, 0] > 254).sum() == 40 * 50
    assert np.abs(grey[1]).max() < 1e-3


def test_normalisation_is_albumentations():
    image = picture(4)
    inference = pose_config(TRAINING, KEYPOINTS)["data"]["inference"]
    stock = build_transforms(inference)(image=image, keypoints=[], class_labels=[], bboxes=[], bbox_labels=[])["image"]
    ours = normalised(torch.from_numpy(image).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()
    assert np.abs(ours - stock).max() < 1e-6


def test_what_is_not_covered_is_left_to_deeplabcut():
    assert is_covered(options())
    assert is_covered(options(crop=64))
    for name in ("hist_eq", "covering", "elastic_transform"):
        assert not is_covered(options(**{name: True}))


@pytest.mark.parametrize("affine", [None, {"p": 1.0, "rotation": 30, "scaling": [0.5, 1.25], "translation": 0}])
def test_without_crops_a_smaller_frame_is_padded_and_otherwise_as_alone(affine):
    images = [picture(1, 96, 80), picture(2, 64, 70)]
    xy = np.array([[[5.0, 6.0], [90.0, 70.0]], [[5.0, 6.0], [60.0, 65.0]]])
    plain = options(affine=affine, motion_blur=False, gaussian_noise=False)
    together, labels = Augmentation(plain, images, xy, CPU)([1], [3])
    alone, labels_alone = Augmentation(plain, images[1:], xy[1:], CPU)([0], [3])
    grey = together.numpy() * DEVIATION + MEAN
    assert grey.shape[2:] == (80, 96)
    assert np.allclose(grey[:, :, :70, :64], alone.numpy() * DEVIATION + MEAN, atol=1e-2)
    assert np.array_equal(labels, labels_alone)
    if affine is None:
        assert np.allclose(grey[:, :, 70:], 0, atol=1e-2)
        assert np.allclose(grey[:, :, :, 64:], 0, atol=1e-2)
