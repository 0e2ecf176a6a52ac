"""The conda environment names what the lock holds."""

import re

import yaml


def test_the_conda_environment_has_the_versions_of_the_lock(repository):
    lock = dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", (repository / "envs/requirements.lock").read_text(), re.M))
    environment = yaml.safe_load((repository / "envs/frameworth.yaml").read_text())
    pins = dict(pin.split("==") for pin in environment["dependencies"][-1]["pip"])
    assert {"deeplabcut", "torch", "numpy"} <= set(pins)
    assert pins == {name: lock[name] for name in pins}


def test_the_lock_has_hashes_and_no_addresses(repository):
    text = (repository / "envs/requirements.lock").read_text()
    assert "://" not in text
    assert len(re.findall(r"^\S+==", text, re.M)) < len(re.findall(r"--hash=sha256:", text))
