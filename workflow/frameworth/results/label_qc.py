"""`label_qc.csv`: which labels SLEAP's label quality control suspects, from their geometry alone.

SLEAP lives in an environment of its own (`make sleap-environment`), which is looked for only when the command runs.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from frameworth.errors import UserError
from frameworth.storage.digests import whole
from frameworth.storage.files import write_csv, write_json
from frameworth.labels.frames import read_frames
from frameworth.labels.labels import Labels, read_labels

ENVIRONMENT = Path(__file__).parents[3] / ".venv-sleap"
SCRIPT = Path(__file__).with_name("_sleap_label_qc.py")


@dataclass(frozen=True)
class LabelQC:
    """What SLEAP suspects, or why that is not known.

    Attributes:
        suspicion: [N] in 0…1, higher is more suspicious, NaN for frames without a label; None if not available.
        reason: why it is not available, else empty.
    """

    suspicion: np.ndarray | None
    reason: str = ""


def suspicions(labels: Labels, videos: list[str], environment: Path) -> tuple[np.ndarray, dict[str, str]]:
    """The score of each frame [N] by `sleap.qc.LabelQCDetector`, and the versions of what computed it.

    The detector is fitted to all labelled frames with its defaults and scores the same ones, as SLEAP documents. It
    gives the share of instances that are likelier under a Gaussian mixture of features of the pose (lengths, angles,
    distances between keypoints, sides of left and right, visibility), 0…1; none of them changes if the whole animal is
    moved. NaN for frames without any label.

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
    # -I: the caller's PYTHONPATH is not for that environment.
    command: list[Path | str] = [environment / "bin" / "python", "-I", SCRIPT]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise UserError(
            f"SLEAP's label quality control in {environment} failed ({last}); make it anew with "
            "`make --always-make sleap-environment`, or remove that folder to go without it"
        )
    answer = json.loads(done.stdout)
    found = np.full(len(labels.xy), np.nan)
    found[known] = answer["suspicion"]
    return found, answer["versions"]


def write_label_qc(frames_csv: Path, labels_h5: Path, csv: Path, about: Path, environment: Path = ENVIRONMENT) -> str:
    """Write `label_qc.csv` and `label_qc.json`; returns why nothing was computed, else an empty text."""
    if not (environment / "ready").exists():
        reason = "SLEAP is not installed; `make sleap-environment` installs it, --forcerun label_qc then uses it"
        write_csv(csv, pd.DataFrame(columns=["frame", "suspicion"]))
        write_json(about, {"available": False, "reason": reason})
        return reason
    frames = read_frames(frames_csv)
    found, versions = suspicions(read_labels(labels_h5), frames["video"].tolist(), environment)
    write_csv(csv, pd.DataFrame({"frame": frames["frame"], "suspicion": found}))
    write_json(about, {"available": True, "versions": versions})
    return ""


def read_label_qc(folder: Path) -> LabelQC:
    """Read what `write_label_qc` wrote into the study's `folder`."""
    about = folder / "label_qc.json"
    if not about.exists():
        return LabelQC(None, "label_qc.json is made only where the config plants errors")
    content = json.loads(whole(about).read_text())
    if not content["available"]:
        return LabelQC(None, content["reason"])
    return LabelQC(pd.read_csv(whole(folder / "label_qc.csv"))["suspicion"].to_numpy())
