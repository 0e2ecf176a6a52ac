"""A Python that has imported everything: Snakemake and its jobs fork from it in place of importing PyTorch anew.

What runs is the real code, each command in a process of its own; only imports are shared, which take seconds of
processor time for each job that trains. Tests of signals and of what a user types start Python itself.
"""

from __future__ import annotations

import atexit
import functools
import gc
import json
import os
import pkgutil
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

LIBRARY = str(Path(__file__).parents[2] / "workflow")

# What is no command of frameworth or Snakemake, brings another library, changes what is read at import, or is a job of
# SLURM's is for Python itself.
_CLIENT = """#!{python} -IS
import json, os, socket, sys
library = os.environ.get("PYTHONPATH", {library!r}).split(":")[0]
ours = sys.argv[1:2] == ["-m"] and sys.argv[2] in ("frameworth", "snakemake") and library == {library!r}
if not ours or any(name.startswith(("HF_", "SLURM_JOB_")) for name in os.environ):
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    socket.send_fds(server, [b"."], [0, 1, 2])
    server.sendall(json.dumps([sys.argv[2:], os.getcwd(), dict(os.environ), os.getppid()]).encode())
    server.shutdown(socket.SHUT_WR)
    os._exit(int(server.recv(8) or 1) & 255)
"""


@functools.cache
def warm_python() -> str:
    """The path of a `python` that forks for `-m frameworth …` and `-m snakemake …`; it ends with this process.

    It runs what the variable WARM_FIRST holds, in Python, before the command.
    """
    folder = Path(tempfile.mkdtemp(prefix="warm-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    client, address = folder / "python", str(folder / "socket")
    client.write_text(_CLIENT.format(python=sys.executable, library=LIBRARY, address=address))
    client.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        # As the rules have it; and a fork must find no threads.
        one_thread = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        server = subprocess.Popen(
            [sys.executable, __file__, str(listener.fileno()), str(client)],
            stdin=subprocess.PIPE, pass_fds=[listener.fileno()], env=os.environ | one_thread | {"PYTHONPATH": LIBRARY},
        )  # fmt: skip
    atexit.register(server.kill)
    return str(client)


def _serve(listener: socket.socket, client: str) -> None:
    """Fork for each command, until this process's standard input ends."""
    import frameworth

    for module in pkgutil.walk_packages(frameworth.__path__, "frameworth."):
        if module.name != "frameworth.__main__":
            import_module(module.name)
    for name in ("snakemake.cli", "snakemake.workflow", "snakemake.dag", "snakemake.executors.local"):
        import_module(name)
    sys.path.pop(0)  # this file's folder
    sys.executable = client
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.freeze()
    while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
        connection, _ = listener.accept()
        if not os.fork():
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            _answer(connection)
        connection.close()


def _answer(connection: socket.socket) -> None:
    """Run one command in a fork of this process, send its exit status, and end."""
    _, descriptors, *_ = socket.recv_fds(connection, 1, 3)
    asked = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    arguments, folder, environment, caller = json.loads(asked)
    command = os.fork()
    if not command:
        connection.close()
        for place, descriptor in enumerate(descriptors):
            os.dup2(descriptor, place)
            os.close(descriptor)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        _run(arguments)
    while Path(f"/proc/{caller}").exists():  # what tells how far a run is ends with the run
        process, status = os.waitpid(command, os.WNOHANG)
        if process:
            connection.sendall(b"%d" % os.waitstatus_to_exitcode(status))
            break
        time.sleep(0.02)
    os._exit(0)


def _run(arguments: list[str]) -> None:
    """Run a module and end as Python does, but without taking apart what is shared with other commands."""
    sys.path.insert(0, str(Path.cwd()))
    sys.argv = arguments
    code: Any = 1
    try:
        exec(os.environ.pop("WARM_FIRST", ""), {})
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
