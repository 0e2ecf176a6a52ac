"""One job of the grid: the networks of one subset, their predictions of all frames, and their consensus."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from frameworth.engine import Predictor, build_network, choose_device, make_deterministic, pose_config
from frameworth.errors import UserError
from frameworth.files import digest_of_file, write_json
from frameworth.labels import Labels, read_labels
from frameworth.predictions import predict, write_deeplabcut_table, write_predictions
from frameworth.scaling import load_scaled
from frameworth.store import Entry, network_hash
from frameworth.subset_names import subset_name
from frameworth.subsets import Subset, read_subset
from frameworth.training import network_seed, scaled_sizes_agree, train_network


def run_ensemble(
    subset_json: Path,
    labels_h5: Path,
    folder: Path,
    store: Path,
    *,
    training: dict[str, Any],
    study_seed: int,
    members: int,
    device: str,
    consensus: str,
    distractor_radius: float,
) -> None:
    """Train (or take from the store) the members of one subset and write its folder's artefacts.

    Args:
        training: the config's `training` without what does not determine weights (the device).
        consensus: the form of consensus for the DeepLabCut table.
        distractor_radius: px of the original image.
    """
    subset, labels = read_subset(subset_json), read_labels(labels_h5)
    chosen = choose_device(device)
    make_deterministic(chosen)
    seeds = [network_seed(study_seed, subset.percent, subset.seed, member) for member in range(members)]
    entries = [Entry(store / network_hash(subset, training, seed)) for seed in seeds]
    _train_missing(subset, labels, training, seeds, entries, chosen)
    config = pose_config(training, subset.keypoints)
    predictors = []
    for member, entry in enumerate(entries):
        entry.hand_out(folder / f"member-{member}.pt")
        network = build_network(config, "random", 0)
        network.load_state_dict(torch.load(entry.network, map_location="cpu", weights_only=True)["model"])
        predictors.append(Predictor(config, network, chosen))
    predictions = predict(predictors, labels, scale=training["scale"], distractor_radius=distractor_radius)
    names = [f"{Path(path).parent.name}/{Path(path).name}" for path in labels.paths]
    scorer = f"frameworth_{subset_name(subset.percent, subset.seed)}"
    write_predictions(predictions, labels.keypoints, folder / "predictions.h5", folder / "consensus.h5")
    write_deeplabcut_table(predictions, consensus, labels.keypoints, names, scorer, folder / "consensus_dlc")
    records = [entry.read_record() | {"hash": entry.folder.name} for entry in entries]
    write_json(folder / "training.json", {"subset": subset_name(subset.percent, subset.seed), "members": records})


def _train_missing(
    subset: Subset,
    labels: Labels,
    training: dict[str, Any],
    seeds: list[int],
    entries: list[Entry],
    device: torch.device,
) -> None:
    images: list[np.ndarray] = []
    xy = np.zeros(0)
    for member, (seed, entry) in enumerate(zip(seeds, entries, strict=True)):
        label = f"{subset_name(subset.percent, subset.seed)} member {member}"
        with entry.locked():
            if entry.is_finished():
                print(f"{label}: taken from the store ({entry.folder.name})", file=sys.stderr)
                continue
            if not images:
                images, xy = _training_data(subset, labels, training["scale"])
                scaled_sizes_agree(images, training["crop"])

            def progress(step: int, steps: int, loss: float, rate: float, label: str = label) -> None:
                left = (steps - step) * training["batch_size"] / rate
                print(
                    f"{label}: step {step} of {steps}, loss {loss:.5f}, {rate:.0f} samples/s, "
                    f"{left:.0f} s left for this network",
                    file=sys.stderr,
                    flush=True,
                )

            train_network(subset, images, xy, training, seed, entry, device, progress)
            record = entry.read_record()
            print(
                f"{label}: trained {record['steps']} steps in {record['wall_seconds']:.1f} s "
                f"({record['samples_per_second']:.0f} samples/s), final loss {record['final_loss']}",
                file=sys.stderr,
                flush=True,
            )


def _training_data(subset: Subset, labels: Labels, scale: float) -> tuple[list[np.ndarray], np.ndarray]:
    images, xy = [], subset.xy.copy()
    for index, frame in enumerate(subset.frames):
        path = labels.paths[frame]
        if digest_of_file(path) != subset.digests[index]:
            raise UserError(f"{path}: the image changed while the study was running; run the workflow again")
        image, factors = load_scaled(path, scale)
        images.append(image)
        xy[index] *= factors
    return images, xy
