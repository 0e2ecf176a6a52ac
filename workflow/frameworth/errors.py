"""Errors and warnings that users see."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

FEW = 3  # up to this many problems of one kind get a line each, or names are listed; the rest are only counted


def printable(text: str) -> str:
    """`text` in one line that is safe on a terminal: line ends and other control characters are written as escapes.

    Names of bodyparts, videos, images and scorers come from projects and may contain commands to a terminal.
    """
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def commands_a_terminal(name: str) -> bool:
    """Whether a name contains an escape sequence or another control character; a line end does not count."""
    return any(unicodedata.category(char) == "Cc" and char != "\n" for char in name)


def one_line(error: object) -> str:
    """The text of a library's error or warning, in one line of at most 300 characters; its class if it has no text."""
    return " ".join(str(error).split())[:300] or type(error).__name__


class UserError(Exception):
    """An error that the user can fix: the text names the file, frame or key, what is wrong, and what to do.

    The command line prints it as one line, without a traceback, and exits with status 2.
    """

    def lines(self) -> list[str]:
        """What to print, safe on a terminal."""
        return [printable(str(self))]


@dataclass(frozen=True)
class Problem:
    """Something wrong with a study's input: an error stops the study, a warning does not."""

    severity: Literal["error", "warning"]
    where: str  # file, frame or key
    what: str
    todo: str
    kind: str = ""  # the same for all problems of this kind, where `what` has numbers or names that differ
    count: int = 1  # number of frames, labels or images

    def __str__(self) -> str:
        """The problem in one line, safe on a terminal whatever names it contains."""
        return printable(f"{self.where}: {self.what}; {self.todo}")


def error(where: object, what: str, todo: str, *, kind: str = "", count: int = 1) -> Problem:
    """A problem that stops the study."""
    return Problem("error", str(where), what, todo, kind, count)


def warning(where: object, what: str, todo: str, *, kind: str = "", count: int = 1) -> Problem:
    """A problem that does not stop the study."""
    return Problem("warning", str(where), what, todo, kind, count)


def grouped(problems: Iterable[Problem]) -> list[Problem]:
    """The problems, with many of one kind joined to one: the first of them, and how many more there are and where."""
    kinds: dict[tuple[str, str, str], list[Problem]] = {}
    for problem in dict.fromkeys(problems):
        kinds.setdefault((problem.severity, problem.kind or problem.what, problem.todo), []).append(problem)
    out = []
    for first, *others in kinds.values():
        if len(others) < FEW:
            out += [first, *others]
            continue
        folders = Counter[str]()
        for problem in others:
            folders[Path(problem.where).parent.name] += problem.count
        names = [f"{name} ({count})" for name, count in folders.items()]
        rest = f" and {len(names) - FEW} more folders" if len(names) > FEW else ""
        what = f"{first.what}; so with {folders.total()} more in {', '.join(names[:FEW])}{rest}"
        out.append(replace(first, what=what))
    return out


def problem_of(refused: UserError) -> Problem:
    """The problem in an error's line, which is `file: what; what to do` or `config: key: what; what to do`."""
    head, _, rest = str(refused).partition(": ")
    if head == "config":
        key, _, rest = rest.partition(": ")
        head = f"config: {key}"
    what, _, todo = rest.partition("; ")
    return Problem("error", head, what, todo or "correct it")


class RefusedError(UserError):
    """The error for input that has errors; its text has a line for each of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)

    def lines(self) -> list[str]:
        """A line for each error, safe on a terminal."""
        return [str(problem) for problem in self.problems]


def refusal(where: object, what: str, todo: str, *, kind: str = "") -> RefusedError:
    """The error that refuses an input because of one problem."""
    return RefusedError([error(where, what, todo, kind=kind)])


def refuse_errors(problems: Sequence[Problem]) -> None:
    """Raise RefusedError with all errors among `problems`, if there are any."""
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise RefusedError(errors)
