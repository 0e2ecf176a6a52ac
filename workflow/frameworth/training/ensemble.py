"""One job of the grid trains the networks of a few subsets, predicts all frames, and computes their consensus."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch

from frameworth.config.training import Training
from frameworth.errors import UserError
from frameworth.labels.deeplabcut_tables import labelled_images_index, write_predicted_table
from frameworth.labels.labels import read_labels
from frameworth.labels.subsets import Subset, read_subset
from frameworth.plan.grid import window_start
from frameworth.plan.identity import network_hash, network_seed
from frameworth.plan.names import subset_name, subset_path
from frameworth.storage.files import link_or_copy, remove_file, write_bytes, write_json
from frameworth.training.gpus import take_device
from frameworth.training.loop import NetworkJob, train_network
from frameworth.training.predict import load_predictors, predict
from frameworth.training.predictions import Predictions, read_predictions, write_predictions
from frameworth.training.preemption import Preempted
from frameworth.training.scaling import ScaledFrames
from frameworth.training.scoremaps import CONSENSUS_FORMS
from frameworth.training.store import Entry, PredictionsEntry, saved_bytes
from frameworth.training.variants import BASELINE, Variant


def run_ensembles(
    subset_jsons: Sequence[Path],
    labels_h5: Path,
    folder: Path,
    store: Path,
    *,
    training: Training,
    study_seed: int,
    members: int,
    device: str,
    consensus: str,
    distractor_radius: float,
    imagenet: Path | None = None,
    keep_snapshots: bool = True,
    variants: Callable[[Subset], list[tuple[int, Variant]]] | None = None,
    windows: Mapping[str, float] = MappingProxyType({}),
) -> None:
    """Train (or take from the store) the members of each subset and write its artefacts below `folder`.

    Args:
        folder: `ensembles/`; each subset has a folder in it, for example `percent-050/seed-2`.
        consensus: the form of consensus for the DeepLabCut table.
        distractor_radius: px of the original image.
        imagenet: a file with the weights for `weights: imagenet`; if None, they are fetched.
        keep_snapshots: whether networks are kept after they predicted; if not, the store keeps the predictions.
        variants: gives the seed and variant of each network of an arm; these stay in the store, without `member-*.pt`.
        windows: a part of the steps for each ensemble's folder; the state of its first network before this last part
            of its training is kept in the store.
    """
    labels = read_labels(labels_h5)
    torch_device = take_device(device)
    frames = ScaledFrames(labels, training.scale)
    for subset_json in subset_jsons:
        subset = read_subset(subset_json)
        out = folder / subset_path(subset.percent, subset.seed)
        if variants is None:
            seeds = [network_seed(study_seed, subset.percent, subset.seed, member) for member in range(members)]
            networks = [(seed, BASELINE) for seed in seeds]
        else:
            networks = variants(subset)
        entries = [
            Entry(store / network_hash(subset, training.for_weights, seed, variant.identity(seed)))
            for seed, variant in networks
        ]
        name = subset_name(subset.percent, subset.seed)
        files = out / "predictions.h5", out / "consensus.h5"
        kept = PredictionsEntry.of(store, entries, labels_h5, distractor_radius)
        if not len(subset.frames):
            print(f"{name}: has no frames, so that nothing is trained", file=sys.stderr)
            entries = []
            write_predictions(Predictions.unknown(0, *labels.xy.shape[:2]), labels.keypoints, *files)
            for member in range(members if keep_snapshots else 0):
                write_bytes(out / f"member-{member}.pt", saved_bytes({"model": {}, "metadata": {"epoch": 0}}))
        elif not keep_snapshots and all(entry.record.exists() for entry in entries) and kept.hand_out(files):
            print(f"{name}: predictions taken from the store ({kept.folder.name})", file=sys.stderr)
        else:
            starting, window = from_weights_file(training, imagenet), windows.get(str(out))
            train_missing(subset, frames, starting, networks, entries, torch_device, window)
            converged = np.array([not entry.read_record()["diverged"] for entry in entries])
            for member in np.flatnonzero(~converged).tolist():
                print(f"{name} member {member}: diverged, and is left out of the predictions", file=sys.stderr)
            paths = [entries[member].network for member in np.flatnonzero(converged)]
            predictors = load_predictors(paths, training, subset.keypoints, torch_device)
            predictions = predict(predictors, frames, distractor_radius=distractor_radius)
            write_predictions(predictions.among(converged), labels.keypoints, *files)
        written = read_predictions(*files)
        videos, images = zip(*(Path(path).parts[-2:] for path in labels.paths), strict=True)
        write_predicted_table(
            written.consensus_pose[list(CONSENSUS_FORMS).index(consensus)],
            written.consensus_confidence,
            labels.keypoints,
            labelled_images_index(videos, images),
            f"frameworth_{name}",
            out / "consensus_dlc",
        )
        if keep_snapshots:
            for member, entry in enumerate(entries if variants is None else ()):
                link_or_copy(entry.network, out / f"member-{member}.pt")
        elif entries:
            kept.keep(files)
            for file in [*out.glob("member-*.pt"), *(entry.network for entry in entries)]:
                remove_file(file)
        records = [entry.read_record() | {"hash": entry.folder.name} for entry in entries]
        write_json(out / "training.json", {"subset": name, "members": records})


def from_weights_file(training: Training, imagenet: Path | None) -> Training:
    """The training options with the file for `weights: imagenet`; use the unchanged options for hashes."""
    return training | {"weights": str(imagenet)} if imagenet and training.weights == "imagenet" else training


def train_missing(
    subset: Subset,
    frames: ScaledFrames,
    training: Training,
    networks: list[tuple[int, Variant]],
    entries: list[Entry],
    device: torch.device,
    window: float | None = None,
) -> None:
    """Train the networks (seed, variant) that are not finished in their `entries`, from their checkpoints if any.

    If `window` is given, the state of the first network before this last part of its steps is kept.
    """
    images: list[np.ndarray] = []
    xy = np.zeros(0)
    for member, ((seed, variant), entry) in enumerate(zip(networks, entries, strict=True)):
        label = f"{subset_name(subset.percent, subset.seed)} member {member}"
        with entry.locked():
            if entry.is_finished():
                print(f"{label}: taken from the store ({entry.folder.name})", file=sys.stderr)
                continue
            if not images:
                images, xy = training_data(subset, frames)

            def say(line: str, label: str = label) -> None:
                print(f"{label}: {line}", file=sys.stderr, flush=True)

            kept = window_start(window, training.total_steps(len(images))) if window and not member else None
            job = NetworkJob(subset.keypoints, images, xy, training, seed, device, variant, kept)
            try:
                train_network(job, entry, say)
            except Preempted as preempted:
                raise Preempted(f"{label}: {preempted}") from None
            record = entry.read_record()
            say(
                f"trained {record['steps']} steps in {record['wall_seconds']:.1f} s "
                f"({record['samples_per_second']:.0f} samples/s), final loss {record['final_loss']}"
            )


def training_data(subset: Subset, frames: ScaledFrames) -> tuple[list[np.ndarray], np.ndarray]:
    """The subset's scaled images, and its labels [n, K, 2] in px of these.

    Raises UserError if an image changed while the study was running.
    """
    images, xy = [], subset.xy.copy()
    for index, frame in enumerate(subset.frames):
        if frames.digest(frame) != subset.digests[index]:
            raise UserError(
                f"{frames.labels.paths[frame]}: the image changed while the study was running; run the workflow again"
            )
        images.append(frames.image(frame))
        xy[index] *= frames.factors[frame]
    return images, xy
