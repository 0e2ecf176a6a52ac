"""`arm_scores.csv` and `arms.csv`: held-out errors of the arms' networks, and how they differ from the baseline's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from frameworth.attribution.inference.paired import paired_difference
from frameworth.attribution.inference.values import holm, mean_of_known
from frameworth.config.experiments import Arm
from frameworth.experiments.variance_components import components_table
from frameworth.labels.frames import read_frames
from frameworth.labels.labels import distance, read_labels
from frameworth.plan.arms import BASELINE, AskedArms, arm_subsets, member_seeds, trained_arms
from frameworth.plan.designs import cluster_of
from frameworth.plan.grid import subsets_of
from frameworth.plan.names import subset_path
from frameworth.scores.scores import rmse
from frameworth.storage.files import write_csv
from frameworth.storage.hdf5 import read_hdf5

SCORES = ("log_error", "rmse_px")
ALL_PERCENTS = "all"


def network_scores(pose: np.ndarray, label: np.ndarray) -> pd.DataFrame:
    """A row per network, in the order of `pose` [R, n, K, 2]: `log_error`, mean log(1 + px), and `rmse_px`.

    NaN for a network without predictions, such as one that diverged.
    """
    error = distance(pose.astype(float), label)
    log_error = mean_of_known(np.log1p(error), (1, 2))
    return pd.DataFrame({"log_error": log_error, "rmse_px": [rmse(of_network) for of_network in error]})


def collect_arm_scores(study: Path, asked: AskedArms) -> pd.DataFrame:
    """A row per network of each arm and of the baseline on the same subsets.

    Columns: `arm`, `percent`, `seed`, `design`, `cluster`, `member`; `weights`, `order`, `augmentation` (the baseline
    member that has this seed); `start` (the percent of the network that was continued); `log_error`, `rmse_px`.
    """
    held_out = (read_frames(study / "frames.csv")["split"] == "held-out").to_numpy()
    label = read_labels(study / "labels.h5").xy[held_out]
    arms = trained_arms(asked.arms)
    planned = {name: arm_subsets(arm, subsets_of(asked.subsets)) for name, arm in arms.items()}
    from_baseline = {(subset.percent, subset.seed): subset for subsets in planned.values() for subset in subsets}
    arms[BASELINE] = Arm()
    tables = []
    for name, subsets in {BASELINE: list(from_baseline.values()), **planned}.items():
        folder, start = study / "ensembles" if name == BASELINE else study / "arms" / name, arms[name].start_from
        for subset in subsets:
            pose = read_hdf5(folder / subset_path(subset.percent, subset.seed) / "predictions.h5", ["pose"])["pose"]
            table = network_scores(pose[:, held_out], label)
            seeds = member_seeds(arms[name], len(pose))
            place = {"arm": name, "percent": subset.percent, "seed": subset.seed, "design": subset.design}
            place["start"] = start.percent if start else None
            place["cluster"] = cluster_of(subset.design, subset.percent, subset.seed)
            tables.append(pd.concat([pd.DataFrame([place | {"member": m} | vars(seed) for m, seed in enumerate(seeds)]),
                                     table], axis=1))  # fmt: skip
    return pd.concat(tables, ignore_index=True)


def compare_arms(scores: pd.DataFrame, level: float) -> pd.DataFrame:
    """Each arm compared with the baseline, by pairs of networks with the same subset and member.

    Args:
        scores: the result of `collect_arm_scores`. Arms with `replicate` contain the baseline's networks, so they
            are not compared.

    Returns a row per arm, score and percent, and one over all percents if an arm has several: `baseline` (its mean
    over the same subsets), `difference` (arm minus baseline), `standard_error`, `t`, `p`, `ci_low`, `ci_high`,
    `pairs` (subsets), `clusters`, and `p_adjusted` (Holm's, over all arms and percents of the same score, because
    `statement` picks the significant ones among them).
    """
    keys = ["percent", "seed", "member"]
    baseline = scores[scores["arm"] == BASELINE]
    rows: list[dict[str, Any]] = []
    for arm, of_arm in scores[scores["arm"] != BASELINE].groupby("arm", sort=False):
        if (of_arm["order"] != of_arm["member"]).any():
            continue
        both = of_arm.merge(baseline[[*keys, *SCORES]], on=keys, suffixes=("", "_baseline"))
        percents = sorted(both["percent"].unique())
        parts = [(str(percent), both[both["percent"] == percent]) for percent in percents]
        if len(percents) > 1:
            parts.append((ALL_PERCENTS, both))
        for score in SCORES:
            for name, part in parts:
                part = part.assign(difference=part[score] - part[f"{score}_baseline"])
                by_subset = (
                    part.dropna(subset="difference")
                    .groupby(["percent", "seed"])
                    .agg({"difference": "mean", f"{score}_baseline": "mean", "cluster": "first"})
                )
                paired = paired_difference(by_subset["difference"].to_numpy(), by_subset["cluster"].to_numpy(), level)
                level_of = float(by_subset[f"{score}_baseline"].mean())
                rows.append({"arm": arm, "score": score, "percent": name, "baseline": level_of, **paired._asdict()})
    columns = ["arm", "score", "percent", "baseline", "difference", "standard_error", "t", "p", "ci_low", "ci_high",
               "pairs", "clusters"]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    table["p_adjusted"] = np.nan
    for _, part in table.groupby("score"):
        table.loc[part.index, "p_adjusted"] = holm(part["p"].to_numpy())
    return table


def write_arms(study: Path, asked: AskedArms, level: float) -> None:
    """Write `arm_scores.csv`, `arms.csv` and `variance_components.csv` below `study`."""
    scores = collect_arm_scores(study, asked)
    write_csv(study / "arm_scores.csv", scores)
    write_csv(study / "arms.csv", compare_arms(scores, level))
    write_csv(study / "variance_components.csv", components_table(scores, level))


def statement(table: pd.DataFrame, alpha: float) -> str:
    """A sentence on the arms of `arms.csv` that differ significantly from the baseline; empty if none was compared."""
    rows = table[table["score"] == "log_error"]
    if rows.empty:
        return ""
    if rows["p_adjusted"].isna().all():
        return "Arms cannot be compared with the baseline: there are too few independent subsets"
    decided = rows[rows["p_adjusted"] < alpha]
    if decided.empty:
        return "No arm is seen to differ from the baseline"
    parts = []
    for row in decided.itertuples():
        where = "over all percents" if row.percent == ALL_PERCENTS else f"at {row.percent} %"
        parts.append(f"{row.arm} {'lowers' if row.difference < 0 else 'raises'} the error {where}")
    return "; ".join(parts)
