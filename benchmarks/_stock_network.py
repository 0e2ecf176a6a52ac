"""Train one network with DeepLabCut's own functions, in a separate process: dataset, training and score maps.

    python -m benchmarks._stock_network REQUEST.json

The request names the project, the shuffle, the training and test images and DeepLabCut's settings; the answer is
written next to it. It does what a user's script would do, and measures the time of training.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import deeplabcut
import pandas as pd
from deeplabcut.pose_estimation_pytorch.runners.train import TrainingRunner


def main(path: Path) -> None:
    """Make the dataset, train, extract the maps, and write the snapshot's path and the seconds of training."""
    request = json.loads(path.read_text())
    project, shuffle = Path(request["project"]), request["shuffle"]
    config = str(project / "config.yaml")
    # DeepLabCut numbers the frames of all videos in the order of their sorted paths.
    order = sorted(request["train"] + request["test"] + request["neither"])
    deeplabcut.create_training_dataset(
        config,
        Shuffles=[shuffle],
        trainIndices=[[order.index(image) for image in request["train"]]],
        testIndices=[[order.index(image) for image in request["test"]]],
        net_type="resnet_50",
        userfeedback=False,
    )
    (table,) = project.glob("training-datasets/**/CollectedData_*.h5")
    if ["/".join(row[-2:]) for row in pd.read_hdf(table).index] != order:
        raise SystemExit("DeepLabCut numbers the frames in another order")
    fit, seconds = TrainingRunner.fit, []

    def timed(*args: Any, **kwargs: Any) -> None:
        started = time.monotonic()
        fit(*args, **kwargs)
        seconds.append(time.monotonic() - started)

    TrainingRunner.fit = timed
    deeplabcut.train_network(
        config,
        shuffle=shuffle,
        snapshot_path=request["weights"],
        epochs=request["epochs"],
        batch_size=request["batch_size"],
        device="cpu",
        pytorch_cfg_updates=request["settings"],
    )
    deeplabcut.extract_maps(config, shuffle=shuffle)
    # The last epoch's snapshot; DeepLabCut calls it snapshot-best-… if it was also the best.
    snapshots = project.glob(f"dlc-models-pytorch/**/*shuffle{shuffle}/train/snapshot-*.pt")
    last = max(snapshots, key=lambda snapshot: int(snapshot.stem.split("-")[-1]))
    if int(last.stem.split("-")[-1]) != request["epochs"]:
        raise SystemExit(f"{last} is not of epoch {request['epochs']}")
    answer = {"snapshot": str(last), "training_seconds": sum(seconds)}
    path.with_suffix(".answer").write_text(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
