"""The figures agree with the study's files."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from frameworth.attribution.label_checks import label_checks
from frameworth.errors import UserError
from frameworth.experiments.history import steps_by_history
from frameworth.figures import (
    _matrix,
    _style,
    bias_variance,
    distractors,
    draw_figure,
    error_pca,
    figure_module,
    figure_names,
    frame_values,
    history,
    inclusion_matrix,
    influence_bias,
    influence_histogram,
    influence_pair,
    labels_to_check,
    learning_curve,
    memorization,
    outliers,
    seeds,
)
from frameworth.results.results import Results
from synthetic_study import write_study

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
EXPERIMENTS = {"arms": "No arm was trained", "prune": "worst was trained", "variance_components": "No arm divides"}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return write_study(tmp_path_factory.mktemp("study"), frames=32, halves=16, ladder_seeds=3, questions=True)


@pytest.fixture(scope="module")
def drawn(study: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("figures")
    for name in names_of(study):
        draw_figure(name, study, folder)
    return folder


def names_of(study: Results) -> list[str]:
    return figure_names(**study.options.figures.model_dump())


def titles(figure: object) -> str:
    return " ".join(figure.get_suptitle().split())


def test_names_and_what_figures_read_are_known_without_importing_matplotlib():
    code = "import sys; from frameworth.figures import figure_names, figure_reads\n"
    code += "print(len(figure_names(3, [[1, 2]])), figure_reads('outliers'))\n"
    code += "print([name for name in ('matplotlib', 'seaborn', 'pandas', 'numpy') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    known, imported = done.stdout.splitlines()
    assert known == f"{len(figure_names(3, [[1, 2]]))} ('outliers.csv', 'outliers_methods.csv')"
    assert imported == "[]"


def test_names_hold_every_figure_that_the_readme_and_the_paper_need():
    names = figure_names(1, [[4, 7], [4, 7]])
    assert len(names) == len(set(names))
    assert set(names) >= {
        "learning_curve", "influence_bias", "influence_confidence", "influence_probability",
        "influence_variance", "influence_standard_error", "influence_pair_harmful-1",
        "influence_pair_helpful-1", "influence_pair_4_7", "influence_histogram", "memorization",
        "inclusion_matrix", "error_pca", "labels_to_check", "frame_values", "lds", "settling",
        "distractors", "bias_variance", "seeds", "outliers", "plan", "add", *EXPERIMENTS, "history",
    }  # fmt: skip


def test_every_figure_has_a_caption_of_at_most_three_sentences():
    for name in figure_names(1, [[0, 1]]):
        caption = (ROOT / "workflow" / "report" / f"{figure_module(name)}.rst").read_text()
        assert caption.count("\n") == 1
        assert re.fullmatch(r"([A-Z][^.]*\.[ \n]){1,3}", caption), name


def test_every_figure_is_written_as_png_svg_and_csv(study: Results, drawn: Path):
    for name in names_of(study):
        with Image.open(drawn / f"{name}.png") as picture:
            assert round(picture.info["dpi"][0]) == 150
        assert (drawn / f"{name}.svg").read_text().startswith("<?xml")
        assert (len(pd.read_csv(drawn / f"{name}.csv")) > 0) == (name not in EXPERIMENTS)
    assert not [path for path in drawn.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_figure_of_an_experiment_that_was_not_made_says_so(study: Results, drawn: Path, name: str):
    assert EXPERIMENTS[name] in (drawn / f"{name}.svg").read_text()


def test_a_figure_drawn_twice_is_the_same_byte_for_byte(study: Results, drawn: Path, tmp_path: Path):
    for name in ("learning_curve", "error_pca", "influence_pair_harmful-1"):
        draw_figure(name, study, tmp_path)
        for kind in ("svg", "csv", "png"):
            assert (tmp_path / f"{name}.{kind}").read_bytes() == (drawn / f"{name}.{kind}").read_bytes()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("learning_curves", "no such figure; there are add, arms, bias_variance"),
        ("influence_pair", "no such figure"),
        ("_style", "no such figure"),
        ("influence_pair_0_99", "there is no frame 99"),
        ("influence_pair_best-1", "ask for harmful-1"),
    ],
)
def test_a_figure_that_does_not_exist_is_refused(study: Results, tmp_path: Path, name: str, words: str):
    with pytest.raises(UserError, match=words):
        draw_figure(name, study, tmp_path)


def test_a_pair_whose_training_frame_is_held_out_is_refused(study: Results, tmp_path: Path):
    held_out = np.flatnonzero(~study.pool)
    with pytest.raises(UserError, match="is held out"):
        draw_figure(f"influence_pair_{held_out[0]}_{held_out[1]}", study, tmp_path)


def test_the_csv_behind_a_matrix_holds_the_values_of_the_influence_file(study: Results, drawn: Path):
    table = pd.read_csv(drawn / "influence_bias.csv")
    value = study.influence("error", "size-centred")["value"]
    for keypoint, name in enumerate(study.labels.keypoints):
        rows = table[(table["keypoint"] == name) & (table["group"] == "all")]
        assert len(rows) == study.pool.sum() * len(study.pool)
        wanted = value[rows["training_frame"], rows["evaluated_frame"], keypoint]
        np.testing.assert_allclose(rows["value"], wanted, rtol=1e-6)
    mean = table[(table["keypoint"] == _matrix.MEAN) & (table["group"] == "10-30")]
    values = study.influence("error", "size-centred", "10-30")["value"]
    finite = np.isfinite(values[mean["training_frame"], mean["evaluated_frame"]]).any(axis=1)
    np.testing.assert_array_equal(mean["value"].notna(), finite)


def test_matrices_put_the_pool_first_and_centre_their_colours_on_zero(study: Results):
    with _style.theme():
        figure = influence_bias.draw(influence_bias.table(study), study)
    image = figure.axes[0].images[0]
    assert image.norm.vmin == -image.norm.vmax < 0
    order = np.concatenate([np.flatnonzero(study.pool), np.flatnonzero(~study.pool)])
    shown = np.ma.filled(image.get_array().astype(float), np.nan)
    wanted = study.influence("error", "size-centred")["value"][study.pool][:, order, 0]
    np.testing.assert_allclose(shown, wanted, rtol=1e-6)


def test_one_outlier_does_not_set_the_limits_of_the_colours():
    values = np.append(np.linspace(-1, 1, 999), 1e6)
    assert _style.symmetric_limit(values, 0.98) < 1
    assert _style.symmetric_limit(np.array([np.nan]), 0.98) == 1
    assert _style.symmetric_limit(np.zeros(5), 0.98) == 1


def test_the_share_that_stands_out_is_what_chance_gives_without_any_effect():
    rng = np.random.default_rng(0)
    share = _matrix.share_beyond_chance(rng.standard_t(15, 20000), np.ones(20000), clusters=16, level=0.95)
    assert share == pytest.approx(0.05, abs=0.006)
    assert _matrix.share_beyond_chance(np.ones(3), np.full(3, np.nan), clusters=16, level=0.95) is None


@pytest.mark.parametrize("effect", ["harmful", "helpful"])
def test_a_pair_shows_every_subset_on_its_side(study: Results, effect: str):
    table = influence_pair.table(study, f"{effect}-1")
    training, evaluated = int(table["training_frame"][0]), int(table["evaluated_frame"][0])
    assert study.pool[training]
    assert not study.pool[evaluated]
    with_frame = study.inclusion[:, training]
    np.testing.assert_array_equal(table["with_training_frame"], with_frame)
    assert (table["influence_px"] > 0).all() == (effect == "harmful")
    error = table.groupby("with_training_frame")["error_px"].mean()
    assert (error[True] > error[False]) == (effect == "harmful")
    with _style.theme():
        legend = influence_pair.draw(table, study).legends[0]
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == [
        f"with frame {training} ({with_frame.sum()} subsets)",
        f"without frame {training} ({(~with_frame).sum()} subsets)",
        "label",
    ]


def test_pairs_first_repeat_neither_a_training_nor_an_evaluated_frame(study: Results):
    first = influence_pair.ranked_cells(study, "harmful")[:3]
    assert len({cell.training for cell in first}) == len({cell.evaluated for cell in first}) == 3


def test_an_asked_pair_shows_the_keypoint_that_stands_out_most(study: Results):
    training, evaluated = study.options.figures.pair_list[0]
    table = influence_pair.table(study, f"{training}_{evaluated}")
    estimate = study.influence("error", "size-centred")
    strength = np.abs(estimate["value"] / estimate["standard_error"])[training, evaluated]
    assert table["keypoint"][0] == study.labels.keypoints[np.nanargmax(strength)]


def test_labels_to_check_joins_labels_to_the_consensus_of_subsets_without_the_frame(study: Results):
    table = labels_to_check.table(study)
    row = table.iloc[0]
    keypoint = study.labels.keypoints.index(row["keypoint"])
    without = ~study.inclusion[:, row["frame"]]
    median = np.median(study.scores["consensus_pose"][without, row["frame"], keypoint].astype(float), axis=0)
    np.testing.assert_allclose([row["consensus_x"], row["consensus_y"]], median, rtol=1e-5)
    assert list(dict.fromkeys(table["rank"])) == list(range(1, 13))
    assert table.groupby("frame")["stands_out"].sum().eq(1).all()
    assert set(table["split"]) == {"pool", "held-out"}
    assert row["planted"] == study.frames["planted"][row["frame"]]


def test_learning_curve_pairs_a_step_by_seed_and_says_its_sign(study: Results):
    table = learning_curve.table(study)
    assert (table["kind"] == "network").sum() == (study.rmse["kind"] == "network").sum()
    ladder = table[(table["kind"] == "consensus") & (table["design"] == "nested")]
    wide = ladder.pivot_table(index="seed", columns="percent", values="rmse_px")
    change = f"{(wide[30] - wide[10]).mean():+.2f}".replace("-", "−")
    with _style.theme():
        figure = learning_curve.draw(table, study)
    assert f"from 10 to 30 % ({change} px)" in titles(figure).replace("\u00a0", " ")
    assert any(f"{change} px ±" in text.get_text() for text in figure.axes[0].texts)


def test_a_consensus_of_more_networks_is_not_taken_for_one_of_more_frames():
    ladder = pd.DataFrame({"subset": ["a", "b"], "percent": [30, 70], "cluster": "seed-1", "rmse_px": [4.0, 5.0]})
    networks = pd.concat([ladder.assign(rmse_px=[8.0, 5.0]), ladder.head(1).assign(rmse_px=6.0)])
    subject, compared = learning_curve._comparable(ladder, networks)
    assert subject == "The error of single networks"
    assert compared.set_index("percent")["rmse_px"].to_dict() == {30: 7, 70: 5}
    subject, compared = learning_curve._comparable(ladder, networks.drop_duplicates("subset"))
    assert (subject, compared["rmse_px"].tolist()) == ("The consensus error", [4, 5])


def test_a_step_of_three_seeds_is_clear_only_beyond_its_t_interval():
    """Twice the standard error of three changes is passed by chance alone in one study of six."""
    rows = [(percent, f"seed-{seed}", error) for seed, change in enumerate((1.0, 2.0, 3.0))
            for percent, error in ((10, 9.0), (30, 9.0 - change))]  # fmt: skip
    ladder = pd.DataFrame(rows, columns=["percent", "cluster", "rmse_px"])
    step = learning_curve._step(ladder, 10, 30, 0.95)
    assert (step.change, step.fell, step.seeds) == (-2, 3, 3)
    assert step.error == pytest.approx(1 / np.sqrt(3))
    assert learning_curve._verb(step) == "does not clearly change"
    assert learning_curve._verb(learning_curve._step(ladder, 10, 30, 0.9)) == "falls"
    fresh = ladder.assign(cluster=ladder["cluster"] + ladder["percent"].astype(str))
    step = learning_curve._step(fresh, 10, 30, 0.95)  # Welch: all of the noise is on one side, with two degrees
    assert step.reach == pytest.approx(4.30265 / np.sqrt(3), rel=1e-4)


def test_subsets_of_one_cluster_count_once_in_the_error_of_a_step():
    rows = [(50, f"pair-{pair}", error) for pair, error in enumerate((4.0, 5.0, 6.0)) for _ in range(2)]
    rows += [(90, f"seed-{seed}", 3.0) for seed in range(3)]
    step = learning_curve._step(pd.DataFrame(rows, columns=["percent", "cluster", "rmse_px"]), 50, 90, 0.95)
    assert step.change == -2
    assert step.error == pytest.approx(1 / np.sqrt(3))


def test_a_step_to_a_size_with_a_single_subset_is_not_said_to_be_of_a_single_seed():
    ladder = pd.DataFrame({"percent": [50] * 8 + [90], "cluster": list("abcdefghi"), "rmse_px": [*range(4, 12), 3.0]})
    step = learning_curve._step(ladder, 50, 90, 0.95)
    assert learning_curve._verb(step) == "falls (with a single subset of a size)"


def test_an_outlier_score_that_may_rank_by_chance_is_not_said_to_find_errors():
    methods = pd.DataFrame({"quantity": ["auroc"], "method": ["outlier score"], "result": [0.6], "ci_low": [0.45],
                            "ci_high": [0.73]})  # fmt: skip
    assert "not shown to find planted errors: AUROC 0.60 [0.45, 0.73]" in outliers._title(pd.DataFrame(), methods)
    assert "finds planted errors with AUROC" in outliers._title(pd.DataFrame(), methods.assign(ci_low=0.51))


def test_only_labels_whose_bias_was_tested_are_counted():
    labels = pd.DataFrame(
        {"bias_squared": [3.0, 1.0], "mean_squared_error": [4.0, 4.0], "bias_share_q": [0.01, np.nan]}
    )
    assert bias_variance._bias(labels, 0.05).endswith("most of it, beyond chance, at 1 of 1 label")
    assert "beyond chance" not in bias_variance._bias(labels.assign(bias_share_q=np.nan), 0.05)


def test_sizes_explain_none_of_a_spread_that_is_chance():
    """Of twelve subsets of four sizes the plain share of the variance between sizes is 3/11 by chance."""
    shares = []
    for seed in range(200):
        error = np.exp(np.random.default_rng(seed).normal(size=12))
        title = inclusion_matrix._title(pd.DataFrame({"percent": np.repeat([10, 30, 70, 90], 3), "rmse_px": error}))
        shares.append(float(re.search(r"Size explains ([\d.]+)", title).group(1)))
    assert np.median(shares) < 3


def test_a_subset_is_not_ranked_better_for_having_more_networks(study: Results):
    table = inclusion_matrix.table(study).set_index("subset")
    networks = study.networks.groupby("subset")["rmse_px"].mean()
    np.testing.assert_allclose(table["rmse_px"], networks.reindex(table.index))
    assert table["rmse_px"].is_monotonic_increasing


def test_a_pair_with_a_single_subset_on_a_side_is_named_in_the_singular():
    table = pd.DataFrame({"with_training_frame": [True, False, False], "training_frame": 3, "x": 1.0, "y": 2.0,
                          "label_x": 1.0, "label_y": 1.0})  # fmt: skip
    axes = Figure().subplots()
    influence_pair._detections(axes, table, 5.0)
    names = axes.get_legend_handles_labels()[1]
    assert names[:2] == ["with frame 3 (1 subset)", "without frame 3 (2 subsets)"]


def test_what_distractors_of_a_group_do_is_reported_only_if_it_holds_for_two_tests(study: Results):
    group = {"group": "planted", "log_confidence": -0.1, "distractor_confidence": 0.1, "distractor_confidence_p": 0.5}
    other = Results(study.folder, study.options)
    for p, words in (
        (0.03, "do not differ beyond chance from the rest"),
        (0.02, "lower the log confidence at labels (−0.100, p = 0.04)"),
    ):
        other.__dict__["distractor_groups"] = pd.DataFrame([group | {"log_confidence_p": p}])
        assert words in distractors._title(study.distractors, other).replace("\u00a0", " ")


def test_a_group_of_one_flagged_frame_is_named_in_the_singular(study: Results):
    group = {"group": "flagged", "log_confidence": -0.1, "distractor_confidence": 0.1, "distractor_confidence_p": 0.5}
    values = study.frame_values.assign(verdict="undecided")
    values.loc[0, "verdict"] = "check label"
    other = Results(study.folder, study.options)
    for p, words in (
        (0.9, "The flagged frame does not differ beyond chance"),
        (0.001, "The flagged frame lowers the log confidence"),
    ):
        other.__dict__.update(distractor_groups=pd.DataFrame([group | {"log_confidence_p": p}]), frame_values=values)
        assert distractors._title(study.distractors, other).startswith(words)


def test_changes_beyond_chance_are_at_least_as_many_as_the_table_of_the_strongest_holds(study: Results):
    other = Results(study.folder, study.options)
    places = pd.concat([study.distractor_places] * 200).head(200)
    for q, words in ((0.01, "at least 200 changes"), (np.r_[0.9, np.full(199, 0.01)], "beyond chance: 199 changes")):
        other.__dict__["distractor_places"] = places.assign(distractor_confidence_q=q)
        assert words in distractors._title(study.distractors, other)


def test_a_title_agrees_with_one_flagged_frame_and_one_planted_error(study: Results):
    table, frame = labels_to_check.table(study), study.label_checks["frame"][0]
    other = Results(study.folder, study.options)
    checks = study.label_checks.assign(flagged=study.label_checks["frame"] == frame)
    other.__dict__.update(label_checks=checks, frames=study.frames.assign(planted=None))
    other.frames.loc[frame, "planted"] = "shift"
    title = labels_to_check._title(table, [frame], other)
    assert "(flagged in all: 1)" in title
    assert title.endswith("planted errors among them: 1 of 1")


def test_of_networks_that_have_not_learned_no_interval_is_said_to_fail_the_test_over_frames(study: Results):
    strong = study.frame_values.assign(verdict="undecided", ci_low=0.5, ci_high=1.0, p_adjusted=0.001)
    assert "holds" not in frame_values._title(strong, learned=False)


def test_one_predictor_that_explains_some_of_the_spread_is_named_in_the_singular():
    rows = pd.DataFrame({"predictor": ["coverage of pose"], "r_squared": 0.3, "ci_low": 0.1, "ci_high": 0.5})
    for others, words in ((rows, "; alone explains some: coverage"), (pd.concat([rows] * 2), "; alone explain some:")):
        assert words in seeds._title(others, pd.DataFrame(), 50)


def test_levels_and_shares_are_reported_as_they_are():
    assert [_style.stated(level) for level in (0.95, 0.975, 0.999)] == ["95\u00a0%", "97.5\u00a0%", "99.9\u00a0%"]
    assert [_style.percentage(share) for share in (-0.5, -0.034, 0.25)] == ["−50\u00a0%", "−3.4\u00a0%", "25\u00a0%"]


def test_frame_values_says_when_nothing_is_decided(study: Results):
    table = frame_values.table(study)
    assert table["value"].is_monotonic_increasing
    assert frame_values._title(table.assign(verdict="undecided", ci_low=-1.0, ci_high=1.0), learned=True) == (
        f"No frame's value is decided: all {len(table)} intervals include 0"
    )
    # A flagged frame may stand out from 0, and of one that no subset holds there is no interval.
    some = table.assign(verdict="undecided", ci_low=-1.0, ci_high=1.0)
    some.loc[0, ["verdict", "ci_low"]] = ["check label", 0.5]
    some.loc[1, ["ci_low", "ci_high"]] = np.nan
    of_whom = "intervals of frames that are not flagged"
    assert frame_values._title(some, learned=True).endswith(f"all {len(table) - 2} {of_whom} include 0")
    some.loc[2, "ci_low"] = 0.5
    assert f"of {len(table) - 2} {of_whom} {len(table) - 3} include 0" in frame_values._title(some, learned=True)
    verdicts = ["harmful", "helpful", "helpful"] + ["undecided"] * (len(table) - 3)
    assert "3 of 24 frames are decided: 1 harmful, 2 helpful" in frame_values._title(
        table.assign(verdict=verdicts), learned=True
    )


def test_the_histogram_counts_every_influence_on_another_frame_once(study: Results):
    table = influence_histogram.table(study)
    value = _matrix.off_diagonal(study.influence("error", "size-centred")["value"])
    counted = table[table["estimator"] == "size-centred"].groupby("evaluated")["cells"].sum()
    assert counted["held-out"] == np.isfinite(value[:, ~study.pool]).sum()
    assert counted["pool"] == np.isfinite(value[:, study.pool]).sum()


def test_where_no_histories_are_compared_it_is_not_said_that_none_differs():
    rows = [
        {"percent": percent, "seed": seed, "design": design, "log_error": 3 - percent / 50, "rmse_px": 5.0 + seed}
        for design, percents in (("nested", (10, 30)), ("independent", (50, 90)))
        for percent in percents
        for seed in range(1, 9)
    ]
    table = steps_by_history(pd.DataFrame(rows), None, 0.95)
    assert table["history"].nunique() == 2
    assert "cannot be compared" in titles(history.draw(table, SimpleNamespace(level=0.95)))


def test_the_histogram_names_one_in_a_thousand_only_of_a_thousand_cells():
    assert "between −2.0 and +3.0" in influence_histogram._title(np.array([-2.0, 0.0, 3.0]))
    assert "1 in 1000" in influence_histogram._title(np.linspace(-2, 3, 1000))


def test_memorization_is_the_diagonal_of_the_influence_on_the_error(study: Results):
    table = memorization.table(study)
    value = study.influence("error", "size-centred")["value"]
    row = table.dropna(subset="memorization_px").iloc[5]
    keypoint = study.labels.keypoints.index(row["keypoint"])
    assert row["memorization_px"] == value[row["frame"], row["frame"], keypoint]


def test_errors_at_wrong_labels_are_said_to_fall_by_more_px_only_if_chance_would_hardly_pick_such_frames():
    """Frames differ in how much is learnt: three of thirty of which somewhat more is say nothing."""
    change = -np.random.default_rng(0).exponential(2, 30)
    spoilt = pd.Series(np.isin(np.arange(30), np.argsort(change)[[4, 9, 14]]))
    title = memorization._title(pd.DataFrame({"memorization_px": change}), spoilt, 0.05)
    assert title.endswith("which may be chance")
    most = pd.Series(np.isin(np.arange(30), np.argsort(change)[:3]))
    title = memorization._title(pd.DataFrame({"memorization_px": change}), most, 0.05)
    assert title.endswith("it falls by more px than elsewhere")
    unknown = pd.DataFrame({"memorization_px": np.where(most, np.nan, change), "out_of_bag_error": 4.0})
    assert "nan" not in memorization._title(unknown, most, 0.05)


def test_the_shared_error_in_the_title_is_that_of_held_out_labels_whatever_is_wrong_in_the_pool(study: Results):
    table = bias_variance.table(study)

    def title(table: pd.DataFrame) -> str:
        return bias_variance.draw(table, study).get_suptitle()

    in_pool = table["split"] == "pool"
    with_wrong_labels = table.copy()
    with_wrong_labels.loc[in_pool, ["shared_squared", "mean_squared_error"]] += 1e6
    assert in_pool.any() and title(with_wrong_labels) == title(table)


def test_principal_components_place_the_ground_truth_where_no_displacement_is():
    rng = np.random.default_rng(1)
    direction = np.array([3.0, 4.0, 0.0]) / 5
    displacement = np.array([0.0, 0.0, 7.0]) + rng.normal(0, 2, (50, 1)) * direction
    components = error_pca.principal_components(displacement)
    assert components.share[0] == pytest.approx(1)
    np.testing.assert_allclose(components.loadings[0], direction, atol=1e-9)
    np.testing.assert_allclose(components.scores[:, 0] - components.truth[0], displacement @ direction, atol=1e-9)
    products = displacement @ displacement.T
    others = products[~np.eye(50, dtype=bool)].mean()
    assert components.common == pytest.approx(others / np.diag(products).mean())


def test_few_subsets_that_have_nothing_in_common_are_not_said_to_share_their_error():
    rng = np.random.default_rng(2)
    shares = [error_pca.principal_components(rng.normal(size=(4, 200))).common for _ in range(50)]
    assert np.mean(shares) < 0.02  # |mean X|² / mean |X|² is a quarter here


def test_a_subset_that_found_nothing_does_not_become_the_first_component():
    displacement = np.full((50, 1, 1, 2), [3.0, 4.0])
    displacement[0] = [[[300.0, 400.0]]]
    np.testing.assert_allclose(error_pca.shortened(displacement), np.full((50, 1, 1, 2), [3.0, 4.0]))


def test_names_with_a_dollar_sign_are_not_read_as_mathematics(study: Results, tmp_path: Path):
    odd = dataclasses.replace(study.labels, keypoints=("$no$e", "<b>", r"\frac", "a" * 60))
    renamed = Results(study.folder, study.options)
    object.__setattr__(renamed, "labels", odd)
    object.__setattr__(renamed, "label_checks", label_checks(renamed))
    for name in ("influence_pair_harmful-1", "labels_to_check", "error_pca"):
        draw_figure(name, renamed, tmp_path)
    assert "$no$e" in (tmp_path / "error_pca.svg").read_text()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "grid",
    [
        {"frames": 12, "halves": 1, "ladder_seeds": 0},
        {"frames": 16, "halves": 8, "ladder_seeds": 0, "planted": False},
        {"frames": 16, "halves": 0, "ladder_seeds": 1, "members": 1},
        {"frames": 16, "halves": 0, "ladder_seeds": 1, "members": 2},
        {"frames": 16, "halves": 6, "ladder_seeds": 0},
    ],
    ids=["one subset", "one percent, nothing planted", "one seed, one member", "one seed", "few subsets"],
)
def test_studies_that_lack_things_are_drawn_without_a_word_of_nan(
    tmp_path: Path, grid: dict[str, int], monkeypatch: pytest.MonkeyPatch
):
    def look(figure: Figure, *_: object) -> None:
        figure.draw_without_rendering()  # to save time, no file is written
        assert [text.get_text() for text in figure.findobj(Text) if re.search(r"\bnan\b", text.get_text())] == []

    monkeypatch.setattr(_style, "save", look)
    study = write_study(tmp_path, **grid, questions=True)
    like_bias = {"influence_confidence", "influence_probability", "influence_variance"}
    for name in figure_names(1, study.options.figures.pair_list):
        if name not in like_bias:
            draw_figure(name, study, tmp_path / "figures")
