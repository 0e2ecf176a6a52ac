"""SIGTERM in a job that trains: a scheduler's warning before a time limit, a requeue or a preemption.

A shell does not pass the signal on to the command it waits for; the rules that train therefore `exec` theirs. Where no
warning comes (SIGKILL, a power cut), the checkpoints that training writes by the clock are what is left.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

EXIT_CODE = 128 + signal.SIGTERM


class Preempted(BaseException):
    """SIGTERM has come; the text says what is kept.

    The command line prints it as one line and exits with `EXIT_CODE`. Not an Exception, so that nobody on its way takes
    it for a failure of their own.
    """


@contextmanager
def sigterm_stops() -> Iterator[None]:
    """Within the block SIGTERM raises Preempted, wherever the main thread is."""

    def stop(*_: object) -> None:
        raise Preempted(
            "stopped by SIGTERM; finished networks are kept, and the next attempt takes them from the store"
        )

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def sigterm_waits() -> Iterator[Callable[[], bool]]:
    """Within the block SIGTERM only makes the callable true; if the block ends all the same, it takes effect then."""
    came = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: came.set())
    try:
        yield came.is_set
    finally:
        signal.signal(signal.SIGTERM, before)
    if came.is_set():
        signal.raise_signal(signal.SIGTERM)
