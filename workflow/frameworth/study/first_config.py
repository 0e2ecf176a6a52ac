"""A first config for a labelled project, from a look at its labels and images: what `frameworth init` writes."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from frameworth.errors import UserError
from frameworth.project.images import image_size
from frameworth.project.imported import is_import, read_imported
from frameworth.project.labelled_project import read_project
from frameworth.storage.files import write_text
from frameworth.study.config import check_config

# A CPU trains a small network on small images: the animal as large as in the examples this was tried on.
_ANIMAL_PX = 28.0
_SCALES = (1.0, 0.75, 0.5, 0.4, 1 / 3, 0.25, 0.2, 1 / 6, 0.125, 0.1)
_WHOLE_PX = 30_000  # larger images (after scaling) are trained on in crops
_CROP = 160
_FEW_FRAMES = 40
_VIDEOS_TO_HOLD_OUT = 6  # from so many on, whole videos are held out


@dataclass(frozen=True)
class Look:
    """What was seen of a project or label file.

    Attributes:
        frames, keypoints, videos: counts. width, height: of the largest image, px.
        animal: median distance between the two labels of a frame that are farthest apart, px; 0 for one keypoint.
        sizes: how many different image sizes there are.
    """

    frames: int
    keypoints: int
    videos: int
    width: int
    height: int
    animal: float
    sizes: int

    def sentence(self) -> str:
        """For the terminal and the head of the config."""
        animal = f", animals about {self.animal:.0f} px long" if self.animal else ""
        size = f"{self.width}×{self.height} px" + (" at most" if self.sizes > 1 else "")
        videos = "1 video" if self.videos == 1 else f"{self.videos} videos"
        points = "1 keypoint" if self.keypoints == 1 else f"{self.keypoints} keypoints"
        return f"{self.frames} labelled frames of {videos}, {points}, {size}{animal}"


def look_at(labels: Path) -> Look:
    """Count the frames of a DeepLabCut project or another tool's label file, and measure images and animals.

    Raises UserError if it cannot be read.
    """
    if is_import(labels):
        imported = read_imported(labels)
        # Frames of a video have one size, and decoding them all would take long.
        first = {picture.path: picture for picture in imported.pictures}
        return _measured(imported.xy, imported.videos, {picture.size() for picture in first.values()})
    project = read_project(labels)
    return _measured(project.xy, project.videos, {image_size(path) for path in project.paths})


def _measured(xy: np.ndarray, videos: Sequence[str], sizes: set[tuple[int, int]]) -> Look:
    largest = max(sizes, key=lambda size: size[0] * size[1])
    spans = np.nan_to_num(np.linalg.norm(xy[:, :, None] - xy[:, None], axis=-1)).max(axis=(1, 2))
    return Look(
        frames=len(xy),
        keypoints=xy.shape[1],
        videos=len(set(videos)),
        width=largest[0],
        height=largest[1],
        animal=float(np.median(spans[spans > 0])) if (spans > 0).any() else 0.0,
        sizes=len(sizes),
    )


def write_first_config(labels: str, study: str | None, out: Path | None, gpu: bool) -> tuple[Path, Look]:
    """Look at `labels`, write a commented config for them; returns where, and what was seen.

    Args:
        labels: folder of a DeepLabCut project, or another tool's label file.
        study: its name; from the folder or file where None.
        out: the file; `{study}.yaml`, in config/ where there is such a folder, where None.
        gpu: whether networks will train on a GPU.

    Raises UserError if the labels cannot be read, or the file is there already.
    """
    look = look_at(Path(labels))
    name = study or study_name(Path(labels).resolve())
    path = out or (Path("config") if Path("config").is_dir() else Path()) / f"{name}.yaml"
    if path.exists():
        raise UserError(f"{path}: is there already; give another name with --study or --out, or delete it first")
    text = first_config(labels, name, look, gpu)
    check_config(yaml.safe_load(text))
    write_text(path, text)
    return path, look


def study_name(labels: Path) -> str:
    """A name for a study that a config may hold: that of `my reach-Ann-2021-02-03` or `my reach.slp` is `my_reach`."""
    stem = labels.name if labels.is_dir() else labels.stem
    task = re.sub(r"-[^-]+-\d{4}-\d{2}-\d{2}$", "", stem)
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", task).strip("._-")
    return name or "study"


def first_config(labels: str, study: str, look: Look, gpu: bool) -> str:
    """The config's text."""
    by = "video" if look.videos >= _VIDEOS_TO_HOLD_OUT else "frame"
    why = (
        "whole videos, as frames of one video look alike" if by == "video" else "single frames, as there are few videos"
    )
    few = (
        f"# With {look.frames} frames little can be decided; labels to check are found all the same.\n"
        if look.frames < _FEW_FRAMES
        else ""
    )
    return f"""\
# {study}: {look.sentence()}.
{few}# Every key is explained in config/README.md of the repository. Keys left out have the defaults named there.
study: {study}                     # results go to results/{study}/
seed: 1
labels: {_quoted(labels)}   # only ever read
held_out: {{fraction: 0.25, by: {by}}}   # never trained on; {why}
subsets:
  # Random halves with one network each say most about single frames. More seeds later train only what is new.
  - {{design: balanced, percents: [50], seeds: {32 if gpu else 24}, members: 1}}
  # A ladder of sizes: the learning curve, and whether more frames would help.
  - {{design: nested, percents: [10, 30, 70, 90], seeds: 3, members: 2}}
{_gpu_training() if gpu else _cpu_training(look)}influence: {{groups: [[10, 30], [70, 90]]}}
# Next steps, to be added once the first report is read:
# influence: {{groups: [[10, 30], [70, 90]], warm: {{networks: 8}}}}   # a cheap second look at single labels
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
    wanted = _ANIMAL_PX / look.animal if look.animal else 1.0
    scale = min(_SCALES, key=lambda one: abs(np.log(one / min(wanted, 1.0))))
    width, height = look.width * scale, look.height * scale
    whole = width * height <= _WHOLE_PX and look.sizes == 1
    animal = look.animal * scale or _ANIMAL_PX
    radius = int(np.clip(round(8 * animal / _ANIMAL_PX), 5, 17))
    crop = "null" if whole else str(_CROP)
    return f"""\
training:               # a small network for a CPU; on a GPU write net_type: resnet_50 and weights: imagenet instead,
  backbone: test_resnet # leave out learning_rate, drops, scale, crop and target_radius, and raise steps to 20000
  weights: random
  steps: 160            # fast settings, which find wrong labels; before you judge frames, or take the errors for those
                        # of the networks that you will use, train as you will in the end
  batch_size: 8
  learning_rate: 0.0015
  drops: [[0.6, 0.25], [0.85, 0.05]]
  scale: {scale:.4g}           # images shrink to {width:.0f}×{height:.0f} px
  crop: {crop}            # {"whole frames" if whole else "squares of this side: frames are large or of several sizes"}
  target_radius: {radius}
  subsets_per_job: 4    # these networks train in seconds: a job trains several
"""


def _quoted(text: str) -> str:
    """A text as YAML that is read back as it was."""
    return text if re.fullmatch(r"[A-Za-z0-9_./][A-Za-z0-9_./-]*", text) else json.dumps(text)
