"""Predict one unlabelled video with many networks: their consensus, and the disagreement of ensembles."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from frameworth.config.training import Training
from frameworth.engine.base import Predictor
from frameworth.labels.subsets import read_subset
from frameworth.text import counted
from frameworth.training.divergence import without_diverged
from frameworth.training.gpus import take_device
from frameworth.training.predict import JointMaps, frames_at_once, load_predictors, spread_of
from frameworth.training.scaling import scaled_image, scaled_sizes
from frameworth.videos.video_consensus import VideoConsensus, write_video_consensus
from frameworth.videos.video_files import VideoInfo, read_video, video_info

SAY_SECONDS = 10  # time between lines of progress
_RATE = 25.0  # frames per second of a video that states neither times nor a rate


def analyse_video(
    video: str,
    networks: Sequence[Path],
    subset_json: Path,
    folder: Path,
    *,
    training: Training,
    device: str,
    consensus: str,
) -> None:
    """Write a video's `consensus.h5` and DeepLabCut tables into `folder`.

    Args:
        networks: files of networks; those of one ensemble (subset) are in one folder, and next to each other here.
        subset_json: the subset of one of these networks, for the keypoints' names.
        consensus: the form of consensus.

    Networks that diverged are left out. Raises UserError if the video cannot be read, or no network is left.
    """
    info = video_info(video)  # before loading networks, so that a bad video fails at once
    torch_device = take_device(device)
    subset = read_subset(subset_json)
    asked, networks = len(networks), without_diverged(networks)
    sizes = [len(list(ensemble)) for _, ensemble in itertools.groupby(networks, key=lambda network: network.parent)]
    predictors = load_predictors(networks, training, subset.keypoints, torch_device)

    def say(line: str) -> None:
        print(f"{video}: {line}", file=sys.stderr, flush=True)

    if len(networks) < asked:
        say(f"left out because they diverged: {counted(asked - len(networks), 'network')}")
    many = f"{counted(len(networks), 'network')} of {counted(len(sizes), 'ensemble')}"
    say(f"{many}, {info.frames or 'an unknown number of'} frames")
    agreed = consensus_of_video(
        video, info, predictors, sizes, subset.keypoints, scale=training.scale, form=consensus, say=say
    )
    write_video_consensus(
        folder,
        agreed,
        f"frameworth_percent-{subset.percent:03d}",
        {
            "form": consensus,
            "networks": " ".join(f"{file.parent.parent.name}/{file.parent.name}/{file.stem}" for file in networks),
            "ensembles": str(len(sizes)),
        },
    )


def consensus_of_video(
    video: str,
    info: VideoInfo,
    predictors: Sequence[Predictor],
    ensembles: Sequence[int],
    keypoints: Sequence[str],
    *,
    scale: float,
    form: str,
    say: Callable[[str], None],
) -> VideoConsensus:
    """The consensus of all networks over a video, and the disagreement of their ensembles.

    Each frame is decoded once. Images and maps stay in memory for one batch only; after that, each frame needs sixteen
    bytes per keypoint.

    Args:
        ensembles: the number of predictors of each ensemble, in the order of the predictors.
        scale: scale of the networks' images.
        form: one of `CONSENSUS_FORMS`, for all networks and for each ensemble.
        say: called with a line of progress at intervals.
    """
    size = scaled_sizes(info.size, scale)
    factors = size / info.size
    ends = np.cumsum(ensembles)
    parts = [slice(end - count, end) for end, count in zip(ends, ensembles, strict=True)]
    seconds, pose, confidence, disagreement = [], [], [], []
    done, started, last_report = 0, time.monotonic(), time.monotonic()
    for frames in read_video(video, frames_at_once(size)):
        maps = JointMaps.of(predictors, [scaled_image(image, scale) for image in frames.images])
        seconds.append(frames.seconds)
        pose.append((maps.consensus(form) / factors).astype(np.float32))
        confidence.append(maps.consensus_confidence())
        each = np.stack([maps.members(part).consensus(form) for part in parts])
        disagreement.append(spread_of(each / factors).astype(np.float32))
        done += len(frames.images)
        now = time.monotonic()
        if now - last_report > SAY_SECONDS:
            say(_progress(done, info.frames, done / (now - started)))
            last_report = now
    spent = time.monotonic() - started
    say(f"{done} frames in {spent:.0f} s ({done / spent:.1f} frames/s)")
    if done < info.frames:
        say(f"warning: the file states {info.frames} frames, but only {done} can be decoded; it may be cut short")
    return VideoConsensus(
        video=video,
        size=info.size,
        keypoints=tuple(keypoints),
        seconds=_times(np.concatenate(seconds), info.rate, say),
        pose=np.concatenate(pose),
        confidence=np.concatenate(confidence),
        disagreement=np.concatenate(disagreement),
    )


def _progress(done: int, frames: int, rate: float) -> str:
    if done >= frames:
        return f"frame {done}, {rate:.1f} frames/s"
    return f"frame {done} of {frames}, {rate:.1f} frames/s, {(frames - done) / rate:.0f} s left"


def _times(seconds: np.ndarray, rate: float, say: Callable[[str], None]) -> np.ndarray:
    """The frames' times in seconds; if the file's times do not increase, those of a constant rate."""
    if (np.diff(seconds) > 0).all():
        return seconds
    if not rate:
        say(f"warning: the file states neither times nor a rate; {_RATE:.0f} frames per second are assumed")
    return np.arange(len(seconds)) / (rate or _RATE)
