"""The protocol of a method: from one trained network to the change that each frame causes."""

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
    """A finished network of the study, with all that is needed to question it or to train it again.

    Attributes:
        engine: the pose framework of the network, for its training options and keypoints.
        network: the trained network, on the CPU. Each method has its own copy, which it may change.
        subset: the frames that the network was trained on, with the keypoints' names.
        frames: all N frames of the study at the networks' size, with their labels.
        pool: bool [N], the frame may be trained on.
        training: from a checked config; `weights` may be a file.
        network_seed: the seed of its initial weights and of its data order.
        seed: the seed of the method's random draws.
        device: where to compute.
        entry: its entry in the store, which may keep states of its training.
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
    """The name of each dimension of a method's array, and its unit ("" where it has none).

    Dimensions are `training_frame` and `evaluated_frame` (N frames each), `keypoint` (K) and `xy` (2).
    """

    dimensions: tuple[str, ...]
    unit: str


class Answer(NamedTuple):
    """The answer of one network.

    Attributes:
        arrays: by the names in `Method.gives`; NaN where not known.
        steps_taken: the cost, as a number of gradient steps of one sample each.
    """

    arrays: dict[str, np.ndarray]
    steps_taken: int


OptionsT = TypeVar("OptionsT", bound=Options)


class Frames(NamedTuple):
    """The number of frames in the subset of a base network, in the pool, and in total."""

    subset: int
    pool: int
    all: int


@dataclass(frozen=True)
class Method(Generic[OptionsT]):
    """A way to question finished networks, one at a time, about the effect of each frame.

    Attributes:
        name: that of its module; `influence.{name}` in the config, `{name}_value`, `{name}_se` and
            `{name}_p_adjusted` in `frame_values.csv`, and the folder of the single networks' files.
        artefact: the file with the answers of all networks, such as `warm_influence.h5`.
        description: the description of the config's key, one or two sentences.
        sentence: the text before the value in `frameworth explain`, such as `A few more training steps on it change
            other frames' log error by`.
        options: the class of its options.
        networks: the default number of networks that are questioned.
        gives: the arrays in one network's answer. `change` is always there; its first dimension is `training_frame`.
        sign: 1 if a change above 0 harms, −1 if a change below 0 harms.
        score: the score in `scores.h5` that the values should predict; `validation.csv` tests whether they do.
        ask: returns the answer of one network; it may raise UserError for options that cannot be used.
        per_network: one number per network and frame, float [B, N], in the unit of `change` and comparable between
            frames. Takes `change` [B, N, ...] of B networks and `inclusion`, bool [B, N], whether the network was
            trained on the frame. NaN where a network has no value.
        samples: the number of samples that one network trains in `ask`, from the options, the config's `training` and
            the numbers of frames; the prediction of one frame counts as a third. Run times of jobs are based on it.
        memory: MiB that `ask` may use in addition to a training.
        calls_harm: whether frames that stand out are called harmful, in a column of their own. Such a method must
            measure and report how often it calls good frames harmful.
        window: for a method that repeats frameworth's own training loop. From the options, it returns the last part of
            the steps that is repeated, in (0, 1]. The state of the training before this part is kept with the network.
        label_table: for a method that judges single labels, the table of these, such as `metagradient_labels.csv`.
            Then `change` [training_frame, keypoint] is the derivative of a score of the held-out labels (lower is
            better) by each label's weight, and `gives` also has the derivative by its `position` [.., xy], per px.
        pixels: for a method that shows where in an image the harm is: the derivative of that score by the grey levels
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
        """The column of verdicts, for a method with `calls_harm`."""
        return f"{self.name}_verdict"

    @property
    def title(self) -> str:
        """The values in words."""
        return f"{self.name.replace('_', ' ')} value"

    def harm(self, change: np.ndarray, inclusion: np.ndarray) -> np.ndarray:
        """`per_network` [B, N] with the sign such that values above 0 harm."""
        return self.sign * self.per_network(change, inclusion)

    def section(self) -> type[Section]:
        """The section of a config below `influence.{name}`: the options, and which networks are questioned."""
        about = "Base networks, the first of the subsets whose size is nearest to `percent`."
        bases: dict[str, Any] = {
            "networks": (Annotated[Integer, Field(ge=1)], Field(self.networks, description=about)),
            "percent": (Annotated[Integer, Field(ge=1, le=100)], Field(50, description="Their size in percent.")),
        }
        return create_model(self.options.__name__, __base__=self.options, __doc__=self.description, **bases)
