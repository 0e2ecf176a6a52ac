"""Draw the demo: a DeepLabCut project of small animals seen from above, with label errors planted in its pool.

Three videos, each with an animal, a ground and a light of its own: a brown mouse in a box of sawdust, a hooded rat
on tiles behind the wires of a cage, a grey vole on a round rubber mat. Near the animal often lies a toy that resembles
it; straw or a bar hides parts of it, shadows pass, and fast movements blur it. Everything follows from the seed.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from demo.pictures import VIDEOS, Frame, Scenery, draw_frame, walk
from frameworth.labels.deeplabcut_tables import write_collected_data
from frameworth.labels.label_errors import SHIFT, SMALL, animal_length, move_one, shift_inside
from frameworth.labels.project_config import project_config
from frameworth.storage.files import write_bytes, write_csv, write_text

KEYPOINTS = ("snout", "leftear", "rightear", "tailbase")
SKELETON = (("snout", "leftear"), ("snout", "rightear"), ("leftear", "tailbase"), ("rightear", "tailbase"))
SCORER = "demo"
# Planted label errors, in turn: a small one of a single keypoint, then a gross one of the whole animal.
KINDS = ("moved", "shifted", "moved", "swapped", "moved", "distractor")
SMALLEST = 48  # px; below, a shifted label might find no place inside the image

Pool = Callable[[Sequence[str], Sequence[str]], np.ndarray]


def draw_project(folder: Path, *, frames: int, width: int, height: int, seed: int, planted: float, pool: Pool) -> None:
    """Write a DeepLabCut project of `frames` labelled images of `width` × `height` px into `folder`.

    `pool(videos, images)` says which of the frames [N] may be trained on; only they get planted label errors,
    round(planted · pool size) of them, every second one `moved`: one keypoint by 10-25 % of the largest distance
    between two labels of its frame, a first guess at 1.5-4 times the median out-of-bag error of networks. The
    others are gross, in turn `shifted` (all keypoints by 15-30 % of the width), `swapped` (as if the animal faced the
    other way) and `distractor` (the toy is labelled). `planted.csv` records them. The same arguments give the same
    bytes on the same machine, and the same pictures whatever is planted. Raises ValueError for too few or small images.
    """
    if min(width, height) < SMALLEST or frames < len(VIDEOS):
        raise ValueError(f"the demo needs at least {SMALLEST} x {SMALLEST} px and {len(VIDEOS)} frames")
    folder = Path(folder)
    size = np.array([width, height])
    videos, images = _frame_names(frames)
    rng = np.random.default_rng([seed, 1])
    kinds = _plant(np.asarray(pool(videos, images), dtype=bool), planted, rng)
    labels = np.empty((frames, len(KEYPOINTS), 2))
    for number, video in enumerate(VIDEOS):
        rows = [i for i, name in enumerate(videos) if name == video.name]
        scenery = Scenery(video, size, np.random.default_rng([seed, 2, number]))
        steps = walk(len(rows), scenery, np.random.default_rng([seed, 3, number]))
        for row, step in zip(rows, steps, strict=True):
            frame = draw_frame(scenery, step, np.random.default_rng([seed, 4, row]))
            labels[row] = _mislabel(kinds[row], frame, size, np.random.default_rng([seed, 5, row]))
            write_bytes(folder / "labeled-data" / video.name / images[row], _png(frame.picture))
    write_collected_data(folder, SCORER, KEYPOINTS, videos, images, labels)
    sizes = {video.name: (width, height) for video in VIDEOS}
    write_text(folder / "config.yaml", project_config("demo", SCORER, KEYPOINTS, SKELETON, sizes))
    table = pd.DataFrame({"video": videos, "image": images, "planted": kinds})
    write_csv(folder / "planted.csv", table[table["planted"] != ""])


# -- which frames, which errors ---------------------------------------------------------------------------


def _frame_names(frames: int) -> tuple[list[str], list[str]]:
    """Video and image name of each frame, the videos as even as can be."""
    counts = [len(part) for part in np.array_split(np.arange(frames), len(VIDEOS))]
    videos = [video.name for video, count in zip(VIDEOS, counts, strict=True) for _ in range(count)]
    return videos, [f"img{i:04d}.png" for count in counts for i in range(count)]


def _plant(pool: np.ndarray, share: float, rng: np.random.Generator) -> list[str]:
    """Kind of planted error of each frame [N], '' for none."""
    kinds = [""] * len(pool)
    members = np.flatnonzero(pool)
    for place, row in enumerate(rng.permutation(members)[: round(share * len(members))]):
        kinds[row] = KINDS[place % len(KINDS)]
    return kinds


def _mislabel(kind: str, frame: Frame, size: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Labels [K, 2] with the planted error of that kind; '' leaves them as they are."""
    xy = frame.labels
    if kind == "moved":
        length = animal_length(xy, size)
        return move_one(xy, size, (SMALL[0] * length, SMALL[1] * length), rng)[0]
    if kind == "shifted":
        return xy + shift_inside(xy, size, (SHIFT[0] * size[0], SHIFT[1] * size[0]), rng)
    if kind == "swapped":  # left for right and head for tail: the animal as if it faced the other way
        return xy[[KEYPOINTS.index(name) for name in ("tailbase", "rightear", "leftear", "snout")]]
    return frame.decoy if kind == "distractor" else xy


# -- DeepLabCut's files -----------------------------------------------------------------------------------


def _png(picture: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, format="PNG", optimize=False)
    return stream.getvalue()
