"""Numbers as people read them, with three significant digits, a true minus and no exponent; commands to type."""

from __future__ import annotations

import shlex

LEAST = 1e-4  # what is smaller is said to be about 0


def readable(value: float, sign: str = "") -> str:
    """A finite number in words; with `sign` "+" a positive one has its sign."""
    if 0 < abs(value) < LEAST:
        return "about 0"
    text = f"{value:{sign}.3g}"
    return (f"{value:{sign},.0f}" if "e" in text else text).replace("-", "−")


def counted(number: int, noun: str) -> str:
    """`1 subset`, `2 subsets`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def command(name: str, configfile: str) -> str:
    """A command of frameworth with the study's config, for a terminal."""
    return f"frameworth {name} --configfile {shlex.quote(configfile)}"


def duration(seconds: float) -> str:
    """Seconds in the unit a person would use."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 72 * 3600 else f"{seconds / 86400:.0f} days"


def px_and_score(value: float, px: float, unit: str) -> str:
    """A value of the score that is tested, px before it: `+0.3 px (+0.12 −log(probability))`; alone where it is px."""
    in_px = f"{readable(px, '+')} px"
    return in_px if unit == "px" else f"{in_px} ({readable(value, '+')} {unit})"


def rounded(value: float, digits: int = 2) -> float:
    """A finite number with so many significant digits: more of them say nothing where they are estimated."""
    return float(f"{value:.{digits}g}")
