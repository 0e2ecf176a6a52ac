"""One subset of the tiny project, trained by the library itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from frameworth.training.ensemble import run_ensembles
from tiny import TRAINING, prepare

OPTIONS: dict[str, Any] = {
    "training": TRAINING, "study_seed": 1, "device": "cpu", "consensus": "argmax", "distractor_radius": 16.0,
}  # fmt: skip


def ensemble(root: Path, folder: str, members: int = 1, store: str = ".store", seed: int = 1, **changes: Any) -> Path:
    """Train and predict one subset of the tiny project below `root`; where its networks and predictions lie."""
    subset, labels = prepare(root, seed=seed)
    run_ensembles([subset], labels, root / folder, root / store, members=members, **(OPTIONS | changes))
    return root / folder / "percent-050" / f"seed-{seed}"
