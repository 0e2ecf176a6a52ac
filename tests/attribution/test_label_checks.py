"""Which labels to check: hand-computed suspicion, what it must not depend on, and where a wrong label is named."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from frameworth.answers.closing import closing_lines
from frameworth.answers.explaining import explain
from frameworth.answers.frame_values import frame_values, summary, write_summary
from frameworth.answers.review import write_review
from frameworth.attribution.label_checks import (
    all_off_alike,
    check_name,
    label_checks,
    write_label_checks,
)
from frameworth.colours import keypoint_colours
from frameworth.results.results import Results
from frameworth.storage.files import write_csv
from frameworth.text import readable
from project_of_study import project_of
from report_study import CONFIG, page_of, write_reported_study
from synthetic_study import write_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """A study in which the nose of the last held-out frame is wrong, and nothing else; with its summary."""
    folder = tmp_path_factory.mktemp("checks") / "walk"
    study = write_reported_study(folder, frames=32, halves=16, ladder_seeds=0, planted=False, wrong_held_out=True)
    write_summary(study)
    return Results(folder, study.options)


def wrong(study: Results) -> int:
    return int(np.flatnonzero(~study.pool)[-1])


@pytest.mark.slow
def test_the_table_has_a_row_per_frame_and_the_wrong_held_out_label_at_the_top(study: Results):
    table = study.label_checks
    assert sorted(table["frame"]) == study.frames["frame"].tolist()
    assert table["rank"].tolist() == list(range(1, 33))
    assert table["suspicion"].dropna().is_monotonic_decreasing
    assert table["frame"].iloc[-1] == 1  # nothing is labelled in it
    assert "planted" not in table
    first = table.iloc[0]
    assert (first["frame"], first["split"], first["keypoint"]) == (wrong(study), "held-out", "nose")
    assert bool(first["flagged"])
    assert first["reason"] == "this keypoint alone is off"
    away = np.linalg.norm(np.median(study.scores["consensus_pose"][:, wrong(study), 0], axis=0)
                          - study.labels.xy[wrong(study), 0])  # fmt: skip
    assert first["distance_px"] == pytest.approx(away, rel=1e-5)
    assert first["expected_false"] == pytest.approx(first["p"] * 31)
    assert first["suspicion"] == pytest.approx(-np.log10(first["p"]))


def test_a_frame_is_flagged_where_so_many_right_frames_as_the_config_says_would_rank_as_high(study: Results):
    for expected in (0.3, 1, 4):
        table = label_checks(study, expected)
        assert (table["flagged"] == (table["expected_false"] <= expected)).all()
    assert table["flagged"].sum() > 1


def test_the_flagged_frames_are_named_first_in_their_order_and_then_others_by_rank(study: Results, tmp_path):
    folder = shutil.copytree(study.folder, tmp_path / "walk")
    table = study.label_checks
    for flagged in ([3], [2, 4], list(range(10))):
        write_csv(folder / "labels_to_check.csv", table.assign(flagged=np.isin(np.arange(len(table)), flagged)))
        first = [*flagged, *(row for row in range(len(table)) if row not in flagged)][:8]
        changed = Results(folder, study.options)
        answer = summary(changed)
        assert answer["check_first"] == table["frame"].iloc[first].tolist()
        write_summary(changed)
        lines = closing_lines(folder, CONFIG, "mine.yaml")
        start = lines.index("Labels to check first:") + 2
        images = [re.search(r"walk/(\S+)", line)[1] for line in lines[start : start + 8]]
        assert images == table["image"].iloc[first].tolist()


def test_a_wrong_held_out_label_is_named_first_in_summary_closing_and_explain(study: Results):
    first = check_name(study.label_checks.iloc[0].to_dict())
    assert re.fullmatch(r"walk/img\d+\.png \(nose, \d+ px: this keypoint alone is off\)", first)
    answer = summary(study)
    assert answer["check_first"][0] == wrong(study)
    assert answer["check_first_names"][0] == first
    flagged = study.label_checks[study.label_checks["flagged"]]
    held_out = int((flagged["split"] == "held-out").sum())
    assert (answer["labels_flagged"], answer["labels_flagged_held_out"]) == (len(flagged), held_out)
    assert "held out, where errors are measured" in answer["statement"][1]
    lines = closing_lines(study.folder, CONFIG, "mine.yaml")
    row = lines[lines.index("Labels to check first:") + 2].split()
    assert row[:3] == ["1.", first.split(" ")[0], "nose"]
    assert "held out; this keypoint alone is off" in " ".join(row)
    assert lines[-1].startswith("Next    frameworth report --configfile mine.yaml --open")
    text = " ".join(explain(study, wrong(study)))
    assert "Rank 1 of 32 labels to check, flagged: suspicion" in text
    assert "most by nose" in text
    assert "this keypoint alone is off" in text


def test_a_frame_of_the_pool_that_does_not_stand_out_is_explained_as_that(study: Results):
    row = study.label_checks[(study.label_checks["split"] == "pool") & ~study.label_checks["flagged"]].iloc[3]
    text = " ".join(explain(study, int(row["frame"])))
    assert f"Rank {row['rank']} of 32 labels to check, not flagged: suspicion {row['suspicion']:.1f}, " in text


def test_a_wrong_held_out_label_is_written_into_the_review(study: Results, tmp_path: Path):
    write_review(study.folder, project_of(study, tmp_path / "walk"))
    written = json.loads((study.folder / "review" / "written.json").read_text())["frames"]
    assert {row["image"] for row in written} == set(study.label_checks["image"].head(12))
    assert f"img{wrong(study):03d}.png" in {row["image"] for row in written}


def test_the_report_shows_a_wrong_held_out_label_first_with_its_keypoint_and_colours(study: Results):
    page = page_of(study).read_text()
    place = page.index(f'id="check-{wrong(study)}"')
    assert place == page.index('id="check-', page.index('id="check"') + 10)
    card = page[place : page.index("</li>", place)]
    assert "held out" in card
    assert "nose" in card
    for colour in keypoint_colours(4):
        assert f'stroke="{colour}"' in card
    data = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])
    assert data["ranked"][0]["frame"] == wrong(study)
    assert data["ranked"][0]["flagged"] is True
    assert [row["rank"] for row in data["ranked"]] == list(range(1, 33))
    assert data["colours"] == keypoint_colours(4)


def test_planted_errors_stand_in_the_table_and_near_its_top(tmp_path: Path):
    study = write_study(tmp_path / "walk", frames=48, halves=24, ladder_seeds=0, seed=1)
    table = label_checks(study)
    assert table.set_index("frame")["planted"].dropna().to_dict() == study.frames["planted"].dropna().to_dict()
    assert table["planted"].head(3).notna().all()
    assert table["reason"][table["planted"] == "swapped"].tolist() == ["labels look exchanged: nose with tail base"]


@pytest.mark.parametrize("names", [("1", "02", "3", "4"), ("NA", "null", "nan", "None")])
def test_a_keypoint_named_like_a_number_or_nothing_is_read_back_as_its_name(tmp_path: Path, names: tuple[str, ...]):
    study = write_study(tmp_path / "walk", frames=32, halves=8, ladder_seeds=0)
    odd = Results(study.folder, study.options)
    object.__setattr__(odd, "labels", dataclasses.replace(study.labels, keypoints=names))
    write_label_checks(odd)
    written, read = label_checks(odd)["keypoint"], Results(study.folder).label_checks["keypoint"]
    assert set(written.dropna()) == set(names)
    assert read.dropna().tolist() == written.dropna().tolist()


# Machado, Oliveira and Fernandes 2009: how linear RGB looks with no red, green or blue cones.
DICHROMATS = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


@pytest.mark.parametrize("kind", DICHROMATS)
@pytest.mark.parametrize("count", range(2, 8))
def test_colours_of_keypoints_are_distinguished_without_one_kind_of_cones(kind: str, count: int):
    shares = np.array([[int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)] for colour in keypoint_colours(count)])
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(DICHROMATS[kind]).T, 0, 1)
    back = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
    apart = np.linalg.norm(back[:, None] - back[None], axis=-1)[np.triu_indices(count, 1)]
    assert apart.min() > 0.1


@pytest.mark.parametrize("count", [8, 17, 25])
def test_many_keypoints_have_as_many_colours_and_neighbours_are_distinguished(count: int):
    colours = keypoint_colours(count)
    assert len(set(colours)) == count
    shares = np.array([[int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)] for colour in colours])
    assert np.linalg.norm(np.diff(shares, axis=0), axis=1).min() > 0.25


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7e-7, "about 0"),
        (-7e-7, "about 0"),
        (0.0, "0"),
        (0.00023, "0.00023"),
        (-0.1234, "−0.123"),
        (12345.6, "12,346"),
    ],
)
def test_numbers_are_printed_without_an_exponent(value: float, text: str):
    assert readable(value) == text


def test_the_verdict_check_label_is_that_of_the_list_of_labels_to_check(study: Results):
    """One flag: what the list flags in the pool is what is toggled and tested as a group."""
    checks = study.label_checks
    in_pool = checks.loc[checks["split"] == "pool", "frame"].iloc[[0, 2]].tolist()
    write_csv(study.folder / "labels_to_check.csv", checks.assign(flagged=checks["frame"].isin(in_pool)))
    table = frame_values(Results(study.folder, study.options))
    assert set(table.loc[table["verdict"] == "check label", "frame"]) == set(in_pool)


@pytest.mark.parametrize(
    ("off", "words"),
    [
        ([[10, -10], [12, -9], [8, -11]], "about 14 px above and right of where"),
        ([[0, 20], [2, 22], [np.nan, np.nan]], "about 21 px below where"),
        ([[10, 0], [-10, 0], [0, 12]], ""),  # turned round
    ],
)
def test_labels_that_are_all_off_alike_are_said_to_lie_that_way(off: list[list[float]], words: str) -> None:
    assert words in all_off_alike(np.array(off, float))
    assert bool(words) == bool(all_off_alike(np.array(off, float)))


@pytest.mark.parametrize(
    ("alike", "distance", "words"),
    [(True, pytest.approx(25, abs=5), "right of"), (False, pytest.approx(200, abs=40), "turned round")],
)
def test_of_a_pose_that_is_off_as_a_whole_the_typical_keypoint_is_named_only_where_all_are_off_alike(
    tmp_path: Path, alike: bool, distance: object, words: str
):
    made = write_study(tmp_path / "walk", frames=48, halves=16, ladder_seeds=0, planted=False, missing=False)
    study = Results(made.folder, made.options)
    if alike:
        study.labels.xy[20] += [25, 0]
    else:
        study.labels.xy[20] = 2 * study.labels.xy[20].mean(axis=0) - study.labels.xy[20]
    study.scores["consensus_pose"][:, 20, 1] += [0, 200]  # networks lose one of the keypoints, too
    row = label_checks(study).set_index("frame").loc[20]
    assert (row["rank"], row["kind"]) == (1, "together")
    assert row["distance_px"] == distance
    assert words in row["reason"]
