"""Networks are the same byte for byte, whatever interrupts their training, and are never trained twice."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from frameworth.errors import UserError
from frameworth.labels.labels import read_labels
from frameworth.labels.subsets import read_subset
from frameworth.plan.identity import network_hash, network_seed
from frameworth.storage.digests import digest_of_file
from frameworth.storage.hdf5 import read_hdf5
from frameworth.training.ensemble import run_ensembles
from small_ensemble import OPTIONS, ensemble
from tiny import TRAINING, kill_while_training, prepare

pytestmark = pytest.mark.slow


def test_the_same_config_gives_the_same_bytes(tmp_path):
    first, second = (ensemble(tmp_path, name, store=f".store-{name}") for name in ("a", "b"))
    assert digest_of_file(first / "member-0.pt") == digest_of_file(second / "member-0.pt")
    assert np.array_equal(*(read_hdf5(f / "predictions.h5")["pose"] for f in (first, second)))


def test_members_are_different_networks_and_a_third_leaves_two_untrained(tmp_path, capfd):
    two = ensemble(tmp_path, "two", members=2)
    assert digest_of_file(two / "member-0.pt") != digest_of_file(two / "member-1.pt")
    capfd.readouterr()
    three = ensemble(tmp_path, "three", members=3)
    output = capfd.readouterr().err
    assert output.count("taken from the store") == 2
    assert output.count("trained 6 steps") == 1
    for member in (0, 1):
        name = f"member-{member}.pt"
        assert digest_of_file(two / name) == digest_of_file(three / name)


def test_a_network_loads_with_weights_only_and_its_record_says_how_it_was_made(tmp_path):
    folder = ensemble(tmp_path, "a")
    snapshot = torch.load(folder / "member-0.pt", weights_only=True)
    assert any(name.startswith("backbone.") for name in snapshot["model"])
    record = json.loads((folder / "training.json").read_text())["members"][0]
    assert record["steps"] == 6
    assert record["loss_curve"][-1][0] == 6
    assert record["seed"] == network_seed(1, 50, 1, 0)
    assert record["versions"]["deeplabcut"] == "3.0.2"
    assert not record["diverged"]


def test_predictions_hold_all_frames_and_confidences_lie_between_0_and_1(tmp_path):
    folder = ensemble(tmp_path, "a", members=2)
    predictions, labels = read_hdf5(folder / "predictions.h5"), read_labels(tmp_path / "labels.h5")
    assert predictions["pose"].shape == (2, *labels.xy.shape)
    assert np.isfinite(predictions["pose"]).all()
    for name in ("confidence", "confidence_at_label", "probability_at_label"):
        known = predictions[name][np.isfinite(predictions[name])]
        assert ((known >= 0) & (known <= 1)).all()
    missing = np.isnan(labels.xy[..., 0])
    assert np.isnan(predictions["confidence_at_label"][:, missing]).all()
    assert np.isfinite(predictions["confidence_at_label"][:, ~missing]).all()


def test_the_consensus_table_holds_the_form_that_is_asked_for(tmp_path):
    import pandas as pd

    folder = ensemble(tmp_path, "a")
    table = pd.read_hdf(folder / "consensus_dlc.h5")
    pose = read_hdf5(folder / "consensus.h5")["pose"][3]  # argmax
    assert table.xs("x", axis=1, level="coords").to_numpy() == pytest.approx(pose[..., 0], abs=1e-4)


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 7},
        {"learning_rate": 0.001},
        {"drops": []},
        {"augmentation": {"motion_blur": False}},
        {"target_radius": 9},
    ],
    ids=str,
)
def test_whatever_changes_training_changes_the_networks_hash(tmp_path, change):
    subset = read_subset(prepare(tmp_path)[0])
    assert network_hash(subset, (TRAINING | change).for_weights, 1) != network_hash(subset, TRAINING.for_weights, 1)
    assert network_hash(subset, TRAINING.for_weights, 2) != network_hash(subset, TRAINING.for_weights, 1)


def test_the_hash_knows_labels_and_images_but_not_where_a_frame_stands_in_the_table(tmp_path):
    from dataclasses import replace

    subset = read_subset(prepare(tmp_path)[0])
    whole = network_hash(subset, TRAINING.for_weights, 1)
    moved = subset.xy.copy()
    moved[0, 0, 0] += 0.5
    assert network_hash(replace(subset, xy=moved), TRAINING.for_weights, 1) != whole
    other = ("0" * 64, *subset.digests[1:])
    assert network_hash(replace(subset, digests=other), TRAINING.for_weights, 1) != whole
    assert network_hash(replace(subset, frames=subset.frames + 5), TRAINING.for_weights, 1) == whole


def test_a_killed_training_continues_from_its_checkpoint_and_ends_with_the_same_bytes(tmp_path, capfd):
    """A real process, killed by SIGKILL once it has written a checkpoint."""
    steps = TRAINING | {"steps": 60}
    undisturbed = ensemble(tmp_path, "undisturbed", store=".store-1", training=steps)
    kill_while_training(
        "from small_ensemble import ensemble\nfrom tiny import TRAINING\n"
        "ensemble(folder, 'killed', store='.store-2', training=TRAINING | {'steps': 60})\n",
        tmp_path,
        ".store-2",
    )
    (progress,) = (json.loads(path.read_text()) for path in tmp_path.rglob("progress.json"))
    assert 0 <= progress["step"] < progress["steps"]
    capfd.readouterr()
    resumed = ensemble(tmp_path, "killed", store=".store-2", training=steps)
    assert int(re.search(r"trains from step (\d+) to 60", capfd.readouterr().err)[1]) > 0
    record = json.loads((resumed / "training.json").read_text())["members"][0]
    assert record["resumed"] == 1
    assert (resumed / "member-0.pt").read_bytes() == (undisturbed / "member-0.pt").read_bytes()
    assert not list(tmp_path.rglob("progress.json"))


def test_networks_that_are_not_kept_leave_their_predictions_and_are_not_trained_again_for_these(tmp_path, capfd):
    folder = ensemble(tmp_path, "a", members=2, keep_snapshots=False)
    predicted = digest_of_file(folder / "predictions.h5")
    assert len(json.loads((folder / "training.json").read_text())["members"]) == 2
    assert not list(tmp_path.rglob("*.pt"))
    shutil.rmtree(tmp_path / "a")
    capfd.readouterr()
    again = ensemble(tmp_path, "a", members=2, keep_snapshots=False, consensus="median")
    assert "predictions taken from the store" in capfd.readouterr().err
    assert digest_of_file(again / "predictions.h5") == predicted
    ensemble(tmp_path, "a", members=2, keep_snapshots=False, distractor_radius=12.0)
    assert capfd.readouterr().err.count("trained 6 steps") == 2
    kept = ensemble(tmp_path, "b", members=2, store=".store-b")
    assert digest_of_file(kept / "predictions.h5") == predicted
    assert len(list(kept.glob("*.pt"))) == 2


def test_a_study_that_no_longer_keeps_networks_drops_them_without_training(tmp_path, capfd):
    ensemble(tmp_path, "a")
    assert len(list(tmp_path.rglob("*.pt"))) == 2
    capfd.readouterr()
    ensemble(tmp_path, "a", keep_snapshots=False)
    assert "trains from" not in capfd.readouterr().err
    assert not list(tmp_path.rglob("*.pt"))


def test_an_image_that_changed_after_the_subset_was_drawn_is_named(tmp_path):
    subset, labels = prepare(tmp_path)
    frame = read_subset(subset).frames[0]
    path = Path(read_labels(labels).paths[frame])
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(UserError, match=path.name):
        run_ensembles([subset], labels, tmp_path / "a", tmp_path / ".store", members=1, **OPTIONS)
