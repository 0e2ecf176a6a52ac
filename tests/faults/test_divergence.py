"""Networks that diverge because of a huge learning rate: kept, reported, and left out of all results."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch

from conftest import run_snakemake
from frameworth.answers.closing import closing_lines
from frameworth.attribution.estimate import estimate_influence
from frameworth.attribution.method_files import write_network_answer
from frameworth.errors import UserError
from frameworth.experiments.toggle import compare_sides, statement
from frameworth.labels.images import read_image
from frameworth.labels.labels import read_labels
from frameworth.labels.subsets import collect_subsets, read_subset
from frameworth.plan.config import read_config
from frameworth.plan.identity import network_hash, network_seed
from frameworth.scores.members import of_networks
from frameworth.scores.scores import collect_scores
from frameworth.storage.hdf5 import read_hdf5
from frameworth.training.divergence import diverged_sentence, recorded_diverged, why_diverged, without_diverged
from frameworth.training.loop import NetworkJob, train_network
from frameworth.training.store import Entry
from small_ensemble import ensemble
from tiny import TRAINING, config, draw, prepare, write_config


def let_diverge(subset_json, labels_h5, store, training, member, rate):
    """Put into `store` what a job finds there if this member's training explodes: trained for real, at `rate`."""
    subset, paths = read_subset(subset_json), read_labels(labels_h5).paths
    seed = network_seed(1, subset.percent, subset.seed, member)
    entry = Entry(store / network_hash(subset, training.for_weights, seed))
    entry.folder.mkdir(parents=True, exist_ok=True)
    images = [read_image(paths[frame]) for frame in subset.frames]
    exploding = training | {"learning_rate": rate}
    train_network(NetworkJob(subset.keypoints, images, subset.xy, exploding, seed, torch.device("cpu")), entry, print)
    return entry


@pytest.mark.parametrize(
    ("losses", "finite", "untrained", "why"),
    [
        ([1.0, 0.5, np.nan], True, True, "became nan at step 3 of 3"),
        ([1.0, np.inf, 0.1], True, False, "became inf at step 2 of 3"),
        ([1.0, 0.5], False, False, "weights are not finite"),
        ([0.01, 5.0, 1.1], True, True, "rose from 0.01 to 1.1"),
        ([0.01, 5.0, 1.1], True, False, ""),  # taken further from a trained network, whose first loss is tiny
        ([0.01, 5.0, 0.9], True, True, ""),
        ([1.0, 0.5], True, True, ""),
    ],
)
def test_what_counts_as_diverged_is_a_loss_or_weight_that_is_not_finite_or_a_hundred_times_the_first(
    losses, finite, untrained, why
):
    reason = why_diverged(losses, finite, untrained)
    assert (why in reason) if why else not reason


@pytest.mark.parametrize("rate", [100.0, 1e30])
def test_a_network_that_diverges_is_kept_and_said_and_the_consensus_is_that_of_the_others(tmp_path, capfd, rate):
    subset, labels = prepare(tmp_path)
    let_diverge(subset, labels, tmp_path / ".store", TRAINING, 1, rate)
    assert "diverged: its loss" in capfd.readouterr().out
    both = ensemble(tmp_path, "both/ensembles", 2)
    assert "percent-050_seed-1 member 1: diverged, and is left out" in capfd.readouterr().err
    alone = ensemble(tmp_path, "alone/ensembles")
    records = json.loads((both / "training.json").read_text())["members"]
    assert [record["diverged"] for record in records] == [False, True]
    assert (both / "member-1.pt").exists()
    of_two, of_one = read_hdf5(both / "predictions.h5"), read_hdf5(alone / "predictions.h5")
    assert np.isnan(of_two["pose"][1]).all()
    for name in ("pose", "confidence", "confidence_at_label", "distractor_pose"):
        assert np.array_equal(of_two[name][:1], of_one[name], equal_nan=True), name
    assert np.array_equal(*(read_hdf5(folder / "consensus.h5")["pose"] for folder in (both, alone)), equal_nan=True)
    assert recorded_diverged(tmp_path / "both") == (["percent-050/seed-1 member 1"], 2)
    assert without_diverged([both / "member-0.pt", both / "member-1.pt"]) == [both / "member-0.pt"]
    with pytest.raises(UserError, match="all 1 networks asked for diverged"):
        without_diverged([both / "member-1.pt"])
    pooled = of_networks(of_two)
    assert pooled["members"] == 1
    assert np.array_equal(pooled["mean_pose"], of_one["pose"][0].astype(float))


def scored(root, folder, seeds, training=TRAINING):
    """`scores.h5` and `rmse.csv` of a study of one subset of two networks per seed."""
    study = root / folder
    for seed in seeds:
        ensemble(root, f"{folder}/ensembles", 2, seed=seed, training=training)
    files = [prepare(root, seed=seed)[0] for seed in seeds]
    collect_subsets(files, root / "frames.csv", study / "subsets.csv", study / "subsets.h5")
    for name in ("frames.csv", "labels.h5"):
        shutil.copy(root / name, study / name)
    collect_scores(study, "argmax")
    return read_hdf5(study / "scores.h5"), pd.read_csv(study / "rmse.csv")


def test_scores_are_those_of_the_networks_left_and_nan_where_none_is(tmp_path):
    files = [prepare(tmp_path, seed=seed) for seed in (1, 2)]
    let_diverge(*files[0], tmp_path / ".store", TRAINING, 0, 1e6)
    for member in (0, 1):
        let_diverge(*files[1], tmp_path / ".store", TRAINING, member, 1e6)
    scores, rmse = scored(tmp_path, "study", (1, 2))
    labelled = np.isfinite(read_labels(tmp_path / "labels.h5").xy).all(axis=2)
    poses = read_hdf5(tmp_path / "study/ensembles/percent-050/seed-1/predictions.h5")["pose"]
    error = np.linalg.norm(poses[1] - read_labels(tmp_path / "labels.h5").xy, axis=-1)
    assert scores["error"][0][labelled] == pytest.approx(error[labelled], rel=1e-5)
    for name in ("error", "log_error", "confidence", "probability", "consensus_error", "member_variance"):
        assert np.isfinite(scores[name][0][labelled]).all(), name
        assert np.isnan(scores[name][1]).all(), name
    networks = rmse[rmse["kind"] == "network"]
    assert networks["rmse_px"].isna().tolist() == [True, False, True, True]


def test_a_study_all_of_whose_networks_diverge_says_so_and_what_to_do(tmp_path):
    with pytest.raises(UserError, match=r"all networks of the study diverged.*lower training\.learning_rate"):
        scored(tmp_path, "study", (1,), training=TRAINING | {"learning_rate": 1e6})


def test_a_diverged_network_is_no_base_of_warm_influence(tmp_path, capfd):
    subset, labels = prepare(tmp_path)
    let_diverge(subset, labels, tmp_path / ".store", TRAINING, 0, 1e6)
    folder = ensemble(tmp_path, "study/ensembles")
    write_network_answer(
        "warm", subset, labels, tmp_path / "frames.csv", folder / "member-0.pt", tmp_path / ".store",
        tmp_path / "warm.h5", training=TRAINING, study_seed=1, device="cpu",
        options={"steps": 1, "learning_rate": 1e-4, "augment": False},
    )  # fmt: skip
    assert "its network diverged" in capfd.readouterr().err
    assert np.isnan(read_hdf5(tmp_path / "warm.h5")["change"]).all()


@pytest.mark.parametrize("estimator", ["regression", "size-centred", "difference-of-means"])
def test_values_are_those_of_a_study_without_the_subsets_that_diverged(estimator):
    rng = np.random.default_rng(0)
    inclusion = np.array([rng.permutation(12) < 6 for _ in range(24)])
    score = (inclusion @ rng.normal(size=12) + rng.normal(size=24))[:, None]
    score[[3, 11]] = np.nan
    known = np.isfinite(score[:, 0])
    arguments = {"design": "independent", "estimator": estimator, "resamples": 49, "random_state": 0}

    def influence(rows):
        numbers = np.arange(24)[rows]
        return estimate_influence(
            inclusion[rows], score[rows], percents=np.full(len(numbers), 50), clusters=numbers, **arguments
        )

    whole, rest = influence(np.full(24, True)), influence(known)
    assert whole.value == pytest.approx(rest.value, rel=1e-9, nan_ok=True)
    assert whole.standard_error == pytest.approx(rest.standard_error, rel=1e-9, nan_ok=True)


def test_toggled_pairs_of_which_a_network_diverged_do_not_count():
    without, arm = np.array([1.0, 1.1, 1.2, np.nan]), np.array([1.2, 1.4, 1.3, 1.0])
    table = compare_sides({"without": without, "with": arm}, 0.95)
    assert table.loc[0, "pairs"] == 3
    assert table.loc[0, "difference"] == pytest.approx(0.2)
    lost = compare_sides({"without": np.full(3, np.nan), "with": arm[:3]}, 0.95).assign(frames="1 2")
    assert statement(lost, 0.05) == ["The toggled group: a network of each pair diverged, so nothing is known."]


def test_the_sentence_counts_and_names_and_stays_short():
    assert not diverged_sentence([], 4)
    names = [f"percent-050/seed-{seed} member 0" for seed in range(1, 8)]
    assert diverged_sentence(names[:1], 56).startswith("1 of 56 networks diverged: percent-050/seed-1 member 0; it is")
    assert "seed-5 member 0 and 2 more; they are left out of consensus and scores." in diverged_sentence(names, 56)


@pytest.mark.long
def test_a_whole_study_copes_with_networks_that_diverged_and_says_so_in_summary_and_report(tmp_path):
    """Two of them all that a subset has: twenty halves and a ladder, all figures, warm influence and a toggle."""
    draw(tmp_path / "project")
    blocks = [
        {"design": "balanced", "percents": [50], "seeds": 20, "members": 1},
        {"design": "nested", "percents": [30, 70], "seeds": 2, "members": 2},
    ]
    influence = {"groups": [[30, 70]], "warm": {"networks": 3, "steps": 1}}
    study = config("project", subsets=blocks, influence=influence, toggle={"pairs": 2, "frames": [0]})
    path = write_config(tmp_path / "study.yaml", study)
    places = [f"percent-050/seed-{seed}" for seed in range(1, 21)]
    places += [f"percent-0{percent}/seed-{seed}" for percent in (30, 70) for seed in (1, 2)]
    results = tmp_path / "results" / "tiny"
    wanted = [f"results/tiny/subsets/{place}.json" for place in places]
    run_snakemake(tmp_path, "--configfile", str(path), "--", *wanted)
    with path.open() as file:
        training = read_config(file).training
    lost = [("percent-050/seed-3", 0), ("percent-030/seed-1", 1), ("percent-070/seed-2", 0), ("percent-070/seed-2", 1)]
    for place, member in lost:
        subset = results / "subsets" / f"{place}.json"
        let_diverge(subset, results / "labels.h5", results / ".store", training, member, 1e6)
    run_snakemake(tmp_path, "--configfile", str(path))
    summary = json.loads((results / "summary.json").read_text())
    assert summary["diverged"] == [f"{place} member {member}" for place, member in lost]
    sentence = diverged_sentence(summary["diverged"], 28)
    with path.open() as file:
        assert sentence in closing_lines(results, read_config(file), str(path))
    assert (results / "report.html").read_text().count(sentence) == 1
    values = pd.read_csv(results / "frame_values.csv")
    assert values["value"].notna().all()
    assert np.isfinite(read_hdf5(results / "influence.h5")["variance/size-centred/all/value"]).any()
