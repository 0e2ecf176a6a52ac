"""Reading videos: every frame in its order, decoded once.

By OpenCV, as DeepLabCut reads them, so that the frames' numbers are the same as in its tables. Frames are counted as
they are decoded, not sought, which is exact whatever the rate or the codec; the number of frames that a file states is
only an estimate.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from frameworth.errors import UserError
from frameworth.labels.video_content import refuse_no_film

# A broken file is told in one line, by us. FFmpeg reads this once, when the first file is opened.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


@dataclass(frozen=True)
class VideoInfo:
    """What a video states of itself.

    Attributes:
        size: int [2], width and height in px as it is shown (turned, where the file says so).
        frames: about how many; 0 where the file does not say.
        rate: frames per second, on average; 0 where the file does not say.
    """

    size: np.ndarray
    frames: int
    rate: float


@dataclass(frozen=True)
class VideoFrames:
    """Neighbouring frames of a video.

    Attributes:
        images: RGB, uint8 [h, w, 3] each.
        seconds: float [F], when each is shown.
    """

    images: list[np.ndarray]
    seconds: np.ndarray


def video_info(path: Path | str) -> VideoInfo:
    """What a video states of itself; raises UserError naming the file if no frame of it can be decoded."""
    with _opened(path) as capture:
        decoded, image = capture.read()
        if not decoded:
            raise UserError(f"{path}: not a single frame can be decoded; convert the video to H.264, or leave it out")
        stated = [capture.get(key) for key in (cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FPS)]
        frames, rate = (value if np.isfinite(value) and value > 0 else 0 for value in stated)
        return VideoInfo(np.array(image.shape[1::-1]), int(frames), float(rate))


def read_video(path: Path | str, at_once: int) -> Iterator[VideoFrames]:
    """The frames of a video, `at_once` at a time; raises UserError naming the file if it cannot be opened."""
    with _opened(path) as capture:
        images: list[np.ndarray] = []
        seconds: list[float] = []
        while True:
            decoded, image = capture.read()
            if decoded:
                images.append(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
                seconds.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
            if images and (not decoded or len(images) == at_once):
                yield VideoFrames(images, np.array(seconds))
                images, seconds = [], []
            if not decoded:
                return


@contextmanager
def _opened(path: Path | str) -> Iterator[cv2.VideoCapture]:
    if not Path(path).is_file():
        raise UserError(f"{path}: there is no such video")
    refuse_no_film(path)
    loud = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    capture = cv2.VideoCapture(str(Path(path).absolute()), cv2.CAP_FFMPEG)  # `a:b` alone may be a protocol's name
    try:
        if not capture.isOpened():
            raise UserError(
                f"{path}: cannot be opened as a video (cut short, or none at all); copy it again, or leave it out"
            )
        yield capture
    finally:
        capture.release()
        cv2.utils.logging.setLogLevel(loud)
