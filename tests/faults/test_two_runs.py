"""Two runs at once, a clock that jumps, files that arrive late: real locks, real times of files."""

import errno
import fcntl
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from conftest import REPOSITORY, run_snakemake
from frameworth.cli.progress import Meter, study_progress
from frameworth.plan.config import read_config
from frameworth.training.store import Entry, wait_for_lock
from tiny import config, draw, prepare, wait_until, write_config

PATIENCE = 180  # seconds
FRAMEWORTH = str(Path(sys.executable).parent / "frameworth")
ONE = "results/tiny/ensembles/percent-050/seed-1/training.json"
YEAR = 365 * 24 * 3600


def study(folder, **options):
    draw(folder / "project")
    return configured(folder, **options)


def configured(folder, steps=6, seeds=1):
    content = config("project", subsets=[{"design": "balanced", "percents": [50], "seeds": seeds, "members": 1}])
    content["training"]["steps"] = steps
    return write_config(folder / "study.yaml", content)


def run(folder, *arguments):
    command = [FRAMEWORTH, "run", "--configfile", "study.yaml", "--cores", "1", "--", *arguments]
    return subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)


@pytest.mark.long
def test_a_second_run_is_refused_and_after_a_kill_is_shown_how_to_unlock(tmp_path, tally):
    study(tmp_path, steps=3000)
    log = tmp_path / "logs/tiny/ensembles/percent-050/seed-1.log"
    first = subprocess.Popen(
        [FRAMEWORTH, "run", "--configfile", "study.yaml", "--cores", "1", "--", ONE],
        cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    wait_until(lambda: log.exists() and "trains from step 0" in log.read_text(), first)
    second = run(tmp_path, ONE)
    assert second.returncode
    lines = [line for line in second.stderr.splitlines() if line.startswith("frameworth: another run works in this")]
    assert len(lines) == 1
    assert "Traceback" not in second.stderr
    assert first.poll() is None
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    began = time.monotonic()
    assert "-- --unlock" in run(tmp_path, ONE).stderr
    configured(tmp_path)
    assert run(tmp_path, "--unlock").returncode == 0
    assert run(tmp_path, ONE).returncode == 0
    assert (tmp_path / ONE).exists()
    tally.update({"second runs refused in one line": 1, "kills": 1})
    tally.update({"seconds to recover": round(time.monotonic() - began)})


def test_two_processes_that_want_the_same_network_end_with_one_training(tmp_path):
    prepare(tmp_path)
    code = (
        "import sys; sys.path[:0] = sys.argv[2:3]\n"
        "from pathlib import Path\n"
        "from small_ensemble import ensemble\nfrom tiny import TRAINING\n"
        "ensemble(Path(sys.argv[1]), sys.argv[3], training=TRAINING | {'steps': 100})"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), str(REPOSITORY / "tests" / "support"), name],
            stderr=subprocess.PIPE, text=True,
        )
        for name in ("a", "b")
    ]  # fmt: skip
    outputs = [process.communicate(timeout=PATIENCE)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert sum(text.count("trained 100 steps") for text in outputs) == 1
    assert sum(text.count("taken from the store") for text in outputs) == 1
    networks = [tmp_path / name / "percent-050/seed-1/member-0.pt" for name in ("a", "b")]
    assert networks[0].read_bytes() == networks[1].read_bytes()


@pytest.mark.parametrize(
    ("inputs", "results"),
    [
        pytest.param(10 * YEAR, -10 * YEAR, marks=pytest.mark.long),
        pytest.param(10 * YEAR, 0, marks=pytest.mark.long),
        pytest.param(0, -10 * YEAR, marks=pytest.mark.long),
    ],
)
def test_no_network_is_trained_again_because_the_clock_jumped(tmp_path, inputs, results):
    """Inputs with times in the future, results with times in the past: Snakemake may run a job, nothing is trained."""
    path = study(tmp_path)
    run_snakemake(tmp_path, "--configfile", str(path), "--", ONE)
    stored = [*tmp_path.glob("results/tiny/.store/*/network.pt")]
    inodes = [file.stat().st_ino for file in stored]
    bytes_ = [file.read_bytes() for file in stored]
    now = time.time()
    for root, shift in ((tmp_path / "project", inputs), (tmp_path / "results", results), (tmp_path / "logs", inputs)):
        for file in root.rglob("*"):
            os.utime(file, (now + shift, now + shift))
    done = run_snakemake(tmp_path, "--configfile", str(path), "--", ONE)
    log = (tmp_path / "logs/tiny/ensembles/percent-050/seed-1.log").read_text()
    assert "taken from the store" in log or "Nothing to be done" in done.stdout + done.stderr
    assert [file.stat().st_ino for file in stored] == inodes
    assert [file.read_bytes() for file in stored] == bytes_


@pytest.mark.parametrize("jump", [10 * YEAR, -10 * YEAR, 3600, -3600])
def test_time_left_is_never_negative_when_the_clock_jumps(tmp_path, monkeypatch, jump):
    """What a training tells of itself seems to be written before or after now, by a clock that was set."""
    path = study(tmp_path, seeds=3)
    monkeypatch.chdir(tmp_path)
    with path.open() as file:
        checked = read_config(file)
    entry = Entry(tmp_path / "results/tiny/.store/some")
    meter = Meter(checked)
    entry.write_progress(3, 6, 50.0)
    os.utime(entry.progress, (time.time() + jump, time.time() + jump))
    line = meter.line()
    assert "-" not in line, line
    now = study_progress(checked)
    assert 0 <= now.done <= now.planned
    assert now.training == (1 if abs(jump) < 90 else 0)


@pytest.mark.long
def test_a_file_that_comes_late_is_waited_for_and_nothing_is_trained_again(tmp_path):
    """A training's file is taken away as it comes and put back after three seconds, as a slow server shows it."""
    path = study(tmp_path)
    late = tmp_path / ONE
    hidden = tmp_path / "hidden"
    seen = []

    def delay():
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and not seen:
            if late.exists():
                late.rename(hidden)
                time.sleep(3)
                hidden.rename(late)
                seen.append(True)
            time.sleep(0.001)

    thread = threading.Thread(target=delay)
    thread.start()
    done = run_snakemake(tmp_path, "--configfile", str(path), "--", ONE)
    thread.join()
    assert seen
    assert late.exists()
    log = (tmp_path / "logs/tiny/ensembles/percent-050/seed-1.log").read_text()
    assert log.count("trained 6 steps") == 1
    assert re.search(r"1 of 1 steps|steps \(100%\) done", done.stdout + done.stderr)


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_noted_in_one_line_and_work_goes_on(tmp_path, monkeypatch, capsys, error):
    """The system call's answer is pretended: no such file system is here."""

    def refused(*_):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(fcntl, "flock", refused)
    with (tmp_path / "lock").open("w") as handle:
        for _ in range(2):
            wait_for_lock(handle, tmp_path)
    assert capsys.readouterr().err.count("knows no locks") == 1
