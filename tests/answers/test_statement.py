"""The answer in words says what the numbers say, on the terminal as on the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from frameworth.answers.frame_values import summary
from frameworth.attribution.label_checks import check_name
from frameworth.results.results import Results
from frameworth.scores.learning import constant_guess_rmse
from frameworth.storage.files import write_csv
from frameworth.storage.hdf5 import Array, write_hdf5
from synthetic_study import write_study


@pytest.fixture
def study(tmp_path: Path) -> Results:
    return write_study(tmp_path / "walk", frames=24, halves=8, ladder_seeds=4)


def changed(study: Results, table: str, **columns: object) -> Results:
    """The study with columns of one of its tables set to something else."""
    write_csv(study.folder / f"{table}.csv", getattr(study, table).assign(**columns))
    return Results(study.folder, study.options)


def said(study: Results) -> str:
    return " ".join(summary(study)["statement"])


def test_the_held_out_error_stands_beside_that_of_a_constant_guess(study: Results):
    answer = summary(study)
    guess = constant_guess_rmse(study.labels.xy, study.pool)
    best = min(answer["network_rmse_px"].values())
    assert answer["learned"] is True
    assert f"RMSE of single networks {best:.1f} px" in said(study)
    assert f"mean position gives {guess:.1f} px" in said(study)


def test_that_the_networks_have_learned_comes_first_with_its_numbers(study: Results):
    answer = summary(study)
    trained, other = answer["trained_on_median_px"], answer["not_trained_on_median_px"]
    assert 0 < trained < other < answer["constant_guess_median_px"] / 2
    first = answer["statement"][0]
    for px in (trained, other, answer["constant_guess_median_px"]):
        assert f"{px:.1f} px" in first


def test_no_label_is_called_suspicious_where_none_is_flagged(study: Results):
    checks = study.label_checks
    write_csv(study.folder / "labels_to_check.csv", checks.assign(flagged=False))
    assert "No frame's labels are flagged; the first by suspicion are walk/" in said(
        Results(study.folder, study.options)
    )
    write_csv(study.folder / "labels_to_check.csv", checks.assign(flagged=checks["rank"] <= 2, split="held-out"))
    first = "; ".join(check_name(row) for row in checks.head(2).to_dict("records"))
    held_out = "2 of them held out, where all errors here are measured"
    words = said(Results(study.folder, study.options))
    assert f"The labels of 2 frames are flagged ({held_out}); if all labels were right" in words
    assert f"check these first: {first}." in words


def test_flagged_frames_are_not_counted_among_those_that_are_judged(study: Results):
    verdicts = np.where(np.arange(len(study.frame_values)) < 2, "check label", "undecided")
    two = changed(study, "frame_values", verdict=verdicts)
    assert "Of the pool's frames, without the 2 flagged, 0 are shown to harm" in said(two)
    assert f"{len(verdicts) - 2} cannot be decided" in said(two)


def test_more_frames_help_only_if_all_seeds_agree_well_enough(study: Results):
    percent = study.rmse["percent"].to_numpy()
    noise = np.random.default_rng(0).normal(size=len(percent))
    fell = changed(study, "rmse", rmse_px=np.where(percent == 90, 3.0, 5.0) + 0.05 * noise)
    assert summary(fell)["more_frames"] == "help"
    assert "More frames like these would help (from 70 to 90 % of the pool" in said(fell)
    unclear = changed(study, "rmse", rmse_px=6 + noise)
    assert "Whether more frames would help cannot be told (from 70 to 90 %" in said(unclear)


def test_with_subsets_of_one_size_it_cannot_be_told_whether_more_frames_help(tmp_path: Path):
    halves = write_study(tmp_path / "halves", frames=24, halves=8, ladder_seeds=0)
    assert "more frames would help cannot be told: all subsets have the same size" in said(halves)


def test_networks_that_never_see_a_labelled_pool_frame_have_not_learned(study: Results):
    labels = study.labels
    write_hdf5(
        study.folder / "labels.h5",
        {
            "label": Array(np.where(study.pool[:, None, None], np.nan, labels.xy), ("frame", "keypoint", "xy")),
            "size": Array(labels.sizes, ("frame", "wh")),
            "path": Array(np.array(labels.paths), ("frame",)),
            "digest": Array(np.array(labels.digests), ("frame",)),
            "skeleton": Array(labels.skeleton, ("bone", "end")),
        },
        {"keypoint": np.array(labels.keypoints)},
    )
    without = Results(study.folder, study.options)
    assert summary(without)["learned"] is False
    assert "nan" not in said(without)
