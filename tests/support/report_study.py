"""A synthetic study with all that a report needs: predictions, figures, and on request hostile names."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from frameworth.attribution.label_checks import write_label_checks
from frameworth.figures import figure_names
from frameworth.labels.labels import write_labels
from frameworth.plan.config import checked_config
from frameworth.plan.names import subset_path
from frameworth.report import write_report
from frameworth.results.results import Results
from frameworth.storage.files import write_bytes, write_csv, write_json
from frameworth.training.predictions import Predictions, write_predictions
from frameworth.training.scoremaps import CONSENSUS_FORMS
from synthetic_study import write_study

CONFIG = checked_config({"study": "walk", "labels": "a/project", "training": {"steps": 160}})
BREAKOUT = "</script><script>window.broken = 1</script>"
MARKUP = "<img src=x onerror=\"window.broken = 2\"> & 'one' \u2028 $x$ {{ 7 * 7 }}"


def write_reported_study(folder: Path, **options: Any) -> Results:
    """A study with everything that the report reads, its figures one grey picture."""
    study = write_study(folder, **options)
    rng = np.random.default_rng(7)
    shape = study.labels.xy.shape[:2]
    for row, subset in study.subsets.iterrows():
        members = int(((study.rmse["subset"] == subset["subset"]) & (study.rmse["kind"] == "network")).sum())
        per_network = (members, *shape)
        pose = np.repeat(study.scores["consensus_pose"][row][None], members, axis=0)
        places = rng.uniform(0, study.labels.sizes[:, None], (*per_network, 2)).astype(np.float32)
        flat = np.full(per_network, 0.5, np.float32)
        predictions = Predictions(
            pose, flat, flat, flat, places, rng.uniform(0, 1, per_network).astype(np.float32),
            np.repeat(pose[:1], len(CONSENSUS_FORMS), axis=0), flat[0], flat[0],
        )  # fmt: skip
        ensemble = folder / "ensembles" / subset_path(subset["percent"], subset["seed"])
        write_predictions(predictions, study.labels.keypoints, ensemble / "predictions.h5", ensemble / "consensus.h5")
    draw_grey_figures(study)
    return study


def draw_grey_figures(study: Results, width: int = 8) -> None:
    """A grey picture for each of the study's figures."""
    stream = io.BytesIO()
    Image.new("L", (width, width), 128).save(stream, "PNG")
    for name in figure_names(**study.options.figures.model_dump()):
        write_bytes(study.folder / "figures" / f"{name}.png", stream.getvalue())


def with_hostile_names(study: Results) -> Results:
    """The same study with a video, images, a keypoint and a verdict that try to be markup."""
    folder, labels = study.folder, study.labels
    names = dict.fromkeys(study.frames["frame"], f"img{MARKUP}.png")
    for name in ("frames", "frame_values"):
        table = pd.read_csv(folder / f"{name}.csv", keep_default_na=False, na_values=[""])
        write_csv(folder / f"{name}.csv", table.assign(video=BREAKOUT, image=table["frame"].map(names)))
    write_labels(folder / "labels.h5", dataclasses.replace(labels, keypoints=(MARKUP, BREAKOUT, *labels.keypoints[2:])))
    write_label_checks(Results(folder))
    write_json(folder / "summary.json", study.summary | {"statement": [f"Check {BREAKOUT}.", f"And {MARKUP}."]})
    return Results(folder, study.options)


def page_of(study: Results, config: dict[str, Any] = CONFIG) -> Path:
    """Write the study's page and say where it is."""
    write_report(study, study.folder / "report.html", config)
    return study.folder / "report.html"
