"""Networks of one arm on a subset of the tiny project, trained by the library itself."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from frameworth.config.experiments import Arm
from frameworth.experiments.arm_training import networks_of_arm
from frameworth.training.ensemble import run_ensembles
from small_ensemble import OPTIONS

CUTOUT: dict[str, Any] = {"place": "distractor", "size": 6, "probability": 1.0, "fill": "mean"}


def arm_of(
    root: Path, arm: dict[str, Any], folder: str, members: int = 1, store: str = ".store", **changes: Any
) -> list[dict[str, Any]]:
    """Train an arm on the subset of `root`; the records of its networks, each with its file in the store."""
    subset = root / "subset-50-1.json"
    options = OPTIONS | changes
    variants = partial(
        networks_of_arm, arm=Arm.model_validate(arm), labels_h5=root / "labels.h5", store=root / store,
        baseline=root / "ensembles", out_of_bag=root / "out_of_bag.h5", training=options["training"],
        study_seed=options["study_seed"], members=members,
    )  # fmt: skip
    run_ensembles(
        [subset], root / "labels.h5", root / folder, root / store, members=members, variants=variants, **options
    )
    records = json.loads((root / folder / "percent-050/seed-1/training.json").read_text())["members"]
    return [record | {"file": root / store / record["hash"] / "network.pt"} for record in records]
