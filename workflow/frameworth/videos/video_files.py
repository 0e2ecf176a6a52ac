"""Read videos: all frames in their order, each decoded once.

Like DeepLabCut, it uses OpenCV, so that frames have the same numbers as in DeepLabCut's tables. Frames are counted
while they are decoded. This is exact for every rate and codec, while the number of frames that a file states is only
an estimate.
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

# FFmpeg prints nothing, because we report a broken file in one line. It reads this when the first file is opened.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


@dataclass(frozen=True)
class VideoInfo:
    """Properties that a video file states.

    Attributes:
        size: int [2], width and height in px as the video is shown (rotated if the file says so).
        frames: approximate number of frames; 0 if the file does not state it.
        rate: average frames per second; 0 if the file does not state it.
    """

    size: np.ndarray
    frames: int
    rate: float


@dataclass(frozen=True)
class VideoFrames:
    """Consecutive frames of a video.

    Attributes:
        images: RGB, uint8 [h, w, 3] each.
        seconds: float [F], the time of each in s.
    """

    images: list[np.ndarray]
    seconds: np.ndarray


def video_info(path: Path | str) -> VideoInfo:
    """The properties of a video; raises UserError naming the file if it is missing or no frame can be decoded."""
    with _opened(path) as capture:
        decoded, image = capture.read()
        if not decoded:
            raise UserError(f"{path}: not a single frame can be decoded; convert the video to H.264, or leave it out")
        stated = [capture.get(key) for key in (cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FPS)]
        frames, rate = (value if np.isfinite(value) and value > 0 else 0 for value in stated)
        return VideoInfo(np.array(image.shape[1::-1]), int(frames), float(rate))


def read_video(path: Path | str, at_once: int) -> Iterator[VideoFrames]:
    """Yield the frames of a video, `at_once` at a time; raises UserError naming the file if it cannot be opened."""
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
