"""A wrong config is refused in one line that names the key and says what to do."""

import copy
import datetime
import json

import pytest

from frameworth.errors import RefusedError, UserError
from frameworth.plan.config import check_config, read_config
from frameworth.plan.grid import planned_subsets
from tools.config_page import config_page, config_rows

GOOD = {"study": "mice", "labels": "project"}


def shipped(repository, name):
    with (repository / "config" / f"{name}.yaml").open() as file:
        return read_config(file)


def refusal(changes):
    with pytest.raises(UserError) as caught:
        check_config(copy.deepcopy(GOOD) | changes)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_two_keys_are_enough_and_the_defaults_are_filled_in():
    config = check_config(GOOD)
    assert config.training.steps == 20000
    assert (config.held_out.fraction, config.held_out.by) == (0.25, "frame")
    assert config.distractor_radius == 34
    assert sum(subset.members for subset in planned_subsets(config)) == 32 + 4 * 3 * 2


def test_checking_does_not_change_what_was_given():
    given = {**GOOD, "training": {"scale": 0.5}}
    before = copy.deepcopy(given)
    check_config(given)
    assert given == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"subsets": [{"design": "balanced", "percents": [0], "seeds": 2}]}, ["subsets[0].percents[0]", "at least 1"]),
        ({"subsets": [{"design": "latin", "percents": [50], "seeds": 2}]}, ["latin", "balanced", "nested"]),
        ({"subsets": [{"design": "nested", "percents": [50]}]}, ["subsets[0]", "seeds is missing"]),
        ({"subsets": [{"design": "paired", "percents": [50], "seeds": 3}]}, ["even number"]),
        (
            {"subsets": [{"design": "nested", "percents": [10, 30], "seeds": 2, "members": [1]}]},
            ["subsets[0].members", "1 number for 2 percents"],
        ),
        (
            {
                "subsets": [{"design": "nested", "percents": [10, 30], "seeds": 2, "members": [1]}],
                "arms": {"easy": {"curriculum": "easy-first"}},
                "prune": {"networks": 4},
            },
            ["subsets[0].members"],
        ),
        ({"held_out": {"fraction": 1}}, ["held_out.fraction", "below 1"]),
    ],
    ids=lambda value: "" if isinstance(value, list) else json.dumps(value)[:60],
)
def test_a_mistake_is_named_with_its_key(changes, words):
    text = refusal(changes)
    for word in words:
        assert word in text


def test_whole_numbers_exponents_and_days_are_taken_as_they_are_meant():
    block = {"design": "nested", "percents": [50.0, 70.0], "seeds": [1.0, 2.0], "members": "2e0"}
    config = check_config({
        "study": datetime.date(2024, 5, 1), "labels": "demo", "seed": 3.0, "subsets": block,
        "training": {"learning_rate": "1e-3", "steps": "2e4", "freeze": 8.0, "crop": 64.0},
        "influence": {"groups": [[50.0, 70.0]]}, "toggle": {"frames": 4.0},
    })  # fmt: skip
    assert config.study == "2024-05-01"
    assert [type(number) for number in config.subsets[0].percents] == [int, int]
    assert [(s.percent, s.seed, s.members) for s in planned_subsets(config)] == [
        (50, 1, 2), (50, 2, 2), (70, 1, 2), (70, 2, 2)
    ]  # fmt: skip
    training = config.training
    assert (training.learning_rate, training.steps, training.freeze, training.crop) == (0.001, 20000, 8, 64)
    assert not any(isinstance(getattr(training, key), float) for key in ("steps", "freeze", "crop"))
    assert config.toggle.frames == [4]
    assert isinstance(config.seed, int)


def test_numbers_that_snakemake_hands_on_as_texts_from_its_command_line_are_numbers():
    """Of `--config training='{steps: 5, scale: 0.5}'` it makes texts."""
    checked = check_config(
        {**GOOD, "training": {"steps": "5", "scale": "0.5"}, "influence": {"groups": [["50", "30"]]}}
    )
    assert (checked.training.steps, checked.training.scale, checked.influence.groups) == (5, 0.5, [[50, 30]])
    assert type(checked.training.steps) is int
    assert "5 px" in refusal({"training": {"steps": "5 px"}})


def test_an_empty_section_is_one_that_was_left_out():
    empty = dict.fromkeys(("training", "held_out", "subsets", "videos", "influence", "seed"))
    assert check_config(GOOD | empty) == check_config(GOOD)
    assert check_config(GOOD | {"training": {"crop": None}}).training.crop is None


@pytest.mark.parametrize("given", ["~/mice", "$HOME/mice", "${HOME}/mice"])
def test_a_path_is_read_as_a_shell_reads_it(tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home/mice").write_text("weights")
    config = check_config({"study": "x", "labels": given, "videos": given, "training": {"weights": given}})
    whole = str(tmp_path / "home/mice")
    assert (config.labels, config.videos, config.training.weights) == (whole, [whole], whole)
    (tmp_path / given).parent.mkdir()
    (tmp_path / given).mkdir()
    assert check_config(GOOD | {"labels": given}).labels == given


def test_all_mistakes_are_reported_at_once():
    with pytest.raises(UserError) as caught:
        check_config(GOOD | {"seed": "one", "held_out": {"fraktion": 0.2}})
    lines = str(caught.value).splitlines()
    assert any("seed" in line for line in lines)
    assert any("did you mean fraction" in line for line in lines)
    assert len(lines) == 2


def test_each_arm_that_cannot_be_trained_is_named():
    arms = {"none": {}, "late": {"curriculum": "hard-first", "percents": [99]}}
    with pytest.raises(RefusedError) as refused:
        check_config(GOOD | {"arms": arms})
    assert [problem.where for problem in refused.value.problems] == ["config: arms.none", "config: arms.late.percents"]


def test_a_missing_key_is_named_with_what_it_is_for():
    with pytest.raises(UserError, match=r"labels is missing .*DeepLabCut"):
        check_config({"study": "mice"})


@pytest.mark.parametrize("name", ["demo", "openfield", "openfield-arms", "openfield-planted", "paper"])
def test_the_configs_that_come_along_are_right(repository, name):
    assert shipped(repository, name).study == name


def test_the_papers_grid_is_ten_seeds_and_120_networks(repository):
    grid = planned_subsets(shipped(repository, "paper"))
    assert sum(subset.members for subset in grid) == 120
    assert sorted({subset.seed for subset in grid}) == [2, 27, 42, 52, 89, 102, 122, 142, 162, 7700]
    assert {(s.percent, s.members) for s in grid} == {(10, 4), (30, 4), (70, 2), (90, 2)}
    assert {subset.design for subset in grid} == {"nested"}


def test_every_key_has_a_description_on_the_config_page():
    rows = list(config_rows())
    assert {"study", "training.augmentation.affine.p", "subsets[].seeds", "arms.{name}.pseudo.labels"} <= {
        key for key, _, _ in rows
    }
    assert all(text for _, _, text in rows), [key for key, _, text in rows if not text]


def test_the_config_page_is_what_the_model_says(repository):
    assert (repository / "config" / "README.md").read_text() == config_page()


@pytest.mark.parametrize(
    ("data", "words"), [(b"a: [", "not valid YAML"), ("study: mäuse\n".encode("latin-1"), "not UTF-8")]
)
def test_a_config_file_that_cannot_be_read_is_refused_by_its_name(tmp_path, data, words):
    path = tmp_path / "study.yaml"
    path.write_bytes(data)
    with path.open(encoding="utf-8") as file, pytest.raises(UserError, match=rf"study\.yaml.*{words}"):
        read_config(file)
