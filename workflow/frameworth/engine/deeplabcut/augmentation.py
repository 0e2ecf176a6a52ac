"""DeepLabCut's default training transforms on whole batches of tensors, on the device that trains.

They are the steps of DeepLabCut's albumentations pipeline with the same distributions: affine, padding and
keypoint-aware crop, motion blur, Gaussian noise, normalisation. Each step rounds to grey levels, as in the pipeline.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from scipy.spatial.distance import cdist
from torch.nn import functional

from frameworth.engine.cutout import Cutout

# Values of albumentations' MotionBlur and of DeepLabCut's build_transforms.
_BLUR_SIZES = (3, 5, 7)
_PROBABILITY = 0.5
_DEFAULT_NOISE = 0.05 * 255
_LARGEST_SHIFT = 0.4
_MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1) * 255
_PER_DEVIATION = 1 / (torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1) * 255)

_KNOWN = {"affine", "crop_sampling", "motion_blur", "gaussian_noise", "normalize_images"}


def is_covered(options: dict[str, Any]) -> bool:
    """Whether this module has all transforms that are turned on in `options` (DeepLabCut's `data: train`)."""
    return {name for name, value in options.items() if value} <= _KNOWN and bool(options.get("normalize_images"))


def per_grey_level(derivatives: torch.Tensor) -> torch.Tensor:
    """Turn derivatives by normalised values [B, 3, h, w] into derivatives by grey levels."""
    return derivatives * _PER_DEVIATION.to(derivatives.device)


def normalised(images: torch.Tensor) -> torch.Tensor:
    """Normalise grey levels [B, 3, h, w] for ImageNet's networks; float32 and channels-last."""
    levels = images.contiguous(memory_format=torch.channels_last).float()
    return (levels - _MEAN.to(images.device)) * _PER_DEVIATION.to(images.device)


def with_visibility(xy: np.ndarray) -> np.ndarray:
    """Labels xy [..., 2] in the form of DeepLabCut's datasets [..., 3]: (x, y, 2), missing ones (-1, -1, 0).

    They are kept, because DeepLabCut's crop may centre on a missing label.
    """
    missing = ~np.isfinite(xy).all(axis=-1, keepdims=True)
    return np.concatenate([np.where(missing, -1.0, xy), np.where(missing, 0.0, 2.0)], axis=-1)


class Augmentation:
    """Makes augmented batches of one subset's frames, which stay as uint8 on the device.

    Args:
        options: DeepLabCut's `data: train`; see `is_covered`.
        images: [N] uint8 [h, w, 3]; without `crop_sampling`, smaller ones are padded to the largest, right and below.
        xy: labels in px of these images, [N, K, 2], NaN where missing.
        cutout: patches to erase, for an arm.

    Attributes:
        patches: the number of patches erased so far.
    """

    def __init__(
        self,
        options: dict[str, Any],
        images: Sequence[np.ndarray],
        xy: np.ndarray,
        device: torch.device,
        cutout: Cutout | None = None,
    ) -> None:
        self._cutout = cutout
        self.patches = 0
        self._affine = options.get("affine")
        self._crop: dict[str, Any] = options.get("crop_sampling") or {}
        self._blur = bool(options.get("motion_blur"))
        noise = options.get("gaussian_noise") or 0.0
        self._noise = _DEFAULT_NOISE if noise is True else float(noise)
        self._device = device
        self._sizes = np.array([image.shape[1::-1] for image in images])
        width, height = self._sizes.max(axis=0)
        self._frames = torch.zeros((len(images), 3, int(height), int(width)), dtype=torch.uint8)
        for frame, image in zip(self._frames, images, strict=True):
            frame[:, : image.shape[0], : image.shape[1]] = torch.from_numpy(image).permute(2, 0, 1)
        self._frames = self._frames.to(device)
        self._keypoints = with_visibility(xy)
        self._keypoints[_outside(self._keypoints, self._sizes), 2] = 0
        if self._crop:
            width, height = self._crop["width"], self._crop["height"]
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        self._grid = torch.stack([columns, rows, torch.ones_like(rows)], dim=-1).float().to(device)

    def __call__(self, chosen: Sequence[int], seed: Sequence[int]) -> tuple[torch.Tensor, np.ndarray]:
        """Augment the frames `chosen` (indices); the result depends only on them and `seed`.

        Returns normalised images float32 [B, 3, h, w] on the device, channels-last, and labels float32 [B, K, 3]:
        x, y, and DeepLabCut's visibility, which is 2 if labelled, 0 if missing or moved out of the image.
        """
        rng = np.random.default_rng(seed)
        index = np.asarray(chosen)
        sizes = self._sizes[index]
        matrices, moved, keypoints, offsets = self._placed(rng, index)
        images = self._frames[torch.from_numpy(index).to(self._device)].float()
        if self._crop:
            keypoints[..., :2] -= offsets[:, None]
            images = self._resampled(images, matrices, offsets, sizes)
            limits = np.broadcast_to([self._crop["width"], self._crop["height"]], sizes.shape)
            lost = (keypoints[..., :2] < 0).any(axis=2) | (keypoints[..., :2] >= limits[:, None]).any(axis=2)
            keypoints[lost] = (-1, -1, 0)
        else:
            if moved.any():
                which = torch.from_numpy(np.flatnonzero(moved)).to(self._device)
                none = np.zeros((np.count_nonzero(moved), 2))
                images[which] = self._resampled(images[which], matrices[moved], none, sizes[moved])
            keypoints[_outside(keypoints, sizes), 2] = 0
        if self._cutout is not None:
            self._cut(self._cutout, index, images, keypoints, matrices, offsets, seed)
        if self._blur:
            for image in np.flatnonzero(rng.random(len(index)) < _PROBABILITY):
                images[image] = _convolved(images[image], draw_blur(rng))
        if self._noise:
            noisy = np.flatnonzero(rng.random(len(index)) < _PROBABILITY)
            deviation = np.sqrt(rng.uniform(0, self._noise**2, len(noisy))).astype(np.float32)
            generator = torch.Generator(self._device).manual_seed(int(rng.integers(2**63)))
            noise = torch.randn((len(noisy), *images.shape[1:]), generator=generator, device=self._device)
            noise *= torch.from_numpy(deviation).to(self._device).view(-1, 1, 1, 1)
            which = torch.from_numpy(noisy).to(self._device)
            # albumentations rounds down here, while its other steps round to the nearest.
            images[which] = (images[which] + noise).clamp_(0, 255).floor_()
        return normalised(images), keypoints.astype(np.float32)

    def affine_parts(self, chosen: np.ndarray, seed: Sequence[int]) -> np.ndarray:
        """Matrices [B, 2, 3] by which `__call__` with these arguments moves positions (x, y, 1)."""
        matrices, _, _, offsets = self._placed(np.random.default_rng(seed), chosen)
        matrices[:, :, 2] -= offsets
        return matrices

    def _placed(
        self, rng: np.random.Generator, index: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The result of `_draw_affine`, the keypoints moved by it, and the corners of the crops [B, 2]."""
        sizes, keypoints = self._sizes[index], self._keypoints[index].copy()
        matrices, moved = self._draw_affine(rng, sizes)
        keypoints[..., :2] = np.einsum("bij,bkj->bki", matrices[:, :, :2], keypoints[..., :2])
        keypoints[..., :2] += matrices[:, None, :, 2]
        offsets = np.zeros((len(index), 2))
        if self._crop:
            offsets = np.stack([self._draw_crop(rng, *pair) for pair in zip(keypoints, sizes, strict=True)])
        return matrices, moved, keypoints, offsets

    def _cut(
        self,
        cutout: Cutout,
        index: np.ndarray,
        images: torch.Tensor,
        keypoints: np.ndarray,
        matrices: np.ndarray,
        offsets: np.ndarray,
        seed: Sequence[int],
    ) -> None:
        """Erase patches in place, and mark the keypoints under them as not visible.

        It has its own generator, so that all other steps are the same as without patches.
        """
        rng = np.random.default_rng([*seed, 7])
        generator = torch.Generator(self._device).manual_seed(int(rng.integers(2**63)))
        extent = self._sizes[index]
        if self._crop:
            extent = np.broadcast_to([self._crop["width"], self._crop["height"]], extent.shape)
        for image, corners in enumerate(cutout.draw(rng, index, matrices, offsets, keypoints, extent)):
            cutout.erase(images[image], corners, generator)
            keypoints[image, cutout.hides(corners, keypoints[image]), 2] = 0
            self.patches += len(corners)

    def _draw_affine(self, rng: np.random.Generator, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Forward matrices [B, 2, 3] in px about the images' centres, and bool [B]: which images are moved."""
        batch = len(sizes)
        matrices = np.tile(np.eye(2, 3), (batch, 1, 1))
        if not self._affine:
            return matrices, np.zeros(batch, bool)
        moved = rng.random(batch) < self._affine.get("p", 0.9)
        rotation = self._affine.get("rotation") or 0
        angle = np.deg2rad(rng.uniform(-rotation, rotation, batch))
        smallest, largest = self._affine.get("scaling") or (1, 1)
        scale = rng.uniform(smallest, largest, batch)
        shift = self._affine.get("translation") or 0
        translation = rng.integers(-shift, shift, (batch, 2), endpoint=True)
        cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
        linear = np.stack([np.stack([cosine, -sine], -1), np.stack([sine, cosine], -1)], -2)
        centre = sizes / 2 - 0.5
        offset = centre + translation - np.einsum("bij,bj->bi", linear, centre)
        matrices[moved] = np.concatenate([linear, offset[..., None]], axis=2)[moved]
        return matrices, moved

    def _draw_crop(self, rng: np.random.Generator, keypoints: np.ndarray, size: np.ndarray) -> np.ndarray:
        """Draw the position (x, y) of the crop's corner in the unpadded image; padding makes it negative.

        This is DeepLabCut's KeypointAwareCrop after albumentations' centred PadIfNeeded.
        """
        side = np.array([self._crop["width"], self._crop["height"]])
        padding = np.maximum(side - size, 0) // 2
        padded = np.maximum(size, side)
        method = self._crop["method"]
        if method == "hybrid":
            method = rng.choice(["uniform", "density"])
        if method == "uniform":
            centre = rng.random(2)
        else:
            places = keypoints[:, :2] + padding
            weight = np.ones(len(places))
            if method == "density":
                weight = (cdist(places, places) <= 0.1 * padded.min()).sum(axis=1).astype(float)
            shift = max(0.0, min(self._crop["max_shift"], _LARGEST_SHIFT)) * rng.random(2) * side
            centre = (places[rng.choice(len(places), p=weight / weight.sum())] + shift) / padded
            centre = np.clip(centre, 0, np.nextafter(1, 0))
        return np.floor((padded - side + 1) * centre).astype(int) - padding

    def _resampled(
        self, images: torch.Tensor, matrices: np.ndarray, offsets: np.ndarray, sizes: np.ndarray
    ) -> torch.Tensor:
        """Move images [B, 3, H, W] by `matrices` and cut them out at `offsets`; bilinear, zero outside."""
        linear = np.linalg.inv(matrices[:, :, :2])
        # Source px = linear · (output px + offset − translation).
        constant = np.einsum("bij,bj->bi", linear, offsets - matrices[:, :, 2])
        height, width = images.shape[2:]
        extent = np.array([width, height])
        # grid_sample counts px from −1 to 1 between the outer edges of the outermost px.
        affine = np.concatenate([linear, constant[..., None]], axis=2) * (2 / extent)[:, None]
        affine[..., 2] += 1 / extent - 1
        theta = torch.from_numpy(affine.astype(np.float32)).to(self._device)
        rows, columns = self._grid.shape[:2]
        grid = (self._grid.view(-1, 3) @ theta.transpose(1, 2)).view(len(images), rows, columns, 2)
        out = functional.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False).round_()
        if self._crop:
            # In DeepLabCut, px that the affine moves out of the frame are lost before padding.
            place = self._grid[None, ..., :2] + torch.from_numpy(offsets).to(self._device)[:, None, None]
            limit = torch.from_numpy(sizes).to(self._device)[:, None, None]
            out *= ((place >= 0) & (place < limit)).all(dim=-1)[:, None]
        return out


def draw_blur(rng: np.random.Generator) -> np.ndarray:
    """Draw albumentations' kernel of motion blur: a random line in a square of 3, 5 or 7 px; it sums to 1."""
    side = _BLUR_SIZES[rng.integers(len(_BLUR_SIZES))]
    x1, x2, y1, y2 = rng.integers(0, side, 4).tolist()
    if x1 == x2:
        y1, y2 = rng.permutation(side)[:2].tolist()
    kernel = np.zeros((side, side), np.uint8)
    cv2.line(kernel, (x1, y1), (x2, y2), 1, thickness=1)
    return kernel.astype(np.float32) / kernel.sum()


def _convolved(image: torch.Tensor, kernel: np.ndarray) -> torch.Tensor:
    """Correlate an image [3, h, w], mirrored at its borders, with a sparse kernel, and round to grey levels."""
    half = len(kernel) // 2
    padded = functional.pad(image[None], (half,) * 4, mode="reflect")[0]
    height, width = image.shape[1:]
    shifted = [padded[:, row : row + height, column : column + width] for row, column in np.argwhere(kernel).tolist()]
    total = shifted[0] + shifted[1]
    for addend in shifted[2:]:
        total += addend
    return total.mul_(float(kernel.max())).round_()


def _outside(keypoints: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Which visible keypoints [B, K, 3] lie outside images of sizes (w, h) [B, 2]; bool [B, K]."""
    xy = keypoints[..., :2]
    return (keypoints[..., 2] > 0) & ((xy < 0) | (xy > sizes[:, None])).any(axis=2)
