"""Toggling: a group of frames is added to subsets that are otherwise equal; far more sensitive than random subsets.

The sides of a pair share the base (half of the frames outside the group) and the network seed, and so the initial
weights. The side `with` adds the whole group, `part-1`, `part-2`… add a part of it, and `without` adds nothing. If the
group or a part has no frames (nothing is flagged, or fewer frames than parts), subsets are empty and train nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from frameworth.attribution.inference.paired import paired_difference, two_way_error
from frameworth.attribution.inference.values import holm, mean_of_known
from frameworth.config.experiments import Toggle
from frameworth.errors import UserError
from frameworth.labels.frames import read_frames
from frameworth.labels.labels import distance, read_labels
from frameworth.labels.subsets import write_chosen
from frameworth.plan.designs import draw_subset
from frameworth.plan.names import subset_path
from frameworth.plan.requests import TOGGLE_PERCENT
from frameworth.storage.files import read_table, write_csv
from frameworth.storage.hdf5 import read_hdf5
from frameworth.text import counted, readable, rounded

COLUMNS = ["arm", "pairs", "difference", "standard_error", "t", "p", "ci_low", "ci_high", "two_way_low", "two_way_high",
           "p_adjusted"]  # fmt: skip


def group_of(values: pd.DataFrame, toggle: Toggle) -> np.ndarray:
    """The frames to toggle: those that the config names, else the flagged frames (if any), most suspicious first.

    Raises UserError for a frame that is not in the pool.
    """
    if toggle.frames:
        unknown = sorted(set(toggle.frames) - set(values["frame"]))
        if unknown:
            raise UserError(f"toggle.frames: frame {unknown[0]} is not in the pool; see frame_values.csv")
        return np.array(toggle.frames)
    return values.loc[values["verdict"] == "check label", "frame"].to_numpy()


def parts_of(group: np.ndarray, parts: int) -> dict[str, np.ndarray]:
    """The frames of `group`, int [G], that each side adds to the base, by name; the last parts may be empty."""
    pieces = np.array_split(group, parts)
    added = {f"part-{number}": piece for number, piece in enumerate(pieces, 1)} if parts > 1 else {}
    return {"without": group[:0], "with": group} | added


def side_frames(
    pool: np.ndarray, group: np.ndarray, *, parts: int, side: str, pair: int, study_seed: int
) -> np.ndarray:
    """The frames of one side of one pair, ascending; none if the group, or the side's part of it, is empty.

    Args:
        pool: numbers of the frames that may be trained on. group: numbers of the frames that are toggled.

    Raises UserError if the group is the whole pool.
    """
    rest = np.setdiff1d(pool, group)
    added = parts_of(group, parts)[side]
    if len(group) == 0 or (side != "without" and len(added) == 0):
        return group[:0]
    if len(rest) == 0:
        what = "the group is the whole pool, so that the sides of a pair would have no frame in common"
        raise UserError(f"toggle: {what}; name fewer in toggle.frames, or lower flags.expected_false")
    base = rest[draw_subset("balanced", len(rest), TOGGLE_PERCENT, pair, study_seed)]
    return np.sort(np.concatenate([base, added]))


def write_side(study: Path, toggle: Toggle, side: str, pair: int, study_seed: int) -> None:
    """Write the subset of one side of one pair below the folder `study`."""
    frames = read_frames(study / "frames.csv")
    group = group_of(read_table(study / "frame_values.csv"), toggle)
    pool = np.flatnonzero(frames["split"] == "pool")
    chosen = side_frames(pool, group, parts=toggle.parts, side=side, pair=pair, study_seed=study_seed)
    path, labels = study / f"toggle/{side}/subsets/{subset_path(TOGGLE_PERCENT, pair)}.json", study / "labels.h5"
    write_chosen(path, frames, read_labels(labels), chosen, "toggle", TOGGLE_PERCENT, pair, f"toggle_pair-{pair}")


def compare_sides(scores: dict[str, np.ndarray], level: float) -> pd.DataFrame:
    """Paired differences of each side from `without`: mean, standard error, t, two-sided p and interval, over pairs.

    `two_way_low` and `two_way_high` are an interval over new networks and new held-out frames; NaN if the scores are
    not given by frame. Pairs with a diverged network (NaN) are left out. `p_adjusted` is Holm's over the parts, as one
    of many parts differs by chance; the whole group is tested on its own.

    Args:
        scores: by side, the held-out score of each pair [pairs], or of each label in each pair [pairs, frames, K].
    """
    rows = []
    for side, score in scores.items():
        if side == "without":
            continue
        labels = score - scores["without"]
        labels = labels.reshape(len(labels), -1, labels.shape[-1] if labels.ndim == 3 else 1)
        labels = labels[np.isfinite(labels).any(axis=(1, 2))]
        paired = paired_difference(mean_of_known(labels, (1, 2)), np.arange(len(labels)), level)
        least = min(paired.pairs, np.isfinite(labels).any(axis=(0, 2)).sum())
        wide = stats.t.ppf((1 + level) / 2, least - 1) * two_way_error(labels)
        ends = {"two_way_low": paired.difference - wide, "two_way_high": paired.difference + wide}
        rows.append({"arm": side, **paired._asdict(), **ends})
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.assign(p_adjusted=adjusted(table))


def adjusted(table: pd.DataFrame) -> np.ndarray:
    """The p of each side in `toggle.csv`; those of the parts are adjusted by Holm's rule over the parts."""
    p, parts = table["p"].to_numpy(float, copy=True), (table["arm"] != "with").to_numpy()
    p[parts] = holm(p[parts])
    return p


def write_toggle(study: Path, toggle: Toggle, level: float) -> pd.DataFrame:
    """Score all sides on the study's held-out frames and write `toggle.csv`; it has no rows if nothing is flagged."""
    held_out = (read_frames(study / "frames.csv")["split"] == "held-out").to_numpy()
    label = read_labels(study / "labels.h5").xy
    pairs = range(1, toggle.pairs + 1)
    added = parts_of(group_of(read_table(study / "frame_values.csv"), toggle), toggle.parts)
    sides = [side for side in added if len(added["with"]) and (side == "without" or len(added[side]))]
    scores = {
        side: np.array(
            [
                _label_scores(study / "toggle" / side / subset_path(TOGGLE_PERCENT, pair), label, held_out)
                for pair in pairs
            ]
        )
        for side in sides
    }
    table = compare_sides(scores, level)
    table["frames"] = [" ".join(map(str, added[side])) for side in table["arm"]]
    write_csv(study / "toggle.csv", table)
    return table


def _label_scores(ensemble: Path, label: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    """log(1 + px) at the held-out labels, [frames, K], averaged over members; NaN if the network diverged."""
    pose = read_hdf5(ensemble / "predictions.h5", ["pose"])["pose"]
    return np.log1p(distance(pose, label))[:, held_out].mean(axis=0)


def _elsewhere(low: float, high: float, decided: bool) -> str:
    """A caution if the effect may not apply to other held-out frames of this kind; empty if none is needed."""
    if not decided or low > 0 or high < 0:  # both ends are NaN if a single frame is held out
        return ""
    return " On other held-out frames it may be nothing: these are few."


def statement(table: pd.DataFrame, alpha: float) -> Sequence[str]:
    """One sentence for each side in `toggle.csv`."""
    if table.empty:
        return ["No label of the pool is flagged, so there was nothing to toggle; toggle.frames names frames."]
    sentences = []
    for row in table.assign(p_adjusted=adjusted(table)).itertuples():
        size = len(row.frames.split()) if isinstance(row.frames, str) else 1
        group = "The toggled group" if row.arm == "with" else f"Of the toggled group {row.arm}"
        if row.pairs < 2:
            lost = (
                "a network of each pair diverged" if not row.pairs else "all pairs but one have a network that diverged"
            )
            sentences.append(f"{group}: {lost}, so nothing is known.")
            continue
        decided = row.p_adjusted < alpha
        effect = ("it harms" if row.t > 0 else "it helps") if decided else "which may be chance"
        change = f"{readable(row.difference, '+')} ± {readable(row.standard_error)}"
        sentences.append(
            f"{group}: its {counted(size, 'frame')} in otherwise common subsets {'changes' if size == 1 else 'change'} "
            f"the held-out error by {change} log(1 + px) over {counted(row.pairs, 'pair')} "
            f"(t = {readable(rounded(row.t))}): {effect}.{_elsewhere(row.two_way_low, row.two_way_high, decided)}"
        )
    return sentences
