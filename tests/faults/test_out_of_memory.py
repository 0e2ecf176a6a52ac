"""If memory runs out, one line says what was used and what to do; nothing is made smaller silently."""

import json
import signal

import pytest
import torch

from frameworth.training.out_of_memory import is_out_of_memory
from stages_in_forks import run_stage
from tiny import TRAINING, prepare

OPTIONS = ["--study-seed", "1", "--members", "2", "--device", "cpu", "--consensus", "argmax"]


def arguments(root, training=TRAINING):
    subset, labels = prepare(root)
    return [
        "ensemble", str(subset), "--labels", str(labels), "--folder", str(root / "ensembles"),
        "--store", str(root / ".store"), "--training", json.dumps(training.for_weights), *OPTIONS,
        "--distractor-radius", "16",
    ]  # fmt: skip


def last(ended):
    return ended.output.splitlines()[-1]


def test_a_job_that_may_not_have_the_memory_it_needs_says_so_and_goes_on_when_it_may(tmp_path, tally):
    """The limit on the address space is real, and is met at whatever comes first at each of these.

    With next to nothing to spare, the HDF5 library itself crashes. On some machines PyTorch crashes at one of the
    limits, in one of four runs of this test.
    """
    lost, crashed = 0, 0
    for spare_mib in (8, 16, 32):
        ended = run_stage(tmp_path, arguments(tmp_path), spare_mib)
        assert not list(tmp_path.rglob("ensembles/**/*.h5"))
        if ended.code == -signal.SIGSEGV & 255:
            crashed += 1
            continue
        lost += 1
        assert ended.code == 2, ended.output
        assert "Traceback" not in ended.output
        assert last(ended).startswith("frameworth: memory ran out: this job held "), ended.output
        assert "training.batch_size (4), training.crop (null), training.scale (1)" in last(ended)
    assert lost >= 2 and lost + crashed == 3
    ended = run_stage(tmp_path, arguments(tmp_path))
    assert ended.code == 0, ended.output
    tally.update({"jobs without enough memory": lost, "reported in one line": lost})


def test_a_gpu_that_is_full_is_reported_with_the_sizes_to_lower_and_no_batch_is_made_smaller(tmp_path):
    """PyTorch's own error, raised where a gradient step is made: this machine has no GPU to fill."""
    raised = (
        "import torch, frameworth.training.loop as t\n"
        "def full(*_):\n"
        "    raise torch.cuda.OutOfMemoryError('CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total "
        "capacity of 7.79 GiB of which 1.12 GiB is free. Process 1 has 6.6 GiB memory in use.')\n"
        "t.train_step = full"
    )
    training = TRAINING | {"crop": 32}
    ended = run_stage(tmp_path, arguments(tmp_path, training), first=raised)
    assert ended.code == 2
    assert last(ended) == (
        "frameworth: the GPU's memory ran out (Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 7.79 GiB of "
        "which 1.12 GiB is free); let fewer networks share a GPU (networks_per_gpu), or lower training.batch_size (4), "
        "training.crop (32), training.scale (1), which trains all networks again"
    )
    assert not list((tmp_path / ".store").glob("*/training.json"))


@pytest.mark.parametrize("error", [RuntimeError("a shape is wrong"), OSError("gone"), ValueError("batch")])
def test_other_failures_are_not_taken_for_it(error):
    assert not is_out_of_memory(error)


def test_pytorchs_own_failure_to_allocate_is_known():
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(raised.value)
