"""The networks of a pilot are trained one after the other and kept in the store; `pilot.json` has the result."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from frameworth.config.training import Pilot, UnsizedTraining
from frameworth.errors import UserError
from frameworth.labels.frames import read_frames
from frameworth.labels.labels import distance, read_labels
from frameworth.labels.subsets import read_subset
from frameworth.plan.identity import network_hash, network_seed
from frameworth.plan.names import subset_name
from frameworth.plan.pilot import NAME, Try, search, steps_tried, what_is_asked
from frameworth.storage.files import link_or_copy, remove_file, write_json
from frameworth.training.ensemble import from_weights_file, train_missing
from frameworth.training.gpus import take_device
from frameworth.training.predict import load_predictors, predict
from frameworth.training.scaling import ScaledFrames
from frameworth.training.store import Entry
from frameworth.training.variants import BASELINE


def run_pilot(
    subset_json: Path,
    labels_h5: Path,
    frames_csv: Path,
    store: Path,
    pilot_json: Path,
    *,
    pilot: Pilot,
    training: UnsizedTraining,
    study_seed: int,
    device: str,
    imagenet: Path | None = None,
    keep_snapshots: bool = True,
) -> None:
    """Write `pilot.json` with the choice and the table of networks that it is based on.

    The result is kept in the store under a hash of the question, so that a pilot that runs again makes the same choice,
    even if labels were corrected in between.

    Args:
        subset_json: the subset to train on; all networks have the seed of its member 0.
        pilot, training: from a checked config.
        imagenet, keep_snapshots: as for `run_ensembles`; a network that the grid needs, too, is always kept.

    Raises UserError if all networks diverged, or if no label outside the subset is left to measure errors with.
    """
    asked = what_is_asked(pilot, training, study_seed)
    kept = store / asked[:32] / NAME
    if kept.exists():
        print(f"pilot: its choice is taken from the store ({kept.parent.name})", file=sys.stderr)
        link_or_copy(kept, pilot_json)
        return
    subset, labels = read_subset(subset_json), read_labels(labels_h5)
    others = (read_frames(frames_csv)["split"] == "pool").to_numpy()
    others[subset.frames] = False
    if not np.isfinite(labels.xy[others]).any():
        raise UserError(
            f"pilot: no frame of the pool outside {subset_json} has a label to judge networks by; ask for subsets of "
            "half of the pool, or leave out `pilot`"
        )
    torch_device = take_device(device)
    seed = network_seed(study_seed, subset.percent, subset.seed, 0)

    def attempt(choice: int, steps: int) -> Try:
        tried_training = training.sized(pilot.choices[choice - 1], steps) | {"steps": steps}
        entry = Entry(store / network_hash(subset, tried_training.for_weights, seed))
        print(f"pilot: choice {choice}, {steps} steps ({entry.folder.name})", file=sys.stderr)
        frames = ScaledFrames(labels, tried_training.scale)
        starting = from_weights_file(tried_training, imagenet)
        train_missing(subset, frames, starting, [(seed, BASELINE)], [entry], torch_device)
        record = entry.read_record()
        width, height = (int(side) for side in frames.sizes[0])
        tried = Try(
            choice=choice,
            scale=tried_training.scale,
            crop=tried_training.crop,
            target_radius=tried_training.target_radius,
            steps=steps,
            width=width,
            height=height,
            px_per_step=training.batch_size * (tried_training.crop**2 if tried_training.crop else width * height),
            error_px=None,
            trained_on_px=None,
            seconds=record["wall_seconds"],
            hash=entry.folder.name,
        )
        if record["diverged"]:
            return tried
        predictors = load_predictors([entry.network], tried_training, subset.keypoints, torch_device)
        # Distractors are not used here, so any radius will do.
        error = distance(predict(predictors, frames, distractor_radius=1).pose[0], labels.xy)
        medians = [float(np.nanmedian(error[which])) for which in (others, subset.frames)]
        tried = replace(tried, error_px=medians[0], trained_on_px=medians[1])
        print(f"pilot: {medians[0]:.2f} px from others' labels, {medians[1]:.2f} px from its own", file=sys.stderr)
        return tried

    tries, taken = search(len(pilot.choices), pilot.steps, steps_tried(pilot, training)[-1], attempt)
    chosen_size = pilot.choices[taken.choice - 1]
    of_grid = training.sized(chosen_size, taken.steps)
    content = {
        "asked": asked,
        "chosen": chosen_size.model_dump() | {"steps": of_grid.steps},
        "taken": tries.index(taken),
        "subset": subset_name(subset.percent, subset.seed),
        "seconds": sum(attempted.seconds for attempted in tries),
        "tries": [asdict(attempted) for attempted in tries],
    }
    write_json(kept, content)
    link_or_copy(kept, pilot_json)
    if not keep_snapshots:
        hash_of_grid = network_hash(subset, of_grid.for_weights, seed)
        for attempted in tries:
            if attempted.hash != hash_of_grid:
                remove_file(Entry(store / attempted.hash).network)
