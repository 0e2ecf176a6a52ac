"""Patches erased from augmented images: over distractors, at random places, or over the label itself.

Distractors are given in px of the training images and move with each image's own affine and crop.
A patch is off the target if none of its px lies within `clearance` of any visible keypoint: three standard deviations
of the target's Gaussian.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

_TRIES = 50  # random places tried per patch; if all of them touch a target, the patch is left out


@dataclass(frozen=True)
class Cutout:
    """Which patches to erase.

    Attributes:
        place: `distractor`, `random` (with as many patches as `distractor` would erase) or `target`.
        size: side of a patch, px of the augmented image. probability: of a patch, per image and keypoint.
        fill: `mean` or `noise`.
        clearance: least distance of patches to keypoints, px of the augmented image.
        xy: distractors of the training frames, px of the training images, [M, K, D, 2], NaN if fewer than D.
        weight: the weight of each distractor when one is drawn, [M, K, D], 0 if fewer than D.
    """

    place: str
    size: int
    probability: float
    fill: str
    clearance: float
    xy: np.ndarray
    weight: np.ndarray

    def identity(self) -> dict[str, Any]:
        """All that determines the patches, ready for JSON; the distractors are given by a digest."""
        options = {name: getattr(self, name) for name in ("place", "size", "probability", "fill", "clearance")}
        if self.place == "target":
            return options
        digest = hashlib.sha256(np.ascontiguousarray(self.xy, "<f4").tobytes())
        digest.update(np.ascontiguousarray(self.weight, "<f4").tobytes())
        return options | {"places": digest.hexdigest()}

    def draw(
        self,
        rng: np.random.Generator,
        chosen: Sequence[int] | np.ndarray,
        matrices: np.ndarray,
        offsets: np.ndarray,
        keypoints: np.ndarray,
        extent: np.ndarray,
    ) -> list[np.ndarray]:
        """Draw the corners (left, top) of the square patches of each image, int [P, 2].

        Args:
            chosen: the training frames [B]. matrices, offsets: each image's affine [B, 2, 3] and crop [B, 2].
            keypoints: after augmentation [B, K, 3]; extent: width and height of the area for patches, [B, 2].
        """
        corners = []
        # One generator per image: `random` draws more numbers, but this must not change the patches of the next image.
        for image, (frame, image_rng) in enumerate(zip(chosen, rng.spawn(len(chosen)), strict=True)):
            visible = keypoints[image, :, 2] > 0
            wanted = visible & (image_rng.random(len(visible)) < self.probability)
            labels = keypoints[image, visible, :2]
            if self.place == "target":
                patches = [self._over(image_rng, keypoints[image, keypoint, :2]) for keypoint in np.flatnonzero(wanted)]
            else:
                patches = []
                for keypoint in np.flatnonzero(wanted).tolist():
                    centre = self._distractor(image_rng, frame, keypoint, matrices[image], offsets[image])
                    if centre is not None and self._is_free(corner := self._corner(centre), labels, extent[image]):
                        patches.append(corner)
                if self.place == "random":
                    patches = self._elsewhere(image_rng, len(patches), labels, extent[image])
            corners.append(np.array(patches, int).reshape(-1, 2))
        return corners

    def hides(self, corners: np.ndarray, keypoints: np.ndarray) -> np.ndarray:
        """Which keypoints [K, 3] lie under one of the patches with these corners [P, 2]; bool [K]."""
        beyond = keypoints[:, None, :2] - corners[None]
        return ((beyond >= 0) & (beyond < self.size)).all(axis=2).any(axis=1)

    def erase(self, image: torch.Tensor, corners: np.ndarray, generator: torch.Generator) -> None:
        """Fill the patches of an image [3, h, w] in place; the image is in grey levels."""
        height, width = image.shape[1:]
        for left, top in corners.tolist():
            columns = slice(max(0, left), min(width, left + self.size))
            rows = slice(max(0, top), min(height, top + self.size))
            margin = self.size // 2 + 1
            around = image[
                :,
                max(0, rows.start - margin) : rows.stop + margin,
                max(0, columns.start - margin) : columns.stop + margin,
            ].flatten(1)
            patch = around.mean(dim=1)[:, None, None].expand(-1, rows.stop - rows.start, columns.stop - columns.start)
            if self.fill == "noise":
                noise = torch.randn(patch.shape, generator=generator, device=image.device)
                patch = patch + noise * around.std(dim=1)[:, None, None]
            image[:, rows, columns] = patch.round().clamp(0, 255)

    def _corner(self, centre: np.ndarray) -> np.ndarray:
        return np.round(centre - (self.size - 1) / 2).astype(int)

    def _over(self, rng: np.random.Generator, label: np.ndarray) -> np.ndarray:
        """The corner of a patch that covers the label at a random position within the patch."""
        return np.floor(label).astype(int) - rng.integers(0, self.size, 2)

    def _distractor(
        self, rng: np.random.Generator, frame: int, keypoint: int, matrix: np.ndarray, offset: np.ndarray
    ) -> np.ndarray | None:
        weight = self.weight[frame, keypoint].astype(float)
        if not weight.sum():
            return None
        place = self.xy[frame, keypoint, rng.choice(len(weight), p=weight / weight.sum())]
        return matrix[:, :2] @ place + matrix[:, 2] - offset

    def _is_free(self, corner: np.ndarray, labels: np.ndarray, extent: np.ndarray) -> bool:
        """Whether a patch lies in the image and `clearance` away from all labels [V, 2]."""
        if (corner < 0).any() or (corner + self.size > extent).any():
            return False
        # The nearest point of the square to each label.
        nearest = np.clip(labels, corner, corner + self.size - 1)
        return bool((np.linalg.norm(nearest - labels, axis=1) > self.clearance).all())

    def _elsewhere(
        self, rng: np.random.Generator, count: int, labels: np.ndarray, extent: np.ndarray
    ) -> list[np.ndarray]:
        corners: list[np.ndarray] = []
        for _ in range(count):
            tried = np.floor(rng.random((_TRIES, 2)) * (extent - self.size + 1)).astype(int)
            corners += [corner for corner in tried if self._is_free(corner, labels, extent)][:1]
        return corners
