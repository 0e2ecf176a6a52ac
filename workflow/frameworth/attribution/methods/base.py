"""The protocol of a method: from one trained network to the change that each frame brings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Generic, NamedTuple, TypeVar

import numpy as np
from pydantic import Field, create_model

from frameworth.config.kinds import Integer
from frameworth.config.section import Section

if TYPE_CHECKING:  # these import PyTorch
    import torch

    from frameworth.config.training import Training
    from frameworth.engine.base import Engine
    from frameworth.labels.subsets import Subset
    from frameworth.training.scaling import ScaledFrames
    from frameworth.training.store import Entry


class Options(Section):
    """The options of a method, below `influence.{name}` in the config; each has a default and a docstring."""


@dataclass(frozen=True)
class TrainedNetwork:
    """A finished network of the study, and what it takes to ask it or to train it again.

    Attributes:
        engine: the pose framework that it is a network of, for its training options and keypoints.
        network: the trained network, on the CPU. Each method has one of its own, which it may change.
        subset: the frames it was trained on, with the keypoints' names.
        frames: all N frames of the study at the networks' size, with their labels.
        pool: bool [N], the frame may be trained on.
        training: of a checked config; `weights` may be a file.
        network_seed: the seed of its initial weights and of its data order.
        seed: of what a method draws.
        device: where to compute.
        entry: its place in the store, where states of its training may be kept.
    """

    engine: Engine
    network: torch.nn.Module
    subset: Subset
    frames: ScaledFrames
    pool: np.ndarray
    training: Training
    network_seed: int
    seed: int
    device: torch.device
    entry: Entry


class Axes(NamedTuple):
    """What an array of a method holds: the name of each dimension, and the unit ("" where it has none).

    Dimensions are `training_frame` and `evaluated_frame` (N frames each), `keypoint` (K) and `xy` (2).
    """

    dimensions: tuple[str, ...]
    unit: str


class Answer(NamedTuple):
    """What one network says.

    Attributes:
        arrays: by the names in `Method.gives`; NaN where not known.
        steps_taken: gradient steps of one sample each, which say what it cost.
    """

    arrays: dict[str, np.ndarray]
    steps_taken: int


OptionsT = TypeVar("OptionsT", bound=Options)


class Frames(NamedTuple):
    """How many frames there are: in the subset of a base network, in the pool, and in all."""

    subset: int
    pool: int
    all: int


@dataclass(frozen=True)
class Method(Generic[OptionsT]):
    """A way to ask finished networks, one at a time, what each frame does.

    Attributes:
        name: that of its module; `influence.{name}` in the config, `{name}_value`, `{name}_se` and
            `{name}_p_adjusted` in `frame_values.csv`, and the folder of the single networks' files.
        artefact: the file of all networks together, such as `warm_influence.h5`.
        description: of the config's key, a sentence or two.
        sentence: what comes before the value in `frameworth explain`, such as `A few more training steps on it change
            other frames' log error by`.
        options: the class of its options.
        networks: how many networks are asked unless the config says otherwise.
        gives: what one network says. `change` is there always, and its first dimension is `training_frame`.
        sign: 1 if a change above 0 harms, −1 if one below 0 does.
        score: the score of `scores.h5` that the values should predict, by which `validation.csv` tests them.
        ask: what one network says; it may raise UserError for options that cannot be had.
        per_network: one number per network and frame, float [B, N], in the unit of `change` and comparable between
            frames; from `change` [B, N, ...] of B networks and `inclusion`, bool [B, N], the network was trained on the
            frame. NaN where it tells nothing.
        samples: how many samples one network trains in `ask`, from the options, the config's `training` and how many
            frames there are; a prediction of a frame counts as a third. Job run times rest on it.
        memory: MiB that `ask` may take beyond what a training takes.
        calls_harm: whether frames that stand out by it are called harmful, in a column of their own. How often good
            ones are is to be measured, and told.
        window: of a method that takes frameworth's own training loop again: from the options, the last part of its
            steps that is taken, in (0, 1]. The state of the training before it is kept with the network.
        label_table: of a method that tells of single labels, the table of these, such as `metagradient_labels.csv`.
            Then `change` [training_frame, keypoint] is the derivative of a score of the held-out labels, where lower is
            better, in the weight of each label, and `gives` has that in its place, too: `position` [.., xy], per px.
        pixels: of a method that tells where in a picture its harm sits: the derivative of that score in the grey levels
            of a frame of the subset, float [h, w, 3], at the size at which the network sees it.
    """

    name: str
    artefact: str
    description: str
    sentence: str
    options: type[OptionsT]
    networks: int
    gives: Mapping[str, Axes]
    sign: int
    score: str
    ask: Callable[[TrainedNetwork, OptionsT], Answer]
    per_network: Callable[[np.ndarray, np.ndarray], np.ndarray]
    samples: Callable[[OptionsT, Training, Frames], float]
    memory: int = 0
    calls_harm: bool = False
    window: Callable[[OptionsT], float] | None = None
    label_table: str | None = None
    pixels: Callable[[TrainedNetwork, OptionsT, int], np.ndarray] | None = None

    @property
    def unit(self) -> str:
        """The unit of the change and of the values."""
        return self.gives["change"].unit

    @property
    def value_column(self) -> str:
        """The column of values in tables."""
        return f"{self.name}_value"

    @property
    def error_column(self) -> str:
        """The column of their standard errors."""
        return f"{self.name}_se"

    @property
    def p_column(self) -> str:
        """The column of their family-wise p."""
        return f"{self.name}_p_adjusted"

    @property
    def verdict_column(self) -> str:
        """The column of verdicts, of a method that calls harm."""
        return f"{self.name}_verdict"

    @property
    def title(self) -> str:
        """The values in words."""
        return f"{self.name.replace('_', ' ')} value"

    def harm(self, change: np.ndarray, inclusion: np.ndarray) -> np.ndarray:
        """`per_network` with the sign by which what is above 0 harms, [B, N]."""
        return self.sign * self.per_network(change, inclusion)

    def section(self) -> type[Section]:
        """The section of a config below `influence.{name}`: the options, and which networks are asked."""
        about = "Base networks, the first of the subsets whose size is nearest to `percent`."
        bases: dict[str, Any] = {
            "networks": (Annotated[Integer, Field(ge=1)], Field(self.networks, description=about)),
            "percent": (Annotated[Integer, Field(ge=1, le=100)], Field(50, description="Of the pool, see `networks`.")),
        }
        return create_model(self.options.__name__, __base__=self.options, __doc__=self.description, **bases)
