"""A small study written in the artefacts' formats, without any network: known effects, drawn images.

Each subset's log error is additive in the frames it holds, frames are memorized, and some labels are planted
wrong; so what the figures must show is known. Scores and influence are made of the poses by the library.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from frameworth.answers.distractors import write_distractors
from frameworth.answers.further_labels import write_further_labels
from frameworth.answers.held_out import memorization
from frameworth.answers.larger_study import write_plan
from frameworth.answers.outliers import write_outliers
from frameworth.attribution.estimators import size_centred
from frameworth.attribution.inference.values import confidence_interval, mean_of_known, out_of_bag_error, p_values
from frameworth.attribution.influence_file import write_influence
from frameworth.attribution.label_checks import check_name, write_label_checks
from frameworth.attribution.sample import Sample
from frameworth.config.result_options import ResultOptions
from frameworth.config.training import Training
from frameworth.labels.labels import Labels, distance, write_labels
from frameworth.labels.subsets import subset_name
from frameworth.plan.designs import cluster_of, draw_subset
from frameworth.results.results import Results
from frameworth.scores.members import of_networks, write_members
from frameworth.scores.registry import SCORES, AtLabels
from frameworth.scores.scores import rmse_rows
from frameworth.storage.digests import digest_of_file
from frameworth.storage.files import write_csv, write_json
from frameworth.storage.hdf5 import Array, made_from, pose_scales, write_hdf5
from frameworth.training.scoremaps import CONSENSUS_FORMS

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
    outputs = _outputs(poses, truth, xy)
    scores = _scores(outputs)
    units = {name: score.unit for name, score in SCORES.items()} | {"consensus_error": "px", "consensus_pose": "px"}
    dims, scores_h5 = ("subset", "frame", "keypoint", "xy"), folder / "scores.h5"
    write_hdf5(
        scores_h5,
        {name: Array(values, dims[: values.ndim], units.get(name, "")) for name, values in scores.items()},
        pose_scales(frames, KEYPOINTS),
        made_from(folder / "labels.h5", folder / "subsets.h5"),
    )
    members = _members(grid, outputs, distractor, kinds, rng)
    write_members(folder / "members.h5", members, grid.table["subset"].tolist(), KEYPOINTS, 16.0)
    write_csv(folder / "rmse.csv", _rmse(grid, outputs, scores["consensus_pose"], ~pool))
    groups = [[10, 30], [70, 90]] if ladder_seeds else []
    write_influence(folder, groups, "size-centred")
    study = Results(folder)
    write_label_checks(study)
    values = _frame_values(study)
    write_csv(folder / "frame_values.csv", values)
    write_json(folder / "summary.json", _summary(values, study.label_checks, kinds, pool, grid))
    write_csv(folder / "validation.csv", _validation(planted))
    parts = {
        "influence": {"estimator": "size-centred", "score": "log_probability", "groups": groups, "level": 0.95},
        "validation": {"estimators": []},
        "consensus": "argmax",
        "training": Training(steps=160, scale=0.5, weights="random", learning_rate=0.0015),
        "figures": {"pairs": 1, "pair_list": [[int(np.flatnonzero(pool)[3]), int(np.flatnonzero(~pool)[2])]]},
    }
    options = ResultOptions.model_validate(parts)
    if questions:
        _answer_questions(Results(folder, options))
    else:
        write_csv(folder / "add.csv", pd.DataFrame(columns=["keypoint", "frames", "value", "ci_low", "ci_high"]))
        write_csv(folder / "add_curve.csv", pd.DataFrame(columns=["keypoint", "frames", "measured", "fitted"]))
        write_csv(folder / "add_poses.csv", pd.DataFrame(columns=["split", "pose_distance", "log_error"]))
    return Results(folder, options)


def _answer_questions(study: Results) -> None:
    write_distractors(study)
    write_outliers(study)
    write_further_labels(study)
    write_plan(study, {"batch_size": 8, "steps": 100})


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
    of_subset = rng.normal(0, 1, (subsets, 1, total, keypoints, 2))
    free = truth + np.exp(log_error) * 0.6 * (0.8 * common + 0.5 * of_subset + 0.3 * rng.normal(0, 1, shape))
    lost = rng.random((subsets, most, total, 1)) < 0.02
    free[..., 0, :] = np.where(lost, distractor[:, None, :][:, 0], free[..., 0, :])
    target = np.where(np.isfinite(xy), xy, truth)
    seen = grid.inclusion[:, None, :, None, None]
    poses = np.where(seen, target + 0.4 * (free - target), free)
    poses[np.arange(most)[None, :] >= grid.members[:, None]] = np.nan
    return poses


def _outputs(poses: np.ndarray, truth: np.ndarray, xy: np.ndarray) -> AtLabels:
    confidence = np.exp(-distance(poses, truth) / 8) + 0 * xy[..., 0]
    return AtLabels(poses, confidence, 0.03 * confidence, xy)


def _scores(outputs: AtLabels) -> dict[str, np.ndarray]:
    consensus = np.nanmean(outputs.pose, axis=1)
    bias = ((consensus - outputs.label) ** 2).sum(axis=-1)
    return {name: mean_of_known(score.of(outputs), 1) for name, score in SCORES.items()} | {
        "consensus_pose": consensus,
        "consensus_error": np.sqrt(bias),
        "consensus_confidence": mean_of_known(outputs.confidence, 1),
        "member_bias_squared": bias,
        "member_variance": mean_of_known(outputs.error**2, 1) - bias,
    }


def _members(
    grid: Grid, outputs: AtLabels, distractor: np.ndarray, kinds: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """What `members.h5` holds: the lookalike's confidence rises with the planted frames that a subset holds."""
    share = grid.inclusion[:, kinds != ""].mean(axis=1) if (kinds != "").any() else np.zeros(len(grid.table))
    made = []
    for index, count in enumerate(grid.members):
        pose, confidence = outputs.pose[index, :count], outputs.confidence[index, :count]
        height = 0.1 + 0.3 * share[index] + rng.normal(0, 0.02, confidence.shape)
        place = distractor[:, None] + rng.normal(0, 2, pose.shape)
        made.append(
            of_networks(
                {
                    "pose": pose,
                    "confidence_at_label": confidence,
                    "probability_at_label": confidence / (2 + 4 * height),
                    "distractor_pose": np.where(np.isfinite(outputs.label), place, np.nan),
                    "distractor_confidence": height + 0 * outputs.label[..., 0],
                }
            )
        )
    return {name: np.stack([subset[name] for subset in made]) for name in made[0]}


def _rmse(grid: Grid, outputs: AtLabels, consensus: np.ndarray, held_out: np.ndarray) -> pd.DataFrame:
    rows = []
    for index, subset in enumerate(grid.table.itertuples()):
        of_subset = index, slice(grid.members[index])
        predictions = SimpleNamespace(
            pose=outputs.pose[of_subset], confidence_at_label=outputs.confidence[of_subset],
            probability_at_label=outputs.probability[of_subset],
            consensus_pose=np.stack([consensus[index]] * len(CONSENSUS_FORMS)),
        )  # fmt: skip
        keys = {"subset": subset.subset, "percent": subset.percent, "seed": subset.seed}
        rows += [keys | row for row in rmse_rows(predictions, outputs.label, held_out)]
    return pd.DataFrame(rows)


def _frame_values(study: Results) -> pd.DataFrame:
    pool = study.pool
    measured = np.stack([study.held_out_score(name) for name in ("log_probability", "error")], axis=1)
    estimate = size_centred.estimate(Sample(study.inclusion[:, pool], measured, study.percents, study.clusters))
    value, error = estimate.value[:, 0], estimate.standard_error[:, 0]
    low, high = confidence_interval(value, error, estimate.clusters, 0.95)
    p = np.minimum(1, p_values(value, error, estimate.clusters) * pool.sum())
    out_of_bag = out_of_bag_error(study.scores["error"], study.inclusion)[pool]
    frames = study.frames[pool].reset_index(drop=True)
    flagged = study.label_checks.set_index("frame")["flagged"].loc[frames["frame"]]
    decided = np.where(value > 0, "worse than average", "better than average")
    table = frames[["frame", "video", "image"]].assign(
        check_priority=pd.Series(-out_of_bag).rank(method="first", na_option="bottom").astype(int),
        out_of_bag_error=out_of_bag,
        value=value,
        tested_value=value,
        standard_error=error,
        ci_low=low,
        ci_high=high,
        called_ci_low=np.where(p < 0.05, low, np.nan),
        called_ci_high=np.where(p < 0.05, high, np.nan),
        p_adjusted=p,
        absolute_value=value - 0.01,
        tested_absolute_value=value - 0.01,
        networks_factor=3.0,
        memorization=memorization(study)[pool],
        verdict=np.where(flagged, "check label", np.where(p < 0.05, decided, "undecided")),
        value_px=estimate.value[:, 1],
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
        "called_by_methods": {},
        "score": "log_probability",
        "estimator": "size-centred",
        "level": 0.95,
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
        "group_test_p_px": 0.5,
        "networks_to_decide_top": 900,
        "further_frames": None,
        "far_frames": None,
        "statement": [
            f"Check the labels of frames {', '.join(map(str, first))} first.",
            f"{grid.members.sum()} networks saw {len(grid.table)} subsets of {pool.sum()} frames.",
        ],
    }
