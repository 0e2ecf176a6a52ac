"""Methods that ask networks: what each must declare, so that config, rules and tables find it."""

import subprocess
import sys

import pytest

from frameworth.attribution.methods import method, method_names
from frameworth.config.section import description_of
from frameworth.scores.registry import loss_names


@pytest.mark.parametrize("name", method_names())
def test_a_method_declares_all_that_config_files_and_tests_need(name):
    asked_by = method(name)
    assert asked_by.name == name
    assert asked_by.gives["change"].dimensions[0] == "training_frame"
    assert asked_by.sign in (-1, 1)
    assert asked_by.score in loss_names()
    section = asked_by.section()
    assert all(description_of(section, key) for key in section.model_fields)
    assert section()  # every option has a default


def test_the_options_of_methods_are_known_without_importing_pytorch():
    code = "import sys; from frameworth.config.model import config_model"
    code += "; config_model(); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
