"""A DeepLabCut project of a synthetic study's images and labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from frameworth.labels.deeplabcut_tables import write_collected_data
from frameworth.results.results import Results


def project_of(study: Results, folder: Path) -> Path:
    """Write the project that the study might have been made from; DeepLabCut keeps no frame without labels."""
    labels = study.labels
    rows = np.flatnonzero(np.isfinite(labels.xy).all(axis=2).any(axis=1))
    videos, images = (study.frames[name].iloc[rows].tolist() for name in ("video", "image"))
    write_collected_data(folder, "Ann", labels.keypoints, videos, images, labels.xy[rows], decimals=None)
    (folder / "config.yaml").write_text(f"bodyparts: [{', '.join(labels.keypoints)}]\nscorer: Ann\n")
    for row, video, image in zip(rows, videos, images, strict=True):
        (folder / "labeled-data" / video / image).write_bytes(Path(labels.paths[row]).read_bytes())
    return folder
