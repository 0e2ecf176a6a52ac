"""Signals to a job that trains: SIGTERM from a scheduler, before a time limit or a requeue; SIGINT from Ctrl-C.

A shell does not pass a signal on to the command it waits for, so rules that train start their command with `exec`.
If a job ends without a signal (SIGKILL, a power cut), the last checkpoint is left, which is written regularly.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

EXIT_CODE = 128 + signal.SIGTERM


class Preempted(BaseException):
    """SIGTERM or SIGINT was received; the message says what is kept.

    The command line prints the message as one line and exits with `EXIT_CODE`. This class is no Exception, so that code
    with `except Exception` does not catch it.
    """


@contextmanager
def sigterm_stops() -> Iterator[None]:
    """Within the block, SIGTERM or SIGINT raises Preempted at once in the main thread."""

    def stop(number: int, _: object) -> None:
        raise Preempted(
            f"stopped by {signal.Signals(number).name}; finished networks are kept, and the next attempt takes them "
            "from the store"
        )

    with _handled(stop):
        yield


@contextmanager
def sigterm_waits() -> Iterator[Callable[[], str]]:
    """Delay SIGTERM and SIGINT to the normal end of the block; the callable gives the first one's name, or ""."""
    came: list[int] = []
    with _handled(lambda number, _: came.append(number)):
        yield lambda: signal.Signals(came[0]).name if came else ""
    if came:
        signal.raise_signal(came[0])


@contextmanager
def _handled(handler: Callable[[int, Any], None]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
