"""Code that fuzzing tests share: the number of examples, the allowed outcomes, and the tally of outcomes."""

from __future__ import annotations

import os
import resource
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from bad_inputs.study import Study

EXAMPLES = int(os.environ.get("FRAMEWORTH_FUZZ", "60"))
MOST_SECONDS = 20  # of a core that one example may take, and six times as long by the clock
MOST_BYTES = 2 << 30  # by which one example may raise the most memory that the process ever held

fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-2, 120)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["demo", "project", "imagenet", "resnet_50", "\0", "../x", "é" * 300])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@contextmanager
def bounded() -> Iterator[None]:
    """Fail where what is inside takes longer or more memory than any good input of its size."""

    def late(number: int, frame: Any) -> None:
        raise AssertionError(f"took more than {MOST_SECONDS} s")

    before = {number: signal.signal(number, late) for number in (signal.SIGPROF, signal.SIGALRM)}
    memory_before = _peak_memory()
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
    signal.alarm(6 * MOST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.alarm(0)
        for number, handler in before.items():
            signal.signal(number, handler)
    assert _peak_memory() - memory_before < MOST_BYTES


def _peak_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def damaged(data: st.DataObject, content: bytes) -> bytes:
    """`content` cut short, with bytes changed, or with a part of it repeated or left out."""
    changed = bytearray(content)
    if data.draw(st.booleans(), "cut"):
        del changed[data.draw(st.integers(0, len(changed))) :]
    for _ in range(data.draw(st.integers(0, 4), "changes")):
        if not changed:
            break
        at = data.draw(st.integers(0, len(changed) - 1))
        kind = data.draw(st.sampled_from(["byte", "bit", "number", "gone", "again"]))
        if kind == "byte":
            changed[at] = data.draw(st.integers(0, 255))
        elif kind == "bit":
            changed[at] ^= 1 << data.draw(st.integers(0, 7))
        elif kind == "number":
            changed[at : at + 4] = data.draw(
                st.sampled_from([b"\xff" * 4, b"\x7f\xff\xff\xff", bytes(4), b"\xff\xff\xff\x7f"])
            )
        elif kind == "gone":
            del changed[at : at + data.draw(st.integers(1, 64))]
        else:
            changed[at:at] = changed[at : at + 64]
    return bytes(changed)


def changed_value(data: st.DataObject, value: Any) -> Any:
    """A value as JSON knows them, with something in it replaced, left out or repeated."""
    if isinstance(value, dict | list) and value and data.draw(st.integers(0, 5), "deeper"):
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = data.draw(st.sampled_from(keys))
        inner = changed_value(data, value[key])
        gone = inner is ... or data.draw(st.integers(0, 9), "gone") == 0
        if isinstance(value, dict):
            return {name: inner if name == key else part for name, part in value.items() if name != key or not gone}
        again = data.draw(st.integers(0, 9), "again") == 0
        return [*value[:key], *([] if gone else [inner]), *([inner] if again and not gone else []), *value[key + 1 :]]
    return data.draw(VALUES | st.just(...), "instead")


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Another working directory for a while."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def copied(good: Study) -> Iterator[Study]:
    """A copy of a study, gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        yield good.copied_to(Path(folder))
