"""Networks that diverged: how they are recognized, and the sentences about them.

Such a network is kept and marked in its training record, but it is not used: its predictions are NaN, and consensus,
scores and all that follows are computed from the other networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from frameworth.errors import UserError
from frameworth.storage.files import read_json

# A useless network has about the loss of an untrained one. This factor is far above the differences between batches.
LOSS_FACTOR = 100.0
_MOST_NAMED = 5


def final_loss(losses: Sequence[float]) -> float:
    """The mean loss over the last twentieth of the steps, at least over the last step."""
    return float(np.mean(losses[-max(1, len(losses) // 20) :]))


def why_diverged(losses: Sequence[float], weights_are_finite: bool, from_untrained: bool) -> str:
    """The reason, in words, why a network diverged; empty if it did not diverge.

    It diverged if its loss was not finite at some step, if its weights are not finite, or if its final loss is more
    than `LOSS_FACTOR` times the loss of its first step. The last rule is for untrained networks only.

    Args:
        losses: one loss per step. from_untrained: whether the heads started with random weights.
    """
    wrong = np.flatnonzero(~np.isfinite(losses))
    if len(wrong):
        return f"its loss became {losses[wrong[0]]:g} at step {wrong[0] + 1} of {len(losses)}"
    if not weights_are_finite:
        return "its weights are not finite"
    if from_untrained and final_loss(losses) > LOSS_FACTOR * losses[0]:
        return f"its loss rose from {losses[0]:.3g} to {final_loss(losses):.3g}"
    return ""


def not_diverged(pose: np.ndarray) -> np.ndarray:
    """Bool [R]: which networks did not diverge; in `pose` [R, N, K, 2] those that diverged are NaN everywhere."""
    return np.isfinite(pose).any(axis=(1, 2, 3))


def has_diverged(network: Path) -> bool:
    """Whether the network of the file `member-*.pt` diverged, read from the `training.json` in the same folder.

    Raises UserError if there is no such `training.json`.
    """
    record = network.parent / "training.json"
    if not record.exists():
        raise UserError(f"{record}: there is no such file; run the workflow again to make it")
    members = read_json(record)["members"]
    return members[int(network.stem.removeprefix("member-"))]["diverged"]


def without_diverged(networks: Sequence[Path]) -> list[Path]:
    """The files `member-*.pt` whose networks did not diverge; raises UserError if none is left."""
    kept = [file for file in networks if not has_diverged(file)]
    if not kept:
        raise UserError(
            f"{networks[0].parent}: all {len(networks)} networks asked for diverged; lower training.learning_rate, or "
            "look at the labels they were trained on"
        )
    return kept


def diverged_sentence(names: Sequence[str], networks: int) -> str:
    """A sentence like `2 of 56 networks diverged: percent-050/seed-3 member 1, …; they are left out …`; "" if none."""
    if not names:
        return ""
    named = ", ".join(names[:_MOST_NAMED])
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    they = "it is" if len(names) == 1 else "they are"
    return f"{len(names)} of {networks} networks diverged: {named}{more}; {they} left out of consensus and scores."


def recorded_diverged(study: Path) -> tuple[list[str], int]:
    """The names of the networks that diverged, and the number of all, of the study's subsets finished so far."""
    names, networks = [], 0
    for path in sorted(study.glob("ensembles/*/*/training.json")):
        records = read_json(path)["members"]
        networks += len(records)
        place = f"{path.parent.parent.name}/{path.parent.name}"
        names += [f"{place} member {number}" for number, record in enumerate(records) if record["diverged"]]
    return names, networks
