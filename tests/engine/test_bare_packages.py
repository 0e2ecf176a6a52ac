"""The engine's quick import gives DeepLabCut's own modules, and leaves the package usable."""

import subprocess
import sys

import pytest

from frameworth.engine.deeplabcut.bare_packages import bare_packages

pytestmark = pytest.mark.slow

SCRIPT = """
import sys
from frameworth.engine.deeplabcut import networks as engine
assert "deeplabcut" not in sys.modules, "the package itself was imported"
network = engine.PoseModel
import deeplabcut
from deeplabcut.pose_estimation_pytorch import PoseDataset
from deeplabcut.pose_estimation_pytorch.models import PoseModel
assert PoseModel is network
assert callable(deeplabcut.train_network)
"""


def test_the_package_can_be_imported_whole_afterwards_and_is_the_same():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_package_that_is_not_installed_is_named():
    with pytest.raises(ModuleNotFoundError, match="no_such_package"), bare_packages("no_such_package"):
        pass
