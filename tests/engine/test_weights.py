"""ImageNet weights are downloaded once, where Snakemake runs; the hub's cache stands in for the internet."""

import json
import os
import subprocess
import sys

import pytest
import timm
import torch
from safetensors.torch import save_file

from conftest import REPOSITORY, run_snakemake
from frameworth.engine.deeplabcut.weights_download import check_download
from frameworth.plan.config import check_config
from frameworth.storage.digests import digest_of_file
from tiny import config, draw, write_config

pytestmark = pytest.mark.slow

NETWORK = "results/tiny/ensembles/percent-050/seed-1/member-0.pt"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub's cache without internet, as a download leaves it, with weights of the tiny backbone."""
    name = timm.get_pretrained_cfg("test_resnet").hf_hub_id
    repository = tmp_path / "hub" / f"models--{name.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("1")
    (repository / "snapshots" / "1").mkdir(parents=True)
    torch.manual_seed(7)
    (repository / "blobs").mkdir()
    whole = repository / "blobs" / "whole"
    save_file(timm.create_model("test_resnet").state_dict(), whole)
    blob = whole.rename(whole.with_name(digest_of_file(whole)))
    (repository / "snapshots" / "1" / "model.safetensors").symlink_to(f"../../blobs/{blob.name}")
    monkeypatch.setenv("HF_HUB_CACHE", str(repository.parent))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return repository


def study(folder, weights):
    draw(folder / "project")
    content = config("project")
    content["training"]["weights"] = weights
    return content, str(write_config(folder / "study.yaml", content))


def test_weights_are_fetched_only_if_training_starts_from_them_and_never_on_a_compute_node(tmp_path):
    _, path = study(tmp_path, "random")
    assert "fetch_weights" not in run_snakemake(tmp_path, "--configfile", path, "-n", "--", NETWORK).stdout
    _, path = study(tmp_path, "imagenet")
    asking = tmp_path / "Snakefile"
    asking.write_text(
        f"include: {str(REPOSITORY / 'Snakefile')!r}\n"
        # As Workflow.is_local decides it on a cluster; in a dry run everything is local.
        "for name in ('fetch_weights', 'ensemble_of_1'):\n"
        "    print(name, 'local' if name in workflow._localrules else 'submitted', file=sys.stderr)\n"
    )
    planned = run_snakemake(tmp_path, "--snakefile", str(asking), "--configfile", path, "-n", "--", NETWORK)
    assert planned.stdout.count("rule fetch_weights:") == 1
    assert "fetch_weights local" in planned.stderr
    assert "ensemble_of_1 submitted" in planned.stderr


def test_a_network_from_fetched_weights_is_the_one_that_fetches_them_itself(tmp_path, hub):
    content, path = study(tmp_path, "imagenet")
    run_snakemake(tmp_path, "--configfile", path, "--until", "fetch_weights")
    hub.rename(tmp_path / "gone")  # as on a compute node
    run_snakemake(tmp_path, "--configfile", path, "--", NETWORK)
    (tmp_path / "gone").rename(hub)
    checked = check_config(content)
    command = [
        sys.executable, "-m", "frameworth", "ensemble", "results/tiny/subsets/percent-050/seed-1.json",
        "--labels", "results/tiny/labels.h5", "--folder", "alone", "--store", ".store",
        "--training", json.dumps(checked.training.for_weights), "--study-seed", "1", "--members", "1",
        "--device", "cpu", "--consensus", "argmax", "--distractor-radius", "16",
    ]  # fmt: skip
    subprocess.run(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(REPOSITORY / "workflow")}, check=True)
    alone = tmp_path / "alone/percent-050/seed-1/member-0.pt"
    assert digest_of_file(alone) == digest_of_file(tmp_path / NETWORK)
    assert [entry.name for entry in tmp_path.glob(".store/*")] == [
        entry.name for entry in tmp_path.glob("results/tiny/.store/*")
    ]


def test_without_internet_the_fetching_fails_in_one_line_that_says_what_to_do(tmp_path, hub):
    _, path = study(tmp_path, "imagenet")
    hub.rename(tmp_path / "gone")
    done = run_snakemake(tmp_path, "--configfile", path, "--until", "fetch_weights", check=False)
    assert done.returncode != 0
    log = (tmp_path / "logs/tiny/fetch_weights.log").read_text()
    (line,) = [line for line in log.splitlines() if line.startswith("frameworth:")]
    assert "the ImageNet weights of test_resnet could not be fetched" in line
    assert "--until fetch_weights" in line
    assert "Traceback" not in log


@pytest.mark.parametrize("damage", [False, True])
def test_fetched_weights_are_what_the_hub_names_by_its_digest_or_nothing_is_written(tmp_path, hub, damage):
    (blob,) = (hub / "blobs").iterdir()
    if damage:
        content = bytearray(blob.read_bytes())
        content[-1] ^= 1
        blob.write_bytes(content)
    command = [sys.executable, "-m", "frameworth", "fetch-weights", "out.pt", "--network"]
    command.append(json.dumps({"engine": "fast", "net_type": "resnet_50", "backbone": "test_resnet"}))
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "workflow")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == (2 if damage else 0), done.stderr
    assert (tmp_path / "out.pt").exists() is not damage
    assert (f"{blob}: the weights of test_resnet are not those" in done.stderr) is damage


def test_weights_that_timm_has_not_from_the_hub_are_compared_with_nothing(hub):
    assert timm.get_pretrained_cfg("legacy_seresnet50").hf_hub_id is None
    check_download("legacy_seresnet50")
