"""Make a first config for a labelled project from measurements of its labels and images, for `frameworth init`."""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from frameworth.cli.checking import LEAST_SIDE
from frameworth.errors import UserError, refuse_errors
from frameworth.labels.deeplabcut import LabelledProject
from frameworth.labels.images import image_size
from frameworth.labels.imported import is_import, read_imported
from frameworth.labels.project_config import yaml_text
from frameworth.labels.sources import inspect_label_pictures, inspect_labels
from frameworth.plan.config import check_config
from frameworth.plan.split import hold_out
from frameworth.storage.files import write_text
from frameworth.text import counted

_CELL = 8  # px of the network's image per cell of its map
_SIDES = (96, 128, 192, 256)  # px, longer side of training images for a network on a CPU
_LEAST_LARGEST = 192  # px, the largest side tried is at least this; a step at 256 px takes twice as long
_WHOLE_FRAME = 1280  # px, largest side of whole frames, which networks trained on crops must predict
_LARGEST_SCALE = 4.0  # the largest that a config may have
_LEAST_CROP = 64  # px, even if whole frames become larger than `_WHOLE_FRAME`
_MARGIN = 2.0  # side of a crop, in sides of the labels' bounding box
_CROPPED_BELOW = 0.6  # a crop that is larger than this share of the frame saves little time
_LEAST_FRAMES = 8  # with a quarter held out, a tenth of the rest is still one frame
_FEW_FRAMES = 40
_VIDEOS_TO_HOLD_OUT = 6  # with at least this many videos, whole videos are held out
_HELD_OUT, _SEED = 0.25, 1
_LONGEST_NAME = 80  # letters that a study's name may have in a config


@dataclass(frozen=True)
class Look:
    """Measurements of a project or label file.

    Attributes:
        frames, keypoints, videos: their numbers. width, height: size of the largest image, px.
        extent: longer side of the box around a frame's labels, px, the 90th percentile over frames; 0 if no
            frame has two labels.
        neighbour: median distance from a label to the nearest other label of its frame, px; 0 if there is none.
        sizes: number of different image sizes. shortest: the shortest side of any image, px.
        by_video: whether whole videos are held out.
    """

    frames: int
    keypoints: int
    videos: int
    width: int
    height: int
    extent: float
    neighbour: float
    sizes: int
    shortest: int
    by_video: bool

    def sentence(self) -> str:
        """The measurements as a sentence, for the terminal and the head of the config."""
        apart = f", neighbours typically {self.neighbour:.0f} px apart" if self.neighbour else ""
        extent = f", labels within {self.extent:.0f} px{apart}" if self.extent else ""
        size = f"{self.width}×{self.height} px" + (" at most" if self.sizes > 1 else "")
        videos, keypoints = counted(self.videos, "video"), counted(self.keypoints, "keypoint")
        return f"{counted(self.frames, 'labelled frame')} of {videos}, {keypoints}, {size}{extent}"


@dataclass(frozen=True)
class Sizes:
    """The image sizes that a pilot of small networks tries.

    Attributes:
        scales: factors on the original images, ascending.
        crops: for each scale, side in px (after scaling) of the squares to train on; None for whole frames.
        reason: a clause that says why these were chosen.
    """

    scales: tuple[float, ...]
    crops: tuple[int | None, ...]
    reason: str


def sizes_to_try(look: Look) -> Sizes:
    """Choose image sizes: one at which a frame's labels can be distinguished, and smaller ones.

    Networks are trained on squares around the animal if it is small, else on whole frames. At the largest size, typical
    neighbours are one cell of the network's map apart, unless this would be too slow on a CPU.
    """
    frame = max(look.width, look.height)
    crop = max(_MARGIN * look.extent, _LEAST_CROP) if look.extent else 0.0
    is_cropped = 0 < crop < _CROPPED_BELOW * min(look.width, look.height)
    view = crop if is_cropped else frame
    wanted = _CELL * view / look.neighbour if look.neighbour else _LEAST_LARGEST
    largest = next(side for side in _SIDES if side >= np.clip(wanted, _LEAST_LARGEST, _SIDES[-1]))
    # Enlarging an image adds no detail; it is done only if neighbours would share a cell.
    seen = largest if wanted > view else max(view, _SIDES[1])
    sides = [side for side in _SIDES if largest / 2 <= side <= min(largest, seen)]
    # At the scale of the crop, a whole frame may be too large, or its shorter side too small.
    affordable = max(_LEAST_CROP, round(min(_WHOLE_FRAME / frame, _LARGEST_SCALE) * view))
    least = math.ceil(LEAST_SIDE / look.shortest * view)
    sides = [side for side in sides if least <= side <= affordable] or [max(least, min(affordable, sides[0]))]
    scales = tuple(round(side / view, 4) for side in sides)
    what = f"squares of {view:.0f} px around the animal, as it is small" if is_cropped else "whole frames"
    apart = f"; neighbours are {_CELL} px apart at {wanted:.0f} px" if look.neighbour else ""
    return Sizes(scales, tuple(side if is_cropped else None for side in sides), f"{what}{apart}")


def look_at(labels: Path) -> Look:
    """Count the frames of a DeepLabCut project or of another tool's label file, and measure images and animals.

    Raises UserError if the labels cannot be read.
    """
    if is_import(labels):
        imported = read_imported(labels)
        # All frames of a video have the same size, and decoding all of them would take long.
        first = {picture.one_size: picture for picture in imported.pictures}
        return _measured(labels, imported, {picture.size() for picture in first.values()})
    inspection = inspect_labels(labels)
    refuse_errors(inspection.problems)
    project = inspection.project
    assert project is not None  # otherwise there were errors
    return _measured(labels, project, {image_size(path) for path in project.paths})


def _measured(labels: Path, project: LabelledProject, sizes: set[tuple[int, int]]) -> Look:
    xy = project.xy
    largest = max(sizes, key=lambda size: size[0] * size[1])
    apart = np.linalg.norm(xy[:, :, None] - xy[:, None], axis=-1)
    apart[:, np.arange(xy.shape[1]), np.arange(xy.shape[1])] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a keypoint without another one: NaN
        nearest = np.nanmin(apart, axis=2)
        boxes = (np.nanmax(xy, axis=1) - np.nanmin(xy, axis=1)).max(axis=1)
    nearest, boxes = nearest[nearest > 0], boxes[boxes > 0]
    return Look(
        frames=len(xy),
        keypoints=xy.shape[1],
        videos=len(set(project.videos)),
        width=largest[0],
        height=largest[1],
        extent=float(np.quantile(boxes, 0.9)) if len(boxes) else 0.0,
        neighbour=float(np.median(nearest)) if len(nearest) else 0.0,
        sizes=len(sizes),
        shortest=min(map(min, sizes)),
        by_video=_can_hold_out_videos(labels, project),
    )


def _can_hold_out_videos(labels: Path, project: LabelledProject) -> bool:
    """Whether there are many videos, and they can be split although some share pictures."""
    if len(set(project.videos)) < _VIDEOS_TO_HOLD_OUT:
        return False
    pictures = inspect_label_pictures(labels, project, decode=True)[0].digests
    try:
        hold_out(project.videos, project.images, fraction=_HELD_OUT, by="video", seed=_SEED, pictures=pictures)
    except UserError:
        return False
    return True


def write_first_config(labels: str, study: str | None, out: Path | None, gpu: bool) -> tuple[Path, Look]:
    """Measure `labels` and write a config with comments for them; returns its path and the measurements.

    Args:
        labels: folder of a DeepLabCut project, or another tool's label file.
        study: the study's name; None takes it from the folder or file.
        out: the file to write; None means `{study}.yaml`, in config/ if there is such a folder.
        gpu: whether networks will train on a GPU.

    Raises UserError if the labels cannot be read, if there are too few frames, or if the file exists already.
    """
    look = look_at(Path(labels))
    if look.frames < _LEAST_FRAMES:
        what = f"holds {counted(look.frames, 'labelled frame')}, too few to study"
        raise UserError(f"{labels}: {what}; label at least {_LEAST_FRAMES}, better {_FEW_FRAMES} or more")
    name = study or study_name(_true_path(Path(labels)))
    path = out or (Path("config") if Path("config").is_dir() else Path()) / f"{name}.yaml"
    if path.exists():
        raise UserError(f"{path}: is there already; give another name with --study or --out, or delete it first")
    text = first_config(labels, name, look, gpu)
    check_config(yaml.safe_load(text))
    write_text(path, text)
    return path, look


def _true_path(labels: Path) -> Path:
    """The absolute path; a link to a file keeps its own name, because its target may have a useless name."""
    return labels.resolve() if labels.is_dir() else labels.parent.resolve() / labels.name


def study_name(labels: Path) -> str:
    """A valid name for the study, for example `my_reach` for `my reach-Ann-2021-02-03` or `my reach.slp`.

    Tables of Lightning Pose have the same name in all projects, so the study gets the name of their folder.
    """
    named = labels.parent if labels.stem.startswith("CollectedData") else labels
    stem = named.name if named != labels or named.is_dir() else named.stem
    task = re.sub(r"-[^-]+-\d{4}-\d{2}-\d{2}$", "", stem)
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", task).strip("._-")[:_LONGEST_NAME]
    return name or "study"


def first_config(labels: str, study: str, look: Look, gpu: bool) -> str:
    """The config's text."""
    by, why = "video", "whole videos, as frames of one video look alike"
    if not look.by_video:
        cause = "there are few videos" if look.videos < _VIDEOS_TO_HOLD_OUT else "videos share pictures"
        by, why = "frame", f"single frames, as {cause}"
    few = (
        f"# With {look.frames} frames little can be decided; labels to check are found all the same.\n"
        if look.frames < _FEW_FRAMES
        else ""
    )
    return f"""\
# {study}: {look.sentence()}.
{few}# Every key is explained in config/README.md of the repository. Keys left out have the defaults named there.
study: {yaml_text(study)}                     # results go to results/{study}/
seed: {_SEED}
labels: {yaml_text(labels)}   # only ever read
held_out: {{fraction: {_HELD_OUT}, by: {by}}}   # never trained on; {why}
subsets:
  # Random halves with one network each say most about single frames. More seeds later train only what is new.
  - {{design: balanced, percents: [50], seeds: {32 if gpu else 24}, members: 1}}
  # Few frames, and nearly all: the learning curve, and whether more frames would help.
  - {{design: independent, percents: [20], seeds: {8 if gpu else 4}, members: 1}}
  - {{design: independent, percents: [90], seeds: {16 if gpu else 8}, members: 1}}
{_gpu_training() if gpu else _cpu_training(look)}# Next steps, to be added once the first report is read:
# influence: {{warm: {{networks: 8}}}}   # a cheap second look at single labels
# toggle: {{pairs: 16}}   # trains networks with and without the flagged frames: do they harm as a group?
"""


def _gpu_training() -> str:
    return """\
training:
  net_type: resnet_50
  weights: imagenet
  steps: 20000          # per network, whatever the size of its subset
  batch_size: 8
"""


def _cpu_training(look: Look) -> str:
    sizes = sizes_to_try(look)
    choices = "\n".join(
        f"    - {{scale: {scale:g}, crop: {crop or 'null'}}}   # {_network_size(look, scale, crop)}"
        for scale, crop in zip(sizes.scales, sizes.crops, strict=True)
    )
    return f"""\
training:               # a small network for a CPU; on a GPU write net_type: resnet_50 and weights: imagenet instead,
  backbone: tf_efficientnet_lite0   # raise steps to 20000, and leave out the rest and the pilot
  weights: imagenet     # the backbone's, which are in the environment
  batch_size: 8
  learning_rate: 0.0005
  drops: [[0.6, 0.25], [0.85, 0.05]]
  target_radius: 10
  subsets_per_job: 3    # these networks train in a minute: a job trains several
pilot:                  # before the rest: which size of images, and how many steps? Measured on half of the pool.
  # {sizes.reason}.
  choices:
{choices}
  steps: 120            # of a network per size; then the best size with 240, 480 steps, while that pays
  most_steps: 480
"""


def _network_size(look: Look, scale: float, crop: int | None) -> str:
    if crop:
        return f"squares of {crop} px"
    return f"images of {look.width * scale:.0f}×{look.height * scale:.0f} px" + (" at most" if look.sizes > 1 else "")
