"""Pack arrays and text into the page: they are small, and the browser never takes them for code."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from frameworth.storage.files import json_plain

_DIGITS = 6  # significant digits of the numbers in the page
_MISSING = {8: -128, 16: -32768}


@dataclass(frozen=True)
class Packed:
    """An array as base64 of gzip, little-endian, with what JavaScript needs to read it.

    Attributes:
        kind: `int8`, `int16`, `uint8`, `uint16` or `float32`.
        codes: constants with which the page's script turns codes into numbers; empty if the array has the numbers.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    text: str
    codes: dict[str, float]

    @property
    def about(self) -> dict[str, Any]:
        """The description of the array for the page's script."""
        return {"kind": self.kind, "shape": list(self.shape), **self.codes}


class Part(NamedTuple):
    """A part of the page: arrays, data for the page's script, and what was left out, in clauses."""

    arrays: list[Packed]
    data: dict[str, Any]
    left_out: list[str]


def packed(name: str, values: np.ndarray, codes: dict[str, float] | None = None) -> Packed:
    """Pack `values` unchanged."""
    little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    text = base64.b64encode(gzip.compress(little.tobytes(), 6, mtime=0)).decode("ascii")
    return Packed(name, values.dtype.name, values.shape, text, codes or {})


def packed_signed(name: str, values: np.ndarray, bits: int) -> Packed:
    """Pack positive and negative numbers as codes of 8 or 16 bits, evenly spaced in asinh; NaN has its own code.

    Therefore most numbers, small or large, keep a similar relative precision, see `relative_precision`.
    """
    steps, sizes = 2 ** (bits - 1) - 1, np.abs(values[np.isfinite(values)])
    largest = float(sizes.max(initial=0.0)) or 1.0
    small = (float(np.median(sizes)) if sizes.size else 0.0) / 4 or largest / 100
    with np.errstate(invalid="ignore"):
        codes = np.rint(np.arcsinh(values / small) / np.arcsinh(largest / small) * steps)
    codes = np.where(np.isfinite(values), codes, _MISSING[bits]).astype(f"int{bits}")
    reach = float(np.arcsinh(largest / small)) / steps
    return packed(name, codes, {"small": small, "reach": reach, "missing": _MISSING[bits]})


def relative_precision(packed: Packed) -> float:
    """The largest rounding error of a large number, as a share of the number."""
    return packed.codes["reach"] / 2


def packed_positions(name: str, xy: np.ndarray, sizes: np.ndarray) -> Packed:
    """Pack positions [..., N, K, 2] in px as codes of 16 bits, cut off one largest image side beyond the image.

    Args:
        sizes: [N, 2] width and height of the images.
    """
    low, high = -float(sizes.max()), 2 * float(sizes.max())
    step = (high - low) / 65534
    known = np.isfinite(xy)
    codes = np.where(known, np.rint((np.clip(np.where(known, xy, 0), low, high) - low) / step), 65535)
    return packed(name, codes.astype(np.uint16), {"low": low, "step": step, "missing": 65535})


def json_in_page(value: Any) -> Markup:
    """`value` as JSON that is safe inside a script element, with any text."""
    text = json.dumps(json_plain(value, _DIGITS), allow_nan=False, separators=(",", ":"))
    # Only these could be mistaken for markup; json.dumps has already escaped everything beyond ASCII, such as U+2028.
    return Markup(text.translate({ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&"}))
