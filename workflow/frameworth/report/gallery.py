"""The ranked frames, with their numbers and the reasons for their ranks and verdicts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from frameworth.answers.label_harm import HARMFUL, move_words, value_words
from frameworth.attribution.label_checks import where_off
from frameworth.attribution.methods import method, method_names
from frameworth.results.results import Results
from frameworth.text import px_and_score, readable

HELD_OUT = "held out"  # in place of a verdict: no network is trained on such a frame
_CHECKS = ("rank", "suspicion", "kind", "out_of_bag_error", "flagged")
_NUMBERS = ("value", "value_px", "ci_low", "ci_high", "p_adjusted", "absolute_value", "memorization")


def ranked_frames(results: Results) -> list[dict[str, Any]]:
    """A record for each labelled frame, in the order of `labels_to_check.csv`.

    It has numbers of that table and, for pool frames, of `frame_values.csv`. `keypoint` is the index of the keypoint
    that stands out most, or None; `check` says why to look at the labels, and `reason` why the verdict was given.
    """
    values = {row["frame"]: row for row in results.frame_values.to_dict("records")}
    median = float(results.label_checks["out_of_bag_error"].median())
    learned, keypoints = results.learning.learned, results.labels.keypoints
    harm = _harm_of_labels(results) if learned else {}
    shown = ("frame", "verdict", *_CHECKS, *_NUMBERS, *(method(name).value_column for name in method_names()))
    records = []
    for checked in results.label_checks.to_dict("records"):
        row = {"verdict": HELD_OUT} | checked | values.get(checked["frame"], {})
        frame = row["frame"]
        kind = results.frames["planted"][frame] if results.planted is not None else None
        why = reason(row, median, results.unit, kind if pd.notna(kind) else None, learned)
        look = f"Suspicion {row['suspicion']:.1f}: {where_off(checked, digits=1)}."
        records.append(
            {name: row[name] for name in shown if name in row}
            | {"keypoint": keypoints.index(row["keypoint"]) if isinstance(row["keypoint"], str) else None}
            | {"check": look if np.isfinite(row["suspicion"]) else "", "reason": " ".join([why, *harm.get(frame, [])])}
        )
    return records


def _harm_of_labels(results: Results) -> dict[int, list[str]]:
    """For each frame, a sentence about each of its labels that a method calls harmful."""
    sentences: dict[int, list[str]] = {}
    for table in results.label_harm.values():
        for _, row in table[table["verdict"] == HARMFUL].iterrows():
            sentence = (
                f"Training on its label of {row['keypoint']} harms other frames ({value_words(row)}, where 1 is what "
                f"labels usually do): {move_words(row)}."
            )
            sentences.setdefault(row["frame"], []).append(sentence)
    return sentences


def reason(
    row: dict[str, Any],
    median: float,
    unit: str,
    planted: str | None = None,
    learned: bool = True,
) -> str:
    """The reason for a frame's verdict, in words.

    Args:
        row: a row of `frame_values.csv`. median: median out-of-bag error of all frames, px.
        planted: kind of the label error planted in the frame, if any. learned: whether the networks have learned.
    """
    of_value = _of_value(row, unit) if learned else "The networks have not learned, so nothing is said of its value."
    parts = [_of_label(row["out_of_bag_error"], median), of_value]
    if planted:
        parts.append(f"A label error was planted here: {planted}.")
    return " ".join(part for part in parts if part)


def _of_label(error: float, median: float) -> str:
    if not np.isfinite(error):
        return "No out-of-bag error: it has no label, or no network was trained without it."
    times = f", {error / median:.1f} times the median" if np.isfinite(median) and median > 0 else ""
    return f"Out-of-bag error {error:.1f} px, the mean over its keypoints{times}."


def _of_value(row: dict[str, Any], unit: str) -> str:
    verdict = row["verdict"]
    if verdict == HELD_OUT:
        return "No network is trained on it, so it has no value."
    if verdict == "check label":
        return "Look whether the label is right; the value of a wrong label says little."
    if verdict in ("harmful", "helpful"):
        way = "higher" if verdict == "harmful" else "lower"
        return (
            f"Held-out {'error' if 'px' in unit else 'loss'} is {way} with it than without it: absolute value "
            f"{_signed(row['tested_absolute_value'])} {unit}; {_signed(row['value_px'])} px against an average frame."
        )
    if verdict in ("worse than average", "better than average"):
        low, high = _signed(row["called_ci_low"]), _signed(row["called_ci_high"])
        return (
            f"In place of an average frame it changes the held-out error by "
            f"{px_and_score(row['value'], row['value_px'], unit)}; given that it was called, its tested value is "
            f"{low} to {high} {unit}."
        )
    low, high = row["ci_low"], row["ci_high"]
    if not np.isfinite([low, high]).all():
        return "Its value has no interval: there are too few independent subsets."
    if low <= 0 <= high:
        return "Undecided: the interval of its value includes 0."
    return "Undecided: its interval excludes 0, but not after correction for the number of frames."


def _signed(value: float) -> str:
    return readable(value, "+")
