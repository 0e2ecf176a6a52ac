"""The keys below `training` and `pilot`: how each network is trained."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from frameworth.config.kinds import (
    Count,
    Distinct,
    FilePath,
    Integer,
    LeftOut,
    Number,
    NumberOrFlag,
    Pair,
    Text,
    as_integer,
)
from frameworth.config.registries import EngineName
from frameworth.config.section import Section

Scale = Annotated[Number, Field(gt=0, le=4)]
Crop = Annotated[Integer, Field(ge=32, le=8192)]
Radius = Annotated[Number, Field(gt=0)]
Share = Annotated[Number, Field(ge=0, le=1)]


class Affine(Section):
    """Random scaling, rotation (degrees), translation (px), and the probability p of it; null turns it off."""

    p: LeftOut[Share] = None
    """Probability."""
    rotation: LeftOut[Annotated[Number, Field(ge=0)]] = None
    """Largest rotation in degrees."""
    scaling: LeftOut[Pair[Annotated[Number, Field(gt=0)]]] = None
    """Smallest and largest factor."""
    translation: LeftOut[Annotated[Integer, Field(ge=0)]] = None
    """Largest shift in px."""


class Augmentation(Section):
    """Changes to DeepLabCut's default augmentation, by its names."""

    affine: Affine | None = None
    motion_blur: LeftOut[bool] = None
    """Blur half of the images."""
    gaussian_noise: LeftOut[Annotated[NumberOrFlag, Field(ge=0)]] = None
    """Standard deviation of added noise in grey levels; false for none."""
    hist_eq: LeftOut[bool] = None
    """Equalise half of the histograms."""
    covering: LeftOut[bool] = None
    """Cover small patches of half of the images."""
    elastic_transform: LeftOut[bool] = None
    """Deform half of the images."""


class UnsizedTraining(Section):
    """How each network is trained, but for the size of its images: what is known while a pilot has still to choose."""

    net_type: Text = "resnet_50"
    """A DeepLabCut network with a single-animal heatmap head."""
    backbone: LeftOut[Annotated[Text, Field(min_length=1)]] = None
    """
    Any timm network that gives features of stride 16 or 8 px, in place of the backbone of net_type: ResNets,
    EfficientNet, MobileNet, ConvNeXt, RegNet and others. The ImageNet weights of tf_efficientnet_lite0 are in the
    environment; those of others come from timm's hub.
    """
    weights: FilePath = "imagenet"
    """imagenet (the backbone's weights), random, or the path of a DeepLabCut snapshot to start from."""
    freeze: LeftOut[Annotated[Literal[0, 2, 4, 8, 16], BeforeValidator(as_integer)]] = None
    """
    Layers up to features of this stride in px are not trained, 0 trains all. For a backbone that is no ResNet; 8 where
    left out, 0 with weights: random.
    """
    batch_norm: LeftOut[Literal["frozen", "trained"]] = None
    """
    Whether batch normalisation keeps the means and variances of the weights that training starts from. For a backbone
    that is no ResNet; frozen where left out, trained with weights: random.
    """
    steps: LeftOut[Count] = None
    """Gradient steps per network, whatever the size of its subset (20000 if epochs is not given either)."""
    epochs: LeftOut[Count] = None
    """Passes over the subset instead of steps; a small subset then gets fewer steps."""
    batch_size: Annotated[Integer, Field(ge=1, le=4096)] = 8
    """Frames per gradient step."""
    learning_rate: LeftOut[Annotated[Number, Field(gt=0)]] = None
    """Initial learning rate; DeepLabCut's own for the network where left out."""
    drops: list[Pair[Share]] = [[0.45, 0.2], [0.6, 0.02]]
    """Drops of the rate, each [fraction of the budget, factor on the initial rate]."""
    augmentation: Augmentation = Augmentation()
    engine: EngineName = "fast"
    """
    fast (frameworth's loop around DeepLabCut's networks, targets and losses), stock (DeepLabCut's own runner, which is
    slower and keeps no checkpoints), or another engine that has a file.
    """
    precision: Literal["float32", "bfloat16"] = "float32"
    """float32, or bfloat16 for mixed precision on GPUs that have it."""
    subsets_per_job: Count = 1
    """
    Subsets that one job trains one after the other; more than 1 saves start-up time where networks train in seconds.
    """
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto (a GPU where there is one), cpu, or cuda (an error without a usable GPU)."""

    def sized(self, choice: Choice, steps: int) -> Training:
        """With the size of images that a pilot tries or has chosen; `steps` for those that are not given."""
        return Training.model_validate({"steps": steps} | choice.model_dump() | self.model_dump())

    @property
    def for_weights(self) -> dict[str, Any]:
        """What determines a network's weights, as JSON holds it."""
        return {key: value for key, value in self.model_dump().items() if key not in ("device", "subsets_per_job")}


class Training(UnsizedTraining):
    """How each network is trained."""

    scale: Scale = 1
    """Factor on the images' size before anything else; errors are reported in px of the original all the same."""
    crop: Crop | None = 448
    """
    Side in px (after scaling) of the square that is cut out or padded to in training; null trains on whole frames, of
    which smaller ones are padded to the largest.
    """
    target_radius: Radius = 17
    """
    DeepLabCut's pos_dist_thresh in px after scaling; the target Gaussian's standard deviation is two thirds of it.
    """

    def total_steps(self, frames: int) -> int:
        """Gradient steps of a network that is trained on so many frames: `steps`, or `epochs` over them."""
        if self.epochs is not None:
            return max(1, math.ceil(self.epochs * frames / self.batch_size))
        assert self.steps is not None  # `frameworth.plan.config` gives one of them
        return self.steps

    @property
    def needs_one_size(self) -> bool:
        """Whether a batch takes frames of one size only: without crops, where DeepLabCut's own transforms run."""
        change = self.augmentation
        transforms = any((change.hist_eq, change.covering, change.elastic_transform))
        return self.crop is None and (transforms or self.engine == "stock")


class Choice(Section):
    """A size of images that a pilot may choose."""

    scale: Scale
    """As training.scale."""
    crop: Crop | None = None
    """As training.crop, whose value it has where left out."""
    target_radius: LeftOut[Radius] = None
    """As training.target_radius, whose value it has where left out."""


class Pilot(Section):
    """
    Find image size and steps by measuring, before the grid trains: a network per choice on half of the pool, then twice
    the steps while that pays, judged by the other half. What training gives of scale and steps is not chosen. See
    docs/how-to.md.
    """

    choices: Annotated[Distinct[Choice], Field(max_length=5)]
    """
    The sizes to choose from. One that takes more px per gradient step must be more than 3 % better than a cheaper one.
    """
    steps: Count
    """Gradient steps of each choice's network."""
    most_steps: Count
    """
    The longest training that is tried. The steps of the size that was chosen are doubled up to this number, as long as
    the error falls by at least 20 %.
    """
