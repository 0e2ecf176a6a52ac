"""Which frames are held out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from frameworth.errors import UserError


def hold_out(
    videos: Sequence[str],
    images: Sequence[str],
    *,
    fraction: float,
    by: str,
    seed: int,
    pictures: Sequence[str] | None,
) -> np.ndarray:
    """Which frames are held out, bool [N].

    Frames (`by="frame"`) or videos (`by="video"`) are sorted by a hash of (seed, name), and the first `fraction`
    of the frames is held out. So frames added later hardly change the split of the others. By video, whole videos
    are held out until the fraction is reached: at least one and never all. Frames of the same picture are on the
    same side of the split; by video, so are videos that share a picture.

    Args:
        pictures: [N] equal for frames of the same picture; None if all pictures are known to differ.

    Raises UserError if no frame, or no pool, would remain, or if `by` is "video" and there are not at least two videos.
    """
    names = [f"{video}/{image}" for video, image in zip(videos, images, strict=True)]
    wanted = held_out_count(fraction, len(names))
    if by == "frame":
        units = np.array(names if pictures is None else pictures, object)
        order = [units[index] for index in sorted(range(len(names)), key=lambda index: _hash(seed, names[index]))]
        candidates = list(dict.fromkeys(order))
        chosen: set[str] = set()
        left = wanted
    else:
        units = _linked_videos(videos, pictures)
        candidates = list(dict.fromkeys(units[list(videos).index(v)] for v in _in_order(videos, seed)))
        if len(candidates) < 2:
            shared = " (all share pictures)" if len(set(videos)) > 1 else ""
            raise UserError(f"held_out.by: 'video' needs at least two videos with labels{shared}; use by: frame")
        chosen = {candidates[0]}
        left = wanted - int((units == candidates[0]).sum())
        candidates = candidates[1:-1]
    for unit in candidates:
        if left <= 0:
            break
        chosen.add(unit)
        left -= int((units == unit).sum())
    held_out = np.array([unit in chosen for unit in units])
    if not held_out.any() or held_out.all():
        raise UserError(
            f"held_out.fraction: {fraction} of {len(names)} frames leaves "
            f"{held_out.sum()} held out and {(~held_out).sum()} to train on; both must be at least 1"
        )
    return held_out


def held_out_count(fraction: float, frames: int) -> int:
    """How many of `frames` frames are held out by frame if all pictures differ: rounded half up."""
    return int(np.floor(fraction * frames + 0.5))


def _in_order(videos: Sequence[str], seed: int) -> list[str]:
    return sorted(set(videos), key=lambda video: _hash(seed, video))


def _linked_videos(videos: Sequence[str], pictures: Sequence[str] | None) -> np.ndarray:
    """For each frame the name of its video, [N]; videos that share a picture have one name."""
    name = {video: video for video in videos}
    seen: dict[str, str] = {}
    for video, picture in zip(videos, pictures or (), strict=pictures is not None):
        other = name[seen.setdefault(picture, video)]
        if other != name[video]:
            old = name[video]
            name = {key: other if value == old else value for key, value in name.items()}
    return np.array([name[video] for video in videos], object)


def _hash(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{name}".encode()).digest()
