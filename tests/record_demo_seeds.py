"""Record `data/demo_seeds.h5`: the demo's balanced block for three other seeds, trained on two processes.

    python tests/record_demo_seeds.py        # some ten minutes on two cores

It is what `test_demo_seeds.py` reads; run it again when the demo's config or the training recipe changes.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from frameworth.project.demo import draw_project
from frameworth.storage.hdf5 import Array, read_hdf5, write_hdf5
from frameworth.study.config import planned_subsets, read_config, weight_options
from frameworth.study.frames import collect_frames, read_frames
from frameworth.study.labels import read_labels
from frameworth.study.split import hold_out
from frameworth.study.subset_names import subset_path
from frameworth.study.subsets import read_subset, write_subset

SEEDS = (2, 3, 4)
HERE = Path(__file__).parent


def main() -> None:
    """Draw, train and score each seed's study, and write the table."""
    with (HERE.parent / "config" / "demo.yaml").open() as file:
        config = read_config(file)
    arrays: dict[str, Array] = {}
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(2, get_context("spawn")) as pool:
        for seed in SEEDS:
            for name, values in _record(Path(folder) / str(seed), config, seed, pool).items():
                arrays[f"seed-{seed}/{name}"] = Array(values, ("subset", "frame")[2 - values.ndim :])
            print(f"seed {seed} done", flush=True)
    (HERE / "data").mkdir(exist_ok=True)
    write_hdf5(HERE / "data" / "demo_seeds.h5", arrays, {})


def _record(folder: Path, config: dict[str, Any], seed: int, pool: ProcessPoolExecutor) -> dict[str, np.ndarray]:
    split = {"seed": seed, "pictures": None, **config["held_out"]}
    draw_project(folder / "project", seed=seed, pool=lambda v, i: ~hold_out(v, i, **split), **config["demo"])
    collect_frames(folder / "project", config["held_out"], seed, folder / "frames.csv", folder / "labels.h5")
    subsets = [subset for subset in planned_subsets(config) if subset.design == "balanced"]
    jobs = [pool.submit(_train, folder, config, seed, subset.percent, subset.seed) for subset in subsets]
    inclusion, error, held_out_score = zip(*[job.result() for job in jobs], strict=True)
    frames = read_frames(folder / "frames.csv")
    return {
        "inclusion": np.array(inclusion),
        "error": np.array(error, np.float32),
        "held_out_log_error": np.array(held_out_score, np.float32)[:, None],
        "planted": np.array(pd.notna(frames["planted"])),
        "pool": np.array(frames["split"] == "pool"),
    }


def _train(folder: Path, config: dict[str, Any], study_seed: int, percent: int, seed: int) -> tuple[np.ndarray, ...]:
    """Inclusion [N], mean error of each frame over its keypoints [N], and the subset's held-out log error."""
    from frameworth.networks.ensemble import run_ensembles

    path = folder / f"{percent}-{seed}.json"
    write_subset(
        path, folder / "frames.csv", folder / "labels.h5",
        design="balanced", percent=percent, seed=seed, study_seed=study_seed,
    )  # fmt: skip
    run_ensembles(
        [path],
        folder / "labels.h5",
        folder / "ensembles",
        folder / ".store",
        training=weight_options(config["training"]),
        study_seed=study_seed,
        members=1,
        device="cpu",
        consensus=config["prediction"]["consensus"],
        distractor_radius=config["prediction"]["distractor_radius"],
    )
    out = folder / "ensembles" / subset_path(percent, seed)
    label = read_labels(folder / "labels.h5").xy
    error = np.sqrt(((read_hdf5(out / "predictions.h5")["pose"][0] - label) ** 2).sum(axis=-1))
    inclusion = np.zeros(len(label), bool)
    inclusion[read_subset(path).frames] = True
    held_out = (read_frames(folder / "frames.csv")["split"] == "held-out").to_numpy()
    return inclusion, np.nanmean(error, axis=1), np.nanmean(np.log1p(error[held_out]))


if __name__ == "__main__":
    main()
