"""Draw which places of a training frame do harm: `frameworth explain FRAME --pixels`."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from frameworth.attribution.method_files import trained_network
from frameworth.attribution.methods import method, method_names
from frameworth.colours import keypoint_colours
from frameworth.config.model import StudyConfig
from frameworth.config.registries import asked_methods
from frameworth.errors import UserError
from frameworth.figures import _style
from frameworth.plan.grid import base_subsets, method_options
from frameworth.plan.names import subset_path
from frameworth.plan.pilot import possible_trainings
from frameworth.results.results import Results
from frameworth.storage.files import atomic_path
from frameworth.text import counted
from frameworth.training.gpus import take_device

_BLUR = 2.0  # px of the networks' images; the harm of single px is too noisy


def write_harmful_pixels(results: Results, config: StudyConfig, frame: int) -> tuple[Path, int]:
    """Draw which places of a frame do harm; returns the picture's path and the number of networks averaged.

    The method is run again for each base network that was trained on the frame. This takes as long as the last part of
    its training, or longer if the training before that must be repeated.

    Raises UserError if the config asks for no method that computes the harm of pixels, or if no base network was
    trained on the frame.
    """
    telling = {name: pixels for name in method_names() if (pixels := method(name).pixels)}
    asked = [name for name in asked_methods(config.influence) if name in telling]
    if not asked:
        names = " or ".join(f"influence.{name}" for name in telling)
        raise UserError(
            f"--pixels: needs a method that gives values of pixels; put {names} into the config, and run the study"
        )
    name = asked[0]
    training = possible_trainings(config)[0]
    options = method(name).options(**method_options(config, name))
    device = take_device(training.device)
    maps = []
    for base in base_subsets(config, name):
        trained = trained_network(
            results.folder / "subsets" / f"{subset_path(base.percent, base.seed)}.json",
            results.folder / "labels.h5",
            results.folder / "frames.csv",
            results.folder / "ensembles" / subset_path(base.percent, base.seed) / "member-0.pt",
            results.folder / ".store",
            training=training,
            study_seed=config.seed,
            device=device,
            imagenet=results.folder / "imagenet.pt" if training.weights == "imagenet" else None,
        )
        if frame in trained.subset.frames:
            print(f"examines the network of percent {base.percent}, seed {base.seed}", file=sys.stderr)
            image = trained.frames.image(frame)
            maps.append(harm_of_places(telling[name](trained, options, frame), image))
    if not maps:
        raise UserError(f"--pixels: no base network of influence.{name} was trained on frame {frame}")
    path = results.folder / "pixels" / f"frame-{frame}.png"
    xy = results.labels.xy[frame] * trained.frames.factors[frame]
    _draw(path, image, np.mean(maps, axis=0), xy, f"Frame {frame}", len(maps))
    return path, len(maps)


def harm_of_places(derivative: np.ndarray, image: np.ndarray) -> np.ndarray:
    """How much each place adds to the held-out score by its difference from the mean colour, to first order, [h, w].

    Where it is above 0, the score would be lower (better) if the place were painted in the mean colour.

    Args:
        derivative: derivative of the score by the grey levels, [h, w, 3]. image: uint8 [h, w, 3].
    """
    difference = image - image.mean(axis=(0, 1))
    return cv2.GaussianBlur((derivative * difference).sum(axis=2), (0, 0), _BLUR)


def _draw(path: Path, image: np.ndarray, harm: np.ndarray, xy: np.ndarray, name: str, networks: int) -> None:
    with _style.theme():
        figure = _style.new_figure(9, 4.4)
        plain, marked = figure.subplots(1, 2)
        plain.imshow(image)
        marked.imshow(image.mean(axis=2), cmap="gray", vmin=-100, vmax=355)  # pale, so that the colours show
        limit = max(float(np.abs(harm).max()), np.finfo(float).tiny)
        shown = marked.imshow(harm, cmap="RdBu_r", vmin=-limit, vmax=limit, alpha=np.abs(harm) / limit)
        for axes in (plain, marked):
            axes.scatter(*xy.T, c=keypoint_colours(len(xy)), marker="x", s=24, linewidths=1.2)
            axes.set_axis_off()
        figure.colorbar(shown, ax=marked, shrink=0.8).set_label("harm to the held-out score")
        averaged_over = counted(networks, "network")
        _style.headline(
            figure,
            f"{name}: where in the picture its harm sits",
            f"Red places make the held-out score worse through training: painted over in the frame's mean colour, they "
            f"would do less harm, to first order. Blue places help. Mean of {averaged_over}; crosses are the labels.",
        )
        with atomic_path(path) as temporary:
            figure.savefig(temporary, format="png", dpi=_style.DPI)
