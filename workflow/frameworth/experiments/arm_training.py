"""How each network of an arm differs from the baseline's, computed from the arm's options and the study's files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from frameworth.config.experiments import Arm, DistractorCutout
from frameworth.config.training import Training
from frameworth.engine.cutout import Cutout
from frameworth.errors import UserError
from frameworth.experiments.out_of_bag import ranks_of
from frameworth.labels.labels import Labels, read_labels
from frameworth.labels.subsets import Subset
from frameworth.plan.names import subset_path
from frameworth.storage.files import read_json
from frameworth.storage.hdf5 import read_hdf5
from frameworth.training.scaling import ScaledFrames
from frameworth.training.variants import Variant, arm_variants


def networks_of_arm(
    subset: Subset,
    arm: Arm,
    labels_h5: Path,
    store: Path,
    baseline: Path,
    out_of_bag: Path,
    training: Training,
    study_seed: int,
    members: int,
) -> list[tuple[int, Variant]]:
    """The seed and variant of each network that an arm trains on a subset.

    Args:
        arm: the arm's options, of a checked config.
        baseline: the study's `ensembles/`; read by arms with `start_from`.
        out_of_bag: `out_of_bag.h5`; read by arms with `curriculum` or `augment`.
    """
    shared: dict[str, Any] = {}
    if arm.curriculum:
        error = read_hdf5(out_of_bag, ["error"])["error"]
        shared["ranks"] = ranks_of(error, subset.frames, arm.curriculum == "hard-first")
    if arm.augment:
        labels = read_labels(labels_h5)
        shared["cutout"] = cutout_of(arm.augment.distractor_cutout, subset, labels, out_of_bag, training)
    starts = []
    if arm.start_from:
        record = baseline / subset_path(arm.start_from.percent, subset.seed) / "training.json"
        starts = [started_from(record, store, member) for member in range(members)]
    return arm_variants(arm, subset.percent, subset.seed, members, study_seed, starts, **shared)


def cutout_of(
    patches: DistractorCutout, subset: Subset, labels: Labels, out_of_bag: Path, training: Training
) -> Cutout:
    """The patches that an arm erases from the images of one subset."""
    factors = ScaledFrames(labels, training.scale).factors[subset.frames]
    places = read_hdf5(out_of_bag, ["distractor_pose", "distractor_confidence"])
    return Cutout(
        place=patches.place,
        size=patches.size or round(training.target_radius),
        probability=patches.probability,
        fill=patches.fill,
        clearance=2 * training.target_radius,
        xy=places["distractor_pose"][subset.frames] * factors[:, None, None, :],
        weight=places["distractor_confidence"][subset.frames],
    )


def started_from(record: Path, store: Path, member: int) -> dict[str, Any]:
    """The network that a member of a warm start continues; `record` is the `training.json` of its ensemble.

    Returns `start` (its file) and `start_hash`. Raises UserError if the network is not in the store.
    """
    name = read_json(record)["members"][member]["hash"]
    file = store / name / "network.pt"
    if not file.exists():
        raise UserError(f"{file}: the network to start from is gone; delete {record} and run again")
    return {"start": file, "start_hash": name}
