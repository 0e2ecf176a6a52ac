"""A job that is asked to stop, or is killed, loses little: real processes, real signals."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from conftest import REPOSITORY, run_snakemake
from frameworth.storage.digests import digest_of_file
from frameworth.training.preemption import EXIT_CODE, Preempted, sigterm_stops, sigterm_waits
from small_ensemble import OPTIONS, ensemble
from tiny import TRAINING, config, draw, prepare, wait_until, write_config

STEPS = 300
PATIENCE = 240  # seconds
ENSEMBLE = "results/tiny/ensembles/percent-050/seed-1/training.json"


def start(root, log):
    """`python -m frameworth ensemble` on a tiny subset, as a process of its own whose words go to the file `log`."""
    subset, labels = prepare(root)
    command = [
        sys.executable, "-m", "frameworth", "ensemble", str(subset), "--labels", str(labels),
        "--folder", str(root / "hit"), "--store", str(root / ".store-hit"),
    ]  # fmt: skip
    options = OPTIONS | {"members": 2, "training": json.dumps((TRAINING | {"steps": STEPS}).for_weights)}
    command += [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "workflow")}
    with log.open("w") as words:
        return subprocess.Popen(command, stdout=words, stderr=words, env=environment)


def networks(root, folder):
    """The digests of both networks, trained (or taken from the store) in this process."""
    ensemble(root, folder, 2, store=f".store-{folder}", training=TRAINING | {"steps": STEPS})
    return {path.name: digest_of_file(path) for path in (root / folder).rglob("member-*.pt")}


def test_a_signal_in_training_writes_a_checkpoint_and_the_next_attempt_continues_there(tmp_path, capfd):
    """Ctrl-C hits the second of two networks; the first is in the store and stays. SIGTERM follows in other tests."""
    log = tmp_path / "log"
    process = start(tmp_path, log)
    wait_until(lambda: "member 1: trains from step 0" in log.read_text(), process)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == EXIT_CODE
    (line,) = [line for line in log.read_text().splitlines() if "stopped by" in line]
    assert line.startswith("frameworth: percent-050_seed-1 member 1: stopped by SIGINT at step ")
    assert "Traceback" not in log.read_text()
    step = int(re.search(rf"at step (\d+) of {STEPS}", line)[1])
    assert 0 < step < STEPS
    capfd.readouterr()
    continued = networks(tmp_path, "hit")
    output = capfd.readouterr().err
    assert "member 0: taken from the store" in output
    assert f"member 1: trains from step {step} to {STEPS}" in output
    assert len(continued) == 2
    assert continued == networks(tmp_path / "other", "undisturbed")


def test_sigterm_to_the_shell_that_snakemake_starts_comes_to_the_training(tmp_path):
    draw(tmp_path / "project")
    study = config("project")
    study["training"]["steps"] = 500
    path = write_config(tmp_path / "study.yaml", study)
    log = tmp_path / "logs/tiny/ensembles/percent-050/seed-1.log"
    command = [
        str(Path(sys.executable).parent / "snakemake"), "--snakefile", str(REPOSITORY / "Snakefile"),
        "--directory", str(tmp_path), "--cores", "1", "--configfile", str(path),
        "--resources", "networks_per_gpu=3", "--", ENSEMBLE,
    ]  # fmt: skip
    with (tmp_path / "printed").open("w") as printed:
        snakemake = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=printed, stderr=printed, cwd=tmp_path)
    wait_until(lambda: log.exists() and "trains from step 0" in log.read_text(), snakemake)
    (shell,) = [pid for pid in children(snakemake.pid) if "frameworth ensemble" in command_line(pid)]
    # What a profile chooses for GPUs comes to the job, too.
    assert b"FRAMEWORTH_NETWORKS_PER_GPU=3" in Path(f"/proc/{shell}/environ").read_bytes().split(b"\0")
    os.kill(shell, signal.SIGTERM)
    assert snakemake.wait(PATIENCE) != 0
    assert "stopped by SIGTERM at step" in (tmp_path / "printed").read_text()
    assert not (tmp_path / ENSEMBLE).exists()
    assert list(tmp_path.glob("results/tiny/.store/*/checkpoint.pt"))
    run_snakemake(tmp_path, "--configfile", str(path), "--", ENSEMBLE)
    assert json.loads((tmp_path / ENSEMBLE).read_text())["members"][0]["resumed"] == 1


def test_sigterm_to_frameworth_run_ends_snakemake_and_leaves_checkpoints_to_go_on_from(tmp_path):
    draw(tmp_path / "project")
    study = config("project")
    study["training"]["steps"] = 150
    write_config(tmp_path / "study.yaml", study)
    log = tmp_path / "logs/tiny/ensembles/percent-050/seed-1.log"
    command = [str(Path(sys.executable).parent / "frameworth"), "run", "--configfile", "study.yaml", "--", ENSEMBLE]
    with (tmp_path / "printed").open("w") as printed:
        run = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=printed, stderr=printed, cwd=tmp_path)
    wait_until(lambda: log.exists() and "trains from step 0" in log.read_text(), run)
    started = psutil.Process(run.pid).children(recursive=True)
    for _ in range(4):  # an impatient supervisor sends it again
        run.terminate()
        time.sleep(0.5)
    assert run.wait(PATIENCE) != 0
    assert not [process for process in started if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    assert "was stopped: percent-050_seed-1 member 0: stopped by SIGTERM at step" in (tmp_path / "printed").read_text()
    assert list(tmp_path.glob("results/tiny/.store/*/checkpoint.pt"))
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, cwd=tmp_path, check=True)
    assert json.loads((tmp_path / ENSEMBLE).read_text())["members"][0]["resumed"] == 1


def children(pid):
    return [int(child) for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]


def command_line(pid):
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_had_to_wait_takes_effect_at_the_end_of_the_block(number):
    before = signal.getsignal(number)
    reached = []
    with pytest.raises(Preempted), sigterm_stops():
        with sigterm_waits() as came:
            assert not came()
            signal.raise_signal(number)
            reached.append(came())
        reached.append("beyond")
    assert reached == [number.name]
    assert signal.getsignal(number) is before
