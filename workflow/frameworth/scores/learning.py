"""Whether the networks have learned; if not, no frame is judged. Numpy in, numpy out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from frameworth.config.training import Training
from frameworth.labels.labels import distance
from frameworth.plan.designs import main_percent
from frameworth.scores.scores import rmse
from frameworth.text import counted

# Ratios of median errors, chosen with the cases in docs/validation.md.
LEARNED = 0.5  # the error at labels not trained on must be at most this share of the guess's error
WELL = 0.2  # an error at most this share of the guess's error counts as learned, whatever the training error is
UNDERFITTED = 0.9  # a training error above this share of the error at other labels is hardly better than that error
FEW_FRAMES = 20  # with fewer, a median error may be wrong by a third (1.25 / √20 of the SD of log error, which is ≈ 1)

WhyNot = Literal["diverged", "unmeasured", "underfitted", "not transferred"]


@dataclass(frozen=True)
class Learning:
    """How well the networks of one percent learned: median errors in px, NaN where there is no such label.

    Attributes:
        percent: the percent of their subsets.
        frames: number of frames with labels that some of these networks were not trained on.
        trained_px, other_px: error at labels that a network was trained on, and at other labels.
        guess_px: error of guessing the mean position, over the same labels as `other_px`.
        subsets, diverged: number of subsets, and number of subsets whose networks all diverged.
        why_not: the most likely reason why the networks have not learned; None if they have.
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
        """Whether the networks have learned, so that frames may be judged."""
        return self.why_not is None


def constant_guess_rmse(label: np.ndarray, pool: np.ndarray) -> float:
    """RMSE (px) at the held-out labels of guessing each keypoint's mean position in the pool, without the image.

    Args:
        label: [N, K, 2] px, NaN where not labelled. pool: bool [N].

    NaN if no held-out keypoint has a label in the pool.
    """
    return rmse(constant_guess_error(label, pool)[~pool])


def constant_guess_error(label: np.ndarray, pool: np.ndarray) -> np.ndarray:
    """Distance (px) of each label from the mean position of its keypoint in the pool's other frames, [N, K].

    The frame itself is left out, as it would pull the mean towards its label. NaN if no other frame has the keypoint.

    Args:
        label: [N, K, 2] px, NaN where not labelled. pool: bool [N].
    """
    in_pool = np.isfinite(label).all(axis=2) & pool[:, None]
    positions = np.where(in_pool[:, :, None], label, 0)
    count = (in_pool.sum(axis=0) - in_pool)[:, :, None]
    guess = (positions.sum(axis=0) - positions) / np.where(count > 0, count, np.nan)
    return distance(guess, label)


def learning(
    error: np.ndarray, label: np.ndarray, inclusion: np.ndarray, pool: np.ndarray, percents: np.ndarray
) -> Learning:
    """How well the networks of the percent with most subsets learned (the largest such percent).

    Errors are medians, as a few lost keypoints do not move these: `trained` at labels a network was trained on, `other`
    at labels it was not trained on (pool and held out), `guess` of the mean position at the same labels as `other`. The
    networks have not learned if `other` > `LEARNED` · `guess`, or if `other` > `WELL` · `guess` and `trained` >
    `UNDERFITTED` · `other`.

    Args:
        error: [S, N, K] px, NaN where not labelled or where all networks of a subset diverged.
        label: [N, K, 2] px. inclusion: bool [S, N]. pool: bool [N]. percents: int [S].
    """
    percent = main_percent(percents)
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
    """Sentences that say whether the networks have learned, with the errors."""
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
    """Sentences on the likely reason why the networks have not learned, and on what to change.

    Args:
        training: the config's. size: width, height of the typical image, px. frames: number in the typical subset.
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
