"""Videos by name: the folder of a video's results, and which of its frames carry labels already."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

_LONGEST = 40  # letters of a video's own name in its folder's


def video_folder(path: str) -> str:
    """The name of a video's folder of results: its file's name in plain letters, and a hash of its path.

    It depends on nothing but the path as the config gives it, so that a video added to a study, of the same file name
    or not, moves no other.
    """
    path = os.path.normpath(path)
    plain = unicodedata.normalize("NFKD", Path(path).stem).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9._]+", "-", plain).strip("-._")[:_LONGEST] or "video"
    return f"{plain}-{hashlib.sha256(path.encode(errors='surrogateescape')).hexdigest()[:8]}"


def labelled_frames(path: str, videos: Iterable[str], images: Iterable[str]) -> list[int]:
    """The numbers of a video's frames that are labelled, as far as names tell.

    DeepLabCut keeps the frames of `day1/walk.mp4` in `labeled-data/walk/` as `img` and the frame's number. Of another
    tool's labels of several videos `walk` the folder is `day1_walk`.

    Args:
        path: the video's. videos, images: folder and file name of each labelled frame.
    """
    names = Path(path).absolute().with_suffix("").parts
    folders = {"_".join(names[start:]) for start in range(1, len(names))}
    numbers = []
    for video, image in zip(videos, images, strict=True):
        number = re.fullmatch(r"img(\d+)\.\w+", image)
        if video in folders and number:
            numbers.append(int(number[1]))
    return sorted(numbers)
