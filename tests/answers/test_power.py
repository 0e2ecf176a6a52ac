"""The plan: predicted power against simulated studies of known truth, and its parts by hand."""

import re

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from scipy.special import comb

from benchmarks.simulation import grid
from frameworth.answers.larger_study import EFFECTS, larger_study, pilot_of, plan_lines
from frameworth.attribution.estimate import estimate_influence
from frameworth.attribution.estimators import size_centred
from frameworth.attribution.inference import values
from frameworth.attribution.inference.power import (
    GROUP,
    METHODS,
    SINGLE,
    TOGGLE,
    Pilot,
    chance_of_any,
    networks_needed,
    noise_limits,
    power_group,
    power_single,
    power_toggle,
)
from frameworth.attribution.sample import Sample
from frameworth.cli.study import study as commands
from frameworth.errors import UserError
from frameworth.experiments.toggle import compare_sides
from frameworth.results.results import Results
from frameworth.storage.files import write_json
from synthetic_study import write_study
from tiny import TRAINING, config

PILOT = Pilot(
    pool=24, group=4, percent=50, network_variance=1.0, member_variance=0.4, member_known=True,
    value_variance=0.0, slope=0.0, freedom=39,
)  # fmt: skip


def within(share: float, predicted: float, studies: int) -> bool:
    """Whether a simulated share is the predicted one within 3 Monte Carlo errors and .03 of approximation."""
    return abs(share - predicted) < 0.03 + 3 * np.sqrt(predicted * (1 - predicted) / studies)


@pytest.mark.slow
@pytest.mark.parametrize("effect", [0.0, 1.1])
def test_predicted_power_for_a_single_frame_is_that_of_simulated_studies(effect: float):
    studies, networks, decided = 120, 48, 0
    for number in range(studies):
        study = grid([("independent", (50,), networks)], PILOT.pool, number)
        score = effect * study.inclusion[:, 0] + np.random.default_rng(number).normal(size=networks)
        influence = estimate_influence(
            study.inclusion, score[:, None], percents=study.percents, clusters=study.clusters,
            design="independent", estimator="size-centred", resamples=199, random_state=0,
        )  # fmt: skip
        decided += influence.p_adjusted[0, 0] < 0.05
    # The frame's value is relative to the average of all: n/(n − 1) of what the others lack, which is 0.
    predicted = power_single(PILOT, effect, networks, 0.05)
    assert within(decided / studies, predicted, studies), (decided / studies, predicted)
    assert 0.3 < predicted < 0.9 or effect == 0


@pytest.mark.parametrize(("effect", "value_variance"), [(0.0, 0.0), (0.35, 0.0), (0.4, 0.04)])
def test_predicted_power_for_a_group_is_that_of_simulated_studies(effect: float, value_variance: float):
    pilot = Pilot(**{**vars(PILOT), "value_variance": value_variance})
    group = np.arange(pilot.pool) < pilot.group
    studies, networks, decided = 300, 48, 0
    for number in range(studies):
        rng = np.random.default_rng(number)
        study = grid([("independent", (50,), networks)], pilot.pool, number)
        effects = effect * group + rng.normal(0, np.sqrt(value_variance), pilot.pool)
        # What other frames do is part of a network's noise: less is left to add.
        noise = np.sqrt(max(0.0, 1 - 0.25 * pilot.pool * effects.var()))
        score = study.inclusion @ effects + rng.normal(0, noise, networks)
        sample = Sample(study.inclusion, score[:, None], study.percents, study.clusters)
        value = size_centred.estimate(sample, with_errors=False).value[:, 0]
        decided += values.group_is_worse(value, group, 199, rng)[1] < 0.05
    predicted = power_group(pilot, effect, networks, 0.05)
    assert within(decided / studies, predicted, studies), (decided / studies, predicted)


@pytest.mark.slow
@pytest.mark.parametrize("effect", [0.0, 0.15])
def test_predicted_power_of_a_toggle_is_that_of_simulated_pairs(effect: float):
    studies, networks, decided = 1000, 24, 0
    for number in range(studies):
        rng = np.random.default_rng(number)
        base = rng.normal(0, np.sqrt(0.6), networks // 2)
        noise = rng.normal(0, np.sqrt(PILOT.member_variance), (2, networks // 2))
        gain = PILOT.group * effect * (PILOT.pool - 1) / PILOT.pool
        sides = {"without": base + noise[0], "with": base + noise[1] + gain}
        decided += compare_sides(sides, 0.95)["p"][0] < 0.05
    predicted = power_toggle(PILOT, effect, networks, 0.05)
    assert within(decided / studies, predicted, studies), (decided / studies, predicted)


def test_a_toggle_finds_no_harm_by_frames_that_help_though_others_help_more():
    helping = Pilot(**{**vars(PILOT), "slope": -0.5})
    assert power_toggle(helping, 0.01, 10_000, 0.05) < 1e-6
    assert networks_needed(helping, TOGGLE, 0.01, 0.8, 0.05) is None
    assert power_toggle(helping, 1.5, 10_000, 0.05) == pytest.approx(1)


def test_the_networks_needed_are_the_least_that_reach_the_power():
    for method in (SINGLE, TOGGLE):
        needed = networks_needed(PILOT, method, 0.2, 0.8, 0.05)
        step = 2 if method == TOGGLE else 1
        assert METHODS[method](PILOT, 0.2, needed, 0.05) >= 0.8
        assert METHODS[method](PILOT, 0.2, needed - step, 0.05) < 0.8
    assert networks_needed(PILOT, TOGGLE, 0.2, 0.8, 0.05) % 2 == 0


def test_frames_that_differ_among_themselves_may_hide_a_group_however_many_networks_there_are():
    assert networks_needed(PILOT, GROUP, 0.1, 0.8, 0.05) is not None
    varied = Pilot(**{**vars(PILOT), "value_variance": 0.25})
    assert networks_needed(varied, GROUP, 0.1, 0.8, 0.05) is None


def test_the_limits_of_the_noise_cover_its_truth():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(2000):
        seen = Pilot(**{**vars(PILOT), "network_variance": rng.normal(size=40).var(ddof=1)})
        low, high = noise_limits(seen, 0.95)
        covered += low.network_variance < 1.0 < high.network_variance
    assert covered / 2000 == pytest.approx(0.95, abs=0.015)


def test_the_chance_that_a_subset_holds_any_of_a_group_is_hypergeometric():
    assert chance_of_any(20, 3, 5) == pytest.approx(1 - comb(17, 5) / comb(20, 5))
    assert chance_of_any(20, 0, 5) == 0
    assert chance_of_any(4, 2, 3) == 1


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    made = write_study(tmp_path_factory.mktemp("study"), frames=24, halves=16, ladder_seeds=1)
    record = {"batch_size": 4, "steps": 6, "wall_seconds": 60.0, "device_type": "cpu"}
    write_json(made.folder / "ensembles" / "percent-050" / "seed-1" / "training.json", {"members": [record]})
    return made


def test_the_plan_costs_what_the_pilots_networks_took(study):
    plan = larger_study(study, TRAINING)
    needed = plan.needed
    hours = (60 + 24 / 4 * 10 / 3) / 3600  # 6 steps of 10 s, and 24 frames predicted at a third of a step's speed
    np.testing.assert_allclose(needed["hours"], needed["networks"] * hours)
    assert (needed["networks_low"].dropna() <= needed["networks"].dropna()).all()
    assert (needed["networks_high"].dropna() >= needed["networks"][needed["networks_high"].notna()]).all()
    by_effect = needed[needed["method"] == SINGLE].set_index("effect")["networks"]
    assert by_effect.loc[list(EFFECTS)].is_monotonic_decreasing
    text = "\n".join(plan_lines(plan, "CPU"))
    assert "CPU-hours" in text
    assert "at most so many" in text  # no half was trained twice
    # A single flagged frame is no group: then one is assumed, and said to be.
    alone = plan._replace(basis=plan.basis | {"flagged": 1, "group": 2})
    assert "group of 2 (assumed, as fewer than two frames are flagged)" in plan_lines(alone, "CPU")[0]


def test_of_effects_that_no_number_of_networks_sees_it_is_reported_that_it_takes_more_than_a_million(study):
    text = plan_lines(larger_study(study, TRAINING, effects=[1e-9]), "CPU")
    assert sum("more than 1e6" in line for line in text) >= 2


def test_a_pilot_of_too_few_subsets_is_refused(tmp_path):
    few = write_study(tmp_path, frames=16, halves=7, ladder_seeds=0)
    with pytest.raises(UserError, match=r"too few subsets of 50 % \(7\) to know the noise; a pilot needs 8"):
        pilot_of(few)


def test_members_of_one_subset_lower_the_noise_of_a_toggle(study):
    twice: pd.DataFrame = study.rmse.copy()
    again = twice[(twice["kind"] == "network") & (twice["percent"] == 50)].copy()
    again["member"] = "1"
    again["mean_log_error"] += np.random.default_rng(0).normal(0, 0.01, len(again))
    other = Results(study.folder, study.options)
    object.__setattr__(other, "rmse", pd.concat([twice, again]))
    pilot = pilot_of(other)
    assert pilot.member_known
    assert pilot.member_variance == pytest.approx(0.0001 / 2, rel=0.7)


def test_power_rises_with_networks_to_one_without_gaps_where_the_noncentral_t_is_out_of_reach():
    for method, reached in METHODS.items():
        for effect in (0.05, 0.5, 5.0):
            chances = np.array([reached(PILOT, effect, networks, 0.05) for networks in 2 ** np.arange(3, 19)])
            assert np.isfinite(chances).all(), method
            assert (np.diff(chances) > -1e-3).all(), (method, effect)
            assert chances[-1] == pytest.approx(1, abs=1e-6)


def command(folder, monkeypatch, *arguments):
    as_drawn = {"influence": {"estimator": "size-centred"}}  # what the drawn study was estimated by
    (folder / "pilot.yaml").write_text(yaml.safe_dump(config("project", **as_drawn) | {"study": "pilot"}))
    monkeypatch.chdir(folder)
    return CliRunner().invoke(commands, ["plan", "--configfile", "pilot.yaml", *arguments])


def test_the_command_prints_the_effects_that_were_asked_for(study, tmp_path, monkeypatch):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "pilot").symlink_to(study.folder)
    done = command(tmp_path, monkeypatch, "--effect", "0.03", "--effect", "0.3", "--power", "0.9")
    assert done.exit_code == 0, done.output
    assert "with a chance of 90 %" in done.output
    effects = [line.split()[0] for line in done.output.splitlines() if line.startswith("    0")]
    assert effects == ["0.03", "0.3"] * 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), r"results/pilot/frames\.csv: there is no such file, as nothing has been run; first: "),
        (("--effect", "-0.1"), r"--effect: -0\.1 must be above 0"),
    ],
)
def test_the_command_says_in_one_line_what_is_wrong(tmp_path, monkeypatch, arguments, words):
    done = command(tmp_path, monkeypatch, *arguments)
    assert done.exit_code == 2
    assert re.match(rf"frameworth: {words}", done.output)
    assert done.output.count("\n") == 1
