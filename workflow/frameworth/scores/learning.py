"""Whether the networks have learned, without which nothing is said of frames. Numpy in, numpy out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from frameworth.config.training import Training
from frameworth.scores.scores import rmse
from frameworth.text import counted

# Shares of medians, set by the cases in docs/validation.md.
LEARNED = 0.5  # of the guess's error: the error at labels not trained on must not be above it
WELL = 0.2  # of the guess's error: so small an error is learned, however well labels trained on are known
UNDERFITTED = 0.9  # of the error at other labels: labels trained on are known hardly better
FEW_FRAMES = 20  # with fewer a median error may be off by a third (1.25 / √20 deviations of log error, about 1)

WhyNot = Literal["diverged", "unmeasured", "underfitted", "not transferred"]


@dataclass(frozen=True)
class Learning:
    """What networks learned, in median errors (px), NaN where there is no such label.

    Attributes:
        percent: of the subsets that this is about.
        frames: how many have labels that some of these networks were not trained on.
        trained_px, other_px: error at labels that a network was trained on, and at others.
        guess_px: of the mean position, over the same labels as `other_px`.
        subsets, diverged: how many there are, and of how many all networks diverged.
        why_not: why the networks have not learned, most likely; None if they have.
    """

    percent: int
    frames: int
    trained_px: float
    other_px: float
    guess_px: float
    subsets: int
    diverged: int
    why_not: WhyNot | None = None

    @property
    def learned(self) -> bool:
        """Whether anything may be said of frames."""
        return self.why_not is None


def constant_guess_rmse(label: np.ndarray, pool: np.ndarray) -> float:
    """RMSE (px) over the held-out labels of a guess that sees no image: each keypoint's mean position in the pool.

    Args:
        label: [N, K, 2] px, NaN where not labelled. pool: bool [N].

    NaN where no held-out keypoint has a label in the pool.
    """
    return rmse(constant_guess_error(label, pool)[~pool])


def constant_guess_error(label: np.ndarray, pool: np.ndarray) -> np.ndarray:
    """Distance (px) of each label from the mean position of its keypoint in the pool's other frames, [N, K].

    Without the frame itself, which would otherwise draw the guess towards it. NaN where no other frame tells.

    Args:
        label: [N, K, 2] px, NaN where not labelled. pool: bool [N].
    """
    in_pool = np.isfinite(label).all(axis=2) & pool[:, None]
    positions = np.where(in_pool[:, :, None], label, 0)
    count = (in_pool.sum(axis=0) - in_pool)[:, :, None]
    guess = (positions.sum(axis=0) - positions) / np.where(count > 0, count, np.nan)
    return np.sqrt(((label - guess) ** 2).sum(axis=2))


def learning(
    error: np.ndarray, label: np.ndarray, inclusion: np.ndarray, pool: np.ndarray, percents: np.ndarray
) -> Learning:
    """What the networks of the percent with most subsets learned (of several such, the largest percent).

    By medians, which a few lost keypoints do not move. Of the labels that they were not trained on, in the pool and
    held out, the error is compared with that of a guess that sees no image, over the same labels, and with the error
    at the labels that they were trained on. They have not learned if it is above `LEARNED` of the guess's, or if it is
    above `WELL` of it and they miss the labels they were trained on by more than `UNDERFITTED` as much.

    Args:
        error: [S, N, K] px, NaN where not labelled and where all networks of a subset diverged.
        label: [N, K, 2] px. inclusion: bool [S, N]. pool: bool [N]. percents: int [S].
    """
    names, counts = np.unique(percents, return_counts=True)
    percent = int(names[counts == counts.max()].max())
    rows = percents == percent
    error, seen = error[rows], inclusion[rows][:, :, None]
    guess = np.broadcast_to(constant_guess_error(label, pool), error.shape)
    known = np.isfinite(error)
    out_of_bag = known & ~seen & np.isfinite(guess)
    measured = Learning(
        percent=percent,
        frames=int(out_of_bag.any(axis=(0, 2)).sum()),
        trained_px=_median(error[known & seen]),
        other_px=_median(error[out_of_bag]),
        guess_px=_median(guess[out_of_bag]),
        subsets=len(error),
        diverged=int((~known.any(axis=(1, 2))).sum()),
    )
    return replace(measured, why_not=_why_not(measured))


def _why_not(measured: Learning) -> WhyNot | None:
    trained, other, guess = measured.trained_px, measured.other_px, measured.guess_px
    close = trained > UNDERFITTED * other
    if other <= LEARNED * guess and not (close and other > WELL * guess):
        return None
    if 2 * measured.diverged > measured.subsets:
        return "diverged"
    if not np.isfinite([trained, other, guess]).all():
        return "unmeasured"
    return "underfitted" if close or trained > LEARNED * guess else "not transferred"


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def learning_sentences(measured: Learning) -> list[str]:
    """Whether the networks have learned, in words and numbers."""
    start = "The networks have learned" if measured.learned else "The networks have not learned, so no frame is judged"
    if measured.why_not == "diverged":
        return [f"{start}: of {measured.diverged} of {measured.subsets} subsets all networks diverged."]
    if measured.why_not == "unmeasured":
        return [f"{start}: there are too few labels in the pool to train on and to measure by."]
    few = [f"This rests on {counted(measured.frames, 'frame')} only."] if measured.frames < FEW_FRAMES else []
    return [
        f"{start}.",
        f"They miss labels they were not trained on by {measured.other_px:.1f} px (median), those they were trained on "
        f"by {measured.trained_px:.1f} px; guessing the mean position misses by {measured.guess_px:.1f} px.",
        *few,
    ]


def what_to_change(measured: Learning, training: Training, size: tuple[int, int], frames: int) -> list[str]:
    """The likely reason why networks have not learned, and what to change, in sentences.

    Args:
        training: the config's. size: width and height of the typical image, px. frames: in the typical subset.
    """
    if measured.why_not == "diverged":
        now = "" if training.learning_rate is None else f" (now {training.learning_rate:g})"
        return [f"Lower training.learning_rate{now}."]
    if measured.why_not == "unmeasured":
        return ["Label more frames."]
    if measured.why_not == "not transferred":
        return [
            f"Either the labels do not fit the images, or a subset of {counted(frames, 'frame')} is far too small.",
            "Look at the report's pictures: labels may be mixed up between frames.",
            "If they fit, label more.",
        ]
    budget = f"epochs (now {training.epochs})" if training.epochs else f"steps (now {training.steps})"
    width, height = (round(side * training.scale) for side in size)
    change = [
        f"raise training.{budget}",
        f"train on larger images (training.scale, now {training.scale:g}, makes them {width} × {height} px)",
    ]
    if training.weights == "random":
        change.append("begin with trained weights (training.weights: imagenet)")
    return [
        "Most likely the steps are too few, or the images too small.",
        f"Try each: {'; '.join(change)}.",
        "If that changes nothing, look whether the labels fit the images.",
    ]
