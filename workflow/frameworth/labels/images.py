"""Reading image files as the networks see them, and refusing files that cannot be read so."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from frameworth.errors import Problem, RefusedError, one_line, refusal, warning

DECODED_BYTES_KEPT = 1_000_000_000  # limit for the decoded images that a job keeps in memory; others are decoded again
# Formats that both DeepLabCut's reader (OpenCV) and Pillow decode; some other formats of Pillow start programs (EPS).
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF")
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")  # both readers convert these to the same RGB
MAX_PIXELS = 100_000_000
_MIDDLE = 8  # rows
ORIENTATION = 0x0112  # of EXIF; 1 is upright

# MAX_PIXELS is stricter than Pillow's limit. The filter is set once here, because decoding threads share all filters.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


@dataclass(frozen=True)
class DecodedImage:
    """An image as the networks see it, or only its middle rows.

    Attributes:
        size: width and height of the whole image in px.
        rgb: uint8 [rows, width, 3]; do not write to it.
        pixels: SHA-256 of `rgb`; it is equal for the same picture, whatever the file format.
    """

    size: tuple[int, int]
    rgb: np.ndarray
    pixels: str


def read_image(path: Path | str) -> np.ndarray:
    """The image as RGB, uint8 [height, width, 3]; raises RefusedError naming the file if it cannot be used."""
    with _opened(path) as image:
        return np.array(_rgb(image))


def image_size(path: Path | str) -> tuple[int, int]:
    """Width and height in px, from the file's header; raises RefusedError naming the file if it cannot be used."""
    with _opened(path) as image:
        return image.size


def inspect_header(path: Path | str) -> tuple[tuple[int, int] | None, list[Problem]]:
    """Width and height in px, and the problems that the file's header shows; nothing is decoded."""
    try:
        with _opened(path) as image:
            return image.size, list(_warnings(path, image))
    except RefusedError as refused:
        return None, list(refused.problems)


def inspect_image(path: Path | str, whole: bool = True) -> tuple[DecodedImage | None, list[Problem]]:
    """The decoded image, and the problems of the file.

    Args:
        whole: whether to return the whole picture or its middle rows, which are enough to tell most pictures apart.
            The whole file is decoded in both cases, but the middle rows save a third of the time.
    """
    try:
        with _opened(path) as image:
            rows = middle_rows(image.height)
            part = image if whole else image.crop((0, rows.start, image.width, rows.stop))
            rgb, problems = np.asarray(_rgb(part)), list(_warnings(path, image))
            _refuse_turned(path, image.getexif())  # a PNG may have its EXIF data after its pixels
    except RefusedError as refused:
        return None, list(refused.problems)
    return DecodedImage(image.size, rgb, pixel_digest(rgb)), problems


def middle_rows(height: int) -> slice:
    """The few rows in the middle of an image that `inspect_image` uses to tell it from others."""
    start = max(0, (height - _MIDDLE) // 2)
    return slice(start, min(start + _MIDDLE, height))


def pixel_digest(rgb: np.ndarray) -> str:
    """SHA-256 of the size and pixels of an image, uint8 [height, width, 3]."""
    digest = hashlib.sha256(f"{rgb.shape}".encode())
    digest.update(rgb.data)
    return digest.hexdigest()


def _rgb(image: Image.Image) -> Image.Image:
    """The image as RGB; an RGB image is not converted, because Pillow's copy takes a quarter of the decoding time."""
    image.load()  # this may change the mode
    image.info.pop("transparency", None)  # which RGB has not; Pillow would print a warning about it
    return image if image.mode == "RGB" else image.convert("RGB")


@contextmanager
def _opened(path: Path | str) -> Iterator[Image.Image]:
    try:
        with Image.open(path, formats=FORMATS) as image:
            _refuse(path, image)
            yield image
    except RefusedError:
        raise
    except FileNotFoundError:
        raise refusal(path, "there is no such image", "put it back, or remove its labels") from None
    except Image.DecompressionBombError:
        raise _too_large(path) from None
    except Exception as problem:  # a broken file may raise anything
        what = f"not a readable image ({one_line(problem)})"
        todo = "put a good copy in its place, or remove the image and its labels"
        raise refusal(path, what, todo, kind="unreadable") from problem


def _refuse(path: Path | str, image: Image.Image) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise _too_large(path)
    if image.mode not in MODES:
        what = f"stores pixels as {image.mode}, which would lose its greys"
        raise refusal(path, what, "save it with 8 bits per channel, as DeepLabCut would read it")
    if exif := image.info.get("exif"):
        header = Image.Exif()
        header.load(exif)
        _refuse_turned(path, header)


def _refuse_turned(path: Path | str, exif: Image.Exif) -> None:
    """Refuse rotated images: DeepLabCut trains on the rotated picture, but takes its size from the file as stored."""
    turn = exif.get(ORIENTATION, 1)
    if turn != 1:
        what = f"is to be turned when shown (EXIF orientation {turn}), which programs do or do not"
        raise refusal(path, what, "save it upright without that mark, and see that its labels fit")


def _warnings(path: Path | str, image: Image.Image) -> Iterator[Problem]:
    if image.mode == "CMYK":
        yield warning(path, "is stored for printing (CMYK), so that its colours are approximate", "save it as RGB")


def _too_large(path: Path | str) -> RefusedError:
    return refusal(path, f"has more than {MAX_PIXELS // 10**6} million px", "scale it down, and its labels with it")
