"""Signals in a job that trains: SIGTERM, a scheduler's warning before a time limit or a requeue; SIGINT, Ctrl-C.

A shell does not pass the signal on to the command it waits for; the rules that train therefore `exec` theirs. Where no
warning comes (SIGKILL, a power cut), the checkpoints that training writes by the clock are what is left.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

EXIT_CODE = 128 + signal.SIGTERM


class Preempted(BaseException):
    """SIGTERM or SIGINT has come; the text says what is kept.

    The command line prints it as one line and exits with `EXIT_CODE`. Not an Exception, so that nobody on its way takes
    it for a failure of their own.
    """


@contextmanager
def sigterm_stops() -> Iterator[None]:
    """Within the block SIGTERM or SIGINT raises Preempted, wherever the main thread is."""

    def stop(number: int, _: object) -> None:
        raise Preempted(
            f"stopped by {signal.Signals(number).name}; finished networks are kept, and the next attempt takes them "
            "from the store"
        )

    with _handled(stop):
        yield


@contextmanager
def sigterm_waits() -> Iterator[Callable[[], str]]:
    """Within the block a signal only makes the callable give its name; if the block ends all the same, it acts then."""
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
