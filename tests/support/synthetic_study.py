"""A small study written in the artefacts' formats, without any network: known effects, drawn images.

Each subset's log error is additive in the frames it holds, frames are memorized, and some labels are planted
wrong; so what the figures must show is known. Estimates are computed here by the plainest formulas, not by
the code under test elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from PIL import Image
from scipy import stats

from frameworth.answers.distractors import distractor_table
from frameworth.answers.further_labels import further_labels
from frameworth.answers.larger_study import write_plan
from frameworth.answers.outliers import outlier_table
from frameworth.attribution.inference.values import out_of_bag_error, subset_score
from frameworth.attribution.influence_file import group_name, score_arrays
from frameworth.attribution.label_checks import check_name, write_label_checks
from frameworth.config.training import Training
from frameworth.labels.labels import Labels, write_labels
from frameworth.labels.subsets import subset_name
from frameworth.plan.designs import cluster_of, draw_subset
from frameworth.results.results import Results
from frameworth.scores.members import of_networks, write_members
from frameworth.scores.registry import SCORES
from frameworth.storage.digests import digest_of_file
from frameworth.storage.files import write_csv, write_json
from frameworth.storage.hdf5 import Array, made_from, write_hdf5

WIDTH, HEIGHT = 128, 96  # px
BODY = np.array([[16.0, 0.0], [7.0, -6.0], [7.0, 6.0], [-14.0, 0.0]])  # keypoints in the animal's own frame, px
KEYPOINTS = ("nose", "left ear", "right ear", "tail base")
SKELETON = np.array([[0, 1], [0, 2], [1, 3], [2, 3]])
TYPICAL_ERROR = {10: 6.0, 30: 4.0, 50: 3.4, 70: 3.0, 90: 3.2}  # px, by percent
PLANTED_KINDS = ("shifted", "swapped", "distractor")


@dataclass(frozen=True)
class Grid:
    """The subsets of a study, a row per subset, their inclusion [S, N] and members per subset [S]."""

    table: pd.DataFrame
    inclusion: np.ndarray
    members: np.ndarray


def write_study(
    folder: Path,
    *,
    frames: int = 48,
    halves: int = 24,
    ladder_seeds: int = 4,
    members: int = 2,
    planted: bool = True,
    missing: bool = True,
    seed: int = 0,
    questions: bool = False,
    wrong_held_out: bool = False,
) -> Results:
    """Write a whole study below `folder` and return it.

    Args:
        frames: N, of which a quarter is held out.
        halves: subsets of 50 % with one member, in balanced design.
        ladder_seeds: seeds of the nested ladder 10, 30, 70, 90 %.
        members: networks per subset of the ladder.
        planted: spoil the labels of a tenth of the pool, and say so in `frames.csv`.
        questions: also write the tables that the library makes of these artefacts for figures of their own.
        wrong_held_out: put the nose of the last held-out frame half an image away, and tell nobody.
        missing: leave one keypoint of every seventh frame, and all of frame 1, without a label.
    """
    rng = np.random.default_rng(seed)
    pool = np.ones(frames, bool)
    pool[rng.permutation(frames)[: frames // 4]] = False
    truth, distractor = _poses(frames, rng)
    xy, kinds = _labels(truth, distractor, pool, planted, rng)
    if wrong_held_out:
        frame = np.flatnonzero(~pool)[-1]
        xy[frame, 0] = (truth[frame, 0] + [WIDTH / 2, HEIGHT / 2]) % [WIDTH, HEIGHT]
    if missing:
        xy[::7, 2] = np.nan
        xy[1] = np.nan
    _write_frames(folder, truth, distractor, xy, kinds if planted else None, pool, rng)
    grid = _grid(pool, halves, ladder_seeds, members)
    write_csv(folder / "subsets.csv", grid.table)
    write_hdf5(folder / "subsets.h5", {"inclusion": Array(grid.inclusion, ("subset", "frame"))}, {})
    poses = _member_poses(grid, truth, distractor, xy, kinds, rng)
    scores = _scores(poses, truth, xy)
    units = {name: score.unit for name, score in SCORES.items()} | {"consensus_error": "px", "consensus_pose": "px"}
    dims = ("subset", "frame", "keypoint", "xy")
    write_hdf5(
        folder / "scores.h5",
        {name: Array(values, dims[: values.ndim], units.get(name, "")) for name, values in scores.items()},
        {},
        made_from(folder / "labels.h5", folder / "subsets.h5"),
    )
    members = _members(grid, poses, truth, distractor, xy, kinds, rng)
    write_members(folder / "members.h5", members, grid.table["subset"].tolist(), KEYPOINTS, 16.0)
    write_csv(folder / "rmse.csv", _rmse(grid, poses, scores["consensus_pose"], truth, xy, pool))
    groups = [[10, 30], [70, 90]] if ladder_seeds else []
    influence = _influence(grid, scores, pool, groups)
    write_hdf5(
        folder / "influence.h5",
        {name: Array(values, ("training_frame", "frame", "keypoint")) for name, values in influence.items()},
        {},
        made_from(folder / "scores.h5"),
    )
    study = Results(folder, {})
    write_label_checks(study, folder / "labels_to_check.csv")
    values = _frame_values(grid, scores, pool, influence, study)
    write_csv(folder / "frame_values.csv", values)
    write_json(folder / "summary.json", _summary(values, study.label_checks, kinds, pool, grid))
    write_csv(folder / "validation.csv", _validation(planted))
    options = {
        "influence": {"estimator": "size-centred", "score": "log_probability", "groups": groups, "level": 0.95},
        "validation": {"estimators": []},
        "consensus": "argmax",
        "training": Training(steps=160, scale=0.5, weights="random", learning_rate=0.0015),
        "figures": {"pairs": 1, "pair_list": [[int(np.flatnonzero(pool)[3]), int(np.flatnonzero(~pool)[2])]]},
    }
    if questions:
        _answer_questions(Results(folder, options))
    else:
        write_csv(folder / "add.csv", pd.DataFrame(columns=["about", "keypoint", "frames", "value"]))
    return Results(folder, options)


def _answer_questions(study: Results) -> None:
    write_csv(study.folder / "distractors.csv", distractor_table(study))
    write_csv(study.folder / "outliers.csv", outlier_table(study))
    write_csv(study.folder / "add.csv", further_labels(study))
    write_plan(study, {"batch_size": 8, "steps": 100}, study.folder / "plan.csv")


def _poses(frames: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """True keypoints [N, K, 2] and a lookalike's place [N, 2], px."""
    heading = np.cumsum(rng.normal(0, 0.6, frames))
    centre = np.stack([rng.uniform(28, WIDTH - 28, frames), rng.uniform(24, HEIGHT - 24, frames)], axis=1)
    turn = np.stack(
        [
            np.stack([np.cos(heading), -np.sin(heading)], -1),
            np.stack([np.sin(heading), np.cos(heading)], -1),
        ],
        axis=1,
    )
    truth = centre[:, None] + np.einsum("nab,kb->nka", turn, BODY)
    distractor = np.array([WIDTH, HEIGHT]) - centre + rng.normal(0, 3, (frames, 2))
    return truth, distractor


def _labels(
    truth: np.ndarray, distractor: np.ndarray, pool: np.ndarray, planted: bool, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Labels [N, K, 2] px and the kind of planted error [N] (empty: none)."""
    xy = truth + rng.normal(0, 0.4, truth.shape)
    kinds = np.full(len(truth), "", dtype=object)
    if planted:
        spoilt = rng.permutation(np.flatnonzero(pool)[2:])[: max(1, pool.sum() // 10)]
        for index, frame in enumerate(spoilt):
            kinds[frame] = PLANTED_KINDS[index % 3]
            if kinds[frame] == "shifted":
                xy[frame] += [13.0, 9.0]
            elif kinds[frame] == "swapped":
                xy[frame, [0, 3]] = xy[frame, [3, 0]]
            else:
                xy[frame, 0] = distractor[frame]
    return xy, kinds


def _write_frames(
    folder: Path,
    truth: np.ndarray,
    distractor: np.ndarray,
    xy: np.ndarray,
    kinds: np.ndarray | None,
    pool: np.ndarray,
    rng: np.random.Generator,
) -> None:
    images = folder / "project" / "labeled-data" / "walk"
    images.mkdir(parents=True, exist_ok=True)
    paths = [images / f"img{index:03d}.png" for index in range(len(truth))]
    for path, pose, other in zip(paths, truth, distractor, strict=True):
        Image.fromarray(_picture(pose, other, rng)).save(path)
    table = pd.DataFrame(
        {
            "frame": np.arange(len(truth)),
            "video": "walk",
            "image": [path.name for path in paths],
            "width": WIDTH,
            "height": HEIGHT,
            "labelled_keypoints": np.isfinite(xy).all(axis=2).sum(axis=1),
            "split": np.where(pool, "pool", "held-out"),
        }
    )
    if kinds is not None:
        table["planted"] = kinds
    write_csv(folder / "frames.csv", table)
    write_labels(
        folder / "labels.h5",
        Labels(
            xy=xy,
            keypoints=KEYPOINTS,
            skeleton=SKELETON,
            paths=tuple(str(path) for path in paths),
            digests=tuple(digest_of_file(path) for path in paths),
            sizes=np.tile([WIDTH, HEIGHT], (len(truth), 1)),
        ),
    )


def _picture(pose: np.ndarray, distractor: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One frame, uint8 [HEIGHT, WIDTH, 3]: a dark animal on a textured ground, and a lookalike spot."""
    ground = cv2.GaussianBlur(rng.normal(0, 60, (HEIGHT, WIDTH)).astype(np.float32), (0, 0), 3) + 190
    picture = np.repeat(np.clip(ground, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
    nose, left, right, tail = (tuple(int(value) for value in point) for point in pose[:4].round())
    centre = tuple(int(value) for value in pose.mean(axis=0).round())
    angle = float(np.degrees(np.arctan2(nose[1] - tail[1], nose[0] - tail[0])))
    cv2.line(picture, tail, tuple(2 * np.array(tail) - centre), (90, 70, 60), 1, cv2.LINE_AA)
    cv2.ellipse(picture, centre, (15, 7), angle, 0, 360, (70, 60, 60), -1, cv2.LINE_AA)
    cv2.circle(picture, nose, 3, (170, 90, 90), -1, cv2.LINE_AA)
    for ear in (left, right):
        cv2.circle(picture, ear, 3, (110, 90, 80), -1, cv2.LINE_AA)
    cv2.circle(picture, tuple(int(v) for v in distractor), 3, (165, 95, 95), -1, cv2.LINE_AA)
    return picture


def _grid(pool: np.ndarray, halves: int, ladder_seeds: int, members: int) -> Grid:
    wanted = [("balanced", 50, seed, 1) for seed in range(1, halves + 1)]
    wanted += [("nested", p, seed, members) for seed in range(1, ladder_seeds + 1) for p in (10, 30, 70, 90)]
    inclusion = np.zeros((len(wanted), len(pool)), bool)
    rows = []
    for row, (design, percent, seed, _) in enumerate(wanted):
        inclusion[row, pool] = draw_subset(design, int(pool.sum()), percent, seed, 1)
        rows.append(
            {
                "subset": subset_name(percent, seed),
                "percent": percent,
                "seed": seed,
                "design": design,
                "cluster": cluster_of(design, percent, seed),
                "frames": int(inclusion[row].sum()),
            }
        )
    return Grid(pd.DataFrame(rows), inclusion, np.array([row[3] for row in wanted]))


def _member_poses(
    grid: Grid,
    truth: np.ndarray,
    distractor: np.ndarray,
    xy: np.ndarray,
    kinds: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Predicted poses [S, members, N, K, 2] px; NaN for members that a subset does not have."""
    total, keypoints = truth.shape[:2]
    subsets, most = len(grid.table), int(grid.members.max())
    worth = np.where(kinds != "", 0.12, rng.normal(0, 0.02, total))
    worth = worth - worth.mean()
    near = rng.normal(0, 0.9, (total, total * keypoints)) * (rng.random((total, total * keypoints)) < 0.02)
    scale = np.log([TYPICAL_ERROR[percent] for percent in grid.table["percent"]])[:, None]
    log_error = scale + grid.inclusion @ worth[:, None] + (grid.inclusion - 0.5) @ near
    log_error = (log_error + rng.normal(0, 0.15, log_error.shape)).reshape(subsets, 1, total, keypoints, 1)
    shape = (subsets, most, total, keypoints, 2)
    common = rng.normal(0, 1, (1, 1, total, keypoints, 2))
    own = rng.normal(0, 1, (subsets, 1, total, keypoints, 2))
    free = truth + np.exp(log_error) * 0.6 * (0.8 * common + 0.5 * own + 0.3 * rng.normal(0, 1, shape))
    lost = rng.random((subsets, most, total, 1)) < 0.02
    free[..., 0, :] = np.where(lost, distractor[:, None, :][:, 0], free[..., 0, :])
    target = np.where(np.isfinite(xy), xy, truth)
    seen = grid.inclusion[:, None, :, None, None]
    poses = np.where(seen, target + 0.4 * (free - target), free)
    poses[np.arange(most)[None, :] >= grid.members[:, None]] = np.nan
    return poses


def _scores(poses: np.ndarray, truth: np.ndarray, xy: np.ndarray) -> dict[str, np.ndarray]:
    error = np.linalg.norm(poses - xy, axis=-1)
    consensus = np.nanmean(poses, axis=1)
    confidence = _confidence(poses, truth) + 0 * error
    bias = ((consensus - xy) ** 2).sum(axis=-1)
    return {
        "error": _mean_members(error),
        "log_error": _mean_members(np.log1p(error)),
        "confidence": _mean_members(confidence),
        "probability": _mean_members(confidence) * 0.03,
        "log_probability": _mean_members(_log_probability(confidence)),
        "log_confidence": _mean_members(-np.log(np.maximum(confidence, 1e-3))),
        "consensus_pose": consensus,
        "consensus_error": np.sqrt(bias),
        "consensus_confidence": _mean_members(confidence),
        "member_bias_squared": bias,
        "member_variance": _mean_members(error**2) - bias,
    }


def _members(
    grid: Grid,
    poses: np.ndarray,
    truth: np.ndarray,
    distractor: np.ndarray,
    xy: np.ndarray,
    kinds: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """What `members.h5` holds: the lookalike's confidence rises with the planted frames that a subset holds."""
    share = grid.inclusion[:, kinds != ""].mean(axis=1) if (kinds != "").any() else np.zeros(len(poses))
    made = []
    for index, count in enumerate(grid.members):
        pose = poses[index, :count]
        confidence = np.exp(-np.linalg.norm(pose - truth, axis=-1) / 8) + 0 * xy[..., 0]
        height = 0.1 + 0.3 * share[index] + rng.normal(0, 0.02, confidence.shape)
        place = np.broadcast_to(distractor[:, None], pose.shape[1:]) + rng.normal(0, 2, pose.shape)
        made.append(
            of_networks(
                {
                    "pose": pose,
                    "confidence_at_label": confidence,
                    "probability_at_label": confidence / (2 + 4 * height),
                    "distractor_pose": np.where(np.isfinite(xy), place, np.nan),
                    "distractor_confidence": np.where(np.isfinite(xy[..., 0]), height, np.nan),
                }
            )
        )
    return {name: np.stack([one[name] for one in made]) for name in made[0]}


def _mean_members(values: np.ndarray) -> np.ndarray:
    """Mean over members [S, R, N, K] → [S, N, K]; NaN, without a warning, where no label is."""
    count = np.isfinite(values).sum(axis=1)
    return np.where(count > 0, np.nansum(values, axis=1) / np.maximum(count, 1), np.nan)


def _rmse(
    grid: Grid, poses: np.ndarray, consensus: np.ndarray, truth: np.ndarray, xy: np.ndarray, pool: np.ndarray
) -> pd.DataFrame:
    rows = []
    for index, subset in enumerate(grid.table.itertuples()):
        known = {"subset": subset.subset, "percent": subset.percent, "seed": subset.seed}
        for member in range(grid.members[index]):
            which = {"kind": "network", "form": "", "member": str(member)}
            rows.append(known | which | _errors(poses[index, member], truth, xy, pool))
        for form in ("softmax", "median", "weighted_mean", "argmax"):
            which = {"kind": "consensus", "form": form, "member": ""}
            rows.append(known | which | _errors(consensus[index], truth, xy, pool))
    return pd.DataFrame(rows)


def _errors(pose: np.ndarray, truth: np.ndarray, xy: np.ndarray, pool: np.ndarray) -> dict[str, float]:
    error = np.linalg.norm(pose - xy, axis=-1)[~pool]
    log_probability = _log_probability(_confidence(pose, truth))[~pool]
    return {
        "rmse_px": float(np.sqrt(np.nanmean(error**2))),
        "median_px": float(np.nanmedian(error)),
        "mean_error": float(np.nanmean(error)),
        "mean_log_error": float(np.nanmean(np.log1p(error))),
        "mean_log_probability": float(np.nanmean(np.where(np.isfinite(error), log_probability, np.nan))),
    }


def _confidence(pose: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.exp(-np.linalg.norm(pose - truth, axis=-1) / 8)


def _log_probability(confidence: np.ndarray) -> np.ndarray:
    return -np.log(np.maximum(confidence * 0.03, 1e-6))


def _influence(
    grid: Grid, scores: dict[str, np.ndarray], pool: np.ndarray, groups: list[list[int]]
) -> dict[str, np.ndarray]:
    """Arrays [N, N, K] by `{score}/{estimator}/{group}/{value, standard_error}`."""
    percents = grid.table["percent"].to_numpy()
    arrays = {}
    for group in [list(TYPICAL_ERROR), *groups]:
        rows = np.isin(percents, group)
        in_file = group_name(group) if group in groups else "all"
        included = grid.inclusion[rows][:, pool].astype(float)
        for score, values in score_arrays(scores, percents).items():
            measured = values[rows].reshape(rows.sum(), -1)
            estimates = {
                "difference-of-means": difference_of_means(included, measured),
                "size-centred": size_centred(included, measured, percents[rows]),
            }
            for estimator, (value, error) in estimates.items():
                for name, array in (("value", value), ("standard_error", error)):
                    full = np.full((len(pool), *scores["error"].shape[1:]), np.nan, np.float32)
                    full[pool] = array.reshape(-1, *scores["error"].shape[1:])
                    arrays[f"{score}/{estimator}/{in_file}/{name}"] = full
    return arrays


def difference_of_means(included: np.ndarray, measured: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean with minus mean without and its standard error, each [n, M]; included [S, n], measured [S, M]."""
    means, squared_errors = [], []
    with np.errstate(divide="ignore", invalid="ignore"):
        for weights in (included, 1 - included):
            count = weights.sum(axis=0)[:, None]
            means.append(weights.T @ measured / count)
            squares = weights.T @ measured**2 / count - means[-1] ** 2
            squared_errors.append(np.maximum(squares, 0) / (count - 1))
        return means[0] - means[1], np.sqrt(squared_errors[0] + squared_errors[1])


def size_centred(included: np.ndarray, measured: np.ndarray, percents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Slope of scores on inclusion, both centred within percents, and its robust standard error, [n, M]."""
    z, u = included.copy(), measured.copy()
    for percent in np.unique(percents):
        rows = percents == percent
        z[rows] -= z[rows].mean(axis=0)
        u[rows] -= u[rows].mean(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        total = (z**2).sum(axis=0)[:, None]
        slope = z.T @ u / total
        squares = (z**2).T @ u**2 - 2 * slope * ((z**3).T @ u) + slope**2 * (z**4).sum(axis=0)[:, None]
        freedom = len(z) / max(len(z) - 1 - len(np.unique(percents)), 1)
        return slope, np.sqrt(np.maximum(squares, 0) * freedom) / total


def _frame_values(
    grid: Grid,
    scores: dict[str, np.ndarray],
    pool: np.ndarray,
    influence: dict[str, np.ndarray],
    study: Results,
) -> pd.DataFrame:
    percents = grid.table["percent"].to_numpy()
    included = grid.inclusion[:, pool].astype(float)
    measured = np.stack([subset_score(scores[name], ~pool) for name in ("log_probability", "error")], axis=1)
    value, error = size_centred(included, measured, percents)
    freedom = grid.table["cluster"].nunique() - 1
    half = stats.t.ppf(0.975, freedom) * error[:, 0]
    p = np.minimum(1, 2 * stats.t.sf(np.abs(value[:, 0] / error[:, 0]), freedom) * pool.sum())
    out_of_bag = out_of_bag_error(scores["error"], grid.inclusion)[pool]
    frames = study.frames[pool].reset_index(drop=True)
    flagged = study.label_checks.set_index("frame")["flagged"].loc[frames["frame"]]
    own = influence["error/difference-of-means/all/value"][pool, pool]
    decided = np.where(value[:, 0] > 0, "worse than average", "better than average")
    table = pd.DataFrame(
        {
            "frame": frames["frame"],
            "video": frames["video"],
            "image": frames["image"],
            "check_priority": pd.Series(-out_of_bag).rank(method="first", na_option="bottom").astype(int),
            "out_of_bag_error": out_of_bag,
            "value": value[:, 0],
            "tested_value": value[:, 0],
            "standard_error": error[:, 0],
            "ci_low": value[:, 0] - half,
            "ci_high": value[:, 0] + half,
            "called_ci_low": np.where(p < 0.05, value[:, 0] - half, np.nan),
            "called_ci_high": np.where(p < 0.05, value[:, 0] + half, np.nan),
            "p_adjusted": p,
            "absolute_value": value[:, 0] - 0.01,
            "tested_absolute_value": value[:, 0] - 0.01,
            "networks_factor": np.full(pool.sum(), 3.0),
            "memorization": _mean_members(own[:, :, None])[:, 0],
            "verdict": np.where(flagged, "check label", np.where(p < 0.05, decided, "undecided")),
            "value_px": value[:, 1],
        }
    )
    return table.sort_values("check_priority").reset_index(drop=True)


def _validation(planted: bool) -> pd.DataFrame:
    unknown = (np.nan,) * 3
    rows = [
        ("lds", "size-centred", "log_probability", 0.31, *unknown[:2], 0.02, -0.3, 0.25),
        ("lds", "regression", "log_probability", 0.38, *unknown[:2], 0.01, -0.3, 0.25),
        ("lds ceiling", "same subset twice", "log_probability", 0.7, 0.4, 0.9, *unknown),
    ]
    if planted:
        rows += [("auroc", "out-of-bag error", "error", 0.98, 0.93, 1.0, *unknown)]
        rows += [("auroc", "value (regression)", "log_probability", 0.74, 0.55, 0.9, *unknown)]
    names = ["quantity", "method", "score", "value", "ci_low", "ci_high", "p", "chance_low", "chance_high"]
    return pd.DataFrame(rows, columns=names)


def _summary(
    values: pd.DataFrame, checks: pd.DataFrame, kinds: np.ndarray, pool: np.ndarray, grid: Grid
) -> dict[str, Any]:
    first = [int(frame) for frame in checks["frame"][:8]]
    return {
        "networks": int(grid.members.sum()),
        "frames": len(pool),
        "pool": int(pool.sum()),
        "held_out": int((~pool).sum()),
        "check_first": first,
        "check_first_names": [check_name(row) for row in checks.head(8).to_dict("records")],
        "labels_flagged": int(checks["flagged"].sum()),
        "labels_flagged_held_out": int((checks["flagged"] & (checks["split"] == "held-out")).sum()),
        "planted": int((kinds != "").sum()),
        "verdicts": {name: int(count) for name, count in values["verdict"].value_counts().items()},
        "score": "log_probability",
        "estimator": "size-centred",
        "diverged": [],
        "learned": True,
        "learned_frames": len(pool),
        "not_trained_on_median_px": 3.0,
        "constant_guess_median_px": 30.0,
        "animal_length_px": 30.0,
        "labels_flagged_expected_false": 1.0,
        "group_size": int((kinds != "").sum()),
        "group_name": "planted",
        "group_test_p": 0.5,
        "networks_to_decide_top": 900,
        "further_frames": None,
        "statement": [
            f"Check the labels of frames {', '.join(map(str, first))} first.",
            f"{grid.members.sum()} networks saw {len(grid.table)} subsets of {pool.sum()} frames.",
        ],
    }
