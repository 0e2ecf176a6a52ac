"""What a command does to files and to the network, from the system calls of all its processes.

The command runs under strace, in a network namespace that has no network, with some folders mounted read-only.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# Calls that change files, by a path or by a folder's descriptor and a path.
_CHANGING = (
    "mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2", "mknod", "mknodat",
    "truncate", "chmod", "fchmodat", "chown", "lchown", "fchownat", "utimensat",
)  # fmt: skip
_LINKING = ("link", "linkat", "symlink", "symlinkat")  # the first path is what the link leads to
_MARKING = ("setxattr", "lsetxattr", "removexattr")  # the second string is no path
_OPEN = ("open", "openat", "openat2", "creat")
_NETWORK = ("connect", "sendto", "sendmsg", "sendmmsg")
_FORK = ("clone", "clone3", "fork", "vfork")
_TRACED = (*_CHANGING, *_LINKING, *_MARKING, *_OPEN, *_NETWORK, *_FORK, "execve", "chdir", "fchdir")
_WRITING = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND")
_CALL = re.compile(r"^(\d+) +(\w+)\((.*)\)? += (-?\d+|\?)(?:<(.*)>)?")
_LIBRARY_HERE = re.compile(r'AT_FDCWD\S*(?:<.*>)?, "(?!/)([^"]*\.so\b[^"]*)"')
_STRING = re.compile(r'(?:(AT_FDCWD|-?\d+)(?:<((?:[^<>\\]|\\.)*)>)?, )?"((?:[^"\\]|\\.)*)"')


@dataclass
class Audit:
    """What a command did.

    Attributes:
        code: its exit status. output: what it printed.
        calls: how often each of the traced system calls was made; others are not counted.
        written: absolute paths of what was opened for writing, made, renamed, removed or changed, also in vain.
        addresses: whom which program tried to reach, as strace writes addresses, less unnamed and local sockets.
        programs: the paths of the programs that were started.
        libraries_here: libraries that were looked for in the working directory.
    """

    code: int = 0
    output: str = ""
    calls: Counter[str] = field(default_factory=Counter)
    written: set[Path] = field(default_factory=set)
    addresses: set[tuple[str, str]] = field(default_factory=set)
    programs: set[str] = field(default_factory=set)
    libraries_here: set[str] = field(default_factory=set)

    def written_outside(self, folders: Sequence[Path]) -> list[Path]:
        """What was written in none of these folders."""
        inside = [folder.resolve() for folder in folders]
        return sorted(path for path in self.written if not any(path.is_relative_to(folder) for folder in inside))


def can_audit() -> bool:
    """Whether there are strace and a network namespace to be had."""
    if not (shutil.which("strace") and shutil.which("unshare")):
        return False
    command = [*_unshare(), "strace", "-f", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=open", "true"]
    return subprocess.run(command, capture_output=True).returncode == 0


def audited(
    command: Sequence[str], folder: Path, record: Path, read_only: Sequence[Path], environment: Mapping[str, str]
) -> Audit:
    """Run a command in `folder` and tell what it did.

    Args:
        record: the file to keep the system calls in.
        read_only: folders that are mounted so for the command.
        environment: added to this process's own.
    """
    mounts = "".join(
        f"mount --bind {shlex.quote(str(path))} {shlex.quote(str(path))} && "
        f"mount -o remount,ro,bind {shlex.quote(str(path))} && "
        for path in read_only
    )
    strace = ["strace", "-f", "-qq", "-y", "--seccomp-bpf", "-s", "4096", "-e", f"trace={','.join(_TRACED)}"]
    inner = f"{mounts}cd {shlex.quote(str(folder))} && exec {shlex.join([*strace, '-o', str(record), *command])}"
    done = subprocess.run(
        [*_unshare(), "sh", "-c", inner],
        # Without what OpenCV did to this process's own, see frameworth.library_path.
        env={name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    audit = Audit(done.returncode, done.stdout + done.stderr)
    _read(record, folder.resolve(), audit)
    return audit


def _unshare() -> list[str]:
    return ["unshare", "--net", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]


def _read(record: Path, folder: Path, audit: Audit) -> None:
    """Fill in what the recorded calls say; a process starts in the folder of the one that made it."""
    folders: dict[str, Path] = {}
    programs: dict[str, str] = {}
    for line in _whole_lines(record):
        match = _CALL.match(line)
        if match is None:
            continue
        process, call, arguments, result, target = match.groups()
        here = folders.setdefault(process, folder)
        audit.calls[call] += 1
        if call in _FORK and int(result if result != "?" else 0) > 0:
            folders.setdefault(result, here)
            programs.setdefault(result, programs.get(process, ""))
        elif call == "chdir" and result == "0":
            folders[process] = _path(_STRING.search(arguments), here)
        elif call == "fchdir" and result == "0":
            folders[process] = Path(_text(arguments.partition("<")[2].rstrip(">)")))
        elif call == "execve" and result == "0":
            programs[process] = str(_path(_STRING.search(arguments), here))
            audit.programs.add(programs[process])
        elif call in _OPEN and (library := _LIBRARY_HERE.search(arguments)):
            audit.libraries_here.add(library[1])
        elif call in _OPEN and (call == "creat" or _WRITING.search(arguments)):
            audit.written.add(Path(_text(target)) if target else _path(_STRING.search(arguments), here))
        elif call in (*_CHANGING, *_LINKING, *_MARKING):
            paths = list(_STRING.finditer(arguments))
            paths = paths[-1:] if call in _LINKING else paths[:1] if call in _MARKING else paths
            audit.written |= {_path(path, here) for path in paths}
        elif call in _NETWORK and "sa_family=" in arguments and not re.search(r"AF_(UNIX|UNSPEC|NETLINK)", arguments):
            audit.addresses.add((programs.get(process, ""), arguments[arguments.index("{sa_family=") :]))


def _whole_lines(record: Path) -> list[str]:
    """The calls in the order they ended; one that another process interrupted is put together again."""
    begun: dict[str, str] = {}
    lines = []
    for line in record.read_text(errors="replace").splitlines():
        process = line.partition(" ")[0]
        if line.endswith("<unfinished ...>"):
            begun[process] = line.removesuffix("<unfinished ...>")
        elif resumed := re.match(r"\d+ +<\.\.\. \w+ resumed>(.*)", line):
            lines.append(begun.pop(process, "") + resumed[1])
        else:
            lines.append(line)
    return lines


def _path(string: re.Match[str] | None, here: Path) -> Path:
    assert string is not None
    base = Path(_text(string[2])) if string[2] else here
    return Path(os.path.normpath(base / _text(string[3])))


def _text(written: str) -> str:
    """What strace wrote with C's escapes."""
    return written.encode().decode("unicode_escape").encode("latin-1", "replace").decode("utf-8", "replace")
