"""A real SLURM on this machine, for tests: its daemons live in a folder of their own, with two counted GPUs.

No database, no cgroups, no systemd. The GPUs are twins of /dev/null: SLURM counts them and hands them out like real
ones, so a job that asks for a third waits.
"""

from __future__ import annotations

import os
import random
import re
import secrets
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge", "slurm-wlm-basic-plugins")
_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "setpriv")
GPUS = 2

_CONFIG = """
ClusterName=test
SlurmctldHost=localhost
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/run/munge.socket,cred_expire=30
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherParams=OverMemoryKill
JobAcctGatherFrequency=task=1
AccountingStorageType=accounting_storage/none
Prolog={folder}/bin/prolog
Epilog={folder}/bin/epilog
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
GresTypes=gpu
ReturnToService=2
MinJobAge=3600
KillWait=10
SlurmdParameters=config_overrides
NodeName=localhost NodeAddr=127.0.0.1 CPUs=8 RealMemory=64000 Gres=gpu:{gpus} State=UNKNOWN
PartitionName=cpu Nodes=localhost Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes=localhost MaxTime=INFINITE State=UP
"""


def missing() -> str | None:
    """Why no SLURM can be started here; None if it can."""
    if os.geteuid() != 0:
        return "a SLURM of the test's own can only be started by root"
    absent = [program for program in _PROGRAMS if shutil.which(program, path=_path()) is None]
    if absent:
        return f"there is no {', '.join(absent)}: apt-get install --no-install-recommends {' '.join(PACKAGES)}"
    with tempfile.TemporaryDirectory() as folder:
        try:
            _make_gpu(Path(folder) / "gpu0")
        except PermissionError:
            return "this root may not make the device files that stand for GPUs (mknod)"
    return None


class Slurm:
    """The daemons of one SLURM, from `start` to `stop`; use it as a context."""

    def __init__(self) -> None:
        # Not below pytest's folders: the path of a socket may have 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="slurm-"))
        self.environment = os.environ | {
            "SLURM_CONF": str(self.folder / "slurm.conf"),
            "PATH": f"{self.folder / 'bin'}:{_path()}",
        }
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Slurm:
        try:
            self._write_files()
            self._start("munged", *self._munge_options(), ready=(self.folder / "run" / "munge.socket").exists)
            self.start_controller()
            self._start("slurmd", "-D", "-N", "localhost", ready=self._is_idle)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start_controller(self) -> None:
        """Start slurmctld; after `kill_controller` it takes up what it knew."""
        self._start("slurmctld", "-D", ready=lambda: self._try("scontrol", "ping") is not None)

    def kill_controller(self) -> None:
        """End slurmctld as a crash would; jobs run on."""
        daemon = self._daemons.pop("slurmctld")
        daemon.kill()
        daemon.wait()

    def stop(self) -> None:
        """Cancel all jobs, end the daemons and remove their folder."""
        if "slurmctld" in self._daemons:
            self._try("scancel", "--user=root")
            _wait_until(lambda: not self._try("squeue", "--noheader"), seconds=20)
        for daemon in reversed(self._daemons.values()):
            daemon.terminate()
            try:
                daemon.wait(timeout=10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        self._daemons.clear()
        shutil.rmtree(self.folder)

    def is_running(self) -> bool:
        """Whether any daemon of this SLURM is alive."""
        return any(daemon.poll() is None for daemon in self._daemons.values())

    def run(self, *command: str) -> str:
        """What a SLURM command prints."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: {done.stderr or done.stdout}\n{self._logs()}")
        return done.stdout

    def jobs(self) -> list[dict[str, str]]:
        """The controller's records of all jobs, those that have ended too: the fields of `scontrol show job`."""
        text = self.run("scontrol", "--details", "--oneliner", "show", "job")
        return [dict(re.findall(r"(\S+?)=(.*?)(?=\s+\S+?=|$)", line)) for line in text.splitlines() if "JobId=" in line]

    def gpu_uses(self) -> list[tuple[str, str, float, float]]:
        """Job, GPU, start and end in seconds, for each job that has ended, as the node's prolog and epilog saw them."""
        lines = [line.split() for line in (self.folder / "uses.txt").read_text().splitlines()]
        starts = {job: (gpu, float(moment)) for event, job, gpu, moment in lines if event == "start"}
        return [(job, *starts[job], float(moment)) for event, job, _, moment in lines if event == "end"]

    def _write_files(self) -> None:
        for name in ("run", "state", "spool", "bin", "dev", "munge"):
            (self.folder / name).mkdir()
        self.folder.chmod(0o755)
        (self.folder / "munge").chmod(0o700)
        key = self.folder / "munge" / "key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        for index in range(GPUS):
            _make_gpu(self.folder / "dev" / f"gpu{index}")
        controller_port, node_port = _free_ports(2)
        (self.folder / "slurm.conf").write_text(
            _CONFIG.format(folder=self.folder, controller_port=controller_port, node_port=node_port, gpus=GPUS)
        )
        (self.folder / "gres.conf").write_text(
            f"NodeName=localhost Name=gpu File={self.folder}/dev/gpu[0-{GPUS - 1}]\n"
        )
        for event, name in (("start", "prolog"), ("end", "epilog")):
            line = f'{event} $SLURM_JOB_ID "${{SLURM_JOB_GPUS:--}}" $(/bin/date +%s.%N)'
            self._write_script(name, f"echo {line} >> {self.folder}/uses.txt")
        # Snakemake's plugin takes SLURM_* from the environment of the step that it starts inside a job.
        srun = shutil.which("srun", path=_path())
        self._write_script("srun", f'SLURM_CONF={self.folder}/slurm.conf exec {srun} "$@"')

    def _write_script(self, name: str, command: str) -> None:
        script = self.folder / "bin" / name
        script.write_text(f"#!/bin/sh\n{command}\n")
        script.chmod(0o755)

    def _munge_options(self) -> list[str]:
        options = {
            "key-file": "munge/key",
            "socket": "run/munge.socket",
            "pid-file": "run/munged.pid",
            "log-file": "munge/log",
            "seed-file": "munge/seed",
        }
        return ["--foreground", *(f"--{name}={self.folder / path}" for name, path in options.items())]

    def _start(self, program: str, *options: str, ready: Callable[[], bool]) -> None:
        # A daemon must not outlive the tests, even if these are killed.
        command = ["setpriv", "--pdeathsig", "TERM", program, *options]
        with (self.folder / f"{program}.out").open("ab") as out:
            daemon = subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self._daemons[program] = daemon
        if not _wait_until(lambda: daemon.poll() is not None or ready(), seconds=30) or daemon.poll() is not None:
            raise AssertionError(f"{program} did not start:\n{self._logs()}")

    def _is_idle(self) -> bool:
        return (self._try("sinfo", "--noheader", "--format=%T") or "").strip().startswith("idle")

    def _try(self, *command: str) -> str | None:
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else None

    def _logs(self) -> str:
        files = [*self.folder.glob("*.out"), *self.folder.glob("*.log"), self.folder / "munge" / "log"]
        return "\n".join(f"== {path.name}\n{path.read_text()[-1500:]}" for path in files if path.exists())


def _make_gpu(path: Path) -> None:
    os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 3))


def _path() -> str:
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


def _free_ports(count: int) -> list[int]:
    ports: list[int] = []
    while len(ports) < count:
        port = random.SystemRandom().randrange(16_000, 30_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in ports:
            ports.append(port)
    return ports


def _wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.2)
    return False
