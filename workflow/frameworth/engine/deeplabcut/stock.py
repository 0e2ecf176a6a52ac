"""DeepLabCut's own training: its transforms, image by image, and the whole loop of its runner (`engine: stock`)."""

from __future__ import annotations

import copy
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader

from frameworth.config.training import Training
from frameworth.engine.deeplabcut.augmentation import with_visibility
from frameworth.engine.deeplabcut.bare_packages import bare_packages
from frameworth.engine.devices import seed_everything

with bare_packages("deeplabcut", "deeplabcut.utils", "deeplabcut.pose_estimation_pytorch"):
    from deeplabcut.pose_estimation_pytorch.data import build_transforms
    from deeplabcut.pose_estimation_pytorch.data.dataset import PoseDataset, PoseDatasetParameters
    from deeplabcut.pose_estimation_pytorch.data.utils import apply_transform
    from deeplabcut.pose_estimation_pytorch.runners.train import build_training_runner
    from deeplabcut.pose_estimation_pytorch.task import Task


class StockAugmentation:
    """DeepLabCut's transforms with the interface of `frameworth.engine.deeplabcut.augmentation.Augmentation`.

    It is for transforms that `Augmentation` does not have: histogram equalisation, covering, elastic deformation.
    """

    patches = 0  # it erases none

    def __init__(
        self, options: dict[str, Any], images: Sequence[np.ndarray], xy: np.ndarray, device: torch.device
    ) -> None:
        self._transform = build_transforms(options)
        self._images, self._xy, self._device = images, xy, device

    def __call__(self, chosen: Sequence[int], seed: Sequence[int]) -> tuple[torch.Tensor, np.ndarray]:
        """The same as `Augmentation.__call__`."""
        seed_everything(*seed)
        pairs = [self._transformed(self._images[index], self._xy[index]) for index in chosen]
        batch = torch.from_numpy(np.stack([image for image, _ in pairs])).permute(0, 3, 1, 2).float()
        batch = batch.to(self._device, memory_format=torch.channels_last)
        return batch, np.stack([labels for _, labels in pairs])

    def _transformed(self, image: np.ndarray, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        keypoints = with_visibility(xy)
        names = [str(index) for index in range(len(keypoints))]
        done = apply_transform(self._transform, image, keypoints, np.zeros((0, 4)), class_labels=names)
        out = np.asarray(done["keypoints"], dtype=np.float32)
        out[keypoints[:, 2] == 0, 2] = 0
        # A keypoint outside the crop is NaN, but its position must be a number; its visibility 0 marks it.
        lost = ~np.isfinite(out[:, :2]).all(axis=1)
        out[lost] = (-1.0, -1.0, 0.0)
        return done["image"], out


def train_stock(
    config: dict[str, Any],
    training: Training,
    network: torch.nn.Module,
    images: Sequence[np.ndarray],
    xy: np.ndarray,
    steps: int,
    seed: int,
    device: torch.device,
) -> list[float]:
    """Train `network` in place with DeepLabCut's runner, data loader and schedule; returns each epoch's mean loss.

    The runner trains whole epochs, so the number of epochs, and those at which the learning rate drops, are rounded.
    """
    seed_everything(seed, 3)
    batch_size = training.batch_size
    per_epoch = math.ceil(len(images) / batch_size)
    epochs = max(1, round(steps / per_epoch))
    runner_config = copy.deepcopy(config["runner"])
    if training.learning_rate is not None:
        runner_config["optimizer"]["params"]["lr"] = training.learning_rate
    rate = runner_config["optimizer"]["params"]["lr"]
    drops = training.drops
    runner_config["scheduler"] = {
        "type": "LRListScheduler",
        "params": {
            "milestones": [round(fraction * epochs) for fraction, _ in drops],
            "lr_list": [[rate * factor] for _, factor in drops],
        },
    }
    # There is no evaluation, because it would choose the snapshot by its errors on the training frames.
    runner_config |= {"eval_interval": epochs + 1}
    runner_config["snapshots"] |= {"save_epochs": epochs + 1}
    with tempfile.TemporaryDirectory() as folder:
        data = DataLoader(_dataset(Path(folder), config, images, xy), batch_size=batch_size, shuffle=True)
        runner = build_training_runner(runner_config, Path(folder), Task.BOTTOM_UP, network, str(device))
        runner.fit(data, data, epochs=epochs, display_iters=10**9)
        return [float(loss) for loss in runner.history["train_loss"]]


def _dataset(folder: Path, config: dict[str, Any], images: Sequence[np.ndarray], xy: np.ndarray) -> PoseDataset:
    """DeepLabCut's dataset, which reads images from files; these are written to `folder` without loss."""
    entries, annotations = [], []
    for index, (image, points) in enumerate(zip(images, xy, strict=True)):
        path = folder / f"{index:06d}.png"
        cv2.imwrite(str(path), image[..., ::-1])
        height, width = image.shape[:2]
        keypoints = with_visibility(points)
        entries.append({"id": index, "file_name": str(path), "width": width, "height": height})
        annotations.append(
            {
                "id": index,
                "image_id": index,
                "category_id": 1,
                "keypoints": keypoints.ravel(),
                "num_keypoints": int((keypoints[:, 2] > 0).sum()),
                "bbox": [0, 0, width, height],
                "area": width * height,
                "iscrowd": 0,
                "individual": "animal",
                "individual_id": 0,
            }
        )
    names = [str(name) for name in config["metadata"]["bodyparts"]]
    parameters = PoseDatasetParameters(bodyparts=names, unique_bpts=[], individuals=["animal"])
    return PoseDataset(entries, annotations, parameters, build_transforms(config["data"]["train"]), "train")
