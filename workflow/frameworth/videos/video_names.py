"""Names of videos: the folder of a video's results, and the numbers of its frames that are labelled already."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

_LONGEST = 40  # letters of the video's name in the folder's name


def video_folder(path: str) -> str:
    """The name of the folder for a video's results: the file's name in plain letters, and a hash of its path.

    It depends only on the path in the config, so that adding a video, even one with the same file name, does not change
    the folders of others.
    """
    path = os.path.normpath(path)
    plain = unicodedata.normalize("NFKD", Path(path).stem).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9._]+", "-", plain).strip("-._")[:_LONGEST] or "video"
    return f"{plain}-{hashlib.sha256(path.encode(errors='surrogateescape')).hexdigest()[:8]}"


def labelled_frames(path: str, videos: Iterable[str], images: Iterable[str]) -> list[int]:
    """The numbers of a video's labelled frames, as far as names show them.

    DeepLabCut keeps the frames of `day1/walk.mp4` in `labeled-data/walk/`, named `img` and the frame's number. For
    labels of another tool with several videos named `walk`, the folder is `day1_walk`.

    Args:
        path: path of the video. videos, images: folder and file name of each labelled frame.
    """
    names = Path(path).absolute().with_suffix("").parts
    folders = {"_".join(names[start:]) for start in range(1, len(names))}
    numbers = []
    for video, image in zip(videos, images, strict=True):
        number = re.fullmatch(r"img(\d+)\.\w+", image)
        if video in folders and number:
            numbers.append(int(number[1]))
    return sorted(numbers)
