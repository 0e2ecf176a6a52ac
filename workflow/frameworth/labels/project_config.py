"""`config.yaml` of a single-animal project in the layout of DeepLabCut 3, without paths of this machine."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence

import yaml


def project_config(
    task: str,
    scorer: str,
    keypoints: Sequence[str],
    skeleton: Iterable[tuple[str, str]],
    sizes: Mapping[str, tuple[int, int]],
) -> str:
    """The text of config.yaml.

    Args:
        skeleton: pairs of keypoints to connect by a line.
        sizes: width and height in px of each video's frames, by its folder below labeled-data; at least one video.
    """
    width, height = next(iter(sizes.values()))
    videos = "".join(
        f"  {yaml_text(f'videos/{name}.mp4')}:\n    crop: 0, {wide}, 0, {high}\n"
        for name, (wide, high) in sizes.items()
    )
    bodyparts = "".join(f"- {yaml_text(name)}\n" for name in keypoints)
    bones = "".join(f"- - {yaml_text(first)}\n  - {yaml_text(second)}\n" for first, second in skeleton) or " []\n"
    return _CONFIG.format(
        task=yaml_text(task),
        scorer=yaml_text(scorer),
        videos=videos,
        bodyparts=bodyparts,
        skeleton=bones,
        width=width,
        height=height,
    )


def yaml_text(text: str) -> str:
    """`text` in YAML; quoted unless it is a plain word that YAML reads as the same text."""
    plain = re.fullmatch(r"(?!\.{3}$)[A-Za-z0-9_./-]+", text) and yaml.safe_load(text) == text
    return text if plain else yaml.safe_dump(text, default_style='"', allow_unicode=True, width=math.inf).rstrip("\n")


_CONFIG = """# Project definitions (do not edit)
Task: {task}
scorer: {scorer}
date: Jan1
multianimalproject: false
identity:


# Project path (change when moving around)
project_path: .


# Default DeepLabCut engine to use for shuffle creation (either pytorch or tensorflow)
engine: pytorch


# Annotation data set configuration (and individual video cropping parameters)
video_sets:
{videos}bodyparts:
{bodyparts}

# Fraction of video to start/stop when extracting frames for labeling/refinement
start: 0
stop: 1
numframes2pick: 20


# Plotting configuration
skeleton:
{skeleton}skeleton_color: black
pcutoff: 0.6
dotsize: 2
alphavalue: 0.7
colormap: rainbow


# Training,Evaluation and Analysis configuration
TrainingFraction:
- 0.95
iteration: 0
default_net_type: resnet_50
default_augmenter: default
snapshotindex: -1
detector_snapshotindex: -1
batch_size: 8
detector_batch_size: 1


# Cropping Parameters (for analysis and outlier frame detection)
cropping: false
#if cropping is true for analysis, then set the values here:
x1: 0
x2: {width}
y1: 0
y2: {height}


# Refinement configuration (parameters from annotation dataset configuration also relevant in this stage)
corner2move2:
- 50
- 50
move2corner: true


# Conversion tables to fine-tune SuperAnimal weights
SuperAnimalConversionTables:
"""
