"""`frames_to_label.csv`: frames of unlabelled videos on which ensembles disagree, and which differ from each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans

from frameworth.labels.frames import read_frames
from frameworth.storage.files import write_csv
from frameworth.videos.video_consensus import VideoConsensus, read_video_consensus
from frameworth.videos.video_names import labelled_frames

# First, this many times the wanted frames are listed by disagreement only; then different ones are chosen from them.
_SHORTLIST = 5

COLUMNS = (
    "rank", "video", "frame", "time_s", "disagreement_px", "confidence", "most_uncertain_keypoint"
)  # fmt: skip


def write_frames_to_label(study: Path, consensus_files: Sequence[Path], *, count: int, seconds_apart: float) -> None:
    """Choose frames from all videos of the folder `study` with `frames_to_label`, and write the table."""
    table = read_frames(study / "frames.csv")
    videos = [read_video_consensus(file) for file in consensus_files]
    labelled = [labelled_frames(video.video, table["video"], table["image"]) for video in videos]
    table = frames_to_label(videos, labelled, count=count, seconds_apart=seconds_apart)
    write_csv(study / "frames_to_label.csv", table)


def frames_to_label(
    videos: Sequence[VideoConsensus], labelled: Sequence[Sequence[int]], *, count: int, seconds_apart: float
) -> pd.DataFrame:
    """The `count` frames to label next, the frame with the most disagreement first.

    Frames are listed by disagreement, without those near a listed or labelled frame. The first 5 · `count` frames are
    divided into `count` clusters (k-means) by their consensus pose, and the frame with the most disagreement of each
    cluster is taken.

    Args:
        labelled: the numbers of the labelled frames of each video.
        seconds_apart: least time between a chosen frame and other chosen or labelled frames of its video.

    Returns a row per frame, in the columns `COLUMNS`; fewer than `count` if the videos have too few frames that are
    that far apart and differ from each other.
    """
    listed = shortlist(videos, labelled, count=_SHORTLIST * count, seconds_apart=seconds_apart)
    features = np.array([(videos[v].pose[f] / np.linalg.norm(videos[v].size)).ravel() for v, f in listed])
    rows = []
    for place in unlike(features, count):
        video, frame = videos[listed[place][0]], listed[place][1]
        rows.append(
            {
                "video": video.video,
                "frame": frame,
                "time_s": round(float(video.seconds[frame]), 3),
                "disagreement_px": video.frame_disagreement[frame],
                "confidence": video.confidence[frame].mean(),
                "most_uncertain_keypoint": video.keypoints[int(video.disagreement[frame].argmax())],
            }
        )
    chosen = pd.DataFrame(rows, columns=COLUMNS[1:])
    chosen.insert(0, "rank", np.arange(1, len(chosen) + 1))
    return chosen


def shortlist(
    videos: Sequence[VideoConsensus], labelled: Sequence[Sequence[int]], *, count: int, seconds_apart: float
) -> list[tuple[int, int]]:
    """The `count` frames (video, frame) with the most disagreement that are not too near to each other or to labels."""
    free = [np.ones(len(video.seconds), bool) for video in videos]
    for number, video in enumerate(videos):
        for frame in labelled[number]:
            if frame < len(video.seconds):
                _close(free[number], video.seconds, frame, seconds_apart)
    starts = np.cumsum([0] + [len(video.seconds) for video in videos])
    scores = np.concatenate([video.frame_disagreement for video in videos])
    chosen: list[tuple[int, int]] = []
    for place in np.argsort(-scores, kind="stable"):
        number = int(np.searchsorted(starts, place, side="right")) - 1
        frame = int(place - starts[number])
        if len(chosen) == count:
            break
        if free[number][frame]:
            chosen.append((number, frame))
            _close(free[number], videos[number].seconds, frame, seconds_apart)
    return chosen


def unlike(features: np.ndarray, count: int) -> list[int]:
    """The first row of each of `count` clusters of `features` [M, D], in ascending order; all rows if M <= count."""
    if len(features) <= count:
        return list(range(len(features)))
    # There cannot be more clusters than different rows.
    clusters = KMeans(min(count, len(np.unique(features, axis=0))), n_init=10, random_state=0).fit_predict(features)
    return sorted(int(np.flatnonzero(clusters == cluster)[0]) for cluster in np.unique(clusters))


def _close(free: np.ndarray, seconds: np.ndarray, frame: int, apart: float) -> None:
    """Mark a frame and those less than `apart` seconds away as not free, with a tolerance for rounded times."""
    near = np.abs(seconds - seconds[frame]) < apart - 1e-6
    free[near] = False
    free[frame] = False
