"""`distractors*.csv`: does a training frame lower the confidence at labels, or raise that of other places?

Numpy in, numpy out, except `distractors`. The probability at a label is the confidence there over the map's sum, so

    change of log probability = change of log confidence − change of log sum

holds exactly for any estimate that is linear in the scores. The first part falls if the confidence at the label falls.
The second part falls if the map's sum rises, and the sum includes the label's own peak.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from frameworth.answers.held_out import RESAMPLES, influence_on
from frameworth.attribution.estimators import size_centred
from frameworth.attribution.inference import values
from frameworth.attribution.inference.values import mean_of_known
from frameworth.attribution.sample import Sample, centred, comparable, precisions
from frameworth.results.results import Results
from frameworth.storage.files import write_tables

CELLS = 200  # the table keeps this many of the strongest changes at single held-out labels
PARTS = ("log_probability", "log_confidence", "log_mass", "distractor_confidence")
_PLACES_TRIED = 200


def held_out_means(parts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Mean of each score over the held-out labels, [S].

    Args:
        parts: `log_confidence`, `log_mass`, `distractor_confidence` [S, M], M held-out labels.

    Each label's mean over the subsets is subtracted first. Otherwise a label that is missing in some subsets (because
    its sum is unknown) would shift their means. The result also has `log_probability`, the first less the second.
    """
    parts = parts | {"log_probability": parts["log_confidence"] - parts["log_mass"]}
    return {name: mean_of_known(score - mean_of_known(score, 0), 1) for name, score in parts.items()}


class Place(NamedTuple):
    """The place in an evaluated frame where the confidence of distractors changes most (x, y px), and the change."""

    x: float
    y: float
    change: float


def place_of_change(pose: np.ndarray, height: np.ndarray, weight: np.ndarray, sign: float, radius: float) -> Place:
    """The place where the size-centred difference of the distractors' confidence has `sign` and is largest.

    A subset's confidence at a place is `height` if its distractor is within `radius` of the place, otherwise 0.

    Args:
        pose: [S, 2] px, NaN where there is no distractor. height: [S].
        weight: [S], the weight of each subset's score in the size-centred difference.
    """
    weight = weight * np.nan_to_num(height)
    seen = np.flatnonzero(np.isfinite(pose).all(axis=1) & (weight != 0))
    # Try the distractors that add most to the change: one of them lies in the middle of their densest group.
    tried = seen[np.argsort(-sign * weight[seen], kind="stable")[:_PLACES_TRIED]]
    near = np.linalg.norm(pose[tried, None] - pose[None, seen], axis=2) <= radius
    changes = near @ weight[seen]
    best = int((sign * changes).argmax())
    crowd = seen[near[best]]
    share = np.maximum(sign * weight[crowd], 0)
    centre = (share / share.sum()) @ pose[crowd]
    return Place(float(centre[0]), float(centre[1]), float(changes[best]))


def weights_of_subsets(
    inclusion: np.ndarray, score: np.ndarray, percents: np.ndarray, clusters: np.ndarray
) -> np.ndarray:
    """The weight of each subset's score in the size-centred difference of each frame, [S, n].

    Args:
        score: [S, M], the scores that are compared. A subset whose networks diverged has no score at any label.
    """
    out, roots = np.zeros(inclusion.shape), precisions(score, percents, clusters)[:, None]
    for rows, _ in comparable(Sample(inclusion, score, percents, clusters)):
        z = centred(inclusion[rows], percents[rows]) * roots[rows]
        squared = (z**2).sum(axis=0)
        out[rows] = roots[rows] * z / np.where(squared > 0, squared, np.nan)
    return out


class Distractors(NamedTuple):
    """Three tables; see the file formats in the documentation for their columns.

    Attributes:
        frames: a row per frame of the pool. groups: a row for the flagged frames, and one for the planted ones.
        places: a row per training frame and held-out label, of the `CELLS` strongest changes.
    """

    frames: pd.DataFrame
    groups: pd.DataFrame
    places: pd.DataFrame


def write_distractors(results: Results) -> None:
    """Write `distractors.csv`, `distractors_groups.csv` and `distractors_places.csv`."""
    write_tables(results.folder / "distractors", distractors(results)._asdict())


def distractors(results: Results) -> Distractors:
    """How training frames change the confidence at labels of held-out frames, and at other places in them."""
    parts = {name: results.members[name][:, ~results.pool].astype(float) for name in PARTS[1:]}
    frames = _frame_rows(results, {name: part.reshape(len(part), -1) for name, part in parts.items()})
    return Distractors(frames, _group_rows(results, frames), _place_rows(results, parts))


def _frame_rows(results: Results, parts: dict[str, np.ndarray]) -> pd.DataFrame:
    """A row per frame of the pool: changes of the means over held-out labels, errors, family-wise p."""
    means = held_out_means(parts)
    scores = np.stack([means[name] for name in PARTS], axis=1)
    # With one redraw no frame is decided, so value and error are those of the plain difference, whose parts add up
    # exactly. p comes from the full test, which takes the decided frames into account.
    plain, tested = (influence_on(results, scores, "size-centred", resamples) for resamples in (1, RESAMPLES))
    pool = np.flatnonzero(results.pool)
    columns = {"training_frame": pool}
    for index, name in enumerate(PARTS):
        columns[name] = plain.value[pool, index]
        columns[f"{name}_error"] = plain.standard_error[pool, index]
        columns[f"{name}_p"] = tested.p_adjusted[pool, index]
    return pd.DataFrame(columns).assign(n_with=tested.n_with[pool], n_without=tested.n_without[pool])


def _group_rows(results: Results, by_frame: pd.DataFrame) -> pd.DataFrame:
    """Whether planted or flagged frames differ from the rest: a two-sided test by relabelling frames."""
    groups = {"flagged": by_frame["training_frame"].isin(results.flagged).to_numpy()}
    if results.planted is not None:
        groups["planted"] = results.planted[by_frame["training_frame"]]
    rows = []
    for name, group in groups.items():
        if not 0 < group.sum() < len(group):
            continue
        row: dict[str, object] = {"group": name}
        for part in PARTS:
            value = by_frame[part].to_numpy()
            rng = np.random.default_rng(0)
            row[part], above = values.group_is_worse(value, group, 10 * RESAMPLES, rng)
            _, below = values.group_is_worse(-value, group, 10 * RESAMPLES, rng)
            row[f"{part}_p"] = min(1.0, 2 * min(above, below))
        rows.append(row)
    return pd.DataFrame(rows, columns=["group", *(column for part in PARTS for column in (part, f"{part}_p"))])


def _place_rows(results: Results, parts: dict[str, np.ndarray]) -> pd.DataFrame:
    """The strongest changes of the distractors' confidence in single held-out frames, with their places."""
    percents, distractors = results.percents, results.members
    pool, held_out = np.flatnonzero(results.pool), np.flatnonzero(~results.pool)
    inclusion = results.inclusion[:, pool]
    shape = parts["distractor_confidence"].shape[1:]

    flat = {name: part.reshape(len(percents), -1) for name, part in parts.items()}

    def difference(score: np.ndarray, with_errors: bool) -> size_centred.Estimate:
        return size_centred.estimate(Sample(inclusion, score, percents, results.clusters), with_errors=with_errors)

    change = difference(flat["distractor_confidence"], True)
    p = values.p_values(change.value, change.standard_error, change.clusters)
    q = values.false_discovery(p)
    # Without standard errors the largest changes are shown, and none is called beyond chance.
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(change.value / change.standard_error)
    strength = np.where(np.isfinite(t), t, np.nan) if np.isfinite(t).any() else np.abs(change.value)
    strength = np.where(change.value == 0, np.nan, strength)
    order = np.argsort(-np.nan_to_num(strength, nan=-1.0), axis=None, kind="stable")[:CELLS]
    order = order[np.isfinite(strength.ravel()[order])]
    frames, labels = np.unravel_index(order, strength.shape)
    asked, where = np.unique(labels, return_inverse=True)
    # Both parts are estimated together, with the same weights, so that they add up.
    logs = np.concatenate([flat[name][:, asked] for name in ("log_confidence", "log_mass")], axis=1)
    confidence, mass = (part[frames, where] for part in np.split(difference(logs, False).value, 2, axis=1))
    evaluated, keypoints = np.unravel_index(labels, shape)
    weight = weights_of_subsets(inclusion, flat["distractor_confidence"], percents, results.clusters)
    places = [
        place_of_change(
            distractors["distractor_pose"][:, held_out[j], k].astype(float),
            distractors["distractor_confidence"][:, held_out[j], k].astype(float),
            weight[:, i],
            float(np.sign(change.value[i, label])),
            results.distractor_radius,
        )
        for i, label, j, k in zip(frames, labels, evaluated, keypoints, strict=True)
    ]
    n_with = inclusion.sum(axis=0)
    return pd.DataFrame(
        {
            "training_frame": pool[frames],
            "evaluated_frame": held_out[evaluated],
            "keypoint": np.array(results.labels.keypoints)[keypoints],
            "x": [place.x for place in places],
            "y": [place.y for place in places],
            "change_at_place": [place.change for place in places],
            "log_probability": confidence - mass,
            "log_confidence": confidence,
            "log_mass": mass,
            "distractor_confidence": change.value[frames, labels],
            "distractor_confidence_error": change.standard_error[frames, labels],
            "distractor_confidence_p": p[frames, labels],
            "distractor_confidence_q": q[frames, labels],
            "n_with": n_with[frames],
            "n_without": len(inclusion) - n_with[frames],
        }
    )
