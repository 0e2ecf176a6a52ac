"""Networks per hour on a CPU: DeepLabCut as a user would script it, the same side by side, and frameworth.

    make benchmark-speed

All ways train the same subsets of the demo's frames from the same random weights, for the same epochs and batch
size, and give score maps of all frames. Every round each way trains the round's networks, so that ratios are taken
between neighbours in time; errors are compared in pairs. Writes `results/benchmarks/speed.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from scipy import stats

from frameworth.config.model import StudyConfig
from frameworth.config.training import Training
from frameworth.engine.deeplabcut.networks import Predictor, build_network, pose_config
from frameworth.labels.frames import read_frames
from frameworth.labels.labels import read_labels
from frameworth.labels.subsets import read_subset
from frameworth.plan.config import check_config
from frameworth.storage.files import write_json
from frameworth.training.predict import predict
from frameworth.training.scaling import ScaledFrames

REPOSITORY = Path(__file__).parents[1]
# With this, processes can import the benchmark and the library from any working folder.
IMPORTS = {"PYTHONPATH": f"{REPOSITORY}{os.pathsep}{REPOSITORY / 'workflow'}"}
OUT = Path("results/benchmarks/speed.json")
CPU = torch.device("cpu")
# A small network with random weights, which DeepLabCut's own code can load, too.
CONFIG: dict[str, Any] = {
    "study": "speed",
    "labels": "demo",
    "demo": {"frames": 126, "width": 96, "height": 80, "planted": 0.11},
    "held_out": {"fraction": 0.5, "by": "frame"},
    "training": {
        "backbone": "test_resnet",
        "weights": "random",
        "steps": 160,
        "learning_rate": 0.0015,
        "drops": [[0.6, 0.25], [0.85, 0.05]],
        "crop": None,
        "target_radius": 8,
    },
}
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
MEMORY = {"MALLOC_TRIM_THRESHOLD_": "2000000000", "MALLOC_MMAP_THRESHOLD_": "33554432"}  # as in the workflow's jobs


class Way:
    """The results of one way of training: sums over rounds, and numbers for each round or network."""

    def __init__(self) -> None:
        self.networks_per_hour: list[float] = []
        self.training_seconds: list[float] = []
        self.cpu_seconds = 0.0
        self.peak_rss_mib = 0.0
        self.rmse: list[float] = []


def main() -> None:
    """Measure, print one table, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=24, help="per round and way")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--cores", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = _Bench(Path(folder), check_config(CONFIG), arguments.cores)
        share = arguments.networks
        ways = {name: Way() for name in ("stock", "stock_parallel", "frameworth")}
        floors = []
        for number in range(arguments.rounds):
            seeds = list(range(number * share + 1, (number + 1) * share + 1))
            floors.append(bench.floor())
            snapshots = {"frameworth": bench.frameworth(ways["frameworth"], number, seeds)}
            snapshots["stock_parallel"] = bench.stock(ways["stock_parallel"], number, seeds, arguments.cores)
            snapshots["stock"] = bench.stock(ways["stock"], number, seeds, 1)
            floors.append(bench.floor())
            for name, way in ways.items():
                way.rmse += [bench.rmse(snapshot) for snapshot in snapshots[name]]
                print(f"round {number + 1}: {name} {way.networks_per_hour[-1]:.0f} networks/hour", file=sys.stderr)
        result = _summary(ways, floors, bench.samples, arguments)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    write_json(OUT, result)
    _print_table(result)


class _Bench:
    """The project, weights and settings that all ways share."""

    def __init__(self, folder: Path, config: StudyConfig, cores: int) -> None:
        self._folder, self._cores = folder, cores
        self._training = config.training.for_weights
        self._held_out, self._demo = config.held_out.model_dump(), config.demo.model_dump()
        # The workflow draws the project, its split and its subsets once, before any time is measured.
        self._study = self._run_study("draw", [1], ["results/draw/frames.csv"])
        pool = int((read_frames(self._study / "frames.csv")["split"] == "pool").sum())
        per_network = round(0.5 * pool + 1e-9)
        self._epochs = round(self._training["steps"] * self._training["batch_size"] / per_network)
        self._training |= {"steps": self._epochs * -(-per_network // self._training["batch_size"])}
        self.samples = self._epochs * per_network
        self._labels = read_labels(self._study / "labels.h5")
        self._config = pose_config(Training.model_validate(self._training), self._labels.keypoints)
        network = build_network(self._config, "random", 1)
        self._weights = folder / "initial.pt"
        torch.save({"model": network.state_dict(), "metadata": {"epoch": 0}}, self._weights)
        self._training |= {"weights": str(self._weights)}

    def _run_study(self, name: str, seeds: list[int], targets: list[str]) -> Path:
        """Run the workflow for `targets` in a new study, and return the study's results folder."""
        config = {
            "study": name,
            "labels": "demo",
            "demo": self._demo,
            "held_out": self._held_out,
            "subsets": [{"design": "balanced", "percents": [50], "seeds": seeds, "members": 1}],
            "training": self._training | {"device": "cpu", "subsets_per_job": -(-len(seeds) // self._cores)},
        }
        path = self._folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(config))
        command = [
            str(Path(sys.executable).parent / "snakemake"), "--snakefile", str(REPOSITORY / "Snakefile"),
            "--directory", str(self._folder), "--cores", str(self._cores), "--configfile", str(path), "--", *targets,
        ]  # fmt: skip
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)
        return self._folder / "results" / name

    def frameworth(self, way: Way, number: int, seeds: list[int]) -> list[Path]:
        """Run the workflow from drawing the project to all predictions, and return the networks' files."""
        name = f"speed-{number}"
        targets = [f"results/{name}/ensembles/percent-050/seed-{seed}/predictions.h5" for seed in seeds]
        clock = _Clock()
        study = self._run_study(name, seeds, targets)
        clock.stop(way, len(seeds))
        folders = [study / "ensembles/percent-050" / f"seed-{seed}" for seed in seeds]
        records = [json.loads((folder / "training.json").read_text())["members"][0] for folder in folders]
        way.training_seconds += [record["wall_seconds"] for record in records]
        way.peak_rss_mib = max([way.peak_rss_mib, *(record["peak_memory_mib"] for record in records)])
        return [folder / "member-0.pt" for folder in folders]

    def stock(self, way: Way, number: int, seeds: list[int], side_by_side: int) -> list[Path]:
        """Train with DeepLabCut's own functions, one process per network, and return the networks' files."""
        environment = os.environ | IMPORTS
        if side_by_side > 1:
            environment |= ONE_THREAD
        requests = [self._request(number, seed, f"{side_by_side}-{seed % side_by_side}") for seed in seeds]
        clock = _Clock()
        with ThreadPoolExecutor(side_by_side) as pool:
            # Each lane has its own copy of the project, and trains its networks one after the other.
            lanes = [requests[lane::side_by_side] for lane in range(side_by_side)]
            peaks = list(pool.map(lambda lane: [self._stock_network(path, environment) for path in lane], lanes))
        clock.stop(way, len(seeds))
        way.peak_rss_mib = max([way.peak_rss_mib, *(peak for lane in peaks for peak in lane)])
        answers = [json.loads(path.with_suffix(".answer").read_text()) for path in requests]
        way.training_seconds += [answer["training_seconds"] for answer in answers]
        return [Path(answer["snapshot"]) for answer in answers]

    def _stock_network(self, request: Path, environment: dict[str, str]) -> float:
        """Run one process and return its peak memory in MiB; raises RuntimeError with its output if it fails."""
        command = [sys.executable, "-m", "benchmarks._stock_network", str(request)]
        with request.with_suffix(".log").open("w") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise RuntimeError(request.with_suffix(".log").read_text()[-3000:])
        return usage.ru_maxrss / 1024

    def _request(self, number: int, seed: int, copy: str) -> Path:
        """Write the request for one DeepLabCut network, in a copy of the project, and return the request's path."""
        project = self._folder / f"stock-{copy}-{number}"
        frames = read_frames(self._study / "frames.csv")
        names = [f"{row.video}/{row.image}" for row in frames.itertuples()]
        subset = read_subset(
            self._folder / f"results/speed-{number}/subsets/percent-050/seed-{seed}.json",
        )
        train = [names[frame] for frame in subset.frames]
        test = [name for name, split in zip(names, frames["split"], strict=True) if split == "held-out"]
        if not project.exists():
            shutil.copytree(self._study / "project", project)
            config = yaml.safe_load((project / "config.yaml").read_text())
            fraction = round(len(train) / (len(train) + len(test)), 2)
            config |= {"project_path": str(project), "TrainingFraction": [fraction]}
            (project / "config.yaml").write_text(yaml.safe_dump(config))
        model, head = self._config["model"], "model.heads.bodypart"
        rate = self._training["learning_rate"]
        settings = {
            "model.backbone.model_name": model["backbone"]["model_name"],
            "model.backbone_output_channels": model["backbone_output_channels"],
            f"{head}.heatmap_config.channels": model["heads"]["bodypart"]["heatmap_config"]["channels"],
            f"{head}.locref_config.channels": model["heads"]["bodypart"]["locref_config"]["channels"],
            f"{head}.target_generator.pos_dist_thresh": self._training["target_radius"],
            "data.train.crop_sampling": None,
            "runner.optimizer.params.lr": rate,
            "runner.scheduler.params.milestones": [
                round(fraction * self._epochs) for fraction, _ in self._training["drops"]
            ],
            "runner.scheduler.params.lr_list": [[rate * factor] for _, factor in self._training["drops"]],
            "train_settings.seed": seed,
        }
        path = self._folder / f"request-{copy}-{number}-{seed}.json"
        write_json(
            path,
            {
                "project": str(project),
                "shuffle": seed,
                "train": train,
                "test": test,
                "neither": sorted(set(names) - set(train) - set(test)),
                "weights": str(self._weights),
                "epochs": self._epochs,
                "batch_size": self._training["batch_size"],
                "settings": settings,
            },
        )
        return path

    def floor(self) -> float:
        """Samples per second of forward and backward passes alone, summed over all cores, one thread on each."""
        command = [
            sys.executable, "-m", "benchmarks._floor", json.dumps(self._training),
            str(self._demo["width"]), str(self._demo["height"]), "5",
        ]  # fmt: skip
        environment = os.environ | IMPORTS | ONE_THREAD | MEMORY
        processes = [
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(self._cores)
        ]
        return sum(float(process.communicate()[0]) for process in processes)

    def rmse(self, snapshot: Path) -> float:
        """Held-out RMSE in px of a network, measured in the same way for all."""
        predictor = Predictor(self._config, build_network(self._config, str(snapshot), 0), CPU)
        pose = predict([predictor], ScaledFrames(self._labels, 1), distractor_radius=16).pose[0]
        held_out = (read_frames(self._study / "frames.csv")["split"] == "held-out").to_numpy()
        error = np.linalg.norm(pose - self._labels.xy, axis=-1)[held_out]
        return float(np.sqrt(np.nanmean(error**2)))


class _Clock:
    """Measures wall seconds, and CPU seconds of child processes."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.monotonic(), self._used()

    @staticmethod
    def _used() -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return children.ru_utime + children.ru_stime

    def stop(self, way: Way, networks: int) -> None:
        way.networks_per_hour.append(3600 * networks / (time.monotonic() - self._wall))
        way.cpu_seconds += self._used() - self._cpu


def _summary(ways: dict[str, Way], floors: list[float], samples: int, arguments: argparse.Namespace) -> dict[str, Any]:
    floor = float(np.median(floors))
    result: dict[str, Any] = {
        "networks_per_round": arguments.networks,
        "rounds": arguments.rounds,
        "cores": arguments.cores,
        "samples_per_network": samples,
        "floor": {"samples_per_second": floor, "networks_per_hour": 3600 * floor / samples},
    }
    result["floor"] |= {"rmse": [], "peak_rss_mib": None}
    for name, way in ways.items():
        at_once = 1 if name == "stock" else arguments.cores
        rate = at_once * samples / float(np.median(way.training_seconds))
        result[name] = {
            "networks_per_hour": float(np.median(way.networks_per_hour)),
            "networks_per_hour_by_round": way.networks_per_hour,
            "samples_per_second": rate,
            "share_in_forward_and_backward": rate / floor,
            "cpu_seconds_per_network": way.cpu_seconds / len(way.rmse),
            "peak_rss_mib": way.peak_rss_mib,
            "rmse": way.rmse,
        }
    for name in ("stock", "stock_parallel"):
        ratios = np.array(ways["frameworth"].networks_per_hour) / ways[name].networks_per_hour
        difference = np.log(ways["frameworth"].rmse) - np.log(ways[name].rmse)
        interval = stats.t.interval(0.95, len(difference) - 1, difference.mean(), stats.sem(difference))
        result[f"frameworth_to_{name}"] = {
            "networks_per_hour": float(np.median(ratios)),
            "log_rmse_difference": float(difference.mean()),
            "log_rmse_interval": [float(end) for end in interval],
        }
    return result


def _print_table(result: dict[str, Any]) -> None:
    print(f"{'':16}{'networks/h':>11}{'samples/s':>11}{'of floor':>10}{'CPU s/net':>11}{'MiB':>7}{'RMSE px':>16}")
    for name in ("stock", "stock_parallel", "frameworth"):
        row = result[name]
        spread = f"{np.mean(row['rmse']):.2f} ± {np.std(row['rmse'], ddof=1):.2f}"
        print(
            f"{name:16}{row['networks_per_hour']:11.0f}{row['samples_per_second']:11.0f}"
            f"{row['share_in_forward_and_backward']:10.2f}{row['cpu_seconds_per_network']:11.1f}"
            f"{row['peak_rss_mib']:7.0f}{spread:>16}"
        )
    print(f"{'floor':16}{result['floor']['networks_per_hour']:11.0f}{result['floor']['samples_per_second']:11.0f}")
    for name in ("stock", "stock_parallel"):
        row = result[f"frameworth_to_{name}"]
        low, high = row["log_rmse_interval"]
        print(
            f"frameworth : {name} = {row['networks_per_hour']:.2f} in networks per hour (median of rounds); "
            f"difference of log RMSE {row['log_rmse_difference']:+.3f} [{low:+.3f}, {high:+.3f}]"
        )


if __name__ == "__main__":
    main()
