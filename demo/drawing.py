"""Draw the demo: a DeepLabCut project of small animals seen from above, with label errors planted in its pool.

There are three videos, each with its own animal, ground and light: a brown mouse in a box of sawdust, a hooded rat on
tiles behind the wires of a cage, and a grey vole on a round rubber mat. Often a toy that resembles the animal lies near
it. Straw or a bar may hide parts of it, shadows pass, and fast movements blur it. The seed determines everything.
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
# The kinds of planted label errors, in turn: a small error of one keypoint, then a gross error of the whole animal.
KINDS = ("moved", "shifted", "moved", "swapped", "moved", "distractor")
SMALLEST = 48  # px; in a smaller image there may be no room to shift a label

Pool = Callable[[Sequence[str], Sequence[str]], np.ndarray]


def draw_project(folder: Path, *, frames: int, width: int, height: int, seed: int, planted: float, pool: Pool) -> None:
    """Write a DeepLabCut project of `frames` labelled images of `width` × `height` px into `folder`.

    `pool(videos, images)` gives the frames that may be trained on, bool [N]. Of these, round(planted · pool size) get a
    label error. Every second error is `moved`: one keypoint by 10-25 % of the largest distance between two labels of
    its frame, a rough guess of 1.5-4 times the median out-of-bag error. The others are gross, in turn `shifted` (all
    keypoints by 15-30 % of the width), `swapped` (as if the animal faced the other way) and `distractor` (the toy is
    labelled). `planted.csv` records them. The same arguments give the same bytes on the same machine, and pictures do
    not depend on what is planted. Raises ValueError if there are too few images or if they are too small.
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
    """The video name and image name of each frame; the videos have nearly equal numbers of frames."""
    counts = [len(part) for part in np.array_split(np.arange(frames), len(VIDEOS))]
    videos = [video.name for video, count in zip(VIDEOS, counts, strict=True) for _ in range(count)]
    return videos, [f"img{i:04d}.png" for count in counts for i in range(count)]


def _plant(pool: np.ndarray, share: float, rng: np.random.Generator) -> list[str]:
    """The kind of planted error of each frame [N]; '' means none."""
    kinds = [""] * len(pool)
    members = np.flatnonzero(pool)
    for place, row in enumerate(rng.permutation(members)[: round(share * len(members))]):
        kinds[row] = KINDS[place % len(KINDS)]
    return kinds


def _mislabel(kind: str, frame: Frame, size: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The labels [K, 2] px with a planted error of this kind; '' changes nothing."""
    xy = frame.labels
    if kind == "moved":
        length = animal_length(xy, size)
        return move_one(xy, size, (SMALL[0] * length, SMALL[1] * length), rng)[0]
    if kind == "shifted":
        return xy + shift_inside(xy, size, (SHIFT[0] * size[0], SHIFT[1] * size[0]), rng)
    if kind == "swapped":  # left and right, and head and tail, are exchanged
        return xy[[KEYPOINTS.index(name) for name in ("tailbase", "rightear", "leftear", "snout")]]
    return frame.decoy if kind == "distractor" else xy


# -- DeepLabCut's files -----------------------------------------------------------------------------------


def _png(picture: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, format="PNG", optimize=False)
    return stream.getvalue()
