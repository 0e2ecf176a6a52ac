"""The two profiles for SLURM differ only in how they request a GPU."""

import yaml

from conftest import REPOSITORY

PROFILES = sorted((REPOSITORY / "profiles").glob("*/config.yaml"))


def test_the_profiles_for_slurm_differ_only_in_how_a_gpu_is_asked_for():
    profiles = {path.parent.name: yaml.safe_load(path.read_text()) for path in PROFILES}
    gpus, gres = profiles["slurm"], profiles["slurm-gres"]
    assert gres.pop("resources") == {"gpu": 0}
    assert gres["default-resources"].pop("gres") == "gpu:1"
    assert gpus == gres
