"""Seconds and memory of every stage after training, on a study of thousands of subsets.

    make benchmark-scale

Writes a study's predictions as if 2,000 networks had made them (500 frames, 8 keypoints, additive frame effects),
then runs each stage by its own command. Writes `results/benchmarks/scale.json`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from frameworth.config.model import StudyConfig
from frameworth.config.result_options import result_options
from frameworth.figures import figure_names
from frameworth.labels.labels import Labels, write_labels
from frameworth.labels.subsets import read_subset, write_subsets
from frameworth.plan.config import check_config
from frameworth.plan.grid import planned_subsets
from frameworth.plan.names import subset_path
from frameworth.storage.digests import digest_of_file
from frameworth.storage.files import write_csv, write_json
from frameworth.training.predictions import Predictions, write_predictions
from frameworth.training.scoremaps import CONSENSUS_FORMS

OUT = Path("results/benchmarks/scale.json")
WIDTH, HEIGHT = 96, 80


def main() -> None:
    """Write the study, time each stage, print one table, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subsets", type=int, default=2000)
    parser.add_argument("--frames", type=int, default=500)
    parser.add_argument("--keypoints", type=int, default=8)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "study"
        size = (arguments.subsets, arguments.frames, arguments.keypoints)
        # In a separate process, because its memory would count as that of the stages.
        writer = multiprocessing.get_context("spawn").Process(target=_write_study, args=(study, *size))
        writer.start()
        writer.join()
        config = _config(arguments.subsets)
        print(f"{'stage':40}{'seconds':>9}{'peak MiB':>10}", flush=True)
        stages = {}
        for name, command in _commands(study, config):
            stage = stages[name] = _timed(command, Path(folder))
            print(f"{name:40}{stage['seconds']:9.1f}{stage['peak_rss_mib']:10.0f}", flush=True)
    result = {"subsets": arguments.subsets, "frames": arguments.frames, "keypoints": arguments.keypoints}
    OUT.parent.mkdir(parents=True, exist_ok=True)
    write_json(OUT, result | {"stages": stages})


def _commands(study: Path, config: StudyConfig) -> list[tuple[str, list[str]]]:
    frames = ["--frames", str(study / "frames.csv")]
    content, training = config.model_dump(), ["--training", json.dumps(config.training.for_weights)]
    options = ["--options", json.dumps(result_options(config).model_dump())]
    influence = ["--groups", json.dumps(config.influence.groups), "--estimator", config.influence.estimator]
    commands = [
        ("subsets", ["subsets", str(study), *frames, "--grid", json.dumps(content["subsets"])]),
        ("scores", ["scores", str(study), "--form", config.prediction.consensus]),
        ("influence", ["influence", str(study), *influence]),
        ("labels to check", ["labels-to-check", str(study), "--expected-false", str(config.flags.expected_false)]),
        ("frame values", ["frame-values", str(study), *options]),
        ("add", ["add", str(study), *options]),
        ("summary", ["summary", str(study), *options, *training]),
        ("validation", ["validation", str(study), *options]),
        ("members", ["members", str(study), "--distractor-radius", str(config.distractor_radius)]),
        ("distractors", ["distractors", str(study), *options]),
        ("outliers", ["outliers", str(study), *options]),
        ("plan", ["plan-table", str(study), *options, *training]),
    ]
    figures = figure_names(config.figures.pairs, config.figures.pair_list)
    commands.append(("figures", ["figure", *figures, "--study", str(study), *options]))
    return [*commands, ("report", ["report-page", str(study), *options, "--config", json.dumps(content)])]


def _timed(command: list[str], folder: Path) -> dict[str, float]:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1] / "workflow")}
    started = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "frameworth", *command], cwd=folder, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"frameworth {command[0]} failed")
    return {"seconds": time.monotonic() - started, "peak_rss_mib": usage.ru_maxrss / 1024}


def _config(subsets: int) -> StudyConfig:
    ladder = max(2, subsets // 20)
    return check_config(
        {
            "study": "scale",
            "labels": "demo",
            "subsets": [
                {"design": "independent", "percents": [50], "seeds": subsets - 4 * ladder},
                {"design": "nested", "percents": [10, 30, 70, 90], "seeds": ladder},
            ],
            "influence": {"groups": [[10, 30], [70, 90]]},
            "figures": {"pairs": 1},
        }
    )


def _write_study(study: Path, subsets: int, frames: int, keypoints: int) -> None:
    """Write all files of a study up to its predictions."""
    rng, config = np.random.default_rng(0), _config(subsets)
    xy = rng.uniform(10, 70, (frames, keypoints, 2))
    pool = rng.permutation(frames) < round(0.75 * frames)
    _write_frames(study, xy, pool, rng)
    worth = np.where(pool, rng.normal(0, 0.02, frames), 0)
    by_kind: dict[tuple[str, int], list[int]] = {}
    for planned in planned_subsets(config):
        by_kind.setdefault((planned.design, planned.percent), []).append(planned.seed)
    files = study / "subsets", study / "frames.csv", study / "labels.h5"
    for (design, percent), seeds in by_kind.items():
        write_subsets(*files, design=design, percent=percent, seeds=seeds, study_seed=1)
    for planned in planned_subsets(config):
        path = subset_path(planned.percent, planned.seed)
        included = np.zeros(frames, bool)
        included[read_subset(study / "subsets" / f"{path}.json").frames] = True
        spread = np.exp(worth @ included + 1) * np.where(included, 0.6, 1)[:, None, None]
        pose = (xy + rng.normal(0, 1, xy.shape) * spread).astype(np.float32)[None]
        confidence = rng.random((1, frames, keypoints)).astype(np.float32)
        predictions = Predictions(
            pose, confidence, confidence, confidence, pose, confidence,
            np.repeat(pose, len(CONSENSUS_FORMS), axis=0), confidence[0], confidence[0],
        )  # fmt: skip
        names = [f"keypoint {index}" for index in range(keypoints)]
        folder = study / "ensembles" / path
        folder.mkdir(parents=True)
        member = {"steps": config.training.steps, "batch_size": 8, "wall_seconds": 100.0, "device_type": "cpu"}
        write_json(folder / "training.json", {"subset": planned.name, "members": [member]})
        write_predictions(predictions, names, folder / "predictions.h5", folder / "consensus.h5")


def _write_frames(study: Path, xy: np.ndarray, pool: np.ndarray, rng: np.random.Generator) -> None:
    images = study / "project" / "labeled-data" / "walk"
    images.mkdir(parents=True)
    paths = [images / f"img{index:04d}.png" for index in range(len(xy))]
    for path in paths:
        Image.fromarray(rng.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)).save(path)
    columns = {
        "frame": np.arange(len(xy)),
        "video": "walk",
        "image": [path.name for path in paths],
        "width": WIDTH,
        "height": HEIGHT,
        "labelled_keypoints": xy.shape[1],
        "split": np.where(pool, "pool", "held-out"),
    }
    write_csv(study / "frames.csv", pd.DataFrame(columns))
    labels = Labels(
        xy=xy,
        keypoints=tuple(f"keypoint {index}" for index in range(xy.shape[1])),
        skeleton=np.zeros((0, 2), int),
        paths=tuple(str(path) for path in paths),
        digests=tuple(digest_of_file(path) for path in paths),
        sizes=np.tile([WIDTH, HEIGHT], (len(xy), 1)),
    )
    write_labels(study / "labels.h5", labels)


if __name__ == "__main__":
    main()
