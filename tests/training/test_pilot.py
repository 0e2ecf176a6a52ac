"""A pilot chooses image size and steps by its rule, once, and the grid is trained with its choice."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from frameworth.answers.closing import experiment_sentences, pilot_sentences
from frameworth.cli.checking import check_study
from frameworth.cli.networks import StudyNetworks
from frameworth.cli.planning import describe, planned_networks
from frameworth.cli.progress import study_progress
from frameworth.config.training import Pilot, Training, UnsizedTraining
from frameworth.errors import UserError
from frameworth.figures import draw_figure, figure_names
from frameworth.labels.labels import Labels, read_labels, write_labels
from frameworth.labels.subsets import read_subset
from frameworth.plan.config import check_config, inspect_config
from frameworth.plan.identity import network_hash, network_seed
from frameworth.plan.pilot import Try, chosen_training, pilot_sentence, resolved_training, search
from frameworth.results.results import Results
from frameworth.storage.files import write_json
from frameworth.training.pilot import run_pilot
from frameworth.training.predict import load_predictors, predict
from frameworth.training.scaling import ScaledFrames
from small_study import SmallStudy
from tiny import TRAINING, config, draw, prepare

pytestmark = pytest.mark.slow

PILOT = {"choices": [{"scale": 1}, {"scale": 0.5, "target_radius": 4}], "steps": 3, "most_steps": 8}
SIZE = ("scale", "crop", "target_radius")
# Of `training`, what is not to be chosen.
REST = {key: value for key, value in TRAINING.for_weights.items() if key not in ("steps", *SIZE)}


def searched(errors, px, steps=100, most_steps=100):
    """What the rule does with networks whose errors are `errors[choice, steps]`; None for one that diverged."""
    asked = []

    def attempt(choice, steps):
        asked.append((choice, steps))
        return Try(choice, 1, None, 8, steps, 1, 1, px[choice - 1], errors[choice, steps], 0.0, 1.0, "")

    _, taken = search(len(px), steps, most_steps, attempt)
    return (taken.choice, taken.steps), asked


@pytest.mark.parametrize(
    ("px", "errors", "taken"),
    [
        ([1, 2], [10, 9.75], 1),
        ([1, 2], [10, 9.7], 1),  # 3 % are not more than 3 %
        ([1, 2], [10, 9.69], 2),
        ([2, 1], [9.75, 10], 2),  # whatever their order
        ([2, 1], [9.69, 10], 1),
        ([1, 2], [9, 10], 1),
        ([1, 1], [10, 9.9], 2),  # none is dearer
        ([1, 1], [10, 10], 1),
        ([1, 2, 3], [10, 9.8, 9.6], 3),
        ([1, 2, 3], [10, 9.69, 9.5], 2),
        ([1, 2, 3], [None, 10, 9.8], 2),
        ([1, 2], [10, None], 1),
    ],
)
def test_a_dearer_size_is_taken_only_if_its_error_is_more_than_3_percent_lower(px, errors, taken):
    table = {(place, 100): error for place, error in enumerate(errors, 1)}
    assert searched(table, px)[0] == (taken, 100)


@pytest.mark.parametrize(
    ("by_steps", "most_steps", "taken", "tried"),
    [
        ([10, 8.01], 200, 100, [100, 200]),
        ([10, 8], 200, 200, [100, 200]),  # 20 % pay
        ([10, 8, 6, 4], 399, 200, [100, 200]),
        ([10, 8, 6, 4], 800, 800, [100, 200, 400, 800]),
        ([10, 8, 7.9, 1], 800, 200, [100, 200, 400]),  # nobody looks beyond steps that did not pay
        ([10, None, 1], 800, 100, [100, 200]),
        ([10, 1], 199, 100, [100]),
    ],
)
def test_steps_are_doubled_while_that_pays_and_the_last_that_paid_are_taken(by_steps, most_steps, taken, tried):
    errors = {(1, 100 * 2**place): error for place, error in enumerate(by_steps)}
    assert searched(errors, [1], most_steps=most_steps) == ((1, taken), [(1, steps) for steps in tried])


def test_only_the_size_taken_is_trained_longer_and_none_is_left_if_all_diverged():
    errors = {(1, 100): 10, (2, 100): 5, (3, 100): 8, (2, 200): 3, (2, 400): 3}
    taken, asked = searched(errors, [1, 2, 3], most_steps=400)
    assert taken == (2, 200)
    assert asked == [(1, 100), (2, 100), (3, 100), (2, 200), (2, 400)]
    with pytest.raises(UserError, match="diverged"):
        searched({(1, 100): None, (2, 100): None}, [1, 2])


def piloted(pilot=PILOT, **training):
    given = {key: value for key, value in REST.items() if key != "net_type"} | {"device": "cpu"} | training
    return config("project", pilot=pilot) | {"training": given}


def test_what_the_config_gives_is_not_chosen():
    def choices(**training):
        return [choice.model_dump() for choice in check_config(piloted(**training)).pilot.choices]

    assert choices(crop=None) == [
        {"scale": 1, "crop": None, "target_radius": 17},
        {"scale": 0.5, "crop": None, "target_radius": 4},
    ]
    assert [choice["target_radius"] for choice in choices(target_radius=6)] == [6, 6]
    assert choices(scale=0.7) == [{"scale": 0.7, "crop": 448, "target_radius": 17}]
    assert check_config(piloted()).training.steps is None
    assert check_config(piloted(steps=9)).training.steps == 9
    assert check_config(piloted()).distractor_radius == 2 * 4 / 0.5


def test_the_sentence_names_only_what_the_pilot_chose():
    tries = [vars(Try(1, 1, None, 8, 50, 64, 48, 4.0, 3.0, 2.0, 30.0, "x"))]
    record = {"chosen": {"steps": 50}, "taken": 0, "seconds": 60, "tries": tries}

    def chose(**training):
        return pilot_sentence(record, check_config(piloted(**training))).split(" (")[0]

    assert chose() == "The pilot chose images of 64×48 px and 50 steps"
    assert chose(steps=50) == "The pilot chose images of 64×48 px"
    assert chose(scale=0.7) == "The pilot chose 50 steps on images of 64×48 px"


def test_a_pilot_with_nothing_left_to_choose_does_nothing_and_says_so():
    given = piloted(steps=9, scale=0.7)
    checked, problems = inspect_config(given)
    assert [problem.severity for problem in problems] == ["warning"]
    assert "pilot" in str(problems[0])
    plain = check_config({key: part for key, part in given.items() if key != "pilot"})
    assert checked == plain


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (piloted(epochs=3), "training.epochs and pilot exclude each other"),
        (piloted(PILOT | {"most_steps": 2}), "pilot.most_steps: 2 is below"),
        (piloted({"choices": [{"scale": 1}], "steps": 3}), "most_steps is missing"),
        (piloted(PILOT | {"choices": [{"crop": 160}]}), "scale is missing"),
        (piloted(PILOT | {"choices": []}), "pilot.choices"),
        (piloted(PILOT | {"choices": [{"scale": 0.1 * n} for n in range(1, 7)]}), "at most 5"),
    ],
)
def test_a_mistaken_pilot_is_refused(given, words):
    with pytest.raises(UserError, match=re.escape(words)):
        check_config(given)


def test_an_image_that_one_of_the_choices_makes_too_small_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "project")
    lines = check_study(piloted(PILOT | {"choices": [{"scale": 1}, {"scale": 0.2}]}), "headers").lines()
    assert any("64×48" in line and "16" in line for line in lines)


# -- real networks -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pilot(tmp_path_factory):
    """A pilot's folder after it ran on a tiny project, and the options that it ran with."""
    folder = tmp_path_factory.mktemp("pilot")
    prepare(folder)
    choices = [{"scale": 1, "crop": None, "target_radius": 8}, {"scale": 0.5, "crop": 32, "target_radius": 4}]
    asked = Pilot.model_validate(PILOT | {"choices": choices})
    options = {"pilot": asked, "training": UnsizedTraining(**REST), "study_seed": 1, "device": "cpu"}
    ask(folder, options)
    return folder, options


def ask(folder, options, labels="labels.h5", store=".store", out="pilot.json"):
    run_pilot(
        folder / "subset-50-1.json", folder / labels, folder / "frames.csv", folder / store, folder / out, **options
    )
    return json.loads((folder / out).read_text())


def test_errors_are_of_the_pools_other_labels_in_px_of_the_original(pilot):
    folder, options = pilot
    record = json.loads((folder / "pilot.json").read_text())
    labels, frames = read_labels(folder / "labels.h5"), pd.read_csv(folder / "frames.csv")
    subset = read_subset(folder / "subset-50-1.json")
    inside = set(subset.frames)
    others = [f for f in frames.index[frames["split"] == "pool"] if f not in inside]
    assert len(record["tries"]) >= 3
    for attempt in record["tries"]:
        sized = options["training"].sized(options["pilot"].choices[attempt["choice"] - 1], attempt["steps"])
        assert attempt["hash"] == network_hash(subset, sized.for_weights, network_seed(1, 50, 1, 0))
        network = folder / ".store" / attempt["hash"] / "network.pt"
        predictors = load_predictors([network], sized, subset.keypoints, "cpu")
        pose = predict(predictors, ScaledFrames(labels, sized.scale), distractor_radius=9).pose[0]
        px = np.hypot(*(pose - labels.xy).transpose(2, 0, 1))
        assert attempt["error_px"] == pytest.approx(np.nanmedian(px[others]))
        assert attempt["trained_on_px"] == pytest.approx(np.nanmedian(px[sorted(inside)]))
    assert [attempt["px_per_step"] for attempt in record["tries"][:2]] == [4 * 64 * 48, 4 * 32 * 32]


def test_the_networks_of_the_grid_are_those_that_the_numbers_would_give(pilot):
    folder, _ = pilot
    record = json.loads((folder / "pilot.json").read_text())
    taken = record["tries"][record["taken"]]
    resolved = resolved_training(REST, folder / "pilot.json")
    assert resolved == Training(**REST, **{key: taken[key] for key in (*SIZE, "steps")})
    assert resolved_training(REST | {"steps": 99}, folder / "pilot.json") == resolved | {"steps": 99}
    assert resolved_training(TRAINING.for_weights, None) == TRAINING
    (folder / "damaged.json").write_text("{")
    with pytest.raises(UserError, match=r"damaged\.json"):
        resolved_training(REST, folder / "damaged.json")


def moved(folder, which, name):
    """labels.h5 with the labels of some frames elsewhere."""
    labels = read_labels(folder / "labels.h5")
    xy = labels.xy.copy()
    xy[which] += 20
    write_labels(folder / name, Labels(**{**vars(labels), "xy": xy}))


def test_held_out_labels_have_no_say_and_labels_of_the_pool_have(pilot):
    folder, options = pilot
    split = pd.read_csv(folder / "frames.csv")["split"].to_numpy()
    before = json.loads((folder / "pilot.json").read_text())
    for side, same in (("held-out", True), ("pool", False)):
        moved(folder, split == side, f"{side}.h5")
        (kept,) = (folder / ".store").glob("*/pilot.json")
        kept.rename(folder / "aside.json")
        now = ask(folder, options, f"{side}.h5", out=f"{side}.json")
        (folder / "aside.json").replace(kept)
        assert (now["tries"][0]["error_px"] == before["tries"][0]["error_px"]) == same


def test_a_pilot_that_runs_again_answers_as_before_and_another_question_is_asked_anew(pilot):
    folder, options = pilot
    moved(folder, slice(None), "corrected.h5")
    networks = set((folder / ".store").iterdir())
    ask(folder, options, "corrected.h5", out="again.json")
    assert (folder / "again.json").read_bytes() == (folder / "pilot.json").read_bytes()
    assert set((folder / ".store").iterdir()) == networks
    changed = options | {"pilot": options["pilot"] | {"most_steps": 3}}
    assert len(ask(folder, changed, out="other.json")["tries"]) == 2


def test_without_snapshots_only_the_network_of_the_grid_stays(pilot):
    folder, options = pilot
    record = ask(folder, options | {"keep_snapshots": False}, store="thin", out="thin.json")
    kept = {path.parent.name for path in (folder / "thin").glob("*/network.pt")}
    assert kept == {record["tries"][record["taken"]]["hash"]}


def test_a_given_number_of_steps_leaves_only_the_size_to_choose(pilot):
    folder, options = pilot
    record = ask(folder, options | {"training": UnsizedTraining(**REST, steps=50)}, out="fixed.json")
    assert [attempt["steps"] for attempt in record["tries"]] == [3, 3]
    assert record["chosen"]["steps"] == 50


# -- a study -----------------------------------------------------------------------------------------------------


def test_the_figure_draws_the_table_and_says_what_was_taken(tmp_path):
    rows = [Try(c, s, crop, 8, steps, w, h, px, e, t, 30.0, "x") for c, s, crop, steps, w, h, px, e, t in (
        (1, 0.24, None, 120, 192, 187, 4, 9.4, 7.1), (2, 0.36, 160, 120, 288, 280, 6, 8.1, 6.6),
        (3, 0.47, None, 120, 376, 366, 8, None, None), (2, 0.36, 160, 240, 288, 280, 6, 6.3, 3.9),
    )]  # fmt: skip
    tries = [vars(row) for row in rows]
    write_json(tmp_path / "pilot.json", {"chosen": {"steps": 240}, "taken": 3, "seconds": 120, "tries": tries})
    draw_figure("pilot", Results(tmp_path), tmp_path)
    table = pd.read_csv(tmp_path / "pilot.csv")
    assert table["taken"].tolist() == [False, False, False, True]
    svg = (tmp_path / "pilot.svg").read_text()
    assert "288×280" in svg
    assert "1 network diverged" in svg
    assert "pilot" in figure_names(0, [], pilot=True)
    assert "pilot" not in figure_names(0, [])


class Piloted(SmallStudy):
    """A study with a pilot."""

    @property
    def checked(self):
        return check_config(self.config)

    def make(self, *options):
        """Have its two networks; which of the rules that train ran for that."""
        targets = [f"results/tiny/ensembles/percent-050/seed-{seed}/predictions.h5" for seed in (1, 2)]
        return {"pilot", "ensemble_of_1"} & self.jobs(*targets, *options).keys()


def test_a_study_with_a_pilot_from_its_estimate_to_corrected_labels(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "project")
    blocks = [{"design": "balanced", "percents": [50], "seeds": 2, "members": 1}]
    study = Piloted(tmp_path, piloted(crop=None) | {"subsets": blocks})
    text = describe(study.checked, cores=1)
    # Two sizes and twice the steps are three networks, of which one is of the grid.
    assert "at most 3 networks tries 2 image sizes and up to 6 steps, up to 2 networks more" in text
    assert "Training takes at most" in text
    assert planned_networks(study.checked) == StudyNetworks(study.checked).left().networks == 2 + 2
    assert chosen_training(study.checked) is None
    meter = StudyNetworks(study.checked)
    assert meter.left().pilot == 2

    assert study.make() == {"pilot", "ensemble_of_1"}
    answer = (study.results / "pilot.json").read_bytes()
    record = json.loads(answer)
    tries = record["tries"]
    taken = tries[record["taken"]]
    hashes = [
        json.loads((study.results / f"ensembles/percent-050/seed-{seed}/training.json").read_text())["members"][0][
            "hash"
        ]
        for seed in (1, 2)
    ]
    assert hashes[0] == taken["hash"]  # trained once
    assert {path.parent.name for path in study.trained()} == {attempt["hash"] for attempt in tries} | {hashes[1]}
    assert meter.left().networks == StudyNetworks(study.checked).left().networks == 0
    now = study_progress(study.checked)
    assert (now.finished, now.planned) == (len(tries) + 1, len(tries) + 1)
    text = describe(study.checked, cores=1)
    assert f"images of {taken['width']}×{taken['height']} px and {taken['steps']} steps" in text
    assert f"{len(tries)} pilot networks" in text
    assert "at most" not in text

    # The numbers themselves in the config, without a pilot, are the same networks.
    plain = study.config | {"training": study.config["training"] | record["chosen"]}
    del plain["pilot"]
    assert StudyNetworks(check_config(plain)).left().networks == 0
    assert not [line for line in check_study(plain, "tables").lines() if "trained again" in line]
    assert chosen_training(study.checked).for_weights == check_config(plain).training.for_weights

    # A label that was corrected trains what saw the frame, with the old choice.
    before = study.trained()
    saw = [set(read_subset(study.results / f"subsets/percent-050/seed-{seed}.json").frames) for seed in (1, 2)]
    frame = min(saw[0] - saw[1])  # a frame of the pilot's subset
    study.correct_label(frame)
    left = StudyNetworks(study.checked).left()
    assert (left.networks, left.pilot, [subset.seed for subset in left.subsets["ensembles"]]) == (1, 0, [1])
    assert "pilot" not in study.make()
    after = study.trained()
    assert before.items() <= after.items()
    assert len(after) == len(before) + 1
    assert (study.results / "pilot.json").read_bytes() == answer

    # Made again by force it chooses as before, and no network is trained.
    assert "pilot" in study.make("--forcerun", "pilot")
    assert (study.results / "pilot.json").read_bytes() == answer
    assert study.trained() == after

    assert experiment_sentences(study.results, study.checked, False) == pilot_sentences(study.checked) != []
    # Another question has no answer yet, so that nothing is known of the grid.
    study.config["pilot"] = PILOT | {"most_steps": 12}
    left = StudyNetworks(study.checked).left()
    assert len(left.subsets["ensembles"]) == 2
    assert left.pilot > 0
    assert any("pilot" in line and "trained again" in line for line in check_study(study.config, "tables").lines())
