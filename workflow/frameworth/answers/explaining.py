"""What a study knows about one frame, in words: `frameworth explain`."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np

from frameworth.answers.label_harm import label_words
from frameworth.attribution.label_checks import study_suspects, where_off
from frameworth.attribution.method_values import LEVEL
from frameworth.attribution.methods import method, method_names
from frameworth.errors import UserError, printable
from frameworth.results.results import Results
from frameworth.scores.learning import learning_sentences
from frameworth.text import LEAST, counted, px_and_score, readable

_STRONGEST = 3


def frame_number(results: Results, frame: str) -> int:
    """The number of a frame that is given as a number, as `video/image`, or as an image's name or its stem.

    Raises UserError for a frame that does not exist, or for a name that several frames have.
    """
    table = results.frames
    names = table["video"] + "/" + table["image"]
    if frame.isdecimal():
        if int(frame) < len(table):
            return int(frame)
        raise UserError(f"frame {frame}: there is no such frame; frames are 0 to {len(table) - 1}")
    same = unicodedata.normalize("NFC", frame)  # macOS gives names in decomposed form
    composed, images = names.str.normalize("NFC"), table["image"].str.normalize("NFC")
    numbers = np.flatnonzero((composed == same) | (images == same) | (images.map(lambda name: Path(name).stem) == same))
    if len(numbers) == 1:
        return int(numbers[0])
    if len(numbers):
        raise UserError(f"frame {frame}: several have this name: {', '.join(names[numbers[:5]])}")
    raise UserError(
        f"frame {frame}: there is no such frame; give a number or video/image as in {results.folder}/frames.csv"
    )


def explain(results: Results, frame: int) -> list[str]:
    """Lines about a frame: where networks that did not see it put its keypoints, its value, and which frames it moves.

    If the networks have not learned, the lines begin with that. Then, as for held-out frames, the last two are missing.
    """
    learned = results.learning.learned
    row = results.frames.loc[frame]
    split = "in the pool" if results.pool[frame] else "held out: no network is trained on it"
    lines = [] if learned else learning_sentences(results.learning)
    lines += [f"Frame {frame}: {row['video']}/{row['image']}, {row['width']}×{row['height']} px, {split}."]
    if results.planted is not None and results.planted[frame]:
        lines.append(f"A label error was planted here: {row['planted']}.")
    lines += _suspicion(results, frame)
    judged = results.pool[frame] and learned
    if judged:
        lines += _worth(results, frame)
    lines += ["", *_keypoints(results, frame)]
    if judged:
        lines += [*_harm_of_labels(results, frame), "", *_moves(results, frame)]
    return [printable(line) for line in lines]


def _suspicion(results: Results, frame: int) -> list[str]:
    """How much the frame's labels stand out among those of all frames, in the pool and held out."""
    table = results.label_checks.set_index("frame")
    row, median = table.loc[frame], table["out_of_bag_error"].median()
    if not np.isfinite(row["suspicion"]):
        return ["Suspicion and out-of-bag error unknown: every subset holds it, or nothing is labelled."]
    error = row["out_of_bag_error"]
    return [
        f"Rank {row['rank']} of {len(table)} labels to check, {'flagged' if row['flagged'] else 'not flagged'}: "
        f"suspicion {row['suspicion']:.1f}, most by {where_off(row.to_dict(), digits=1)}. The networks see it at "
        f"{_place(row[['place_x', 'place_y']].to_numpy())}. Of so many right frames "
        f"{readable(row['expected_false'])} would rank as high.",
        f"Out-of-bag error {error:.1f} px, {error / median:.1f} times the median.",
    ]


def _worth(results: Results, frame: int) -> list[str]:
    table = results.frame_values.set_index("frame")
    row = table.loc[frame]
    unit = results.unit
    lines = [f"Verdict: {row['verdict']}."]
    if np.isfinite(row["value"]):
        text = (
            f"Value {px_and_score(row['value'], row['value_px'], unit)} against an average frame (negative is better)"
        )
        if np.isfinite(row["ci_low"]):
            low, high = readable(row["ci_low"], "+"), readable(row["ci_high"], "+")
            same = np.isclose(row["value"], row["tested_value"])
            tested = "" if same else f" of the tested value, {readable(row['tested_value'], '+')},"
            text += f"; the interval{tested} is {low} to {high} {unit}"
        if np.isfinite(row["p_adjusted"]):
            text += f", p = {row['p_adjusted']:.2g} among all frames"
        lines.append(text + ".")
    for chosen in map(method, method_names()):
        column = chosen.value_column
        if column in row and np.isfinite(row[column]):
            rank = int((table[column] > row[column]).sum()) + 1
            single = ", singled out: most frames harm less" if row[chosen.p_column] < LEVEL else ""
            if chosen.calls_harm:
                single += f"; {row[chosen.verdict_column]}"
            value = _beside_usual(chosen.sign * row[column], table[column].abs().mean())
            lines.append(f"{chosen.sentence} {value} (rank {rank} of {len(table)}, 1 harms most{single}).")
    if np.isfinite(row["memorization"]):
        lines.append(f"Trained on, its own error changes by {readable(row['memorization'], '+')} px.")
    return lines


def _keypoints(results: Results, frame: int) -> list[str]:
    """Each label and where networks that were not trained on the frame put it."""
    converged = np.isfinite(results.scores["consensus_pose"][:, frame]).any(axis=(1, 2))
    unseen = converged & ~results.inclusion[:, frame]
    median = study_suspects(results).place[frame]
    lines = [f"Labels, and the weighted median of {counted(unseen.sum(), 'ensemble')} that did not see the frame (px):"]
    for name, label, there in zip(results.labels.keypoints, results.labels.xy[frame], median, strict=True):
        apart = float(np.linalg.norm(there - label))
        lines.append(
            f"  {name}: {f'label {_place(label)}' if np.isfinite(label).all() else 'not labelled'}, "
            f"{f'networks {_place(there)}' if np.isfinite(there).all() else 'no network says anything'}"
            + (f", {apart:.1f} px apart" if np.isfinite(apart) else "")
        )
    return lines


def _harm_of_labels(results: Results, frame: int) -> list[str]:
    """How more weight on each label changes held-out labels, and where it would have to move; empty if not computed."""
    lines: list[str] = []
    for name, table in results.label_harm.items():
        rows = table[table["frame"] == frame]
        if len(rows):
            lines += [
                "",
                f"What more weight on each label does to held-out labels by {name}, beside the average label (above 0 "
                "harms, 1 is as much as usual), and where the label would have to move for them (as far as the "
                "networks that did not see it say):",
                *(f"  {row['keypoint']}: {label_words(row)}" for _, row in rows.iterrows()),
            ]
    return lines


def _moves(results: Results, frame: int) -> list[str]:
    """The held-out labels whose error the frame changes most, relative to the standard error of that change."""
    influence = results.influence("error", "size-centred")
    value, error = (influence[name][frame].astype(float) for name in ("value", "standard_error"))
    with np.errstate(invalid="ignore", divide="ignore"):
        strength = np.where(~results.pool[:, None] & (error > 0), value / error, np.nan)
    if not np.isfinite(strength).any():
        return ["What it does to single held-out frames is unknown with so few subsets."]
    order = np.argsort(-np.abs(strength), axis=None)[: min(_STRONGEST, np.isfinite(strength).sum())]
    names = results.frames["video"] + "/" + results.frames["image"]
    lines = ["Held-out frames that it seems to move most (the strongest of many look stronger than they are):"]
    for other, keypoint in zip(*np.unravel_index(order, strength.shape), strict=True):
        lines.append(
            f"  {results.labels.keypoints[keypoint]} in frame {other} ({names[other]}): "
            f"{readable(value[other, keypoint], '+')} ± {readable(error[other, keypoint])} px"
        )
    return lines


def _beside_usual(value: float, usual: float) -> str:
    """A value in words; a value that is tiny in its unit is given relative to the usual size `usual`."""
    if abs(value) >= LEAST or not usual > 0:
        return readable(value, "+")
    return f"{readable(value / usual, '+')} times what is usual"


def _place(xy: np.ndarray) -> str:
    return f"({xy[0]:.1f}, {xy[1]:.1f})"
