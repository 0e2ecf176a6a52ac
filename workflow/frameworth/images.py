"""Reading image files as the networks see them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from frameworth.errors import UserError

DECODED_BYTES_KEPT = 1_000_000_000  # of a job's images; the others are decoded again when asked for


def read_image(path: Path | str) -> np.ndarray:
    """The image as RGB, uint8 [height, width, 3]; raises UserError naming the file if it is none."""
    try:
        with Image.open(path) as image:
            return np.array(image.convert("RGB"))
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such image") from None
    except (UnidentifiedImageError, OSError) as error:
        raise UserError(f"{path}: not a readable image ({error})") from None


def image_size(path: Path | str) -> tuple[int, int]:
    """Width and height in px, from the file's header."""
    try:
        with Image.open(path) as image:
            return image.size
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such image") from None
    except (UnidentifiedImageError, OSError) as error:
        raise UserError(f"{path}: not a readable image ({error})") from None
