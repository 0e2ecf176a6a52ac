"""Pruning: training on the pool without the frames judged worst, without the best ones, and without random ones.

Networks with the same number have the same seed and so the same initial weights, whatever is left out: differences are
paired by this number. Each number has its own random sets, so that the pairs are independent. The frames are judged by
the study's networks, which have other seeds.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from frameworth.attribution.inference.paired import paired_difference
from frameworth.attribution.inference.values import holm, mean_of_known
from frameworth.config.experiments import Prune
from frameworth.errors import UserError
from frameworth.experiments.arm_comparison import SCORES, network_scores
from frameworth.labels.frames import read_frames
from frameworth.labels.labels import read_labels
from frameworth.labels.subsets import write_chosen
from frameworth.plan.names import prune_sets, subset_path
from frameworth.plan.requests import PRUNE_PERCENT
from frameworth.storage.files import read_table, write_csv
from frameworth.storage.hdf5 import read_hdf5
from frameworth.text import readable


def removed_frames(values: pd.DataFrame, by: str, removed: str, network: int, study_seed: int) -> np.ndarray:
    """The frames that `removed` (`none`, `worst-4`, `best-4`, `random-4-1`) leaves out for one network, ascending.

    Args:
        values: frame_values.csv. by: `check_priority` (ranks by out-of-bag error), `value`, or the value of a method,
            such as `warm_value`; frames with higher error or value are worse.

    Raises UserError if worst and best would overlap.
    """
    if removed == "none":
        return np.zeros(0, int)
    kind, count, *draw = removed.split("-")
    column = "out_of_bag_error" if by == "check_priority" else by
    judged = values.dropna(subset=column).sort_values(column, ascending=False, kind="stable")
    if 2 * int(count) > len(judged):
        raise UserError(f"prune.counts: {count} is more than half of the {len(judged)} frames that are ranked by {by}")
    frames = judged["frame"].to_numpy()
    if kind == "random":
        rng = np.random.default_rng([study_seed, network, int(draw[0]), 8])
        frames = rng.permutation(np.sort(values["frame"].to_numpy()))
    return np.sort(frames[-int(count) :] if kind == "best" else frames[: int(count)])


def write_pruned(study: Path, by: str, removed: str, network: int, study_seed: int) -> None:
    """Write the subset of one network below the folder `study`: the pool without the frames that are left out."""
    frames, values = read_frames(study / "frames.csv"), read_table(study / "frame_values.csv")
    out = removed_frames(values, by, removed, network, study_seed)
    chosen = np.setdiff1d(np.flatnonzero(frames["split"] == "pool"), out)
    path, labels = study / f"prune/{removed}/subsets/{subset_path(PRUNE_PERCENT, network)}.json", study / "labels.h5"
    cluster = f"prune_network-{network}"
    write_chosen(path, frames, read_labels(labels), chosen, "prune", PRUNE_PERCENT, network, cluster)


def compare_pruned(scores: dict[str, pd.DataFrame], prune: Prune, level: float) -> pd.DataFrame:
    """Paired differences between networks trained without different frames, for each number of frames left out.

    Args:
        scores: by name of the set left out, a table with a row per network and the columns `SCORES`.
        prune: `by`, `counts` and `draws`.

    Returns a row per score, count, `removed` (worst, best, random) and `against` (none, random): `mean` score with
    these frames removed and `mean_none` with all frames, both over the initial weights with which no network diverged,
    `difference`, `standard_error`, `t`, `p`, `ci_low`, `ci_high`, `pairs`, `p_adjusted` (Holm's, over the counts).
    """
    rows = []
    for score in SCORES:
        none = scores["none"][score].to_numpy()
        for count in prune.counts:
            draws = [scores[f"random-{count}-{draw}"][score] for draw in range(1, prune.draws + 1)]
            means = {kind: scores[f"{kind}-{count}"][score].to_numpy() for kind in ("worst", "best")}
            means["random"] = mean_of_known(np.array(draws), 0)
            for removed, of_set in means.items():
                others = {"none": none, "random": means["random"]} if removed != "random" else {"none": none}
                for against, other in others.items():
                    paired = paired_difference(of_set - other, np.arange(len(of_set)), level)._asdict()
                    del paired["clusters"]
                    keys = {"by": prune.by, "score": score, "count": count, "removed": removed, "against": against}
                    known = np.isfinite(of_set - other - none)
                    mean, mean_none = (float(mean_of_known(of[known], 0)) for of in (of_set, none))
                    rows.append(keys | {"mean": mean, "mean_none": mean_none} | paired)
    table = pd.DataFrame(rows)
    for _, part in table.groupby(["score", "removed", "against"]):
        table.loc[part.index, "p_adjusted"] = holm(part["p"].to_numpy())
    return table


def write_prune(study: Path, prune: Prune, level: float) -> None:
    """Score the networks that `prune` trained in the folder `study` on the held-out frames, and write `prune.csv`."""
    held_out = (read_frames(study / "frames.csv")["split"] == "held-out").to_numpy()
    label = read_labels(study / "labels.h5").xy[held_out]
    scores = {}
    for removed in prune_sets(prune.counts, prune.draws):
        files = [study / "prune" / removed / subset_path(PRUNE_PERCENT, network) / "predictions.h5"
                 for network in range(1, prune.networks + 1)]  # fmt: skip
        pose = np.concatenate([read_hdf5(file, ["pose"])["pose"][:, held_out] for file in files])
        scores[removed] = network_scores(pose, label)
    write_csv(study / "prune.csv", compare_pruned(scores, prune, level))


def statement(table: pd.DataFrame, alpha: float) -> str:
    """A sentence on how leaving out the worst frames instead of random ones changes the error, from `prune.csv`."""
    rows = table[(table["removed"] == "worst") & (table["against"] == "random") & (table["score"] == "log_error")]
    decided = rows[rows["p_adjusted"] < alpha]
    # Values are computed from the error on the held-out frames, as is this comparison; out-of-bag errors are not.
    same = "" if (rows["by"] == "check_priority").all() else "; they were judged on the frames that measure this"
    if rows["p_adjusted"].isna().all():
        return "What leaving out frames does is unknown: too many of its networks diverged"
    if decided.empty:
        return "Leaving out the frames judged worst is not seen to differ from leaving out random ones"
    changes_by_count = zip(decided["count"], decided["difference"], strict=True)
    parts = [f"{count} ({readable(change, '+')})" for count, change in changes_by_count]
    changes = f"{', '.join(parts)} log(1 + px){same}"
    return f"Leaving out the worst frames in place of random ones changes the error: {changes}"
