"""A method that asks networks, over several plantings of label errors in one real project: what it finds, singles out,
and costs.

    make benchmark-plantings                                    # warm influence
    python -m benchmarks.plantings --method metagradient

Each planting is a study of config/openfield-planted.yaml with a seed of its own (so other spoilt and other held-out
frames) and no more networks than the method asks. Writes `results/benchmarks/plantings-{method}.json`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from sklearn.metrics import average_precision_score, roc_auc_score

from frameworth.attribution.label_checks import read_label_checks
from frameworth.attribution.method_values import method_values
from frameworth.attribution.methods import method, method_names
from frameworth.config.registries import asked_methods
from frameworth.labels.frames import read_frames
from frameworth.plan.config import check_config
from frameworth.storage.files import write_json
from frameworth.storage.hdf5 import read_hdf5

CONFIG = Path("config/openfield-planted.yaml")
OUT = Path("results/benchmarks")
RESAMPLES = 999
LEVEL = 0.05


def planting_config(seed: int, name: str) -> dict[str, Any]:
    """The study of one planting: as many balanced halves as the method has base networks, and no toggle."""
    content = yaml.safe_load(CONFIG.read_text())
    content["influence"] = {name: content["influence"].get(name, {})}
    networks = asked_methods(check_config(dict(content)).influence)[name].networks
    content |= {"study": f"planting-{seed}", "seed": seed}
    content["subsets"] = [{"design": "balanced", "percents": [50], "seeds": networks, "members": 1}]
    content["training"]["subsets_per_job"] = -(-networks // 2)
    del content["toggle"]
    return content


def make_study(seed: int, name: str, cores: int) -> None:
    """Run the study of one planting up to what the method says."""
    content = planting_config(seed, name)
    folder = Path("results") / content["study"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(content))
    targets = [str(folder / name) for name in (method(name).artefact, "labels_to_check.csv")]
    command = [str(Path(sys.executable).parent / "snakemake"), "--cores", str(cores), "--quiet"]
    subprocess.run([*command, "--configfile", str(folder / "config.yaml"), "--", *targets], check=True)


def measure(seed: int, name: str) -> dict[str, Any]:
    """What the method finds in one planting.

    Returns AUROC and average precision of the spoilt frames among the pool's; how many frames max-T singles out, how
    many are flagged among the labels to check of the same networks, and both, and how many of each are spoilt; and the
    cost in networks trained from scratch (samples seen, base networks included).
    """
    content = planting_config(seed, name)
    folder = Path("results") / content["study"]
    frames = read_frames(folder / "frames.csv")
    pool = (frames["split"] == "pool").to_numpy()
    planted = frames["planted"].notna().to_numpy()
    asked = read_hdf5(folder / method(name).artefact, ["change", "inclusion", "steps_taken"])
    harm = method(name).harm(asked["change"], asked["inclusion"])
    values = method_values(harm, RESAMPLES, np.random.default_rng(0))
    seen = pool & np.isfinite(values.value)
    singled_out = seen & (values.p_adjusted < LEVEL)
    checks = read_label_checks(folder / "labels_to_check.csv").set_index("frame").sort_index()
    suspicion, out_of_bag = checks["suspicion"].to_numpy(), checks["out_of_bag_error"].to_numpy()
    flagged = pool & checks["flagged"].to_numpy(bool)
    training = content["training"]
    samples = training["steps"] * training["batch_size"]
    per_network = [
        float(roc_auc_score(planted[known], row[known])) for row in harm if planted[known := np.isfinite(row)].any()
    ]
    return {
        "seed": seed,
        "pool": int(pool.sum()),
        "planted": int(planted.sum()),
        "auroc": float(roc_auc_score(planted[seen], values.value[seen])),
        "average_precision": float(average_precision_score(planted[seen], values.value[seen])),
        "auroc_per_network": per_network,
        "singled_out": int(singled_out.sum()),
        "singled_out_planted": int((singled_out & planted).sum()),
        "flagged": int(flagged.sum()),
        "flagged_planted": int((flagged & planted).sum()),
        "both": int((singled_out & flagged).sum()),
        "both_planted": int((singled_out & flagged & planted).sum()),
        "auroc_out_of_bag": float(roc_auc_score(planted[seen], np.nan_to_num(out_of_bag[seen]))),
        "auroc_suspicion": float(roc_auc_score(planted[seen], np.nan_to_num(suspicion[seen]))),
        "cost_in_networks": float(len(asked["inclusion"]) + asked["steps_taken"].sum() / samples),
    }


def main() -> None:
    """Measure every planting, print a table, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--method", choices=method_names(), default="warm")
    arguments = parser.parse_args()
    print(
        "                    its value: AUROC,   AUROC of out-of-bag  frames (of them spoilt) that are        cost in"
    )
    print("seed  spoilt of pool  average precision    error, suspicion   singled out  flagged      both      networks")
    rows = []
    for seed in arguments.seeds:
        make_study(seed, arguments.method, arguments.cores)
        row = measure(seed, arguments.method)
        rows.append(row)
        counts = [f"{row[name]:3} ({row[name + '_planted']:2})" for name in ("singled_out", "flagged", "both")]
        print(
            f"{seed:4}  {row['planted']:6} of {row['pool']:4}  {row['auroc']:5.2f}, {row['average_precision']:.2f}"
            f"{row['auroc_out_of_bag']:15.2f}, {row['auroc_suspicion']:.2f}       {'   '.join(counts)}  "
            f"{row['cost_in_networks']:8.1f}",
            flush=True,
        )
    write_json(OUT / f"plantings-{arguments.method}.json", rows)


if __name__ == "__main__":
    main()
