"""Networks that diverged: the rule by which they are told, and the words for them.

Such a network is kept and its record says so, but it speaks in nothing: its predictions are NaN, and consensus,
scores and all that rests on them are of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from frameworth.errors import UserError
from frameworth.storage.files import read_json

# A network that says nothing has about the loss of one before its first step; this is far above what batches vary by.
LOSS_FACTOR = 100.0
_MOST_NAMED = 5


def final_loss(losses: Sequence[float]) -> float:
    """The mean over the last twentieth of the steps, or the last step."""
    return float(np.mean(losses[-max(1, len(losses) // 20) :]))


def why_diverged(losses: Sequence[float], weights_are_finite: bool, from_untrained: bool) -> str:
    """Why a network counts as diverged, in words; empty if it does not.

    It does if its loss was not finite at any step, if its weights are not, or if it ends with more than `LOSS_FACTOR`
    times the loss of its first step. The last tells nothing where training continues from a trained network.

    Args:
        losses: of each step. from_untrained: whether heads began with random weights.
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
    """Bool [R]: which networks speak, by their predictions [R, N, K, 2]; those that diverged are NaN throughout."""
    return np.isfinite(pose).any(axis=(1, 2, 3))


def has_diverged(network: Path) -> bool:
    """Whether the network of the file `member-*.pt` did, by the `training.json` beside it.

    Raises UserError if there is none.
    """
    record = network.parent / "training.json"
    if not record.exists():
        raise UserError(f"{record}: there is no such file; run the workflow again to make it")
    members = read_json(record)["members"]
    return members[int(network.stem.removeprefix("member-"))]["diverged"]


def without_diverged(networks: Sequence[Path]) -> list[Path]:
    """Those of the files `member-*.pt` whose networks did not diverge; raises UserError if none is left."""
    kept = [file for file in networks if not has_diverged(file)]
    if not kept:
        raise UserError(
            f"{networks[0].parent}: all {len(networks)} networks asked for diverged; lower training.learning_rate, or "
            "look at the labels they were trained on"
        )
    return kept


def diverged_sentence(names: Sequence[str], networks: int) -> str:
    """Such as `2 of 56 networks diverged: percent-050/seed-3 member 1, …; they are left out of …`; "" if none did."""
    if not names:
        return ""
    named = ", ".join(names[:_MOST_NAMED])
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    they = "it is" if len(names) == 1 else "they are"
    return f"{len(names)} of {networks} networks diverged: {named}{more}; {they} left out of consensus and scores."


def recorded_diverged(study: Path) -> tuple[list[str], int]:
    """Of the networks of the study's subsets that are finished so far: the names of those that diverged, and how many
    there are."""
    names, networks = [], 0
    for path in sorted(study.glob("ensembles/*/*/training.json")):
        records = read_json(path)["members"]
        networks += len(records)
        place = f"{path.parent.parent.name}/{path.parent.name}"
        names += [f"{place} member {number}" for number, record in enumerate(records) if record["diverged"]]
    return names, networks
