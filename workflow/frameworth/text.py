"""Numbers as text for people, with three significant digits, a true minus and no exponent; commands to type."""

from __future__ import annotations

import shlex

LEAST = 1e-4  # smaller numbers are shown as "about 0"


def readable(value: float, sign: str = "") -> str:
    """A finite number as text; with `sign` "+", a positive number gets a plus sign."""
    if 0 < abs(value) < LEAST:
        return "about 0"
    text = f"{value:{sign}.3g}"
    return (f"{value:{sign},.0f}" if "e" in text else text).replace("-", "−")


def counted(number: int, noun: str) -> str:
    """A number with its noun: `1 subset`, `2 subsets`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def counted_verb(number: int, noun: str, one: str, many: str) -> str:
    """A number with its noun and verb: `1 image has`, `2 images have`."""
    return f"{counted(number, noun)} {one if number == 1 else many}"


def command(name: str, configfile: str) -> str:
    """A frameworth command with the study's config, quoted for a terminal."""
    return f"frameworth {name} --configfile {shlex.quote(configfile)}"


def duration(seconds: float) -> str:
    """A duration in s, min, h or days, whichever a person would use."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 72 * 3600 else f"{seconds / 86400:.0f} days"


def px_and_score(value: float, px: float, unit: str) -> str:
    """The px and then a value of the tested score: `+0.3 px (+0.12 −log(probability))`; only px if its unit is px."""
    in_px = f"{readable(px, '+')} px"
    return in_px if unit == "px" else f"{in_px} ({readable(value, '+')} {unit})"


def rounded(value: float) -> float:
    """A finite number with two significant digits; more digits of an estimate have no meaning."""
    return float(f"{value:.2g}")
