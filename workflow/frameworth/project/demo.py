"""Draw the demo: a DeepLabCut project of a mouse-like animal, with label errors planted in its pool.

Two videos, seen from above: a brown animal in a box of sawdust, a grey one on a round rubber mat. Near it
often lies a toy that resembles it. Everything follows from the seed. Points are (x, y) in px of the finished
image, whose pixel i covers [i, i + 1); pictures are painted at four times that size and averaged down.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from scipy.ndimage import gaussian_filter, map_coordinates

from frameworth.project.collected_data import write_collected_data
from frameworth.project.label_errors import shift_inside
from frameworth.project.project_config import project_config
from frameworth.storage.files import write_bytes, write_csv, write_text

KEYPOINTS = ("snout", "leftear", "rightear", "tailbase")
SKELETON = (("snout", "leftear"), ("snout", "rightear"), ("leftear", "tailbase"), ("rightear", "tailbase"))
SCORER = "demo"
KINDS = ("shifted", "swapped", "distractor")  # of planted label errors
SMALLEST = 48  # px; below, a shifted label might find no place inside the image

OVERSAMPLING = 4
LABEL_NOISE = 0.3  # px, standard deviation of a careful hand
MISSING = 0.02  # share of keypoints hidden behind straw and not labelled
DISTRACTOR_SHARE = 0.65  # of the frames
STEEPEST = 1.2  # rad, between the animal's heading and the image's x axis

Pool = Callable[[Sequence[str], Sequence[str]], np.ndarray]


def draw_project(folder: Path, *, frames: int, width: int, height: int, seed: int, planted: float, pool: Pool) -> None:
    """Write a DeepLabCut project of `frames` labelled images of `width` × `height` px into `folder`.

    `pool(videos, images)` says which of the frames [N] may be trained on; only they get planted label errors,
    round(planted · pool size) of them, of the three kinds in turn. `planted.csv` records them. The same
    arguments give the same bytes on the same machine. Raises ValueError for too few or small images.
    """
    if min(width, height) < SMALLEST or frames < len(_VIDEOS):
        raise ValueError(f"the demo needs at least {SMALLEST} x {SMALLEST} px and {len(_VIDEOS)} frames")
    folder = Path(folder)
    size = np.array([width, height])
    videos, images = _frame_names(frames)
    rng = np.random.default_rng([seed, 1])
    kinds = _plant(np.asarray(pool(videos, images), dtype=bool), planted, rng)
    hidden = _hide(kinds, rng)
    labels = np.empty((frames, len(KEYPOINTS), 2))
    for number, video in enumerate(_VIDEOS):
        rows = [i for i, name in enumerate(videos) if name == video.name]
        scenery = _Scenery(video, size, np.random.default_rng([seed, 2, number]))
        walk = _walk(len(rows), size, scenery.length, np.random.default_rng([seed, 3, number]))
        for row, step in zip(rows, walk, strict=True):
            rng = np.random.default_rng([seed, 4, row])
            picture, labels[row] = _draw_frame(scenery, step, kinds[row], hidden[row], rng)
            write_bytes(folder / "labeled-data" / video.name / images[row], _png(picture))
    write_collected_data(folder, SCORER, KEYPOINTS, videos, images, labels)
    sizes = {video.name: (width, height) for video in _VIDEOS}
    write_text(folder / "config.yaml", project_config("demo", SCORER, KEYPOINTS, SKELETON, sizes))
    table = pd.DataFrame({"video": videos, "image": images, "planted": kinds})
    write_csv(folder / "planted.csv", table[table["planted"] != ""])


# -- which frames, which errors ---------------------------------------------------------------------------


def _frame_names(frames: int) -> tuple[list[str], list[str]]:
    """Video and image name of each frame, the videos as even as can be."""
    counts = [len(part) for part in np.array_split(np.arange(frames), len(_VIDEOS))]
    videos = [video.name for video, count in zip(_VIDEOS, counts, strict=True) for _ in range(count)]
    return videos, [f"img{i:04d}.png" for count in counts for i in range(count)]


def _plant(pool: np.ndarray, share: float, rng: np.random.Generator) -> list[str]:
    """Kind of planted error of each frame [N], '' for none."""
    kinds = [""] * len(pool)
    members = np.flatnonzero(pool)
    for place, row in enumerate(rng.permutation(members)[: round(share * len(members))]):
        kinds[row] = KINDS[place % len(KINDS)]
    return kinds


def _hide(kinds: list[str], rng: np.random.Generator) -> list[int | None]:
    """The keypoint that is hidden in each frame [N], or None; planted frames hide none."""
    hidden: list[int | None] = [None] * len(kinds)
    clean = [row for row in rng.permutation(len(kinds)) if not kinds[row]]
    for row in clean[: round(MISSING * len(KEYPOINTS) * len(kinds))]:
        hidden[row] = int(rng.integers(len(KEYPOINTS)))
    return hidden


def _mislabel(kind: str, xy: np.ndarray, decoy: np.ndarray, size: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Labels [K, 2] with the planted error of that kind; '' leaves them as they are."""
    if kind == "shifted":
        return xy + shift_inside(xy, size, (0.15 * size[0], 0.30 * size[0]), rng)
    if kind == "swapped":  # left for right and head for tail: the animal as if it faced the other way
        return xy[[KEYPOINTS.index(name) for name in ("tailbase", "rightear", "leftear", "snout")]]
    return decoy if kind == "distractor" else xy


# -- the animal's path and shape --------------------------------------------------------------------------


@dataclass(frozen=True)
class _Step:
    """Where the animal is at one moment: centre [2] px, heading in rad, turn of the path in [-1, 1]."""

    centre: np.ndarray
    heading: float
    turn: float


def _walk(count: int, size: np.ndarray, length: float, rng: np.random.Generator) -> list[_Step]:
    """A smooth path that crosses the image again and again from left to right, with frames far apart.

    Headings stay within 70 degrees of the right: the demo's tiny network cannot learn all directions from
    thirty-six frames (in 250 steps its error is 10 px with all of them, and 3 px with these).
    """
    low = np.full(2, 0.55 * length)
    high = size - low
    centre = rng.uniform(low, high)
    heading, turn = rng.uniform(-STEEPEST, STEEPEST), 0.0
    steps: list[_Step] = []
    while len(steps) < count:
        for _ in range(rng.integers(10, 26)):
            turn = float(np.clip(0.85 * turn + 0.35 * rng.standard_normal(), -1, 1))
            aside = (centre[1] - size[1] / 2) / (high[1] - size[1] / 2)  # upper wall -1, lower 1
            heading += 0.24 * turn - 0.15 * heading - 0.08 * aside**3
            heading = float(np.clip(heading, -STEEPEST, STEEPEST))
            centre = np.clip(centre + 0.1 * length * _direction(heading), low, high)
            if centre[0] >= high[0]:  # the next crossing
                centre = np.array([low[0], rng.uniform(low[1], high[1])])
        if not steps or np.linalg.norm(centre - steps[-1].centre) > 0.25 * length:
            steps.append(_Step(centre, heading, turn))
    return steps


def _direction(angle: float | np.ndarray) -> np.ndarray:
    """Unit vectors [..., 2] of angles in rad."""
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


@dataclass(frozen=True)
class _Body:
    """An animal or toy as round parts: px, from the tail end (position 0) to the snout (position 1)."""

    spine: np.ndarray  # [S, 2]
    angles: np.ndarray  # [S] rad
    radii: np.ndarray  # [S]
    length: float

    def at(self, position: float, side: float = 0.0) -> np.ndarray:
        """The point [2] at a position along the spine, `side` body lengths to its right."""
        index = position * (len(self.spine) - 1)
        places = np.arange(len(self.spine))
        point = np.array([np.interp(index, places, self.spine[:, axis]) for axis in (0, 1)])
        angle = np.interp(index, places, self.angles)
        return point + side * self.length * _direction(angle + np.pi / 2)

    def keypoints(self) -> np.ndarray:
        """[K, 2] px in the order of KEYPOINTS."""
        return np.stack([self.at(0.98), self.at(_EAR[0], -_EAR[1]), self.at(_EAR[0], _EAR[1]), self.at(0.02)])


_EAR = (0.71, 0.165)  # position along the spine, distance from it in body lengths
_MOUSE = ((0, 0.06, 0.2, 0.38, 0.55, 0.66, 0.76, 0.88, 0.96, 1), (5, 11, 18, 19, 16, 13, 13.5, 9, 5.5, 3))
_TOY = ((0, 0.08, 0.3, 0.55, 0.75, 0.9, 1), (9, 16, 22, 21, 16, 11, 7))  # position, radius in % of the length


def _body(centre: np.ndarray, heading: float, length: float, outline: tuple, bend: float = 0, nod: float = 0) -> _Body:
    """A body around `centre`; `bend` rad between its ends, `nod` rad more from the neck on."""
    position = np.linspace(0, 1, 41)
    angles = heading + bend * (position - 0.5) + nod * np.clip((position - 0.55) / 0.2, 0, 1)
    spine = np.cumsum(_direction(angles), axis=0) * length / len(position)
    spine += centre - spine[len(position) // 2]
    return _Body(spine, angles, np.interp(position, outline[0], outline[1]) * length / 100, length)


def _mouse(step: _Step, length: float, size: np.ndarray, rng: np.random.Generator) -> _Body:
    """The animal at a step of its walk, moved so that its keypoints are inside the image."""
    bend = 0.9 * step.turn + rng.uniform(-0.3, 0.3)
    nod = 0.4 * step.turn + rng.uniform(-0.5, 0.5)
    length *= rng.uniform(0.94, 1.06)
    body = _body(step.centre, step.heading, length, _MOUSE, bend, nod)
    points, margin = body.keypoints(), 4.0
    move = np.maximum(margin - points.min(axis=0), 0) + np.minimum(size - margin - points.max(axis=0), 0)
    return _body(step.centre + move, step.heading, length, _MOUSE, bend, nod)


def _tail(body: _Body, rng: np.random.Generator) -> np.ndarray:
    """[T, 2] px: a curved tail of about the body's length."""
    position = np.linspace(0, 1, 40)
    sweep = rng.uniform(-1.2, 1.2) * position + rng.uniform(0.5, 1.0) * np.sin(
        2 * np.pi * (position * 0.9 + rng.uniform())
    )
    angles = body.angles[0] + np.pi + sweep - sweep[0]
    return body.spine[0] + np.cumsum(_direction(angles), axis=0) * 0.85 * body.length / len(position)


def _toy(mouse: _Body, size: np.ndarray, rng: np.random.Generator) -> _Body:
    """The distractor: near the animal but not under it, its keypoints inside the image."""
    length = 0.72 * mouse.length
    best, best_distance = None, -1.0
    for _ in range(60):
        centre = mouse.at(0.5) + rng.uniform(0.85, 1.3) * mouse.length * _direction(rng.uniform(0, 2 * np.pi))
        toy = _body(centre, rng.uniform(0, 2 * np.pi), length, _TOY)
        points = toy.keypoints()
        if (points < 3).any() or (points > size - 3).any():
            continue
        distance = np.linalg.norm(mouse.spine[:, None] - toy.spine, axis=2).min()
        if distance > 0.45 * mouse.length:
            return toy
        if distance > best_distance:
            best, best_distance = toy, distance
    return best if best is not None else _body(size / 2, 0.0, length, _TOY)


# -- the ground -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Video:
    """What tells one video from another; colours are RGB in [0, 1]."""

    name: str
    ground: tuple[float, float, float]
    fur: tuple[float, float, float]
    light: tuple[float, float, float]  # direction towards the lamp: x, y, height
    lamp: tuple[float, float]  # where it is brightest, in shares of width and height
    scale: float  # length of the animal in shares of the image's height
    sawdust: bool


_VIDEOS = (
    _Video("box-sawdust", (0.80, 0.69, 0.52), (0.40, 0.28, 0.20), (-0.5, -0.55, 0.8), (0.3, 0.25), 0.40, True),
    _Video("round-mat", (0.55, 0.63, 0.64), (0.27, 0.26, 0.28), (0.6, -0.35, 0.8), (0.7, 0.4), 0.42, False),
)


class _Scenery:
    """The ground of one video, painted once: canvas float32 [4H, 4W, 3]."""

    def __init__(self, video: _Video, size: np.ndarray, rng: np.random.Generator) -> None:
        self.video = video
        self.size = size
        self.length = video.scale * float(size[1])
        rows, columns = np.mgrid[: size[1] * OVERSAMPLING, : size[0] * OVERSAMPLING]
        self.x = ((columns + 0.5) / OVERSAMPLING).astype(np.float32)
        self.y = ((rows + 0.5) / OVERSAMPLING).astype(np.float32)
        self.canvas = np.empty((*self.x.shape, 3), dtype=np.float32)
        self.canvas[:] = video.ground
        grain = 0.5 * _noise(self.x.shape, 2, rng) + 0.5 * _noise(self.x.shape, 14, rng)
        self.canvas *= 1 + (0.07 if video.sawdust else 0.035) * grain[..., None]
        if video.sawdust:
            self._strew(rng)
            self._box()
        else:
            self._mat()
        far = np.hypot(self.x / size[0] - video.lamp[0], self.y / size[1] - video.lamp[1])
        self.lighting = (1.10 - 0.38 * far**1.5).astype(np.float32)

    def _strew(self, rng: np.random.Generator) -> None:
        """Flakes of wood, lighter and darker."""
        for _ in range(int(self.size.prod() / 14)):
            start = rng.uniform(0, self.size)
            flake = start + np.linspace(0, rng.uniform(1, 3.2), 5)[:, None] * _direction(rng.uniform(0, np.pi))
            shade = np.array(self.video.ground) * rng.uniform(0.72, 1.22)
            _stroke(self.canvas, self, flake, np.full(5, rng.uniform(0.25, 0.55)), shade, opacity=0.75)

    def _box(self) -> None:
        """Wooden walls around the floor, and the shadow at their foot."""
        inside = np.minimum(np.minimum(self.x, self.size[0] - self.x), np.minimum(self.y, self.size[1] - self.y))
        self.canvas *= (1 - 0.35 * np.exp(-np.maximum(inside - 2, 0) / 2.5))[..., None]
        wood = np.array((0.62, 0.45, 0.30)) * (1 + 0.06 * np.sin(1.7 * (self.x + self.y)))[..., None]
        self.canvas[inside < 2] = wood[inside < 2]

    def _mat(self) -> None:
        """A ribbed rubber mat in a round arena; outside of it is dark."""
        across = np.minimum(np.abs((self.x + 4) % 16 - 8), np.abs((self.y + 4) % 16 - 8))
        self.canvas *= (1 - 0.13 * np.exp(-((across / 0.7) ** 2)))[..., None]
        radius = np.hypot((self.x / self.size[0] - 0.5) / 0.60, (self.y / self.size[1] - 0.5) / 0.60)
        self.canvas *= (1 - 0.3 * np.exp(-np.maximum(1 - radius, 0) / 0.04))[..., None]
        self.canvas[radius > 1] = (0.25, 0.27, 0.30)
        self.canvas[np.abs(radius - 1.02) < 0.02] = (0.78, 0.80, 0.80)


def _noise(shape: tuple[int, ...], sigma: float | tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """Smooth noise of unit variance, float32."""
    noise = gaussian_filter(rng.standard_normal(shape).astype(np.float32), sigma, mode="wrap")
    return noise / noise.std()


# -- painting ---------------------------------------------------------------------------------------------


def _draw_frame(
    scenery: _Scenery, step: _Step, kind: str, hidden: int | None, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """One picture, uint8 [H, W, 3], and its labels [K, 2] px with the planted error or NaN where hidden."""
    mouse = _mouse(step, scenery.length, scenery.size, rng)
    tail = _tail(mouse, rng)
    toy = _toy(mouse, scenery.size, rng)
    canvas = scenery.canvas.copy()
    if rng.uniform() < DISTRACTOR_SHARE or kind == "distractor":
        _paint_toy(canvas, scenery, toy, rng)
    _paint_mouse(canvas, scenery, mouse, tail, rng)
    labels = mouse.keypoints()
    if hidden is not None:
        _paint_straw(canvas, scenery, labels[hidden], rng)
        labels[hidden] = np.nan
    labels = labels + LABEL_NOISE * rng.standard_normal(labels.shape)
    return _photograph(canvas, scenery, rng), _mislabel(kind, labels, toy.keypoints(), scenery.size, rng)


def _photograph(canvas: np.ndarray, scenery: _Scenery, rng: np.random.Generator) -> np.ndarray:
    """Light, exposure, averaging down and the noise of a camera: uint8 [H, W, 3]."""
    exposure = rng.uniform(0.88, 1.08) * (1 + rng.uniform(-0.025, 0.025, 3))
    light = canvas * scenery.lighting[..., None] * exposure
    width, height = scenery.size
    small = light.reshape(height, OVERSAMPLING, width, OVERSAMPLING, 3).mean(axis=(1, 3))
    return np.clip(255 * small + 2.2 * rng.standard_normal(small.shape), 0, 255).round().astype(np.uint8)


def _paint_mouse(
    canvas: np.ndarray, scenery: _Scenery, mouse: _Body, tail: np.ndarray, rng: np.random.Generator
) -> None:
    fur, unit = np.array(scenery.video.fur), mouse.length
    skin = 0.45 * fur + 0.55 * np.array((0.92, 0.68, 0.62))
    _shadow(canvas, scenery, mouse, 0.5)
    taper = np.linspace(0.034, 0.012, len(tail)) * unit
    _stroke(canvas, scenery, tail + 0.03 * unit, taper, np.zeros(3), opacity=0.25)
    _round(canvas, scenery, tail, taper, skin * 0.9)
    stride = rng.uniform(-0.06, 0.06)
    for position, side, swing in ((0.6, 1, 1), (0.6, -1, -1), (0.2, 1, -1), (0.2, -1, 1)):
        foot = mouse.at(position + swing * stride, side * 0.19)
        _round(canvas, scenery, foot[None], np.array([0.05 * unit]), skin)
    _round(canvas, scenery, mouse.spine, mouse.radii, fur, hair=_noise((512, 96), (14, 0.8), rng))
    for side in (-1, 1):
        ear = mouse.at(_EAR[0], side * _EAR[1])[None]
        _stroke(canvas, scenery, ear, np.array([0.088 * unit]), fur * 0.75)
        _stroke(canvas, scenery, ear + 0.006 * unit, np.array([0.062 * unit]), skin * 0.95)
        inner = mouse.at(_EAR[0] - 0.015, side * (_EAR[1] - 0.035))[None]
        _stroke(canvas, scenery, inner, np.array([0.04 * unit]), skin * 0.7)
        eye = mouse.at(0.87, side * 0.075)[None]
        _stroke(canvas, scenery, eye, np.array([0.026 * unit]), np.full(3, 0.03))
    _stroke(canvas, scenery, mouse.at(0.995)[None], np.array([0.032 * unit]), np.array((0.85, 0.52, 0.50)))


def _paint_toy(canvas: np.ndarray, scenery: _Scenery, toy: _Body, rng: np.random.Generator) -> None:
    """A smooth toy with ear-like bumps and no tail, between the colours of animal and ground."""
    colour = 0.5 * np.array(scenery.video.fur) + 0.5 * np.array(scenery.video.ground)
    colour *= rng.uniform(0.92, 1.05)
    _shadow(canvas, scenery, toy, 0.3)
    _round(canvas, scenery, toy.spine, toy.radii, colour)
    for side in (-1, 1):
        ear = toy.at(_EAR[0], side * _EAR[1])[None]
        _round(canvas, scenery, ear, np.array([0.11 * toy.length]), colour * 0.92)


def _paint_straw(canvas: np.ndarray, scenery: _Scenery, point: np.ndarray, rng: np.random.Generator) -> None:
    """A tuft of straw that hides what is at `point` [2]."""
    for _ in range(46):
        middle = point + rng.normal(0, 0.05 * scenery.length, 2)
        reach = rng.uniform(0.08, 0.17) * scenery.length
        bow = np.linspace(-1, 1, 9)
        angle = rng.uniform(0, 2 * np.pi)
        blade = middle + reach * bow[:, None] * _direction(angle) + (bow**2)[:, None] * rng.normal(0, 1, 2)
        colour = np.array((0.86, 0.80, 0.42)) * rng.uniform(0.6, 1.1)
        _stroke(canvas, scenery, blade, np.linspace(0.45, 0.2, 9), colour)


def _shadow(canvas: np.ndarray, scenery: _Scenery, body: _Body, depth: float) -> None:
    """A soft shadow on the side away from the lamp."""
    away = -np.array(scenery.video.light[:2]) * 0.16 * body.length
    box, tall, _ = _relief(scenery, body.spine + away, body.radii, margin=0.25 * body.length)
    dark = gaussian_filter((tall > 0).astype(np.float32), 0.05 * body.length * OVERSAMPLING)
    canvas[box] *= (1 - depth * dark)[..., None]


def _stroke(
    canvas: np.ndarray,
    scenery: _Scenery,
    points: np.ndarray,
    radii: np.ndarray,
    colour: np.ndarray,
    opacity: float = 1.0,
) -> None:
    """A flat stroke through `points` [P, 2] px with `radii` [P] px."""
    box, tall, _ = _relief(scenery, points, radii)
    alpha = opacity * (tall > 0)[..., None]
    canvas[box] = (1 - alpha) * canvas[box] + alpha * colour


def _round(
    canvas: np.ndarray,
    scenery: _Scenery,
    points: np.ndarray,
    radii: np.ndarray,
    colour: np.ndarray,
    hair: np.ndarray | None = None,
) -> None:
    """A rounded, shaded shape of overlapping balls; the first axis of the noise `hair` runs along them."""
    box, tall, nearest = _relief(scenery, points, radii)
    slope_y, slope_x = np.gradient(0.8 * gaussian_filter(tall, 1.5), 1 / OVERSAMPLING)
    steep = np.sqrt(1 + slope_x**2 + slope_y**2)
    lamp = np.array(scenery.video.light) / np.linalg.norm(scenery.video.light)
    lit = np.clip((lamp[2] - lamp[0] * slope_x - lamp[1] * slope_y) / steep, 0, 1)
    shade = 0.42 + 0.85 * lit
    if hair is not None:
        shade *= 1 + 0.13 * _combed(scenery, box, points, nearest, hair)
    solid = tall > 0
    canvas[box][solid] = (shade[..., None] * colour)[solid]


def _combed(
    scenery: _Scenery, box: tuple[slice, slice], points: np.ndarray, nearest: np.ndarray, hair: np.ndarray
) -> np.ndarray:
    """Hair noise laid along the body: its rows follow the spine, its columns go across."""
    along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    offset = np.stack([scenery.x[box], scenery.y[box]], axis=-1) - points[nearest]
    forward = (offset * along[nearest]).sum(axis=-1)
    across = offset[..., 0] * along[nearest][..., 1] - offset[..., 1] * along[nearest][..., 0]
    spacing = np.linalg.norm(points[1] - points[0])
    rows = (nearest + forward / spacing) * 10
    columns = across / spacing * 4 + hair.shape[1] / 2
    return map_coordinates(hair, [rows, columns], order=1, mode="grid-wrap")


def _relief(
    scenery: _Scenery, points: np.ndarray, radii: np.ndarray, margin: float = 0.0
) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
    """Balls at `points` [P, 2] px with `radii` [P] px: their bounding box on the canvas, and of its shape
    the height of the highest ball over the ground in px, and that ball's index.
    """
    reach = (radii[:, None] + margin + 0.5) * np.ones(2)
    low = np.floor((points - reach).min(axis=0) * OVERSAMPLING).astype(int).clip(0, None)
    high = np.ceil((points + reach).max(axis=0) * OVERSAMPLING).astype(int)
    high = np.maximum(np.minimum(high, scenery.size * OVERSAMPLING), low + 2)
    low = np.minimum(low, scenery.size * OVERSAMPLING - 2)
    box = (slice(low[1], high[1]), slice(low[0], high[0]))
    x, y = scenery.x[box], scenery.y[box]
    squared = (x - points[:, 0, None, None]) ** 2 + (y - points[:, 1, None, None]) ** 2
    tall = (radii**2)[:, None, None] - squared
    nearest = tall.argmax(axis=0)
    return box, np.sqrt(np.clip(tall.max(axis=0), 0, None)), nearest


# -- DeepLabCut's files -----------------------------------------------------------------------------------


def _png(picture: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, format="PNG", optimize=False)
    return stream.getvalue()
