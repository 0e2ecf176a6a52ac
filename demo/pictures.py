"""The demo's pictures: animals seen from above, what lies around them and in front of them, light and camera.

Points are (x, y) in px of the finished image, whose pixel i covers [i, i + 1). Pictures are painted at `OVERSAMPLING`
times that size and then averaged down.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.special import expit

OVERSAMPLING = 2
LABEL_NOISE = 0.3  # px, standard deviation of a careful labeller
STRAW = 0.08  # share of frames in which straw hides a keypoint, which then has no label
BARS = 0.3  # share of frames with a bar across the animal
TOYS = 0.65  # share of frames with a toy that resembles the animal
BLURRED = 0.3  # share of frames in which the animal is too fast for the camera
SHADOWS = 0.35  # share of frames with a shadow across the image
STEEPEST = 1.2  # rad, largest angle between the animal's heading and the image's x axis


@dataclass(frozen=True)
class Frame:
    """One drawn frame: picture uint8 [H, W, 3]; labels [K, 2] px, NaN where hidden; decoy [K, 2] px, the toy's."""

    picture: np.ndarray
    labels: np.ndarray
    decoy: np.ndarray


# -- the animal's path and shape --------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """Where the animal is at one moment: centre [2] px, heading in rad, turn of the path in [-1, 1]."""

    centre: np.ndarray
    heading: float
    turn: float


def walk(count: int, scenery: Scenery, rng: np.random.Generator) -> list[Step]:
    """A smooth path that crosses the image again and again; positions of successive frames are far apart.

    Headings stay within 70 degrees of the direction of crossing, because few networks would learn all headings from
    so few frames.
    """
    size, length = scenery.size, scenery.length
    low = np.full(2, 0.55 * length)
    high = size - low
    centre = rng.uniform(low, high)
    heading, turn = rng.uniform(-STEEPEST, STEEPEST), 0.0
    steps: list[Step] = []
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
            steps.append(Step(centre, heading, turn))
    if scenery.video.leftwards:
        steps = [Step(size * [1, 0] + step.centre * [-1, 1], np.pi - step.heading, -step.turn) for step in steps]
    return steps


def _direction(angle: float | np.ndarray) -> np.ndarray:
    """Unit vectors [..., 2] of angles in rad."""
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


@dataclass(frozen=True)
class _Build:
    """The shape of an animal or toy, in shares of its length; positions go from the tail end (0) to the snout (1)."""

    outline: tuple[tuple[float, ...], tuple[float, ...]]  # positions, radii
    ear: tuple[float, float, float]  # position, distance from the spine, radius
    tail: tuple[float, float]  # length, radius at its root


@dataclass(frozen=True)
class _Body:
    """An animal or toy made of balls along a spine, in px, from the tail end (position 0) to the snout (1)."""

    spine: np.ndarray  # [S, 2]
    angles: np.ndarray  # [S] rad
    radii: np.ndarray  # [S]
    length: float
    build: _Build

    def at(self, position: float, side: float = 0.0) -> np.ndarray:
        """The point [2] px at a position along the spine, moved `side` body lengths to the right."""
        index = position * (len(self.spine) - 1)
        places = np.arange(len(self.spine))
        point = np.array([np.interp(index, places, self.spine[:, axis]) for axis in (0, 1)])
        angle = np.interp(index, places, self.angles)
        return point + side * self.length * _direction(angle + np.pi / 2)

    def keypoints(self) -> np.ndarray:
        """[K, 2] px in the order of KEYPOINTS."""
        position, aside, _ = self.build.ear
        return np.stack([self.at(0.98), self.at(position, -aside), self.at(position, aside), self.at(0.02)])


_POSITIONS = (0, 0.06, 0.2, 0.38, 0.55, 0.66, 0.76, 0.88, 0.96, 1)
_MOUSE = _Build(
    (_POSITIONS, (0.05, 0.11, 0.18, 0.19, 0.16, 0.13, 0.135, 0.09, 0.055, 0.03)), (0.71, 0.165, 0.088), (0.85, 0.034)
)
_RAT = _Build(
    (_POSITIONS, (0.05, 0.09, 0.14, 0.15, 0.135, 0.115, 0.11, 0.075, 0.045, 0.03)), (0.76, 0.125, 0.06), (0.95, 0.045)
)
_VOLE = _Build(
    (_POSITIONS, (0.08, 0.16, 0.23, 0.24, 0.22, 0.18, 0.16, 0.12, 0.08, 0.05)), (0.72, 0.165, 0.075), (0.4, 0.03)
)
_TOY = _Build(
    ((0, 0.08, 0.3, 0.55, 0.75, 0.9, 1), (0.09, 0.16, 0.22, 0.21, 0.16, 0.11, 0.07)), (0.71, 0.165, 0.11), (0, 0)
)


def _body(centre: np.ndarray, heading: float, length: float, build: _Build, bend: float = 0, nod: float = 0) -> _Body:
    """A body around `centre`, bent by `bend` rad between its ends, and by `nod` rad more from the neck on."""
    position = np.linspace(0, 1, 25)
    angles = heading + bend * (position - 0.5) + nod * np.clip((position - 0.55) / 0.2, 0, 1)
    spine = np.cumsum(_direction(angles), axis=0) * length / len(position)
    spine += centre - spine[len(position) // 2]
    return _Body(spine, angles, np.interp(position, *build.outline) * length, length, build)


def _animal(step: Step, scenery: Scenery, rng: np.random.Generator) -> _Body:
    """The animal at a step of its walk, moved so that its keypoints are inside the image."""
    bend = 0.9 * step.turn + rng.uniform(-0.3, 0.3)
    nod = 0.4 * step.turn + rng.uniform(-0.5, 0.5)
    length, build = scenery.length * rng.uniform(0.9, 1.1), scenery.video.build
    body = _body(step.centre, step.heading, length, build, bend, nod)
    points, margin = body.keypoints(), 4.0
    move = np.maximum(margin - points.min(axis=0), 0) + np.minimum(scenery.size - margin - points.max(axis=0), 0)
    return _body(step.centre + move, step.heading, length, build, bend, nod)


def _tail(body: _Body, rng: np.random.Generator) -> np.ndarray:
    """The points of a curved tail, [T, 2] px."""
    position = np.linspace(0, 1, 30)
    sweep = rng.uniform(-1.2, 1.2) * position + rng.uniform(0.5, 1.0) * np.sin(
        2 * np.pi * (position * 0.9 + rng.uniform())
    )
    angles = body.angles[0] + np.pi + sweep - sweep[0]
    return body.spine[0] + np.cumsum(_direction(angles), axis=0) * body.build.tail[0] * body.length / len(position)


def _toy(animal: _Body, size: np.ndarray, rng: np.random.Generator) -> _Body:
    """The distractor: a toy near the animal but not under it, with its keypoints inside the image."""
    length = 0.72 * animal.length
    best, best_distance = None, -1.0
    for _ in range(60):
        centre = animal.at(0.5) + rng.uniform(0.85, 1.3) * animal.length * _direction(rng.uniform(0, 2 * np.pi))
        toy = _body(centre, rng.uniform(0, 2 * np.pi), length, _TOY)
        points = toy.keypoints()
        if (points < 3).any() or (points > size - 3).any():
            continue
        distance = np.linalg.norm(animal.spine[:, None] - toy.spine, axis=2).min()
        if distance > 0.45 * animal.length:
            return toy
        if distance > best_distance:
            best, best_distance = toy, distance
    return best if best is not None else _body(size / 2, 0.0, length, _TOY)


# -- the ground -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Video:
    """The properties that differ between videos; colours are RGB in [0, 1]."""

    name: str
    ground: tuple[float, float, float]
    fur: tuple[float, float, float]
    head: tuple[float, float, float]  # colour of the fur from the neck on
    bar: tuple[float, float, float]  # colour of what stands in front of the animal
    light: tuple[float, float, float]  # direction towards the lamp: x, y, height
    lamp: tuple[float, float]  # where it is brightest, in shares of width and height
    falloff: float  # how much the light falls with distance from the lamp
    scale: float  # length of the animal in shares of the image's height
    build: _Build
    noise: float  # of the camera, grey levels of 255
    floor: str  # sawdust | mat | tiles
    leftwards: bool  # the animal crosses the image from right to left
    wires: bool  # wires of a cage are in front; they are too thin to hide a keypoint


VIDEOS = (
    Video(
        "box-sawdust", (0.80, 0.69, 0.52), (0.40, 0.28, 0.20), (0.34, 0.23, 0.16), (0.55, 0.40, 0.26),
        (-0.5, -0.55, 0.8), (0.3, 0.25), 0.38, 0.44, _MOUSE, 2.5, "sawdust", False, False,
    ),
    Video(
        "rat-tiles", (0.36, 0.42, 0.50), (0.84, 0.80, 0.74), (0.30, 0.25, 0.23), (0.72, 0.74, 0.76),
        (0.3, 0.6, 0.8), (0.5, 0.9), 0.55, 0.54, _RAT, 4.0, "tiles", True, True,
    ),
    Video(
        "round-mat", (0.55, 0.63, 0.64), (0.27, 0.26, 0.28), (0.40, 0.38, 0.39), (0.20, 0.21, 0.22),
        (0.6, -0.35, 0.8), (0.7, 0.4), 0.45, 0.40, _VOLE, 5.0, "mat", False, False,
    ),
)  # fmt: skip


class Scenery:
    """The ground of one video, painted once: canvas float32 [OVERSAMPLING · H, OVERSAMPLING · W, 3]."""

    def __init__(self, video: Video, size: np.ndarray, rng: np.random.Generator) -> None:
        self.video = video
        self.size = size
        self.length = video.scale * float(size[1])
        rows, columns = np.mgrid[: size[1] * OVERSAMPLING, : size[0] * OVERSAMPLING]
        self.x = ((columns + 0.5) / OVERSAMPLING).astype(np.float32)
        self.y = ((rows + 0.5) / OVERSAMPLING).astype(np.float32)
        self.canvas = np.empty((*self.x.shape, 3), dtype=np.float32)
        self.canvas[:] = video.ground
        grain = 0.5 * _noise(self.x.shape, 2, rng) + 0.5 * _noise(self.x.shape, 12, rng)
        self.canvas *= 1 + (0.07 if video.floor == "sawdust" else 0.04) * grain[..., None]
        if video.floor == "sawdust":
            self._strew(rng)
            self._box()
        elif video.floor == "mat":
            self._mat()
        else:
            self._tiles(rng)
        self._clutter(rng)
        far = np.hypot(self.x / size[0] - video.lamp[0], self.y / size[1] - video.lamp[1])
        self.lighting = (1.10 - video.falloff * far**1.5).astype(np.float32)

    def _strew(self, rng: np.random.Generator) -> None:
        """Flakes of wood, lighter and darker."""
        for _ in range(int(self.size.prod() / 14)):
            start = rng.uniform(0, self.size)
            flake = start + np.linspace(0, rng.uniform(1, 3.2), 5)[:, None] * _direction(rng.uniform(0, np.pi))
            shade = np.array(self.video.ground) * rng.uniform(0.72, 1.22)
            _stroke(self.canvas, self, flake, np.full(5, rng.uniform(0.25, 0.55)), shade, opacity=0.75)

    def _box(self) -> None:
        """Draw wooden walls around the floor, and their shadow on it."""
        inside = np.minimum(np.minimum(self.x, self.size[0] - self.x), np.minimum(self.y, self.size[1] - self.y))
        self.canvas *= (1 - 0.35 * np.exp(-np.maximum(inside - 2, 0) / 2.5))[..., None]
        wood = np.array((0.62, 0.45, 0.30)) * (1 + 0.06 * np.sin(1.7 * (self.x + self.y)))[..., None]
        self.canvas[inside < 2] = wood[inside < 2]

    def _mat(self) -> None:
        """Draw a ribbed rubber mat in a round arena; the area outside the arena is dark."""
        across = np.minimum(np.abs((self.x + 4) % 16 - 8), np.abs((self.y + 4) % 16 - 8))
        self.canvas *= (1 - 0.13 * np.exp(-((across / 0.7) ** 2)))[..., None]
        radius = np.hypot((self.x / self.size[0] - 0.5) / 0.60, (self.y / self.size[1] - 0.5) / 0.60)
        self.canvas *= (1 - 0.3 * np.exp(-np.maximum(1 - radius, 0) / 0.04))[..., None]
        self.canvas[radius > 1] = (0.25, 0.27, 0.30)
        self.canvas[np.abs(radius - 1.02) < 0.02] = (0.78, 0.80, 0.80)

    def _tiles(self, rng: np.random.Generator) -> None:
        """Tiles of unequal brightness with pale joints, wet in places."""
        pitch = 0.17 * self.size[0]
        column, row = (self.x / pitch + 0.3).astype(int), (self.y / pitch + 0.6).astype(int)
        self.canvas *= rng.uniform(0.86, 1.14, (row.max() + 1, column.max() + 1))[row, column][..., None]
        joint = np.minimum(np.abs((self.x / pitch + 0.3) % 1 - 0.5), np.abs((self.y / pitch + 0.6) % 1 - 0.5))
        self.canvas[joint > 0.475] *= 1.35
        self.canvas *= 1 + 0.08 * np.maximum(_noise(self.x.shape, 20, rng), 0)[..., None]

    def _clutter(self, rng: np.random.Generator) -> None:
        """Draw things that look a little like parts of an animal: pellets, pink beads, ends of cord."""
        unit, fur = self.length, np.array(self.video.fur)
        for _ in range(5):
            place, along = rng.uniform(0.05, 0.95, 2) * self.size, _direction(rng.uniform(0, 2 * np.pi))
            pellet = place + np.linspace(0, rng.uniform(0.05, 0.22), 6)[:, None] * unit * along
            _round(self.canvas, self, pellet, np.full(6, rng.uniform(0.03, 0.09) * unit), fur * rng.uniform(0.8, 1.2))
        for _ in range(6):
            bead = rng.uniform(0.03, 0.97, (1, 2)) * self.size
            colour = np.array((0.78, 0.55, 0.50)) * rng.uniform(0.5, 1.05)
            _round(self.canvas, self, bead, rng.uniform(0.03, 0.08, 1) * unit, colour)
        for _ in range(2):
            angles = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.15, 25))
            cord = rng.uniform(0.1, 0.9, 2) * self.size + np.cumsum(_direction(angles), axis=0) * 0.03 * unit
            _round(self.canvas, self, cord, np.full(25, 0.025 * unit), np.array((0.60, 0.45, 0.40)))


def _noise(shape: tuple[int, ...], sigma: float | tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """Smooth noise of unit variance, float32."""
    noise = gaussian_filter(rng.standard_normal(shape).astype(np.float32), sigma, mode="wrap")
    return noise / noise.std()


# -- painting ---------------------------------------------------------------------------------------------


def draw_frame(scenery: Scenery, step: Step, rng: np.random.Generator) -> Frame:
    """Draw the animal at a step of its walk, with the things near it and in front of it."""
    animal = _animal(step, scenery, rng)
    tail = _tail(animal, rng)
    toy = _toy(animal, scenery.size, rng)
    canvas = scenery.canvas.copy()
    if rng.uniform() < TOYS:
        _paint_toy(canvas, scenery, toy, rng)
    ground = canvas.copy()
    _paint_animal(canvas, scenery, animal, tail, rng)
    if rng.uniform() < BLURRED:
        canvas = _moving(canvas, ground, step.heading, rng.uniform(0.06, 0.16) * animal.length)
    points = animal.keypoints()
    hidden = np.zeros(len(points), bool)
    obstacle = rng.uniform()
    if obstacle < STRAW:
        behind = rng.integers(len(points))
        hidden[behind] = True
        _paint_straw(canvas, scenery, points[behind], rng)
    elif obstacle < STRAW + BARS:
        hidden = _paint_bar(canvas, scenery, animal, step.heading, rng)
    if scenery.video.wires:
        _paint_wires(canvas, scenery)
    labels = points + LABEL_NOISE * rng.standard_normal(points.shape)
    labels[hidden] = np.nan
    return Frame(_photograph(canvas, scenery, rng), labels, toy.keypoints())


def _moving(canvas: np.ndarray, ground: np.ndarray, heading: float, reach: float) -> np.ndarray:
    """The canvas with everything that differs from `ground` blurred over `reach` px along the heading."""
    half = int(np.ceil(reach * OVERSAMPLING / 2))
    places = np.round(np.linspace(-1, 1, 4 * half + 1)[:, None] * half * _direction(heading)).astype(int) + half
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    kernel[places[:, 1], places[:, 0]] = 1
    kernel /= kernel.sum()
    # Shadows have soft edges: where a shadow is too faint to be seen, the ground must not be blurred.
    animal = (np.abs(canvas - ground).max(axis=2) > 0.02).astype(np.float32)[..., None]
    layer = cv2.filter2D(np.concatenate([canvas * animal, animal], axis=2), -1, kernel, borderType=cv2.BORDER_REFLECT)
    return ground * (1 - layer[..., 3:]) + layer[..., :3]


def _photograph(canvas: np.ndarray, scenery: Scenery, rng: np.random.Generator) -> np.ndarray:
    """The picture after light, a passing shadow, exposure, averaging down and camera noise: uint8 [H, W, 3]."""
    exposure = rng.uniform(0.72, 1.12) * (1 + rng.uniform(-0.04, 0.04, 3))
    width, height = scenery.size
    small = (
        (canvas * scenery.lighting[..., None]).reshape(height, OVERSAMPLING, width, OVERSAMPLING, 3).mean(axis=(1, 3))
    )
    small = small * exposure
    if rng.uniform() < SHADOWS:
        towards = _direction(rng.uniform(0, 2 * np.pi))
        pixels = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1) + 0.5
        beyond = (pixels - rng.uniform(0.25, 0.75, 2) * scenery.size) @ towards / (rng.uniform(0.01, 0.06) * width)
        small = small * (1 - rng.uniform(0.25, 0.5) * expit(beyond))[..., None]
    noise = scenery.video.noise * (0.5 + np.sqrt(np.clip(small, 0, 1))) * rng.standard_normal(small.shape)
    return np.clip(255 * small + noise, 0, 255).round().astype(np.uint8)


def _paint_bar(
    canvas: np.ndarray, scenery: Scenery, animal: _Body, heading: float, rng: np.random.Generator
) -> np.ndarray:
    """Draw a round bar across the animal; returns which keypoints it hides, bool [K].

    A keypoint under the outer quarter of the bar counts as visible, because a person can see where it must be.
    """
    across = _direction(heading + rng.uniform(-0.4, 0.4))  # the bar's width lies along the animal
    through, half = animal.at(rng.uniform(0, 1)), rng.uniform(0.03, 0.065) * animal.length
    aside = np.abs((scenery.x - through[0]) * across[0] + (scenery.y - through[1]) * across[1]) / half
    under = aside < 1
    canvas[under] = (0.55 + 0.6 * np.sqrt(1 - aside[under] ** 2))[:, None] * np.array(scenery.video.bar)
    return np.abs((animal.keypoints() - through) @ across) < 0.75 * half


def _paint_wires(canvas: np.ndarray, scenery: Scenery) -> None:
    """Draw the vertical wires of a cage in front of everything."""
    pitch = 0.13 * scenery.size[0]
    wire = np.abs(scenery.x % pitch - pitch / 2) < 0.004 * scenery.size[0]
    canvas[wire] = np.array(scenery.video.bar) * 0.9


def _paint_animal(
    canvas: np.ndarray, scenery: Scenery, animal: _Body, tail: np.ndarray, rng: np.random.Generator
) -> None:
    fur, head, unit = np.array(scenery.video.fur), np.array(scenery.video.head), animal.length
    position, aside, wide = animal.build.ear
    skin = 0.45 * head + 0.55 * np.array((0.92, 0.68, 0.62))
    _shadow(canvas, scenery, animal, 0.5)
    taper = np.linspace(1, 0.35, len(tail)) * animal.build.tail[1] * unit
    _stroke(canvas, scenery, tail + 0.03 * unit, taper, np.zeros(3), opacity=0.25)
    _round(canvas, scenery, tail, taper, skin * 0.9)
    stride = rng.uniform(-0.06, 0.06)
    for place, side, swing in ((0.6, 1, 1), (0.6, -1, -1), (0.2, 1, -1), (0.2, -1, 1)):
        foot = animal.at(place + swing * stride, side * 0.19)
        _round(canvas, scenery, foot[None], np.array([0.05 * unit]), skin)
    hooded = np.clip((np.linspace(0, 1, len(animal.spine)) - 0.58) / 0.06, 0, 1)[:, None]
    coat = (1 - hooded) * fur + hooded * head
    _round(canvas, scenery, animal.spine, animal.radii, coat, hair=_noise((512, 96), (14, 0.8), rng))
    for side in (-1, 1):
        ear = animal.at(position, side * aside)[None]
        _stroke(canvas, scenery, ear, np.array([wide * unit]), head * 0.75)
        _stroke(canvas, scenery, ear + 0.006 * unit, np.array([0.7 * wide * unit]), skin * 0.95)
        inner = animal.at(position - 0.015, side * (aside - 0.4 * wide))[None]
        _stroke(canvas, scenery, inner, np.array([0.45 * wide * unit]), skin * 0.7)
        eye = animal.at(0.87, side * 0.9 * np.interp(0.87, *animal.build.outline))[None]
        _stroke(canvas, scenery, eye, np.array([0.026 * unit]), np.full(3, 0.03))
    _stroke(canvas, scenery, animal.at(0.995)[None], np.array([0.032 * unit]), np.array((0.85, 0.52, 0.50)))


def _paint_toy(canvas: np.ndarray, scenery: Scenery, toy: _Body, rng: np.random.Generator) -> None:
    """Draw a smooth toy with ear-like bumps and no tail; its colour is between those of animal and ground."""
    colour = 0.5 * np.array(scenery.video.fur) + 0.5 * np.array(scenery.video.ground)
    colour *= rng.uniform(0.92, 1.05)
    _shadow(canvas, scenery, toy, 0.3)
    _round(canvas, scenery, toy.spine, toy.radii, colour)
    for side in (-1, 1):
        ear = toy.at(toy.build.ear[0], side * toy.build.ear[1])[None]
        _round(canvas, scenery, ear, np.array([toy.build.ear[2] * toy.length]), colour * 0.92)


def _paint_straw(canvas: np.ndarray, scenery: Scenery, point: np.ndarray, rng: np.random.Generator) -> None:
    """Draw a tuft of straw that hides the point `point` [2] px."""
    for _ in range(30):
        middle = point + rng.normal(0, 0.05 * scenery.length, 2)
        reach = rng.uniform(0.08, 0.17) * scenery.length
        bow = np.linspace(-1, 1, 9)
        angle = rng.uniform(0, 2 * np.pi)
        blade = middle + reach * bow[:, None] * _direction(angle) + (bow**2)[:, None] * rng.normal(0, 1, 2)
        colour = np.array((0.86, 0.80, 0.42)) * rng.uniform(0.6, 1.1)
        _stroke(canvas, scenery, blade, np.linspace(0.45, 0.2, 9), colour)


def _shadow(canvas: np.ndarray, scenery: Scenery, body: _Body, depth: float) -> None:
    """Draw a soft shadow on the side away from the lamp."""
    away = -np.array(scenery.video.light[:2]) * 0.16 * body.length
    box, tall, _ = _relief(scenery, body.spine + away, body.radii, margin=0.25 * body.length)
    dark = gaussian_filter((tall > 0).astype(np.float32), 0.05 * body.length * OVERSAMPLING)
    canvas[box] *= (1 - depth * dark)[..., None]


def _stroke(
    canvas: np.ndarray,
    scenery: Scenery,
    points: np.ndarray,
    radii: np.ndarray,
    colour: np.ndarray,
    opacity: float = 1.0,
) -> None:
    """Draw a flat stroke through `points` [P, 2] px with `radii` [P] px."""
    box, tall, _ = _relief(scenery, points, radii)
    alpha = opacity * (tall > 0)[..., None]
    canvas[box] = (1 - alpha) * canvas[box] + alpha * colour


def _round(
    canvas: np.ndarray,
    scenery: Scenery,
    points: np.ndarray,
    radii: np.ndarray,
    colour: np.ndarray,
    hair: np.ndarray | None = None,
) -> None:
    """Draw a round, shaded shape of overlapping balls; the first axis of the noise `hair` runs along them.

    `colour` is [3] for all balls, or [P, 3] with one colour per ball.
    """
    box, tall, nearest = _relief(scenery, points, radii)
    slope_y, slope_x = np.gradient(0.8 * gaussian_filter(tall, 1.5), 1 / OVERSAMPLING)
    steep = np.sqrt(1 + slope_x**2 + slope_y**2)
    lamp = np.array(scenery.video.light) / np.linalg.norm(scenery.video.light)
    lit = np.clip((lamp[2] - lamp[0] * slope_x - lamp[1] * slope_y) / steep, 0, 1)
    shade = 0.42 + 0.85 * lit
    if hair is not None:
        shade *= 1 + 0.13 * _combed(scenery, box, points, nearest, hair)
    solid = tall > 0
    canvas[box][solid] = (shade[..., None] * (colour if colour.ndim == 1 else colour[nearest]))[solid]


def _combed(
    scenery: Scenery, box: tuple[slice, slice], points: np.ndarray, nearest: np.ndarray, hair: np.ndarray
) -> np.ndarray:
    """Hair noise that follows the body: its rows run along the spine, its columns across."""
    along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    offset = np.stack([scenery.x[box], scenery.y[box]], axis=-1) - points[nearest]
    forward = (offset * along[nearest]).sum(axis=-1)
    across = offset[..., 0] * along[nearest][..., 1] - offset[..., 1] * along[nearest][..., 0]
    spacing = np.linalg.norm(points[1] - points[0])
    rows = (nearest + forward / spacing) * 16
    columns = across / spacing * 6.5 + hair.shape[1] / 2
    return map_coordinates(hair, [rows, columns], order=1, mode="grid-wrap")


def _relief(
    scenery: Scenery, points: np.ndarray, radii: np.ndarray, margin: float = 0.0
) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
    """The bounding box on the canvas of balls at `points` [P, 2] px with `radii` [P] px, and two arrays of its shape:
    the height in px of the highest ball over the ground, and the index of that ball.
    """
    reach = (radii[:, None] + margin + 0.5) * np.ones(2)
    low = np.floor((points - reach).min(axis=0) * OVERSAMPLING).astype(int).clip(0, None)
    high = np.ceil((points + reach).max(axis=0) * OVERSAMPLING).astype(int)
    high = np.maximum(np.minimum(high, scenery.size * OVERSAMPLING), low + 2)
    low = np.minimum(low, scenery.size * OVERSAMPLING - 2)
    box = (slice(low[1], high[1]), slice(low[0], high[0]))
    x, y = scenery.x[box], scenery.y[box]
    points, radii = points.astype(np.float32), radii.astype(np.float32)
    squared = (x - points[:, 0, None, None]) ** 2 + (y - points[:, 1, None, None]) ** 2
    tall = (radii**2)[:, None, None] - squared
    nearest = tall.argmax(axis=0)
    return box, np.sqrt(np.clip(tall.max(axis=0), 0, None)), nearest
