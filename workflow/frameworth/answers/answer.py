"""The answer: at most six short sentences, in the order in which a reader uses them.

The sentences say whether the networks have learned, which labels to look at, whether the group harms, whether more
labels would help, what these networks cannot decide, and what to do next. Each says only what was tested. Tests,
intervals of values and rank correlations are in the study's numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from frameworth.answers.further_labels import ALL
from frameworth.attribution.inference.power import MOST_NETWORKS
from frameworth.scores.learning import FEW_FRAMES
from frameworth.text import counted, readable, rounded

_LEAST_PX = 0.01
_HARDLY_ANY = 0.5  # correctly labelled frames expected among the flagged ones
_HARDLY = 0.1  # share of the error


@dataclass(frozen=True)
class Toggled:
    """The effect of training with a group of frames, compared with training without it, from `toggle.csv`.

    Attributes:
        frames: number of frames in the group. change: of the held-out error, log(1 + px), by training with the group.
        decided: whether the change is beyond chance. elsewhere: whether that also holds for other frames like these.
        pairs: of networks, one trained with the group and one without it.
    """

    frames: int
    change: float
    decided: bool
    elsewhere: bool
    pairs: int


def toggled(table: pd.DataFrame, alpha: float) -> Toggled | None:
    """The whole group's row of `toggle.csv`. None if nothing was toggled, or if too few pairs are left for a test."""
    rows = table[(table["arm"] == "with") & (table["pairs"] > 1)]
    if rows.empty:
        return None
    row = rows.iloc[0]
    frames = len(row["frames"].split()) if isinstance(row["frames"], str) else 1
    elsewhere = row["two_way_low"] > 0 or row["two_way_high"] < 0  # False where unknown (one held-out frame)
    return Toggled(frames, float(row["difference"]), bool(row["p"] < alpha), bool(elsewhere), int(row["pairs"]))


def further_frames(changes: pd.DataFrame, curve: pd.DataFrame, pool: int) -> dict[str, Any] | None:
    """How the typical error would change with half and with twice the frames, in px.

    Args:
        changes: `add.csv`. curve: `add_curve.csv`. pool: frames in the pool now.

    Returns None where no curve was fitted. Otherwise the keys are `frames` (to add for twice as many), `error_px`
    (geometric mean at the pool's size), `change_px`, `low_px`, `high_px`, and `verdict` in the table's words. The same
    keys with `half_` before them are about half of the frames; there are `half_frames` of them.
    """
    gain = changes[changes["keypoint"] == ALL].sort_values("frames")
    now = curve.loc[(curve["keypoint"] == ALL) & (curve["frames"] == pool), "fitted"].dropna()
    if gain.empty or now.empty:
        return None
    error = float(np.expm1(now.iloc[0]))
    # Draws of log(1 + px) have no lower bound, but no error falls below 0.
    changed = np.maximum(np.exp(now.iloc[0]) * np.expm1(gain[["value", "ci_low", "ci_high"]].to_numpy(float)), -error)
    names = ("change_px", "low_px", "high_px")
    return {
        "frames": round(gain["frames"].iloc[-1]) - pool,
        "error_px": error,
        **dict(zip(names, map(float, changed[-1]), strict=True)),
        "verdict": str(gain["verdict"].iloc[-1]),
        "half_frames": round(gain["frames"].iloc[0]),
        **dict(zip((f"half_{name}" for name in names), map(float, changed[0]), strict=True)),
    }


def sentences(answer: dict[str, Any], alpha: float, group: Toggled | None = None) -> list[str]:
    """The answer of a study whose networks have learned, without the next step: at most five sentences.

    Args:
        answer: the numbers of `summary.json`. group: the toggled group, whose result replaces the test in `answer`.
    """
    harm = _group(answer, alpha, group)
    more = _more_frames(answer)
    one_by_one = _one_by_one(answer)
    parts = [_learned(answer), _labels(answer), harm, more, one_by_one, _undecided(answer, not harm, not more)]
    return [sentence for sentence in parts if sentence]


def _learned(answer: dict[str, Any]) -> str:
    error, guess = answer["not_trained_on_median_px"], answer["constant_guess_median_px"]
    few = answer["learned_frames"] < FEW_FRAMES
    frames = f"the {answer['learned_frames']} frames" if few else "frames"
    return (
        f"The networks have learned: in {frames} they never saw, they miss labels by {_px(error)}"
        f"{_share(error, answer['animal_length_px'])}, where guessing misses by {_px(guess)}."
    )


def _labels(answer: dict[str, Any]) -> str:
    flags, held_out = answer["labels_flagged"], answer["labels_flagged_held_out"]
    if not flags:
        return "No frame stands out enough to call its labels wrong; the list begins with the most suspicious."
    wrong = answer["labels_flagged_expected_false"]
    of_them = f"{held_out} " if flags > 1 else ""
    measured = f" ({of_them}held out, where errors are measured)" if held_out else ""
    chance = f", though chance alone flags about {'one' if round(wrong) <= 1 else _count(wrong)}"
    if flags == 1:
        still = chance if wrong >= _HARDLY_ANY else ""
        return f"Check the flagged frame first{measured}, then go down the list: its labels look wrong{still}."
    fine = f"about {_count(wrong)} may be right" if wrong >= _HARDLY_ANY else "hardly any is likely to be right"
    still = chance if round(wrong) >= flags else f", and {fine}"
    return f"Check the {flags} flagged frames first{measured}: their labels look wrong{still}."


def _group(answer: dict[str, Any], alpha: float, group: Toggled | None) -> str:
    """What the toggled, planted or flagged frames do together; of the last two nothing if that is not decided."""
    error = answer["not_trained_on_median_px"]
    if group is not None:
        frames = _these(group.frames, "toggled")
        if not group.decided:
            harm = "it harms" if group.frames == 1 else "they harm"
            return f"{group.pairs} pairs of networks with and without {frames} do not decide whether {harm}."
        change = max(-error, (1 + error) * float(np.expm1(group.change)))
        verb = "raises" if change > 0 else "lowers"
        where = "" if group.elsewhere else "; on other frames it may do nothing"
        return f"Training with {frames} {verb} the error by {_px(abs(change))}{where}."
    if not answer["group_size"] or not _known(answer["group_test_p"]) < alpha:
        return ""
    frames = _group_in_words(answer)
    # The score that is tested may be decided where px are not.
    amount = f", by {_px(answer['group_difference_px'])} each" if _known(answer["group_test_p_px"]) < alpha else ""
    return f"Networks do worse with {frames} than with others in their place{amount}."


def _more_frames(answer: dict[str, Any]) -> str:
    """What further labels would do, as far as is known; empty where no curve was fitted."""
    further = answer["further_frames"]
    if not further:
        return ""
    frames = f"{further['frames']} more frames like these would"
    low, high = further["low_px"], further["high_px"]
    if further["verdict"] in ("would gain", "would lose"):
        shares = (100 * abs(px) / further["error_px"] for px in (further["change_px"], *sorted((low, high), key=abs)))
        verb = "lower" if further["verdict"] == "would gain" else "raise"
        return f"{frames} {verb} the error by " + "{:.0f} % (between {:.0f} and {:.0f} %).".format(*shares)
    most = max(abs(low), abs(high))
    # An error below one px may change by a tiny number of px and still by a large share.
    if further["verdict"] == "would hardly change" and most <= _HARDLY * further["error_px"]:
        return f"{frames} hardly change the error, by at most {100 * most / further['error_px']:.0f} %."
    undecided = f"What {further['frames']} more frames like these would do is not decided: the error may"
    percent = further["error_px"] / 100
    if low < 0 < high:
        return f"{undecided} fall by {_percent(-low / percent)} or rise by {_percent(high / percent)}."
    verb = "lower" if low < 0 else "raise"
    return f"{frames} {verb} the error, by at most {_percent(most / percent)}, but perhaps by hardly any."


_CALLED = {  # words for one frame, and for several
    "harmful": ("harms", "harm"),
    "helpful": ("helps", "help"),
    "worse than average": ("is worse than average", "are worse than average"),
    "better than average": ("is better than average", "are better than average"),
}


def _one_by_one(answer: dict[str, Any]) -> str:
    """The sentence about single frames that are decided; empty if there are none."""
    verdicts = answer["verdicts"]
    parts = [f"{verdicts[name]} {words[verdicts[name] > 1]}" for name, words in _CALLED.items() if verdicts.get(name)]
    if not parts:
        return ""
    besides = " besides those to check" if answer["verdicts"].get("check label") else ""
    others = f"the others need more than {counted(answer['networks'], 'network')}"
    return f"Frames decided one by one{besides}: {', '.join(parts)}; {others}{_called(answer)}."


def _called(answer: dict[str, Any]) -> str:
    """A clause per method that can call frames harmful: how many it calls so. Such a call is not a decision."""
    called = answer["called_by_methods"].items()
    return "".join(f"; by {name}, {count or 'none'} {_CALLED['harmful'][count != 1]}" for name, count in called)


def _undecided(answer: dict[str, Any], group: bool, more: bool) -> str:
    """What cannot be decided, and how many networks would decide it; empty if everything is decided."""
    open_questions = []
    if group and answer["group_size"]:
        does = "does" if answer["group_size"] == 1 else "do"
        open_questions.append(f"whether {_group_in_words(answer)} {does} harm")
    if more:
        open_questions.append("whether more labels help")
    if answer["verdicts"].get("undecided") and not _one_by_one(answer):
        would = _would_tell(answer["networks"], answer["networks_to_decide_top"])
        other = "other " if answer["verdicts"].get("check label") else ""
        open_questions.append(f"which {other}single frames harm most{would}{_called(answer)}")
    if not open_questions:
        return ""
    last = f" or {open_questions[-1]}" if len(open_questions) > 1 else open_questions[-1]
    return f"{counted(answer['networks'], 'network')} cannot decide {', '.join(open_questions[:-1])}{last}."


def _would_tell(networks: int, more: int | None) -> str:
    """How many networks would decide single frames, in brackets; empty if that is not known."""
    if more is None:
        return ""
    return " (over a million would tell)" if more >= MOST_NETWORKS else f" (about {_count(networks + more)} would tell)"


def _group_in_words(answer: dict[str, Any]) -> str:
    """The group whose values are tested; of flagged frames only those of the pool have values."""
    in_pool = " of the pool" if answer["group_name"] == "flagged" and answer["labels_flagged_held_out"] else ""
    return f"{_these(answer['group_size'], answer['group_name'])}{in_pool}"


def _these(size: int, name: str) -> str:
    """The frames of the group, in words."""
    frames = "frame" if size == 1 else f"{size} frames"
    if name == "planted":
        return f"the {frames} with planted errors"
    return f"the {'' if size == 1 else f'{size} '}{name} {'frame' if size == 1 else 'frames'}"


def _px(value: float) -> str:
    """A length of at least 0, rounded as a person would read it from a screen."""
    return f"{readable(round(rounded(value), 2))} px" if value >= _LEAST_PX else f"less than {_LEAST_PX} px"


def _percent(value: float) -> str:
    return f"{readable(rounded(value))} %"


def _signed(value: float) -> str:
    return readable(round(rounded(value), 2) + 0.0, "+")  # no negative zero


def half_and_twice(further: dict[str, Any]) -> list[tuple[str, str]]:
    """The rows beside the learning curve: how half and twice the frames change the error, from `further_frames`."""
    rows = []
    for times, name in ((f"half the frames ({further['half_frames']})", "half_"), ("twice the frames", "")):
        change, low, high = (_signed(further[f"{name}{key}_px"]) for key in ("change", "low", "high"))
        rows.append((times, f"{change} px ({low} to {high})"))
    return rows


def _share(value: float, length: float | None) -> str:
    """A length as a share of the labels' widest span (with one view, the animal's length); empty if unknown."""
    known = _known(length)
    return f" ({_percent(100 * value / known)} of the labels' span)" if known > 0 else ""


def _known(value: float | None) -> float:
    """A number of `summary.json`, with NaN for null, which means unknown."""
    return float("nan") if value is None else value


def _count(value: float) -> str:
    return readable(rounded(max(1.0, round(value))))
