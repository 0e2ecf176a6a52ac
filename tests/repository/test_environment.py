"""The definitions for conda and Apptainer agree with the lock."""

import re
from importlib import metadata

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from small_study import run_config
from tiny import config, draw
from tools.environments import NOT_IN_RULES, PYTHON, environments

pytestmark = pytest.mark.slow


def conda_pins(repository):
    environment = yaml.safe_load((repository / "envs/frameworth.yaml").read_text())
    return dict(pin.split("==") for pin in environment["dependencies"][-1]["pip"])


def test_the_environments_are_those_that_the_lock_gives(repository):
    """After a change of the lock, `make envs` writes them again."""
    for name, text in environments(repository / "envs").items():
        assert (repository / "envs" / name).read_text() == text, name
    assert f"--python-version {PYTHON} " in (repository / "Makefile").read_text()


def test_the_conda_environment_has_the_versions_of_the_lock_and_no_snakemake(repository):
    lock = dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", (repository / "envs/requirements.lock").read_text(), re.M))
    pins = conda_pins(repository)
    assert {"deeplabcut", "torch", "numpy", "click", "h5py"} <= set(pins)
    assert pins == {name: lock[name] for name in pins}
    assert not {name for name in pins if name.startswith("snakemake")} | (NOT_IN_RULES & set(pins))


def test_the_conda_environment_names_all_that_its_packages_need(repository):
    """By what the installed packages say themselves, extras left aside; so that a site resolves nothing."""
    pins = conda_pins(repository)
    for name, version in pins.items():
        assert metadata.version(name) == version
        for line in metadata.requires(name) or []:
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                assert needed.specifier.contains(pins[canonicalize_name(needed.name)], prereleases=True), (name, line)


def test_without_an_image_apptainer_is_refused_before_any_job(repository, tmp_path):
    if (repository / "envs/frameworth.sif").exists():
        pytest.skip("this checkout has an image")
    draw(tmp_path / "project")
    done = run_config(tmp_path, config("project"), "--sdm", "apptainer", check=False)
    assert done.returncode != 0
    (line,) = [line for line in done.stderr.splitlines() if "frameworth.sif" in line]
    assert "build it from envs/frameworth.def" in line
    assert "Traceback" not in done.stderr


def test_the_lock_has_hashes_and_no_addresses(repository):
    text = (repository / "envs/requirements.lock").read_text()
    assert "://" not in text
    assert len(re.findall(r"^\S+==", text, re.M)) < len(re.findall(r"--hash=sha256:", text))
