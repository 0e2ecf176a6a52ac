"""The files of methods that examine networks: the answer of one network, and the answers of all networks together."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from frameworth.attribution.methods import method
from frameworth.attribution.methods.base import Answer, Method, TrainedNetwork
from frameworth.config.training import Training
from frameworth.engine import engine_of
from frameworth.labels.frames import read_frames
from frameworth.labels.labels import Labels, read_labels
from frameworth.labels.subsets import Subset, read_subset
from frameworth.plan.identity import network_hash, network_seed
from frameworth.plan.names import subset_name
from frameworth.storage.files import digest_of_json
from frameworth.storage.hdf5 import Array, read_attributes, read_hdf5, write_hdf5
from frameworth.training.divergence import has_diverged
from frameworth.training.ensemble import from_weights_file
from frameworth.training.gpus import take_device
from frameworth.training.predict import load_network
from frameworth.training.scaling import ScaledFrames
from frameworth.training.store import Entry


def write_network_answer(
    name: str,
    subset_json: Path,
    labels_h5: Path,
    frames_csv: Path,
    network_file: Path,
    store: Path,
    out: Path,
    *,
    training: Training,
    options: dict[str, Any],
    study_seed: int,
    device: str,
    imagenet: Path | None = None,
) -> None:
    """Apply the method `name` to one base network, and write the network's answer to `out`.

    For a network that diverged all values are NaN.

    Args:
        network_file: the subset's `member-0.pt`. store: the store of networks, `.store/`.
        options: the config's `influence.{name}` without `networks` and `percent`.
        imagenet: a file of the weights that `weights: imagenet` stands for.
    """
    chosen = method(name)
    torch_device = take_device(device)
    subset, labels = read_subset(subset_json), read_labels(labels_h5)
    base, started, scales = subset_name(subset.percent, subset.seed), time.monotonic(), _scales(labels)
    if has_diverged(network_file):
        print(f"{base}: its network diverged, so that it says nothing", file=sys.stderr)
        shapes = {
            array: [len(scales[dimension]) for dimension in axes.dimensions] for array, axes in chosen.gives.items()
        }
        answer = Answer({array: np.full(shape, np.nan) for array, shape in shapes.items()}, 0)
    else:
        trained = trained_network(
            subset_json, labels_h5, frames_csv, network_file, store,
            training=training, study_seed=study_seed, device=torch_device, imagenet=imagenet,
        )  # fmt: skip
        answer = chosen.ask(trained, chosen.options(**options))
        print(f"{base}: asked in {time.monotonic() - started:.0f} s", file=sys.stderr)
    inclusion = np.zeros(len(labels.xy), bool)
    inclusion[subset.frames] = True
    arrays = {
        array: Array(answer.arrays[array].astype(np.float32), axes.dimensions, axes.unit)
        for array, axes in chosen.gives.items()
    }
    write_hdf5(
        out,
        arrays | {"inclusion": Array(inclusion, ("training_frame",))},
        {scale: values for scale, values in scales.items() if scale in _dimensions(chosen)},
        {
            "network": base,
            "seed": _seed(subset, study_seed),
            "steps_taken": answer.steps_taken,
            "options": digest_of_json(options),
            **options,
        },
    )


def trained_network(
    subset_json: Path,
    labels_h5: Path,
    frames_csv: Path,
    network_file: Path,
    store: Path,
    *,
    training: Training,
    study_seed: int,
    device: torch.device,
    imagenet: Path | None = None,
) -> TrainedNetwork:
    """A base network with everything that a method needs; arguments as for `write_network_answer`."""
    subset, labels = read_subset(subset_json), read_labels(labels_h5)
    engine = engine_of(training, subset.keypoints)
    of_network = network_seed(study_seed, subset.percent, subset.seed, 0)
    return TrainedNetwork(
        engine=engine,
        network=load_network(engine, network_file),
        subset=subset,
        frames=ScaledFrames(labels, training.scale),
        pool=(read_frames(frames_csv)["split"] == "pool").to_numpy(),
        training=from_weights_file(training, imagenet),
        network_seed=of_network,
        seed=_seed(subset, study_seed),
        device=device,
        entry=Entry(store / network_hash(subset, training.for_weights, of_network)),
    )


def _seed(subset: Subset, study_seed: int) -> int:
    """The seed of a method's random draws."""
    return int(np.random.SeedSequence([study_seed, subset.percent, subset.seed, 6]).generate_state(1)[0])


def collect_answers(name: str, files: Sequence[Path], out: Path) -> None:
    """Write the answers of all base networks to one file: the method's arrays [network, ...], `inclusion` and more."""
    chosen = method(name)
    parts = [read_hdf5(file) for file in files]
    attributes = [read_attributes(file) for file in files]
    arrays = {
        array: Array(np.stack([part[array] for part in parts]), ("network", *axes.dimensions), axes.unit)
        for array, axes in chosen.gives.items()
    }
    inclusion = np.stack([part["inclusion"] for part in parts])
    numbers = {
        number: Array(np.array([int(each[number]) for each in attributes]), ("network",))
        for number in ("seed", "steps_taken")
    }
    scales = {"network": np.array([each["network"] for each in attributes])}
    scales |= {scale: values for scale, values in parts[0].items() if scale in _dimensions(chosen)}
    options = {option: attributes[0][option] for option in chosen.options.model_fields}
    write_hdf5(out, arrays | {"inclusion": Array(inclusion, ("network", "training_frame"))} | numbers, scales, options)


def _dimensions(chosen: Method[Any]) -> set[str]:
    return set[str]().union(*(axes.dimensions for axes in chosen.gives.values()))


def _scales(labels: Labels) -> dict[str, np.ndarray]:
    """The coordinates along each dimension that arrays of methods may have."""
    numbers = np.arange(len(labels.xy))
    return {
        "training_frame": numbers,
        "evaluated_frame": numbers,
        "keypoint": np.array(labels.keypoints),
        "xy": np.array(["x", "y"]),
    }
