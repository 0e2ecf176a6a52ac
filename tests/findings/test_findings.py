"""The tables and figures of docs/findings.md."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from findings.__main__ import TABLES, all_questions, with_rows_of_others
from findings.drawing import intervals_by_project
from findings.mending import checked, write_projects
from findings.questions import (
    acting,
    confidence,
    drops,
    harmful,
    history,
    influences,
    methods,
    more_data,
    paper,
    phases,
    seeds,
)
from findings.questions.acting import changes
from findings.questions.confidence import change_per_frame, effects
from findings.questions.more_data import BUDGETS, answer, spread_of_networks
from findings.reading import finished, networks
from frameworth.attribution.label_checks import read_label_checks
from frameworth.experiments.history import steps_by_history
from frameworth.labels.deeplabcut import read_project
from frameworth.labels.labels import Labels, write_labels
from frameworth.labels.plant import plant_errors
from frameworth.plan.designs import draw_subset
from frameworth.plan.split import hold_out
from frameworth.results.results import Results
from frameworth.storage.files import read_table, write_csv
from frameworth.storage.hdf5 import Array, pose_scales, write_hdf5
from synthetic_study import write_study
from tiny import HELD_OUT, draw


def ladders(change: float, noise: float, *, seeds: int = 20) -> pd.DataFrame:
    """A table of one project whose error changes by `change` with each size, two networks in each subset."""
    rng = np.random.default_rng(5)
    rows = [
        {"project": "openfield", "budget": budget, "percent": percent, "seed": seed, "member": member,
         "log_error": 2 + change * step + noise * rng.standard_normal(), "median_px": 5.0}
        for budget in BUDGETS
        for seed in range(seeds)
        for step, percent in enumerate([10, 30, 70, 90])
        for member in (1, 2)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_a_change_that_is_in_every_seed_is_reported_with_its_size_and_interval() -> None:
    first = answer(ladders(-0.3, 0.05)).iloc[0]
    assert (first["low"], first["high"], first["seeds"], first["rose"]) == (10, 30, 20, 0)
    assert first["ci_low"] < -0.3 < first["ci_high"] < -0.25
    assert first["expected"] < 0.01


def test_where_nothing_changes_half_of_the_seeds_rise_by_the_networks_noise_alone() -> None:
    rows = answer(ladders(0.0, 0.2, seeds=400))
    assert rows["expected"].between(0.4, 0.6).all()
    assert (rows["rose"] / rows["seeds"]).between(0.4, 0.6).all()


def test_networks_that_diverged_make_the_noise_no_smaller() -> None:
    table, diverged = ladders(0.0, 0.2, seeds=400), np.random.default_rng(1).random(6400) < 0.3
    table.loc[diverged, "log_error"] = np.nan
    assert spread_of_networks(table[table["budget"] == "steps"]) == pytest.approx(0.2, rel=0.1)
    assert answer(table)["expected"].between(0.4, 0.6).all()


def test_the_figure_has_a_line_for_each_seed_and_the_mean() -> None:
    axes = more_data.draw(ladders(-0.3, 0.05, seeds=4)).get_axes()
    assert len(axes) == len(BUDGETS)  # of the one project in the table
    assert len(axes[0].lines) == 4 + 1


def test_networks_of_studies_that_were_run_are_read_and_consensus_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("results/more-data-steps-reaching")
    folder.mkdir(parents=True)
    row = {"percent": 10, "seed": 2, "member": 1, "kind": "network", "mean_log_error": 1.5, "median_px": 4.0}
    (folder / "report.html").touch()
    write_csv(folder / "rmse.csv", pd.DataFrame([row, row | {"kind": "consensus", "member": None}]))
    assert finished("more-data-steps") == {"reaching": folder}
    assert networks(folder).to_dict("records") == [
        {"percent": 10, "seed": 2, "member": 1, "log_error": 1.5, "median_px": 4.0}
    ]


def test_the_consensus_is_followed_seed_by_seed_and_apart_from_single_networks() -> None:
    curves = {"network": [9, 7, 6, 6], "argmax": [8, 5, 5, 6], "softmax": [30, 31, 29, 28]}
    table = pd.DataFrame(
        {"project": "openfield", "whose": form, "percent": percent, "seed": seed,
         "rmse_px": px + seed * (1 + 0.01 * step), "log_error": np.log1p(px), "median_px": 1.0}
        for form, curve in curves.items()
        for step, (percent, px) in enumerate(zip([10, 30, 70, 90], curve, strict=True))
        for seed in (1, 2, 3)
    )  # fmt: skip
    rows = paper.answer(table).set_index(["whose", "low"])
    assert rows.loc[(paper.WHOSE["network"], 10), ["change_px", "rose_px"]].tolist() == [-1.98, 0]
    flat = rows.loc[(paper.WHOSE["argmax"], 70), ["change_px", "rose_px", "rose_log", "seeds"]]
    assert flat.tolist() == [1.02, 3, 3, 3]
    assert rows.loc[(paper.WHOSE["softmax"], 10), "change_log"] == pytest.approx(np.log(32 / 31), abs=1e-3)
    assert len(paper.draw(table).axes) == 3


def test_influences_of_one_group_of_percents_are_counted_with_their_sides_and_the_decided_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study = tmp_path / "results/paper-openfield"
    write_study(study, frames=20, halves=4, ladder_seeds=8)
    (study / "report.html").touch()
    pool = Results(study).pool
    names = [f"error/size-centred/{group}/{part}" for group in ("10-30", "70-90") for part in ("value", "q_value")]
    arrays = {name: np.full((20, 20, 3), np.nan) for name in names}
    value, q = arrays[names[0]], arrays[names[1]]
    value[np.ix_(pool, ~pool)], q[np.ix_(pool, ~pool)] = 0.0, 1.0
    i, j = np.flatnonzero(pool)[0], np.flatnonzero(~pool)[0]
    value[i, j], q[i, j] = [2.0, -1.0, 1.0], [0.04, 0.2, 0.06]
    value[i, i], q[i, i] = 9.0, 0.0  # on itself, which is no held-out frame
    value[j, j], q[j, j] = np.nan, np.nan
    arrays[names[2]], arrays[names[3]] = value / 2, np.ones_like(q)
    write_hdf5(
        study / "influence.h5", {name: Array(array, ("of", "on", "keypoint")) for name, array in arrays.items()}, {}
    )
    table = influences.collect()
    assert table["high_px"].max() == 2.0 and len(table) == 2 * influences.BINS
    cells = pool.sum() * (~pool).sum() * 3
    counts = influences.answer(table).set_index("group")
    assert counts["cells"].tolist() == [cells] * 2 and counts["decided"].tolist() == [1, 0]
    assert counts.loc["10-30", ["harms", "helps"]].tolist() == pytest.approx([2 / cells, 1 / cells], abs=1e-3)


def test_a_planted_frame_changes_the_confidence_elsewhere_by_as_much_as_it_was_made_to(tmp_path: Path) -> None:
    study = write_study(tmp_path / "study", halves=40)  # each planted frame raises distractors by .1
    rows = pd.DataFrame(list(effects(study))).set_index(["group", "sizes", "score"])
    row = rows.loc[("planted", "halves", "distractor_confidence")]
    assert row["change"] == pytest.approx(0.1, abs=0.01)
    assert row["ci_low"] < 0.1 < row["ci_high"]
    assert row["subsets"] == 40 - 16  # those that flag are left out


def test_intervals_of_a_frames_change_hold_it_though_ladders_share_frames_and_small_subsets_scatter_more() -> None:
    rng, covered, studies = np.random.default_rng(1), 0, 300
    rows = [("balanced", 50, seed) for seed in range(17, 33)]
    rows += [("nested", percent, seed) for seed in range(1, 5) for percent in (10, 30, 70, 90)]
    percents = np.array([percent for _, percent, _ in rows])
    inclusion = np.array([draw_subset(design, 87, percent, seed, 1) for design, percent, seed in rows])
    for _ in range(studies):
        worth, group = rng.normal(0, 0.1, 87), np.arange(87) < 11
        worth[rng.permutation(87)] = worth
        score = inclusion @ worth + rng.normal(0, np.where(percents == 10, 3, 1))
        change = change_per_frame(score, inclusion[:, group].sum(axis=1), percents)
        covered += change["ci_low"] < worth[group].mean() - worth[~group].mean() < change["ci_high"]
    assert 0.92 <= covered / studies <= 0.99


def test_plantings_are_averaged_with_the_freedom_that_their_errors_leave() -> None:
    row = {"project": "reaching", "group": "planted", "sizes": "all", "score": "log_mass"}
    changes = {1: (0.3, 0.2, 10), 2: (0.1, 0.2, 10), confidence.PUBLISHED: (9.0, 0.1, 10)}
    table = pd.DataFrame(
        row | {"planting": planting, "change": change, "error": error, "freedom": freedom}
        for planting, (change, error, freedom) in changes.items()
    )
    (averaged,) = confidence.answer(table).to_dict("records")
    half = 2.086 * 0.2 / np.sqrt(2)  # t with 20 degrees of freedom
    assert (averaged["change"], averaged["plantings"]) == (0.2, 2)
    assert [averaged["ci_low"], averaged["ci_high"]] == pytest.approx([0.2 - half, 0.2 + half], abs=2e-4)


def test_what_explains_good_subsets_is_averaged_over_plantings_without_the_project_as_published() -> None:
    r_squared = {1: 0.2, 2: 0.4, confidence.PUBLISHED: 0.9}
    table = pd.DataFrame(
        {"project": "mirrors", "planting": planting, "predictor": "flagged", "r_squared": value}
        for planting, value in r_squared.items()
    )
    (averaged,) = seeds.answer(table).to_dict("records")
    assert averaged["mean of plantings"] == 0.3 and averaged["as published"] == 0.9


def test_the_list_is_followed_from_its_top_over_the_pool_alone_and_random_frames_are_as_many(tmp_path: Path) -> None:
    study = write_study(tmp_path / "study", frames=80, wrong_held_out=True).folder
    chosen = checked(study, 3)
    frames, checks = read_table(study / "frames.csv"), read_label_checks(study / "labels_to_check.csv")
    pool = (frames["split"] == "pool").to_numpy()
    assert not checks.loc[checks["rank"] == 1, "frame"].isin(np.flatnonzero(pool)).any()  # the held-out one is first
    in_pool = [frame for frame in checks.sort_values("rank")["frame"] if pool[frame]]
    assert set(np.flatnonzero(chosen["list"])) == set(in_pool[:6])  # a tenth of 60
    assert chosen["random"].sum() == 6 and not (chosen["random"] & ~pool).any()
    assert not chosen["as-is"].any() and (chosen["all"] == pool).all()


def test_wrong_labels_that_were_looked_at_are_mended_in_the_copies_and_no_others(tmp_path: Path) -> None:
    source, study = draw(tmp_path / "source", frames=40), tmp_path / "study"
    plant_errors(source, study / "planted_project", held_out=HELD_OUT, seed=1, share=0.4, kinds=["shifted"])
    truth, spoilt = read_project(source), read_project(study / "planted_project")
    wrong = (np.nan_to_num(spoilt.xy) != np.nan_to_num(truth.xy)).any(axis=(1, 2))
    held_out = hold_out(truth.videos, truth.images, seed=1, pictures=None, **HELD_OUT)
    write_csv(study / "frames.csv", pd.DataFrame({"split": np.where(held_out, "held-out", "pool")}))
    first = np.flatnonzero(wrong)[:2]  # on the list's top
    order = [*first, *np.setdiff1d(np.arange(40), first)]
    write_csv(study / "labels_to_check.csv", pd.DataFrame({"frame": order, "rank": range(1, 41)}))
    write_projects(source, study, tmp_path / "copies", 1)

    def still_wrong(way: str) -> set[int]:
        xy = read_project(tmp_path / "copies" / way).xy
        return set(np.flatnonzero((np.abs(np.nan_to_num(xy) - np.nan_to_num(truth.xy)) > 0.01).any(axis=(1, 2))))

    assert still_wrong("as-is") == set(np.flatnonzero(wrong))
    assert still_wrong("list").isdisjoint(first) and still_wrong("list") < still_wrong("as-is")
    assert still_wrong("all") == set()


def test_actions_are_compared_with_the_same_subset_of_the_labels_as_they_are() -> None:
    rows = [("as-is", 80, 2.0), ("as-is", 90, 1.9), ("list", 80, 1.7), ("random", 80, 1.95), ("all", 80, 1.6)]
    table = pd.DataFrame(
        {"project": "mirrors", "planting": planting, "seed": seed, "way": way, "percent": percent,
         "log_error": score + seed + 0.1 * planting * (way == "list")}
        for planting in (-1, 1)
        for seed in (1, 2)
        for way, percent, score in rows
    )  # fmt: skip
    first = changes(table).set_index(["planting", "seed"]).loc[-1]
    assert np.allclose(
        first[["more", "list", "random", "all", "list minus more"]], [[-0.1, -0.4, -0.05, -0.4, -0.3]] * 2
    )
    by_the_list = acting.answer(table).set_index("action").loc["a tenth checked by the list"]
    assert by_the_list[["pairs", "change"]].tolist() == [4, -0.3]
    half = 0.1 * 12.706  # t(1) of the two plantings' means, which are 0.2 apart; their standard error is 0.1
    assert by_the_list[["wide_low", "wide_high"]].tolist() == pytest.approx([-0.3 - half, -0.3 + half], abs=1e-3)
    assert -0.6 < by_the_list["ci_low"] < by_the_list["ci_high"] < -0.1


def test_histories_are_read_with_the_difference_of_independent_from_nested_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study = Path("results/history-reaching")
    networks_of_designs = pd.DataFrame(
        {"design": design, "percent": percent, "seed": seed, "log_error": error + 0.1 * seed, "rmse_px": error + seed}
        for design, errors in {"nested": {10: 2.0, 30: 1.5}, "independent": {10: 2.0, 30: 1.7}}.items()
        for percent, error in errors.items()
        for seed in (1, 2, 3)
    )
    write_csv(study / "figures" / "history.csv", steps_by_history(networks_of_designs, None, 0.95))
    (study / "report.html").touch()
    table = history.collect()
    changes_by_what = history.answer(table).set_index("what")["change"].to_dict()
    assert changes_by_what == {
        "10 → 30 %, nested": -0.5, "10 → 30 %, independent": -0.3, "10 → 30 %, independent minus nested": 0.2,
    }  # fmt: skip
    assert len(history.draw(table).axes[0].get_yticklabels()) == 3


def of_methods(**values: list[float]) -> pd.DataFrame:
    """A table of two plantings of one project with two planted frames each, by what each method says of the frames."""
    return pd.DataFrame(
        {"project": "mirrors", "planting": planting, "method": name, "frame": frame, "planted": frame < 2,
         "value": value, "singled_out": value > 2, "called": value > 3, "cost": 10.0 * planting}
        for planting in (1, 2)
        for name, of_frames in values.items()
        for frame, value in enumerate(of_frames)
    )  # fmt: skip


def test_methods_are_compared_by_how_they_rank_planted_frames_and_by_the_good_ones_that_they_call() -> None:
    table = of_methods(warm=[2.5, 0, 1, -1, 4, 0.5], metagradient=[5, 4, 1, -1, 2.5, 0])
    warm, metagradient, difference = methods.answer(table).to_dict("records")
    assert warm["auroc"] == 0.5  # 3 of 4 and 1 of 4 pairs in order
    assert metagradient["auroc"] == metagradient["auroc_high"] == 1
    assert metagradient["auroc_low"] == pytest.approx(0.025 ** (1 / 4), abs=1e-3)  # of four planted frames
    assert (warm["called"], warm["called_good"], warm["plantings_wrong"], warm["plantings"]) == (2, 2, 2, 2)
    assert (metagradient["called"], metagradient["called_good"], metagradient["plantings_wrong"]) == (4, 0, 0)
    assert (metagradient["singled_out"], metagradient["singled_out_good"], metagradient["cost"]) == (6, 2, 15)
    assert difference["auroc"] == 0.5
    assert difference["auroc_low"] < 0 and difference["auroc_high"] == 1  # four frames tell nothing


def test_a_group_that_harms_is_compared_with_none_and_with_random_frames_pair_by_pair() -> None:
    changes = {"none": 0.0, "worst": 0.2, "best": -0.3, "random": -0.1, "all": -0.2}
    table = pd.DataFrame(
        {"project": "reaching", "group": group, "pair": pair, "log_error": pair + change + 0.01 * (pair % 2),
         "median_px": 5 + change, "frames": ""}
        for group, change in changes.items()
        for pair in range(6)
    )  # fmt: skip
    rows = harmful.answer(table).set_index("comparison")
    expected = {"worst": 0.2, "random": -0.1, "best": -0.3, "worst - random": 0.3, "best - random": -0.2}
    assert {name: rows.loc[words, "change"] for name, words in harmful.WORDS.items()} == pytest.approx(expected)
    assert rows["median_px"].tolist() == pytest.approx(list(expected.values()))


def test_frames_of_a_phase_are_recognised_by_the_paw_that_is_ahead_and_measured_on_both_phases(tmp_path: Path) -> None:
    names = (*phases.FRONT_PAWS, "nose")
    xy = np.zeros((6, 3, 2))
    xy[:, 0, 0] = [30, 20, -10, 15, -15, -25]  # the left paw, ahead of the right one where above 0
    points = ("member", "frame", "keypoint", "xy")
    split = 3 * ["pool"] + 3 * ["held-out"]
    table = {"frame": range(6), "video": "v", "image": [f"{n}.png" for n in range(6)], "split": split}
    write_csv(tmp_path / "frames.csv", pd.DataFrame(table))
    labels = Labels(xy, names, np.zeros((0, 2), int), tuple(map(str, range(6))), tuple("abcdef"), np.full((6, 2), 99))
    write_labels(tmp_path / "labels.h5", labels)
    write_csv(tmp_path / "toggle.csv", pd.DataFrame({"arm": ["part-1"], "pairs": [2], "frames": ["0 1"]}))
    for side, miss in (("without", 0.0), ("part-1", np.e - 1)):
        for pair in (1, 2):
            pose = xy[None].copy()
            pose[0, 4:, :2, 1] += miss  # the paws, where the right one is ahead
            file = tmp_path / "toggle" / side / "percent-050" / f"seed-{pair}" / "predictions.h5"
            file.parent.mkdir(parents=True)
            write_hdf5(file, {"pose": Array(pose, points, "px")}, pose_scales(6, names) | {"member": np.arange(1)}, {})
    rows = phases.answer(pd.DataFrame(phases.errors_of(tmp_path))).set_index(["phase", "keypoints"])
    assert rows["ahead_px"].tolist() == [25.0] * 4 and set(rows["group"]) == {"worst"}
    assert rows["frames"].groupby("phase").first().to_dict() == {"left paw ahead": 1, "right paw ahead": 2}
    changes = {("right paw ahead", "paws"): 1.0}
    assert all(row["change"] == changes.get(place, 0.0) for place, row in rows.iterrows())


def test_subsets_of_one_size_are_ranked_as_metagradients_predict_where_there_is_something_to_predict() -> None:
    rng, seeds = np.random.default_rng(4), 40
    worth = {50: 1.0, 95: 0.0}  # how much of the measured score is predicted
    table = pd.DataFrame(
        {"project": "mirrors", "base": "halves", "percent": percent, "seed": seed, "predicted": percent + predicted,
         "log_error": part * predicted + rng.standard_normal(), "log_probability": predicted**3}
        for percent, part in worth.items()
        for seed, predicted in enumerate(rng.standard_normal(seeds))
    )  # fmt: skip
    rows = drops.answer(table).set_index("comparison")
    assert rows["subsets"].tolist() == [seeds] * 4
    predicted, nothing = (rows.loc[f"subsets of {percent} %: log(1 + px), halves"] for percent in (50, 95))
    assert 0.5 < predicted["correlation"] < 0.9 and predicted["p"] < 0.001 and predicted["ci_low"] > 0
    assert nothing["ci_low"] < 0 < nothing["ci_high"] and nothing["p"] > 0.05
    assert rows.loc["subsets of 95 %: −log(probability), halves", "correlation"] == 1


def test_subsets_that_were_no_base_are_predicted_by_the_summed_metagradients_of_their_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study = write_study(tmp_path / "results/drops-reaching", frames=24, halves=6, ladder_seeds=2).folder
    (study / "report.html").touch()
    results, bases = Results(study), [1, 4]
    asked = Array(results.inclusion[bases].astype(np.uint8), ("network", "frame"))
    write_hdf5(study / "metagradients.h5", {"inclusion": asked}, {})
    worth = pd.DataFrame({"frame": np.flatnonzero(results.pool)}).assign(
        metagradient_value=lambda row: row["frame"] ** 2
    )
    write_csv(study / "frame_values.csv", worth)
    table = drops.collect()
    others = [row for row in range(len(results.subsets)) if row not in bases]
    assert table["seed"].tolist() == results.subsets["seed"].iloc[others].tolist()
    sums = [sum(frame**2 for frame in np.flatnonzero(results.inclusion[row])) for row in others]
    assert table["predicted"].tolist() == sums
    assert table["log_error"].tolist() == results.held_out_score("log_error")[others].tolist()


def test_studies_that_are_not_here_keep_their_rows_and_those_that_are_renew_theirs(tmp_path: Path) -> None:
    table = tmp_path / "methods.csv"
    places = [("mirrors", 1), ("mirrors", 2), ("openfield", 1)]
    write_csv(table, pd.DataFrame(places, columns=["project", "planting"]).assign(value=1.0))
    collected = pd.DataFrame({"project": ["mirrors", "reaching"], "planting": [2, 1], "value": 2.0})
    renewed = with_rows_of_others(collected, table).set_index(["project", "planting"])["value"]
    expected = {("mirrors", 1): 1, ("openfield", 1): 1, ("mirrors", 2): 2, ("reaching", 1): 2}
    assert renewed.to_dict() == expected and renewed.index.is_unique
    assert with_rows_of_others(pd.DataFrame(), table)["value"].tolist() == [1.0] * 3


def test_intervals_of_projects_are_drawn_in_the_row_of_what_they_are_about() -> None:
    table = pd.DataFrame(
        {"project": ["openfield", "mirrors"], "arm": ["cutout", "pseudo"], "difference": [0.1, -0.2],
         "ci_low": [0.0, -0.5], "ci_high": [0.3, 0.0]}
    )  # fmt: skip
    axes = intervals_by_project(table, "arm", "difference", ("ci_low", "ci_high"), "px").axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cutout", "pseudo"]
    (points, _, (bars,)) = next(drawn for drawn in axes.containers if drawn.get_label() == "mirrors")
    assert points.get_xdata().tolist() == [-0.2]
    assert round(float(points.get_ydata()[0])) == 1
    assert np.allclose(bars.get_segments()[0][:, 0], [-0.5, 0.0])


@pytest.mark.parametrize("table", sorted(path.stem for path in TABLES.glob("*.csv")))
def test_each_figure_of_the_findings_is_drawn_from_its_table(table: str, tmp_path: Path) -> None:
    picture = tmp_path / "figure.png"
    all_questions()[table].draw(pd.read_csv(TABLES / f"{table}.csv")).savefig(picture)
    assert picture.stat().st_size > 5000
