"""Compare what a finished study says with labels that are known to be spoilt.

    python -m benchmarks.trial results/mice mice-spoilt/spoilt.csv

`benchmarks.spoil` writes `spoilt.csv`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from frameworth.attribution.inference.auroc import interval_of_auroc
from frameworth.attribution.label_checks import read_label_checks
from frameworth.errors import UserError
from frameworth.storage.files import read_json

LEVEL = 0.95


def measure(study: Path, spoilt_csv: Path) -> dict[str, Any]:
    """How well a study's suspicion finds the spoilt frames among all labelled frames.

    Returns:
        frames, spoilt: their numbers. auroc, auroc_low, auroc_high: of suspicion, with a 95 % interval over frames;
        NaN if all or none are spoilt. precision_at_n: share of spoilt frames among the first n, n being their number.
        ranks: the ranks of the spoilt frames, ascending. flagged_spoilt, flagged_other: numbers of flagged frames.
        by_kind: for each kind the number, the AUROC against all frames that are not spoilt, and how many are flagged.
        A frame without a suspicion counts as the least suspicious.

    Raises UserError if the study lacks a spoilt frame, or a file.
    """
    checks = read_label_checks(study / "labels_to_check.csv").sort_values("rank")
    truth = pd.read_csv(spoilt_csv, dtype={"video": str, "image": str}, keep_default_na=False)
    names = ["video", "image"]
    unknown = truth.merge(checks[names], how="left", on=names, indicator=True).query("_merge == 'left_only'")
    if len(unknown):
        name = "/".join(unknown.iloc[0][names])
        raise UserError(f"{spoilt_csv}: spoils {name}, which is no frame of {study}; give the study of that project")
    kind = checks[names].merge(truth, how="left", on=names)["kind"].to_numpy()
    spoilt, flagged = pd.notna(kind), checks["flagged"].to_numpy(bool)
    suspicion = checks["suspicion"].fillna(checks["suspicion"].min()).to_numpy()
    low, high = _interval(spoilt, suspicion)
    return {
        "frames": len(checks),
        "spoilt": int(spoilt.sum()),
        "auroc": _auroc(spoilt, suspicion),
        "auroc_low": low,
        "auroc_high": high,
        "precision_at_n": float(spoilt[: spoilt.sum()].mean()),
        "ranks": checks["rank"].to_numpy()[spoilt].tolist(),
        "flagged_spoilt": int((flagged & spoilt).sum()),
        "flagged_other": int((flagged & ~spoilt).sum()),
        "by_kind": {
            name: {
                "spoilt": int((kind == name).sum()),
                "auroc": _auroc(spoilt[some], suspicion[some]),
                "flagged": int((flagged & (kind == name)).sum()),
            }
            for name in sorted(truth["kind"].unique())
            for some in [~spoilt | (kind == name)]
        },
    }


def what_was_learned(study: Path) -> dict[str, Any]:
    """Numbers of summary.json about learning and flags, the number of networks, and their minutes of training.

    Raises UserError if the study is not finished.
    """
    return _summary(study / "summary.json") | _training(study)


def _auroc(truth: np.ndarray, score: np.ndarray) -> float:
    """The AUROC; NaN if all or none of the frames are spoilt."""
    return float(roc_auc_score(truth, score)) if 0 < truth.sum() < len(truth) else float("nan")


def _interval(truth: np.ndarray, score: np.ndarray) -> tuple[float, float]:
    if not 0 < truth.sum() < len(truth):
        return float("nan"), float("nan")
    return interval_of_auroc(truth, score, LEVEL)


def _summary(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise UserError(f"{path}: there is no such file; let the study end first")
    summary = read_json(path)
    names = ("learned", "trained_on_median_px", "not_trained_on_median_px", "constant_guess_median_px")
    return {name: summary[name] for name in (*names, "constant_guess_rmse_px", "labels_flagged")}


def _training(study: Path) -> dict[str, float]:
    """The number of the study's networks, and the sum of their training times in minutes."""
    records = [read_json(path) for path in sorted(study.glob("ensembles/*/*/training.json"))]
    seconds = [member["wall_seconds"] for record in records for member in record["members"]]
    return {"networks": len(seconds), "training_minutes": sum(seconds) / 60}


def main() -> None:
    """Measure a trial, and print the numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("spoilt_csv", type=Path, nargs="?", help="left out, only what the networks learned is told")
    arguments = parser.parse_args()
    try:
        numbers = what_was_learned(arguments.study)
        if arguments.spoilt_csv:
            numbers |= measure(arguments.study, arguments.spoilt_csv)
    except UserError as refused:
        raise SystemExit(str(refused)) from None
    for name, value in numbers.items():
        print(f"{name}: {json.dumps(value)}")


if __name__ == "__main__":
    main()
