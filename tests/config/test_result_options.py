"""The parts of a config that a rule passes to a stage."""

import json
from pathlib import Path

import pytest

from frameworth.config.result_options import ResultOptions, result_options
from frameworth.plan.config import check_config
from frameworth.results.results import Results
from tiny import config


def test_the_parts_of_a_config_are_the_same_after_their_way_through_a_command_line_those_of_methods_too():
    influence = {"level": 0.9, "warm": {"networks": 3}, "groups": [[50]]}
    options = result_options(check_config(config("project", influence=influence)))
    assert ResultOptions.model_validate(json.loads(json.dumps(options.model_dump()))) == options
    results = Results(Path("anywhere"), options)
    assert (results.level, results.groups) == (0.9, [[50]])
    assert options.influence.warm.networks == 3


def test_what_a_rule_does_not_name_is_not_taken_for_its_default():
    with pytest.raises(AssertionError):
        _ = Results(Path("anywhere")).level
