"""The keys below `toggle`, `arms` and `prune`: what is trained beside the grid."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from frameworth.config.kinds import Count, Distinct, Integer, LeftOut, Number, Percent
from frameworth.config.registries import Ranking
from frameworth.config.section import Section

Several = Annotated[Integer, Field(ge=2, le=1000)]


class Toggle(Section):
    """
    After the study, train pairs of networks with and without the flagged frames in otherwise common subsets: the
    group's own effect with far fewer networks. Left out, none are trained.
    """

    pairs: Annotated[Integer, Field(ge=2, le=10000)] = 16
    """Pairs of networks (one per arm)."""
    frames: LeftOut[Distinct[Annotated[Integer, Field(ge=0)]]] = None
    """The frames to toggle (numbers as in frames.csv); the flagged ones where left out."""
    parts: Annotated[Integer, Field(ge=1, le=1000)] = 1
    """More than 1 also toggles each such part of the group alone (by suspicion), to find which does the harm."""


class DistractorCutout(Section):
    """Erase square patches of the augmented images."""

    place: Literal["distractor", "random", "target"] = "distractor"
    """
    distractor (where the baseline's networks that had not seen the frame found their strongest distractors), random (as
    many patches, anywhere), both off the target maps; or target (over the label itself, whose target map is turned
    off).
    """
    size: LeftOut[Count] = None
    """Side of a patch in px after scaling; target_radius where left out."""
    probability: Annotated[Number, Field(gt=0, le=1)] = 0.5
    """Of a patch, for each keypoint of each image."""
    fill: Literal["mean", "noise"] = "mean"
    """mean (the colour around the patch) or noise (with its mean and spread)."""


class Augment(Section):
    """What is done to the images besides the baseline's augmentation."""

    distractor_cutout: DistractorCutout


class Replicate(Section):
    """
    Train all combinations of several initial weights, data orders and augmentations on each subset, which shows how
    much of the variance is due to each.
    """

    weights: Several = 2
    """Initial weights."""
    orders: Several = 2
    """Data orders."""
    augmentations: Several = 2
    """Series of augmentation draws."""


class StartFrom(Section):
    """Continue a finished network of the baseline, of the same seed and member, on the larger subset."""

    percent: Percent
    """The percent of the network to start from."""


class Pseudo(Section):
    """Add frames of the pool outside the subset, labelled by the baseline's consensus."""

    confidence: Annotated[Number, Field(ge=0, le=1)] = 0.6
    """Keypoints of at least this consensus confidence are added."""
    labels: Literal["consensus", True] = "consensus"
    """consensus, or true (the same frames and keypoints with the project's own labels)."""


class Arm(Section):
    """A variant of training: a name and one change."""

    percents: LeftOut[Distinct[Percent]] = None
    """The percents that are trained; all of the study's where left out."""
    seeds: LeftOut[Distinct[Count]] = None
    """The seeds that are trained; all of the study's where left out."""
    members: LeftOut[Count] = None
    """The largest number of networks per subset; as many as the baseline where left out."""
    augment: LeftOut[Augment] = None
    curriculum: LeftOut[Literal["easy-first", "hard-first"]] = None
    """
    The baseline's batches in another order, by the frames' out-of-bag error: easy-first or hard-first. Each frame is
    seen as often as in the baseline.
    """
    replicate: LeftOut[Replicate] = None
    start_from: LeftOut[StartFrom] = None
    pseudo: LeftOut[Pseudo] = None

    @property
    def changes(self) -> list[str]:
        """The keys of what it changes."""
        kinds = ("augment", "curriculum", "replicate", "start_from", "pseudo")
        return [kind for kind in kinds if getattr(self, kind) is not None]


class Prune(Section):
    """
    After the study, train on the whole pool without the frames judged worst, without those judged best, and without
    random ones: does acting on the ranking help? Left out, none are trained.
    """

    counts: Distinct[Count] = [4, 8, 12]
    """How many frames to leave out."""
    networks: Several = 8
    """Networks for each, with initial weights of their own; differences are paired by these."""
    draws: Annotated[Integer, Field(ge=1, le=1000)] = 2
    """Random sets of frames to leave out, for each count and network."""
    by: Ranking = "check_priority"
    """
    The ranking of frame_values.csv by which frames are judged: check_priority (out-of-bag error), value, or the value
    of a method that examines networks.
    """
