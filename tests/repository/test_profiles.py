"""The profiles explain themselves, and the two for SLURM differ only in how a GPU is asked for."""

import re

import pytest
import yaml

from conftest import REPOSITORY

PROFILES = sorted((REPOSITORY / "profiles").glob("*/config.yaml"))


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.parent.name)
def test_every_key_of_a_profile_has_a_comment_above_it(path):
    lines = path.read_text().splitlines()
    keys = [number for number, line in enumerate(lines) if re.match(r"\s*[\w-]+: \S", line)]
    assert len(keys) > 3
    for number in keys:
        assert lines[number - 1].strip().startswith("#"), lines[number]


def test_the_profiles_for_slurm_differ_only_in_how_a_gpu_is_asked_for():
    profiles = {path.parent.name: yaml.safe_load(path.read_text()) for path in PROFILES}
    gpus, gres = profiles["slurm"], profiles["slurm-gres"]
    assert gres.pop("resources") == {"gpu": 0}
    assert gres["default-resources"].pop("gres") == "gpu:1"
    assert gpus == gres
