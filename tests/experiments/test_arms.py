"""Arms: variants of training on common subsets and seeds, and conclusions from their differences."""

import functools
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from frameworth.attribution.inference.paired import paired_difference
from frameworth.cli.planning import planned_networks
from frameworth.config.experiments import Arm, StartFrom
from frameworth.engine.cutout import Cutout
from frameworth.engine.deeplabcut.augmentation import Augmentation
from frameworth.engine.deeplabcut.networks import build_network, pose_config
from frameworth.errors import UserError
from frameworth.experiments.arm_comparison import compare_arms, statement
from frameworth.experiments.out_of_bag import ranks_of, strongest_places
from frameworth.experiments.pseudo import pseudo_labels
from frameworth.labels.subsets import read_subset
from frameworth.plan.arms import arm_subsets
from frameworth.plan.config import check_config
from frameworth.plan.grid import planned_subsets
from frameworth.plan.identity import network_hash
from frameworth.storage.digests import digest_of_file
from frameworth.storage.hdf5 import read_hdf5
from frameworth.training import loop as training
from frameworth.training.ensemble import run_ensembles
from frameworth.training.variants import BASELINE, Variant, batch_indices, ordered_batches
from small_arm import CUTOUT, arm_of
from small_ensemble import OPTIONS
from small_study import run_config
from tiny import TRAINING, config, draw, kill_while_training, prepare

pytestmark = pytest.mark.slow


def cutout(place="distractor", seed=0, clearance=10.0):
    """Patches for two frames of 64×48 px with three keypoints."""
    rng = np.random.default_rng(seed)
    xy = rng.uniform([0, 0], [64, 48], (2, 3, 4, 2))
    return Cutout(**(CUTOUT | {"place": place}), clearance=clearance, xy=xy, weight=np.ones((2, 3, 4)))


@functools.cache
def stock_options():
    return pose_config(TRAINING, ("a", "b", "c"))["data"]["train"]


def augmented(cut, seed, affine=None):
    images = [np.random.default_rng(frame).integers(0, 255, (48, 64, 3), dtype=np.uint8) for frame in (0, 1)]
    xy = np.array([[[20.0, 20.0], [40.0, 30.0], [np.nan, np.nan]], [[10.0, 40.0], [50.0, 8.0], [32.0, 24.0]]])
    options = stock_options() | {"affine": affine}
    augment = Augmentation(options, images, xy, torch.device("cpu"), cut)
    corners = []
    if cut is not None:
        drawn = cut.draw
        object.__setattr__(cut, "draw", lambda *given: corners.extend(drawn(*given)) or corners)
    batch, keypoints = augment([0, 1], (seed, 1, 0))
    return batch, keypoints, corners


AFFINE = {"p": 1.0, "rotation": 60, "scaling": [0.6, 1.4], "translation": 10}


@pytest.mark.parametrize("place", ["distractor", "random"])
def test_patches_never_touch_a_target_whatever_the_affine(place):
    count = 0
    for seed in range(150):
        _, keypoints, corners = augmented(cutout(place, seed), seed, AFFINE)
        for image, patches in enumerate(corners):
            for left, top in patches:
                columns, rows = np.meshgrid(np.arange(left, left + 6), np.arange(top, top + 6))
                for x, y, visible in keypoints[image]:
                    if visible:
                        assert np.hypot(columns - x, rows - y).min() > 10
                count += 1
    assert count > 100


def test_a_patch_moves_with_the_image():
    """Without an affine it is where the distractor is; with one where the image's own matrix takes it."""
    place = np.array([55.0, 30.0])
    cut = replace(cutout(), xy=np.tile(place, (2, 3, 1, 1)), weight=np.ones((2, 3, 1)), clearance=4.0)
    _, _, still = augmented(replace(cut), 3)
    assert np.allclose(still[0] + 2.5, place, atol=0.5)
    moved = 0
    for seed in range(40):
        _, keypoints, corners = augmented(replace(cut), seed, AFFINE)
        labels = np.array([[10.0, 40.0], [50.0, 8.0], [32.0, 24.0]])
        if (keypoints[1, :, 2] > 0).all() and len(corners[1]):
            matrix = np.linalg.lstsq(np.column_stack([labels, np.ones(3)]), keypoints[1, :, :2], rcond=None)[0]
            assert np.allclose(corners[1] + 2.5, np.append(place, 1) @ matrix, atol=0.51)
            moved += 1
    assert moved > 5


def test_random_places_are_as_many_as_distractors_and_elsewhere():
    pairs = [
        [augmented(cutout(place, 1, 6.0), seed, AFFINE)[2] for place in ("distractor", "random")] for seed in range(60)
    ]
    for at_distractor, at_random in pairs:
        assert [len(patches) for patches in at_distractor] == [len(patches) for patches in at_random]
    assert sum(len(patches) for at_distractor, _ in pairs for patches in at_distractor) > 50
    assert any(
        not np.array_equal(a, b)
        for at_distractor, at_random in pairs
        for a, b in zip(at_distractor, at_random, strict=True)
    )


def test_a_patch_over_the_target_turns_its_map_off_and_nothing_else():
    batch, keypoints, corners = augmented(cutout("target"), 5)
    plain, labels, _ = augmented(None, 5)
    assert (labels[1, :, 2] > 0).all()
    assert (keypoints[1, :, 2] == 0).all()
    assert len(corners[1]) == 3
    outside = np.ones((48, 64), bool)
    for left, top in corners[1]:
        outside[max(0, top - 5) : top + 11, max(0, left - 5) : left + 11] = False  # blur spreads a patch by some px
    assert torch.equal(batch[1][:, outside], plain[1][:, outside])
    assert not torch.equal(batch[1], plain[1])


def test_the_baselines_hash_is_what_it_always_was(tmp_path):
    """Recorded before there were arms: a change would train every study anew."""
    subset = read_subset(prepare(tmp_path)[0])
    fixed = replace(subset, digests=tuple(f"{n:064d}" for n in range(2)), xy=np.array([[[1.0, 2.0]], [[np.nan, 3.0]]]))
    recorded = "73d5247f7df4ab99ce168d92b3850526"
    assert network_hash(fixed, {"steps": 6}, 5) == recorded
    assert network_hash(fixed, {"steps": 6}, 5, BASELINE.identity(5)) == recorded
    assert network_hash(fixed, {"steps": 6}, 5, Variant(order_seed=5, augmentation_seed=5).identity(5)) == recorded


def test_all_that_changes_an_arms_weights_changes_its_hash():
    cut = cutout()
    moved = replace(cut, xy=cut.xy + 1)
    variants = [
        Variant(), Variant(order_seed=1), Variant(augmentation_seed=1), Variant(ranks=np.arange(3)),
        Variant(ranks=np.arange(3)[::-1]), Variant(start=Path("x"), start_hash="a"),
        Variant(start=Path("x"), start_hash="b"), Variant(cutout=cut), Variant(cutout=moved),
        Variant(cutout=replace(cut, place="random")), Variant(cutout=replace(cut, fill="noise")),
        Variant(cutout=replace(cut, size=7)), Variant(cutout=replace(cut, probability=0.4)),
    ]  # fmt: skip
    assert len({json.dumps(variant.identity(0)) for variant in variants}) == len(variants)


def test_a_curriculum_draws_each_frame_as_often_as_the_baseline_only_earlier_or_later():
    ranks = np.array([3, 0, 4, 1, 2])
    baseline = [batch_indices(5, 4, step, 7) for step in range(25)]
    drawn = [ordered_batches(ranks, 5, 4, 25, 7)(step) for step in range(25)]
    assert np.array_equal(np.bincount(np.ravel(drawn)), np.bincount(np.ravel(baseline)))
    when = [np.flatnonzero(np.ravel(drawn) == np.flatnonzero(ranks == rank)[0]).mean() for rank in range(5)]
    assert (np.diff(when) > 5).all()
    assert [ordered_batches(None, 5, 4, 25, 7)(step) for step in range(25)] == baseline


def test_ranks_follow_the_out_of_bag_error_and_an_unknown_one_is_average():
    error = np.array([9.0, 1.0, np.nan, 5.0, 0.0, 7.0])
    assert ranks_of(error, [0, 1, 3], hard_first=False).tolist() == [2, 0, 1]
    assert ranks_of(error, [0, 1, 3], hard_first=True).tolist() == [0, 2, 1]
    assert ranks_of(error, [0, 1, 2, 5], hard_first=False).tolist() == [3, 0, 1, 2]


def test_the_strongest_distractors_are_kept_and_unknown_ones_never():
    pose = np.arange(6.0).reshape(3, 1, 1, 2)
    places, height = strongest_places(pose, np.array([0.2, 0.0, 0.9]).reshape(3, 1, 1), 4)
    assert height.ravel().tolist() == [0.9, 0.2, 0, 0]
    assert places[:2].reshape(2, 2).tolist() == [[4, 5], [0, 1]]
    assert np.isnan(places[2:]).all()


def test_pseudo_labels_are_the_consensus_where_it_is_sure_and_only_outside():
    pose = np.arange(12.0).reshape(3, 2, 2)
    sure = np.array([[0.9, 0.1], [0.9, 0.9], [0.5, 0.7]])
    outside = np.array([True, False, True])
    labels = pseudo_labels(pose, sure, outside, 0.6, None)
    assert np.array_equal(labels[0, 0], pose[0, 0])
    assert np.array_equal(labels[2, 1], pose[2, 1])
    assert np.isfinite(labels).sum() == 4
    assert np.array_equal(pseudo_labels(pose, sure, outside, 0.6, pose + 5), labels + 5, equal_nan=True)


@pytest.fixture(scope="module")
def baseline(tmp_path_factory):
    """A folder with the baseline's networks of two nested sizes and an `out_of_bag.h5`."""
    root = tmp_path_factory.mktemp("arms")
    for percent in (30, 50):
        subset, labels = prepare(root, percent)
        run_ensembles([subset], labels, root / "ensembles", root / ".store", members=1, **OPTIONS)
    frames = read_hdf5(labels)["label"]
    rng = np.random.default_rng(0)
    from frameworth.storage.hdf5 import Array, write_hdf5

    write_hdf5(
        root / "out_of_bag.h5",
        {
            "error": Array(rng.uniform(1, 9, len(frames)), ("frame",)),
            "distractor_pose": Array(rng.uniform([0, 0], [64, 48], (*frames.shape[:2], 3, 2)), ("a", "b", "c", "xy")),
            "distractor_confidence": Array(rng.random((*frames.shape[:2], 3)), ("a", "b", "c")),
        },
        {},
    )
    return root


def test_a_replicating_arm_holds_the_baselines_network_and_others_from_the_same_weights(baseline):
    replicate = {"replicate": {"weights": 2, "orders": 2, "augmentations": 2}}
    records = arm_of(baseline, replicate, "order", training=TRAINING | {"steps": 1})
    returned = run_ensembles(
        [baseline / "subset-50-1.json"], baseline / "labels.h5", baseline / "one", baseline / ".store",
        members=2, **(OPTIONS | {"training": TRAINING | {"steps": 1}}),
    )  # fmt: skip
    assert returned is None
    baselines = json.loads((baseline / "one/percent-050/seed-1/training.json").read_text())["members"]
    assert [records[0]["hash"], records[7]["hash"]] == [each["hash"] for each in baselines]
    assert len({record["hash"] for record in records}) == 8
    assert len({record["seed"] for record in records[:4]}) == 1
    assert len({record["seed"] for record in records}) == 2
    assert len({digest_of_file(record["file"]) for record in records}) == 8


def test_a_warm_start_begins_with_the_other_networks_weights(baseline, monkeypatch):
    begun = []
    descend = training._descend
    monkeypatch.setattr(
        training, "_descend", lambda *given: begun.append(
            {name: value.clone() for name, value in given[0].network.state_dict().items()}) or descend(*given),
    )  # fmt: skip
    (record,) = arm_of(baseline, {"start_from": {"percent": 30}}, "warm")
    start = torch.load(baseline / "ensembles/percent-030/seed-1/member-0.pt", weights_only=True)["model"]
    assert begun[0].keys() == start.keys()
    assert all(torch.equal(begun[0][name], value) for name, value in start.items())
    fresh = build_network(pose_config(TRAINING, read_subset(baseline / "subset-50-1.json").keypoints), "random",
                          record["seed"]).state_dict()  # fmt: skip
    assert not all(torch.equal(begun[0][name], value) for name, value in fresh.items())
    (baseline / ".store" / record["variant"]["start"] / "network.pt").rename(baseline / "away.pt")
    with pytest.raises(UserError, match="network to start from is gone"):
        arm_of(baseline, {"start_from": {"percent": 30}}, "warm")
    (baseline / "away.pt").rename(baseline / ".store" / record["variant"]["start"] / "network.pt")


def test_a_cutout_network_says_how_many_patches_it_saw_and_has_weights_of_its_own(baseline):
    arm = {"augment": {"distractor_cutout": CUTOUT}}
    (record,) = arm_of(baseline, arm, "cutout")
    assert 0 < record["patches_per_image"] < 4
    assert record["variant"]["cutout"]["clearance"] == 16
    assert digest_of_file(record["file"]) != digest_of_file(baseline / "ensembles/percent-050/seed-1/member-0.pt")


def test_an_arm_killed_in_training_ends_with_the_same_bytes(baseline, tmp_path):
    """Patches and a curriculum, a real process, SIGKILL."""
    arm = {"augment": {"distractor_cutout": CUTOUT}, "curriculum": "hard-first"}
    steps = TRAINING | {"steps": 60}
    (undisturbed,) = arm_of(baseline, arm, "undisturbed", store=".store-1", training=steps)
    kill_while_training(
        "from small_arm import arm_of, CUTOUT\nfrom tiny import TRAINING\n"
        "arm = {'augment': {'distractor_cutout': CUTOUT}, 'curriculum': 'hard-first'}\n"
        "arm_of(folder, arm, 'killed', store='.store-2', training=TRAINING | {'steps': 60})\n",
        baseline,
        ".store-2",
    )
    (resumed,) = arm_of(baseline, arm, "killed", store=".store-2", training=steps)
    assert resumed["resumed"] == 1
    assert resumed["file"].read_bytes() == undisturbed["file"].read_bytes()
    assert resumed["patches_per_image"] == undisturbed["patches_per_image"]


def simulated(effect, rng, seeds=8, arms=1):
    """Scores of a baseline and arms that share what is the subset's; `effect` is what the arms add."""
    rows = []
    subset = {(p, s): rng.normal(0, 0.3) for p in (30, 70) for s in range(1, seeds + 1)}
    # An arm's effect on a seed, in all its sizes.
    seed_effect = {s: rng.normal(0, 0.1, arms) for s in range(1, seeds + 1)}
    for arm in range(-1, arms):
        for (percent, seed), common in subset.items():
            for member in range(2):
                added = 0.0 if arm < 0 else effect + seed_effect[seed][arm]
                value = 2 + common + added + rng.normal(0, 0.05)
                name = "baseline" if arm < 0 else f"arm-{arm}"
                rows.append({
                    "arm": name, "percent": percent, "seed": seed, "design": "nested",
                    "cluster": f"nested_seed-{seed}", "member": member, "weights": member, "order": member,
                    "augmentation": member, "log_error": value, "rmse_px": 10 * value,
                })  # fmt: skip
    return pd.DataFrame(rows)


def test_an_effect_that_is_built_in_lies_in_its_interval_as_often_as_is_said():
    rng, covered, rounds = np.random.default_rng(3), 0, 200
    for _ in range(rounds):
        table = compare_arms(simulated(-0.2, rng), 0.95)
        row = table[(table["score"] == "log_error") & (table["percent"] == "all")].iloc[0]
        covered += row["ci_low"] < -0.2 < row["ci_high"]
    assert 0.91 <= covered / rounds <= 0.985


def test_over_designs_whose_clusters_are_of_unlike_size_the_error_is_that_of_leaving_out_each_cluster():
    """Twelve halves and two ladders of four: by residuals of clusters .91 of intervals held the truth, so .93 do."""
    clusters = np.repeat(np.arange(14), [1] * 12 + [4] * 2)
    differences = np.random.default_rng(0).normal(size=14)[clusters]
    left = [differences[clusters != cluster].mean() for cluster in range(14)]
    error = paired_difference(differences, clusters, 0.95).standard_error
    assert error == pytest.approx(np.sqrt(13 * np.var(left)))


def test_of_arms_that_only_part_the_variance_it_is_not_said_that_none_differs_from_the_baseline():
    scores = simulated(0.0, np.random.default_rng(0))
    replicating = scores.assign(order=scores["order"].where(scores["arm"] == "baseline", 0))
    assert statement(compare_arms(replicating, 0.95), 0.05) == ""
    assert statement(compare_arms(scores, 0.95), 0.05) == "No arm is seen to differ from the baseline"
    one_subset = scores[scores["seed"] == scores["seed"].min()]
    assert "too few independent subsets" in statement(compare_arms(one_subset, 0.95), 0.05)


def test_without_effects_few_studies_have_any_verdict():
    rng, false, rounds = np.random.default_rng(4), 0, 200
    for _ in range(rounds):
        table = compare_arms(simulated(0.0, rng, arms=3), 0.95)
        # At any percent or over all of them: each would be said.
        false += (table.loc[table["score"] == "log_error", "p_adjusted"] < 0.05).any()
    assert false / rounds <= 0.085


def test_pairs_are_of_the_same_member_and_a_diverged_network_is_left_out():
    scores = simulated(1.0, np.random.default_rng(0), seeds=3)
    scores = scores[~((scores["arm"] == "arm-0") & (scores["member"] == 1))].reset_index(drop=True)
    scores.loc[scores.index[scores["arm"] == "arm-0"][0], "log_error"] = np.nan
    table = compare_arms(scores, 0.95).set_index(["score", "percent"])
    assert table.loc[("log_error", "30"), "pairs"] == 2
    assert table.loc[("rmse_px", "30"), "pairs"] == 3
    assert abs(table.loc[("log_error", "70"), "difference"] - 1) < 0.5
    spoke = scores[(scores["arm"] == "arm-0") & (scores["percent"] == 30)]["log_error"]
    assert table.loc[("log_error", "30"), ["baseline", "difference"]].sum() == pytest.approx(spoke.mean())


@pytest.mark.parametrize(
    ("arms", "words"),
    [
        ({"a": {}}, "changes nothing"),
        ({"baseline": {"curriculum": "easy-first"}}, "the baseline is the study as it is"),
        ({"a": {"curriculum": "easy-first", "pseudo": {}}}, "at once"),
        ({"a": {"curriculum": "easy-first", "percents": [20]}}, r"arms\.a\.percents: no block of subsets draws 20"),
        ({"a": {"start_from": {"percent": 50}}}, "no subset of these percents and seeds with a smaller one"),
        ({"a": {"start_from": {"percent": 40}}}, r"start_from\.percent: no block of subsets draws 40"),
        ({"a": {"replicate": {}, "members": 2}}, "leave it out"),
        ({"a": {"pseudoo": {}}}, r"arms\.a\.pseudoo; did you mean pseudo"),
        ({"a/b": {"pseudo": {}}}, "a/b"),
    ],
    ids=str,
)
def test_an_arm_that_cannot_be_trained_is_refused_by_its_name(arms, words):
    with pytest.raises(UserError, match=words):
        check_config(config("project", arms=arms))


def test_a_warm_start_goes_from_smaller_to_larger_subsets_of_one_seed_and_design():
    blocks = [
        {"design": "nested", "percents": [10, 30], "seeds": 2, "members": [1, 2]},
        {"design": "independent", "percents": [30], "seeds": [7], "members": 2},
    ]
    subsets = arm_subsets(
        Arm(start_from=StartFrom(percent=10)), planned_subsets(check_config(config("p", subsets=blocks)))
    )
    assert [(s.percent, s.seed, s.members) for s in subsets] == [(30, 1, 1), (30, 2, 1)]


def test_the_networks_of_arms_and_prune_are_predicted():
    study = check_config(
        config("p", arms={"o": {"replicate": {}, "seeds": [1]}, "c": {"curriculum": "easy-first"}},
               prune={"counts": [1, 2], "networks": 3, "draws": 2})
    )  # fmt: skip
    assert planned_networks(study) == 3 + 8 + 3 + 3 * (1 + 2 * 4)


def test_the_workflow_compares_two_arms_and_leaves_the_baseline_alone(tmp_path):
    draw(tmp_path / "project")
    content = config("project", subsets=[{"design": "balanced", "percents": [50], "seeds": 2, "members": 1}])
    content["training"]["subsets_per_job"] = 2
    run_config(tmp_path, content, "results/tiny/scores.h5")
    results = tmp_path / "results/tiny"
    before = {file: digest_of_file(file) for file in results.glob("ensembles/**/*") if file.is_file()}
    content["arms"] = {"cut": {"augment": {"distractor_cutout": {}}}, "pseudo": {"pseudo": {"confidence": 0.0}}}
    done = run_config(tmp_path, content, "results/tiny/figures/arms.png")
    assert not re.search(r"^ensembles_050", done.stdout + done.stderr, re.M)  # the job table
    assert {file: digest_of_file(file) for file in before} == before
    table = pd.read_csv(results / "arms.csv")
    assert table.groupby("arm")["pairs"].max().to_dict() == {"cut": 2, "pseudo": 2}
    assert (table["difference"] != 0).all()
    listed = json.loads((results / "arms/pseudo/subsets/percent-050/seed-1.json").read_text())["frames"]
    baselines = json.loads((results / "subsets/percent-050/seed-1.json").read_text())["frames"]
    consensus = read_hdf5(results / "ensembles/percent-050/seed-1/consensus.h5")["pose"][3]
    frames = pd.read_csv(results / "frames.csv")
    assert {f["frame"] for f in listed} == set(frames.query("split == 'pool'")["frame"])
    inside = {f["frame"]: f for f in baselines}
    for each in listed:
        expected = inside[each["frame"]]["labels"] if each["frame"] in inside else consensus[each["frame"]].tolist()
        assert each["labels"] == expected
