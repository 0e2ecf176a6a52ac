"""Compare what metagradients predict with what happens when a single frame is left out of a training.

    python -m benchmarks.metagradients --configfile config/mine.yaml --networks 3 --frames 24

Takes networks of a finished study with `influence: {metagradient: …}`. It trains each again, with the same seed and
order, and with one frame of its subset at weight 0 in the window. Prints correlation and slope for each network; writes
`results/benchmarks/metagradients.json`.

    python -m benchmarks.metagradients --configfile config/mine.yaml --groups 7

prints a `toggle` for the config instead. Its parts are groups of that many frames: those judged most harmful, those
judged least harmful, and random ones, all with right labels. Where errors were planted, the planted frames follow.

    python -m benchmarks.metagradients --configfile config/mine.yaml --networks 4 --windows 0.05 0.1 0.2 0.5

prints instead how well the values of shorter windows agree with those of the longest, and how well they rank planted
frames.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from frameworth.attribution.inference.values import mean_of_known
from frameworth.attribution.method_files import trained_network
from frameworth.attribution.methods.metagradient import METHOD, MetagradientOptions, held_out_score
from frameworth.cli.checking import read_config_file
from frameworth.config.model import StudyConfig
from frameworth.config.registries import asked_methods
from frameworth.engine.deeplabcut.label_losses import label_losses
from frameworth.engine.devices import choose_device, make_deterministic
from frameworth.labels.frames import read_frames
from frameworth.labels.labels import read_labels
from frameworth.labels.subsets import Subset, read_subset
from frameworth.plan.config import check_config
from frameworth.plan.grid import base_subsets, window_start
from frameworth.plan.identity import network_seed
from frameworth.plan.names import subset_path
from frameworth.plan.pilot import possible_trainings
from frameworth.storage.files import read_table, write_json
from frameworth.storage.hdf5 import read_hdf5
from frameworth.training.ensemble import from_weights_file, training_data
from frameworth.training.loop import Descent, NetworkJob
from frameworth.training.scaling import ScaledFrames

OUT = Path("results/benchmarks/metagradients.json")


class WithoutOne(Descent):
    """A training in which one frame has weight 0 from a step on."""

    first, left_out = 0, -1

    def advance(self, step: int) -> torch.Tensor:
        """Like `Descent.advance`, but without the frame's losses."""
        chosen = self.chosen(step)
        if step < self.first or self.left_out not in chosen:
            return super().advance(step)
        batch, keypoints = self.prepare(step)
        self.optimizer.zero_grad()
        labels = torch.from_numpy(keypoints).to(self.job.device).double()
        losses = label_losses(self.network, self.network(batch), labels)
        weights = torch.tensor([float(frame != self.left_out) for frame in chosen], device=self.job.device)
        loss = (losses * weights[:, None]).sum()
        loss.backward()
        self.optimizer.step()
        return loss.detach()


def changes(train: Callable[[int], float], frames: np.ndarray) -> np.ndarray:
    """For each frame, the score without it minus the score with all frames, [n]."""
    whole = train(-1)
    return np.array([train(int(frame)) - whole for frame in frames])


def measure(config: StudyConfig, number: int, count: int) -> dict[str, Any]:
    """Predicted and measured changes for `count` frames of one network of the study, correlation and slope."""
    folder, planned = config.folder, base_subsets(config, "metagradient")[number]
    training = from_weights_file(possible_trainings(config)[0], folder / "imagenet.pt")
    subset: Subset = read_subset(folder / "subsets" / f"{subset_path(planned.percent, planned.seed)}.json")
    frames = ScaledFrames(read_labels(folder / "labels.h5"), training.scale)
    held_out = np.flatnonzero((read_frames(folder / "frames.csv")["split"] != "pool").to_numpy())
    file = folder / "metagradient" / f"{subset_path(planned.percent, planned.seed)}.h5"
    predicted = -read_hdf5(file, ["change"])["change"].sum(axis=1)[subset.frames]
    asked = asked_methods(config.influence)["metagradient"]
    device = choose_device(training.device)
    make_deterministic(device)
    seed = network_seed(config.seed, planned.percent, planned.seed, 0)
    job = NetworkJob(subset.keypoints, *training_data(subset, frames), training, seed, device)

    def train(left_out: int) -> float:
        descent = WithoutOne(job)
        descent.first, descent.left_out = window_start(asked.window, job.steps), left_out
        for step in range(job.steps):
            descent.advance(step)
        return held_out_score(descent.network, frames, held_out, asked.score, device)

    chosen = np.random.default_rng(number).permutation(np.flatnonzero(np.isfinite(predicted)))[:count]
    measured = changes(train, chosen)
    return {
        "network": subset_path(planned.percent, planned.seed),
        "predicted": predicted[chosen].tolist(),
        "change": measured.tolist(),
        "correlation": float(np.corrcoef(predicted[chosen], measured)[0, 1]),
        "slope": float(np.polyfit(predicted[chosen], measured, 1)[0]),
    }


def groups(values: pd.DataFrame, planted: np.ndarray, size: int) -> np.ndarray:
    """Groups of frames of the pool, [groups, size]: most harmful, least harmful, random, and planted ones if any.

    Args:
        values: `frame_values.csv`.
        planted: bool [N], whether a frame's labels are planted errors; the first three groups have no such frame.
        size: number of frames in a group.

    Raises ValueError if there are not enough frames for each group.
    """
    known = values.dropna(subset="metagradient_value").sort_values("metagradient_value", ascending=False)
    wrong = planted[known["frame"]]
    right = known["frame"][~wrong].to_numpy()
    rest = np.random.default_rng(0).permutation(right[size:-size])
    chosen = [right[:size], right[-size:], rest[:size]]
    if wrong.any():
        chosen.append(known["frame"][wrong].to_numpy()[:size])
    if min(map(len, chosen)) < size:
        raise ValueError(f"there are not {size} frames for each group")
    return np.array(chosen)


def values_by_window(config: StudyConfig, networks: int, windows: list[float]) -> np.ndarray:
    """The values of frames by the first `networks` networks and each window, [windows, N]; NaN where unknown."""
    folder, training = config.folder, possible_trainings(config)[0]
    device = choose_device(training.device)
    make_deterministic(device)
    changes, inclusion = [], []
    for planned in base_subsets(config, "metagradient")[:networks]:
        name = subset_path(planned.percent, planned.seed)
        trained = trained_network(
            folder / "subsets" / f"{name}.json", folder / "labels.h5", folder / "frames.csv",
            folder / "ensembles" / name / "member-0.pt", folder / ".store",
            training=training, study_seed=config.seed, device=device, imagenet=folder / "imagenet.pt",
        )  # fmt: skip
        score = asked_methods(config.influence)["metagradient"].score
        asked = [METHOD.ask(trained, MetagradientOptions(window=window, score=score)) for window in windows]
        changes.append([answer.arrays["change"] for answer in asked])
        inclusion.append(np.isin(np.arange(len(trained.pool)), trained.subset.frames))
    return np.array([mean_of_known(METHOD.harm(np.array(change), np.array(inclusion)), 0)
                     for change in zip(*changes, strict=True)])  # fmt: skip


def print_windows(windows: list[float], values: np.ndarray, planted: np.ndarray) -> None:
    """Print, for each window, rank correlations with the longest one (all frames, right frames) and the AUROC."""
    known = np.isfinite(values).all(axis=0)
    for window, value in zip(windows, values, strict=True):
        every, right = (spearmanr(value[rows], values[-1, rows]).statistic for rows in (known, known & ~planted))
        line = f"last {window:g} of the steps: agreement {every:.2f}, of right frames {right:.2f}"
        if planted.any():
            line += f", AUROC of planted frames {roc_auc_score(planted[known], value[known]):.2f}"
        print(line, flush=True)


def main() -> None:
    """Measure networks, print a line for each, and write the file; or only print the groups or the windows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configfile", type=Path, required=True)
    parser.add_argument("--networks", type=int, default=3)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--groups", type=int, help="frames of each group")
    parser.add_argument("--pairs", type=int, default=16, help="networks with and without them")
    parser.add_argument("--windows", type=float, nargs="+", help="shares of the steps, ascending")
    arguments = parser.parse_args()
    config = check_config(read_config_file(arguments.configfile)[0])
    frames = read_frames(config.folder / "frames.csv")
    planted = frames["planted"].notna().to_numpy() if "planted" in frames else np.zeros(len(frames), bool)
    if arguments.windows:
        values = values_by_window(config, arguments.networks, arguments.windows)
        print_windows(arguments.windows, values, planted)
        return
    if arguments.groups:
        chosen = groups(read_table(config.folder / "frame_values.csv"), planted, arguments.groups)
        print(f"toggle: {{pairs: {arguments.pairs}, parts: {len(chosen)}, frames: {chosen.ravel().tolist()}}}")
        return
    rows = []
    for number in range(arguments.networks):
        rows.append(measure(config, number, arguments.frames))
        print("{network}: correlation {correlation:.2f}, slope {slope:.2f}".format(**rows[-1]), flush=True)
    write_json(OUT, rows)


if __name__ == "__main__":
    main()
