"""`labels_to_check.csv`: every labelled frame, in the pool or held out, ranked by how suspicious its labels are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from frameworth.attribution.inference.values import out_of_bag_error
from frameworth.attribution.marked_right import is_marked
from frameworth.attribution.suspicion.suspects import KINDS, Suspects, suspect_labels
from frameworth.errors import UserError
from frameworth.storage.files import read_table, write_csv

if TYPE_CHECKING:
    from frameworth.results.results import Results

EXPECTED_FALSE = 1.0  # expected number of correctly labelled frames that are flagged in a study
UNUSUAL = 0.05  # for frames with p up to this the table names the kind of error, flagged or not
LOOKED_AT = 12  # most suspicious frames that are pictured and reviewed, flagged or not


def label_checks(results: Results, expected_false: float = EXPECTED_FALSE) -> pd.DataFrame:
    """The table of all frames; docs/formats.md describes its columns.

    A frame is flagged if at most `expected_false` frames would rank as high if all labels were correct. If the networks
    have not learned, no frame is flagged. Frames that a person marked as right are not flagged either, and come last.
    """
    labels = results.labels
    suspects = study_suspects(results, expected_false=expected_false)
    known = np.isfinite(suspects.suspicion)
    p = 10**-suspects.suspicion
    off = labels.xy - suspects.place
    away = np.linalg.norm(off, axis=2)
    together = suspects.kind == "together"
    which = np.array([
        _standing_for_all(off[frame]) if together[frame] else suspects.keypoint[frame] for frame in range(len(off))
    ])  # fmt: skip
    rows = np.arange(len(which))
    right = is_marked(results.folder, results.frames["video"], results.frames["image"], labels.xy)
    named = known & (p <= max(UNUSUAL, expected_false / max(known.sum(), 1)))
    table = results.frames[["frame", "video", "image", "split"]].assign(
        suspicion=suspects.suspicion,
        p=p,
        expected_false=p * known.sum(),
        kind=suspects.kind,
        keypoint=[labels.keypoints[k] if k >= 0 else None for k in which],
        distance_px=np.where(which >= 0, away[rows, which], np.nan),
        place_x=np.where(which >= 0, suspects.place[rows, which, 0], np.nan),
        place_y=np.where(which >= 0, suspects.place[rows, which, 1], np.nan),
        out_of_bag_error=out_of_bag_error(results.scores["error"], results.inclusion),
        flagged=suspects.flagged & results.learning.learned & ~right,
        reason=[
            _reason(suspects, frame, labels.keypoints, labels.xy[frame]) if named[frame] else ""
            for frame in range(len(rows))
        ],
        **{f"p_{kind}": getattr(suspects, f"p_{kind}") for kind in KINDS},
    )
    table["marked_right"] = right
    if results.planted is not None:
        table["planted"] = results.frames["planted"]
    rank = table["suspicion"].mask(right).rank(ascending=False, method="first", na_option="bottom").astype(int)
    table.insert(0, "rank", rank)
    return table.sort_values("rank").reset_index(drop=True)


def _standing_for_all(off: np.ndarray) -> int:
    """The keypoint that represents a frame whose labels are off together.

    If all labels are off in the same way, it is the keypoint of median distance, because networks may have lost another
    one. Otherwise, for instance if the animal is turned round, it is the keypoint that is farthest off.

    Args:
        off: [K, 2] px, from the networks' position of each keypoint to its label; at least one is known.
    """
    order = np.argsort(np.linalg.norm(off, axis=1))  # NaN comes last
    known = int(np.isfinite(off).all(axis=1).sum())
    return int(order[(known - 1) // 2 if all_off_alike(off) else known - 1])


def study_suspects(
    results: Results, subsets: np.ndarray | None = None, expected_false: float = EXPECTED_FALSE
) -> Suspects:
    """Suspects among the study's labels by the networks of `subsets`: int [n], rows of `subsets.csv`; None for all."""
    rows = np.arange(len(results.subsets)) if subsets is None else subsets
    return suspect_labels(
        results.scores["consensus_pose"][rows],
        results.labels.xy,
        results.inclusion[rows],
        percents=results.subsets["percent"].to_numpy()[rows],
        expected_false_flags=expected_false,
    )


def write_label_checks(results: Results, expected_false: float = EXPECTED_FALSE) -> None:
    """Write `labels_to_check.csv`."""
    write_csv(results.folder / "labels_to_check.csv", label_checks(results, expected_false))


def read_label_checks(path: Path) -> pd.DataFrame:
    """Read `labels_to_check.csv`.

    Raises UserError if it is not there.
    """
    try:
        return read_table(path, text=("video", "image", "split", "kind", "keypoint", "reason", "planted"))
    except FileNotFoundError:
        raise UserError(
            f"{path}: there is no such file; run the study again to make it; no network is trained again"
        ) from None


def first_to_check(checks: pd.DataFrame, count: int) -> pd.DataFrame:
    """The first rows of the table in the order in which to look at them: flagged ones before others."""
    return checks.sort_values("flagged", ascending=False, kind="stable").head(count)


def check_name(row: dict[str, Any]) -> str:
    """A row of the table in words: `m4s1/img0042.png (leftear, 34 px: this keypoint alone is off)`."""
    name = f"{row['video']}/{row['image']}"
    return f"{name} ({where_off(row)})" if isinstance(row["keypoint"], str) else name


def where_off(row: dict[str, Any], digits: int = 0) -> str:
    """Which keypoint of a row of the table is off, how far, and why: `leftear, 34 px: this keypoint alone is off`."""
    away = f", {row['distance_px']:.{digits}f} px" if np.isfinite(row["distance_px"]) else ""
    reason = f": {row['reason']}" if isinstance(row["reason"], str) and row["reason"] else ""
    return f"{row['keypoint']}{away}{reason}"


def _reason(suspects: Suspects, frame: int, keypoints: Sequence[str], xy: np.ndarray) -> str:
    """The kind of error that a frame with the labels `xy` [K, 2] px seems to have, in words."""
    if suspects.kind[frame] == "exchanged":
        first, second = sorted([suspects.keypoint[frame], suspects.partner[frame]])
        return f"labels look exchanged: {keypoints[first]} with {keypoints[second]}"
    return {
        "alone": "this keypoint alone is off",
        "together": all_off_alike(xy - suspects.place[frame])
        or "many labels are off at once: labels or networks may have the animal turned round or elsewhere",
        "overlooked": "it has no label, where the networks agree on a place",
    }[suspects.kind[frame]]


def all_off_alike(off: np.ndarray) -> str:
    """A sentence if all labels are off in the same way; empty if they are off in different directions.

    Args:
        off: [K, 2] px, from the networks' position of each keypoint to its label.
    """
    x, y = np.nanmedian(off, axis=0)
    length = float(np.hypot(x, y))
    if not np.nanmedian(np.linalg.norm(off - [x, y], axis=1)) < length / 2:
        return ""
    ways = [way for part, way in ((-y, "above"), (y, "below"), (-x, "left of"), (x, "right of")) if part > length / 3]
    return f"all labels lie about {length:.0f} px {' and '.join(ways)} where the networks see them"
