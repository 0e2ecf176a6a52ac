"""The keys of a config: kinds, bounds, defaults and descriptions, once for the program and for config/README.md."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SerializeAsAny, ValidationError, create_model

from frameworth.config.experiments import Arm, Prune, Toggle
from frameworth.config.kinds import (
    WHICH,
    Count,
    Distinct,
    FilePath,
    Integer,
    IsList,
    IsNumber,
    LeftOut,
    Name,
    Number,
    Pair,
    Percent,
    as_list,
    distinct,
)
from frameworth.config.problems import problems_of
from frameworth.config.registries import Estimator, ScoreName, method_section, methods_there_are
from frameworth.config.section import Section
from frameworth.config.training import Pilot, Training, UnsizedTraining
from frameworth.errors import Problem, error

MOST_MEMBERS = 1000  # networks of one subset
_MOST_VALUES = 200_000  # more than the largest grid that a config may list

Positive = Annotated[Number, Field(gt=0)]
Side = Annotated[Integer, Field(ge=48, le=640)]
Members = Annotated[Integer, Field(ge=1, le=MOST_MEMBERS)]
Seed = Annotated[Integer, Field(ge=1, le=2147483647)]
PlantedKind = Literal["shifted", "swapped", "elsewhere", "missing", "moved", "exchanged", "biased", "run"]
FrameNumber = Annotated[Integer, Field(ge=0)]


class Demo(Section):
    """The project drawn when `labels` is `demo`."""

    frames: Annotated[Integer, Field(ge=8, le=10000)] = 84
    """Labelled frames to draw."""
    width: Side = 160
    """Width of a frame in px."""
    height: Side = 128
    """Height of a frame in px."""
    planted: Annotated[Number, Field(ge=0, le=0.5)] = 0.1
    """
    Share of the pool's frames whose labels are spoilt on purpose, every second one by moving one keypoint a little.
    """


class Plant(Section):
    """
    Spoil a share of the pool's labels in a copy of the project, to measure on your own data how well wrong labels are
    found. Left out, nothing is spoilt.
    """

    share: Annotated[Number, Field(gt=0, le=0.5)] = 0.1
    """Share of the pool's frames."""
    kinds: Distinct[PlantedKind] = ["shifted", "swapped", "elsewhere"]
    """
    Taken in turn: shifted (all keypoints, by 15-30 % of the width), swapped (left for right, or the two keypoints
    farthest apart), elsewhere (the whole animal at the opposite place), missing (half of the keypoints), moved (one
    keypoint, by `moved_by`), exchanged (one keypoint and its nearest labelled neighbour), biased (one keypoint in
    frames of one video, in the same direction of the animal's own axes), run (one keypoint in three neighbouring
    frames).
    """
    moved_by: Pair[Annotated[Number, Field(gt=0, le=0.3)]] = [0.1, 0.25]
    """
    Least and largest distance of a `moved` keypoint, in shares of the animal's length: of the largest distance between
    two labels of the frame (with one label, of the image's width).
    """


class HeldOut(Section):
    """Frames that no network is trained on and all are measured on."""

    fraction: Annotated[Number, Field(gt=0, lt=1)] = 0.25
    """Share of the labelled frames to hold out."""
    by: Literal["frame", "video"] = "frame"
    """Hold out single frames, or whole videos (neighbouring frames look alike)."""


class Block(Section):
    """A block of subsets of one design."""

    design: Literal["balanced", "nested", "independent", "paired"]
    """
    balanced (each frame in equally many subsets, inclusions near-orthogonal), nested (one permutation per seed, whose
    prefixes are the percents), independent, or paired (complements; percents p and 100 - p).
    """
    percents: Distinct[Percent]
    """Sizes of the subsets in percent of the pool."""
    seeds: Annotated[Annotated[Integer, Field(ge=1, le=100000), IsNumber] | Annotated[Distinct[Seed], IsList], WHICH]
    """A number n (seeds 1 to n), or a list of seeds."""
    members: Annotated[Annotated[Members, IsNumber] | Annotated[list[Members], Field(min_length=1), IsList], WHICH] = 1
    """Networks per subset; a number, or one per percent."""
    repeat: Annotated[Integer, Field(ge=0)] = 0
    """How many subsets of each percent get one network more, which shows how much of a score is due to the subset."""

    @property
    def each_seed(self) -> list[int]:
        """The seeds, one by one."""
        return list(range(1, self.seeds + 1)) if isinstance(self.seeds, int) else self.seeds

    @property
    def each_members(self) -> list[int]:
        """Networks per subset, for each percent."""
        return [self.members] * len(self.percents) if isinstance(self.members, int) else self.members


class Prediction(Section):
    """What is read from the networks' maps."""

    consensus: Literal["argmax", "softmax", "median", "weighted_mean"] = "argmax"
    """
    The form of consensus in figures, tables and the learning curve; consensus.h5 holds all four. softmax is the paper's
    rule and wants maps whose background is near zero.
    """
    distractor_radius: LeftOut[Positive] = None
    """
    A peak farther than this from the label, in px of the original image, counts as a distractor (twice target_radius
    where left out; with a pilot, that of its choice of smallest scale, whatever is chosen).
    """


class Influence(Section):
    """How the worth of frames is estimated."""  # `influence_model` adds the methods that examine networks

    estimator: Estimator = "regression"
    """The estimator behind the values in frame_values.csv; intervals and tests are the size-centred difference's."""
    score: ScoreName = "log_probability"
    """
    The score that is tested, averaged over held-out frames and keypoints: the negative log of the probability or of the
    confidence at the label (positive values harm, as for errors), log(1 + px), or px. Results in px are given, too.
    """
    groups: list[Annotated[list[Percent], Field(min_length=1), AfterValidator(distinct)]] = []
    """Groups of percents for which influence is estimated as well, such as [10, 30]."""
    level: Annotated[Number, Field(gt=0.5, lt=1)] = 0.95
    """Coverage of the intervals."""


class Validation(Section):
    """What validation.csv compares."""

    estimators: Annotated[list[Estimator], AfterValidator(distinct), BeforeValidator(as_list)] = []
    """Estimators that are compared besides the study's own, the difference of means and the size-centred difference."""


class Flags(Section):
    """Which labels are flagged as ones to check."""

    expected_false: Positive = 1
    """How many frames would be flagged if all labels were right. A larger number flags more, wrong and right ones."""


class Video(Section):
    """How videos are analysed."""

    networks: Annotated[Integer, Field(ge=2)] = 16
    """
    How many networks at most analyse a video; all of them are in memory together. The first network of each of the
    largest subsets is taken, then the second of each.
    """
    frames_to_label: Count = 20
    """How many frames of all videos together to propose for labelling."""
    seconds_apart: Annotated[Number, Field(ge=0)] = 1
    """No two proposed frames of a video, and no proposed and labelled frame, are nearer in time than this."""


class Figures(Section):
    """Choices that change figures only."""

    pairs: Annotated[Integer, Field(ge=0, le=50)] = 3
    """How many of the most harmful and most helpful pairs of frames to draw."""
    pair_list: list[Pair[FrameNumber]] = []
    """More pairs to draw, each [training frame, evaluated frame]."""


class StudyConfig(Section):
    """A study."""

    study: Annotated[Name, Field(max_length=80)]
    """Name of the study; its results go to results/{study}."""
    seed: Annotated[Integer, Field(ge=0)] = 1
    """The study's own seed; held-out frames, subsets and networks derive from it."""
    labels: FilePath
    """
    Folder of a labelled DeepLabCut project, or another tool's label file (SLEAP .slp, COCO or Label Studio .json, .nwb,
    Lightning Pose .csv, an Ultralytics folder), relative to the working directory; or `demo`, which draws one.
    """
    demo: Demo = Demo()
    plant: LeftOut[Plant] = None
    held_out: HeldOut = HeldOut()
    subsets: Annotated[list[Block], Field(min_length=1), BeforeValidator(as_list)] = [
        Block(design="balanced", percents=[50], seeds=32, members=1),
        Block(design="nested", percents=[10, 30, 70, 90], seeds=3, members=2),
    ]
    """Blocks of subsets; no two blocks may draw the same percent and seed."""
    training: SerializeAsAny[UnsizedTraining] = Training()  # with a size, unless there is a pilot
    pilot: LeftOut[Pilot] = None
    prediction: Prediction = Prediction()
    keep_snapshots: bool = True
    """
    Whether the trained networks are kept (member-*.pt). With false only their predictions and training records are,
    which saves disk; after a corrected label, or with another distractor_radius, all are then trained again.
    """
    influence: Influence = Influence()
    validation: Validation = Validation()
    flags: Flags = Flags()
    toggle: LeftOut[Toggle] = None
    videos: Annotated[list[FilePath], AfterValidator(distinct), BeforeValidator(as_list)] = []
    """
    Unlabelled videos to analyse with the networks of the largest subsets, each a path relative to the working
    directory: their consensus as DeepLabCut tables, and the frames to label next. See docs/videos.md.
    """
    video: Video = Video()
    arms: LeftOut[dict[Annotated[Name, Field(max_length=40)], Arm]] = None
    """
    Variants of training that share subsets and seeds with the baseline, so that differences are paired; each has a name
    and one change. Left out, there is only the baseline. See docs/arms.md.
    """
    prune: LeftOut[Prune] = None
    figures: Figures = Figures()

    @property
    def folder(self) -> Path:
        """Where the results go."""
        return Path("results") / self.study

    @property
    def distractor_radius(self) -> float:
        """That of `prediction`, in px of the original image."""
        assert self.prediction.distractor_radius is not None  # `frameworth.plan.config` has filled it in
        return self.prediction.distractor_radius


def config_model() -> type[StudyConfig]:
    """The model of a config as it is given, with a section below `influence` for each method that examines networks."""
    return _models(methods_there_are())[0]


def influence_model() -> type[Influence]:
    """The model of its `influence`."""
    return _models(methods_there_are())[1]


@cache
def _models(methods: tuple[str, ...]) -> tuple[type[StudyConfig], type[Influence]]:
    sections: dict[str, Any] = {name: (LeftOut[method_section(name)], None) for name in methods}  # type: ignore[misc]
    influence = create_model("Influence", __base__=Influence, __doc__=Influence.__doc__, **sections)
    fields: dict[str, Any] = {"influence": (influence, influence()), "training": (SerializeAsAny[Training], Training())}
    return create_model("StudyConfig", __base__=StudyConfig, __doc__=StudyConfig.__doc__, **fields), influence


def parse_keys(given: dict[str, Any]) -> tuple[StudyConfig | None, list[Problem]]:
    """The config with its defaults, and what is wrong with its keys, one by one."""
    if _is_vast(given):
        what = f"holds more than {_MOST_VALUES} values, or one that holds itself"
        return None, [error("config", what, "write out what is meant, without YAML's aliases")]
    model = config_model()
    try:
        return model.model_validate(given), []
    except ValidationError as refused:
        return None, list(dict.fromkeys(problems_of(refused, model)))


def _is_vast(value: Any) -> bool:
    """Whether `value` holds too many values to look at: aliases can make billions of a few lines of YAML."""
    waiting, count = [value], 0
    while waiting and count <= _MOST_VALUES:
        value = waiting.pop()
        count += 1
        if isinstance(value, dict | list):
            waiting += value.values() if isinstance(value, dict) else value
    return count > _MOST_VALUES
