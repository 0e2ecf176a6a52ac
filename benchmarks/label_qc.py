"""How well SLEAP's label quality control finds the errors that a study planted, from the labels' geometry alone.

    make sleap-environment
    python -m benchmarks.label_qc results/openfield-planted

SLEAP lives in an environment of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from frameworth.attribution.inference.auroc import interval_of_auroc
from frameworth.errors import UserError
from frameworth.labels.labels import Labels
from frameworth.results.results import Results

ENVIRONMENT = Path(__file__).parents[1] / ".venv-sleap"
SCRIPT = Path(__file__).with_name("_sleap_label_qc.py")
LEVEL = 0.95


def suspicions(labels: Labels, videos: list[str], environment: Path) -> tuple[np.ndarray, dict[str, str]]:
    """The score of each frame [N] by `sleap.qc.LabelQCDetector`, and the versions of the packages used.

    The detector is fitted to all labelled frames with its defaults, and scores the same frames, as SLEAP documents it.
    A score is the share of instances that are more likely under a Gaussian mixture of features of the pose (lengths,
    angles, distances between keypoints, sides of left and right, visibility), 0…1. No feature changes if the whole
    animal is moved. Frames without any label have NaN.

    Args:
        videos: the name of each frame's video [N].
        environment: the folder of SLEAP's environment.

    Source: SLEAP 1.6, `sleap.qc`.
    """
    known = np.flatnonzero(np.isfinite(labels.xy).all(axis=2).any(axis=1))
    names = list(dict.fromkeys(videos))
    given = {
        "keypoints": labels.keypoints,
        "skeleton": [[labels.keypoints[a], labels.keypoints[b]] for a, b in labels.skeleton],
        "videos": names,
        "video": [names.index(videos[row]) for row in known],
        "label": [[xy if np.isfinite(xy).all() else [None, None] for xy in labels.xy[row].tolist()] for row in known],
    }
    # With -I, Python ignores the caller's PYTHONPATH, which is not for that environment.
    command: list[Path | str] = [environment / "bin" / "python", "-I", SCRIPT]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise UserError(
            f"SLEAP's label quality control in {environment} failed ({last}); make it anew with "
            "`make --always-make sleap-environment`, or remove that folder to go without it"
        )
    answer = json.loads(done.stdout)
    suspicion = np.full(len(labels.xy), np.nan)
    suspicion[known] = answer["suspicion"]
    return suspicion, answer["versions"]


def measure(study: Path, environment: Path = ENVIRONMENT) -> dict[str, float]:
    """`auroc` with its interval (`auroc_low`, `auroc_high`) and `average_precision` for the planted frames of the pool.

    Raises UserError if no error was planted, or SLEAP is not installed.
    """
    if not (environment / "ready").exists():
        raise UserError(f"{environment}: SLEAP is not installed; `make sleap-environment` installs it")
    results = Results(study)
    if results.planted is None or not results.planted[results.pool].any():
        raise UserError(f"{study}: no error was planted in this study; give one whose config has `plant`")
    truth = results.planted[results.pool]
    everywhere, _ = suspicions(results.labels, results.frames["video"].tolist(), environment)
    suspicion = everywhere[results.pool]
    suspicion = np.nan_to_num(suspicion, nan=np.nanmin(suspicion))
    low, high = interval_of_auroc(truth, suspicion, LEVEL)
    return {
        "auroc": float(roc_auc_score(truth, suspicion)),
        "auroc_low": low,
        "auroc_high": high,
        "average_precision": float(average_precision_score(truth, suspicion)),
    }


def main() -> None:
    """Measure one study and print the numbers as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    print(json.dumps(measure(parser.parse_args().study), indent=1))


if __name__ == "__main__":
    main()
