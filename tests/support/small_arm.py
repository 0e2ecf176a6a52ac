"""Networks of one arm on a subset of the tiny project, trained by the library itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from frameworth.config.experiments import Arm
from frameworth.experiments.arm_training import run_arm
from small_ensemble import OPTIONS

CUTOUT: dict[str, Any] = {"place": "distractor", "size": 6, "probability": 1.0, "fill": "mean"}


def arm_of(
    root: Path, arm: dict[str, Any], folder: str, members: int = 1, store: str = ".store", **changes: Any
) -> list[dict[str, Any]]:
    """Train an arm on the subset of `root`; the records of its networks, each with its file in the store."""
    subset = root / "subset-50-1.json"
    run_arm(
        [subset], root / "labels.h5", root / folder, root / store,
        arm=Arm.model_validate(arm), baseline=root / "ensembles", out_of_bag=root / "out_of_bag.h5", members=members,
        **(OPTIONS | changes),
    )  # fmt: skip
    records = json.loads((root / folder / "percent-050/seed-1/training.json").read_text())["members"]
    return [record | {"file": root / store / record["hash"] / "network.pt"} for record in records]
