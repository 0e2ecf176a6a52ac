"""Corrections from the report's page: their changes in the copy, what is remembered, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from frameworth.answers.corrections import COLUMNS, apply_corrections
from frameworth.attribution.label_checks import label_checks
from frameworth.errors import UserError
from frameworth.labels.deeplabcut import read_project
from frameworth.results.results import Results
from project_of_study import project_of
from small_study import digests
from synthetic_study import write_study


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """A study, and the project that it was made from beside it."""
    folder = tmp_path_factory.mktemp("original")
    study = write_study(folder / "walk", frames=24, halves=8, ladder_seeds=0)
    project_of(study, folder / "project")
    return study


@pytest.fixture
def study(original: Results, tmp_path: Path) -> Results:
    """A copy, to be changed by one test."""
    shutil.copytree(original.folder.parent, tmp_path, dirs_exist_ok=True)
    return Results(tmp_path / "walk", original.options)


def table(study: Results, *rows: tuple) -> Path:
    """A file of corrections: of each row frame, mark, keypoint and place; what was there is filled in."""
    lines = []
    for frame, mark, keypoint, place in rows:
        was = study.labels.xy[frame, study.labels.keypoints.index(keypoint)] if keypoint else [np.nan, np.nan]
        was = ["" if np.isnan(number) else f"{number:.4f}" for number in was]
        lines.append((*study.frames.loc[frame, ["video", "image"]], mark, keypoint, *(place or ("", "")), *was))
    path = study.folder.parent / "corrections.csv"
    pd.DataFrame(lines, columns=list(COLUMNS)).to_csv(path, index=False)
    return path


def apply(study: Results, corrections: Path) -> list[str]:
    return apply_corrections(corrections, study.folder, study.folder.parent / "project")[0]


def rows_of(study: Results, folder: Path) -> dict[int, np.ndarray]:
    """Labels of a project by the study's numbers of frames."""
    project = read_project(folder)
    numbers = dict(zip(study.frames["image"], study.frames["frame"], strict=True))
    return {numbers[image]: xy for image, xy in zip(project.images, project.xy, strict=True)}


def checked_again(study: Results) -> pd.DataFrame:
    return label_checks(Results(study.folder, study.options)).set_index("frame")


def test_labels_are_placed_and_deleted_in_a_copy_and_the_project_keeps_every_byte(study: Results):
    project = study.folder.parent / "project"
    before = digests(project)
    rows = [(3, "placed", "nose", (30.5, 41.25)), (3, "deleted", "tail base", None)]
    rows.append((7, "placed", "right ear", (12, 13)))  # which had no label
    lines = apply(study, table(study, *rows))
    assert "2 corrected and 0 removed frames" in lines[0]
    now, was = rows_of(study, study.folder / "corrected_project"), rows_of(study, project)
    np.testing.assert_array_equal(now[3], [[30.5, 41.25], *was[3][1:3], [np.nan, np.nan]])
    np.testing.assert_array_equal(now[7][2], [12, 13])
    assert all(np.array_equal(now[frame], was[frame], equal_nan=True) for frame in was.keys() - {3, 7})
    assert digests(project) == before


def test_a_frame_marked_as_right_is_not_flagged_again_until_its_labels_change(study: Results):
    first = study.label_checks.iloc[0]
    assert first["flagged"]
    lines = apply(study, table(study, (first["frame"], "right", "", None)))
    assert "marked as right" in lines[0]
    assert not (study.folder / "corrected_project").exists()
    again = checked_again(study)
    assert again["marked_right"].sum() == 1
    marked, others = again.loc[first["frame"]], again.drop(index=first["frame"])
    assert marked["marked_right"]
    assert not marked["flagged"]
    assert marked["rank"] > others["rank"][others["suspicion"].notna()].max()
    assert marked["suspicion"] == pytest.approx(first["suspicion"])
    other = Results(study.folder, study.options)
    other.labels.xy[first["frame"], 3] += 1
    assert not label_checks(other)["marked_right"].any()


def test_marks_of_several_files_are_remembered_together(study: Results):
    for frame in (3, 5):
        apply(study, table(study, (frame, "right", "", None)))
    marked = checked_again(study)["marked_right"]
    assert set(marked.index[marked]) == {3, 5}


def test_a_frame_that_loses_its_last_label_is_left_out(study: Results):
    rows = [(3, "deleted", name, None) for name in study.labels.keypoints]
    assert "0 corrected and 1 removed frames" in apply(study, table(study, *rows))[0]
    assert 3 not in rows_of(study, study.folder / "corrected_project")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("gone,img003.png,placed,nose,1,2,3,4", "gone/img003.png is not in"),
        ("walk,img003.png,placed,beak,1,2,3,4", "has no keypoint 'beak'"),
        ("walk,img003.png,moved,nose,1,2,3,4", "the mark 'moved' is not one of"),
        ("walk,img003.png,placed,nose,1,2,3,4", "was changed since the report was made"),
        ("walk,img003.png,placed,nose,here,2,3,4", "is no place in px"),
        ("walk,img003.png,placed,nose", "nose in walk/img003.png was changed"),
    ],
)
def test_what_does_not_fit_the_project_is_refused_in_one_line_and_writes_nothing(study: Results, row, words):
    path = study.folder.parent / "corrections.csv"
    path.write_text(f"{','.join(COLUMNS)}\n{row}\n")
    with pytest.raises(UserError, match=words) as refused:
        apply(study, path)
    assert "\n" not in str(refused.value)
    assert not (study.folder / "corrected_project").exists()


def test_corrections_that_the_labels_already_have_change_nothing(study: Results):
    path = table(study, (3, "placed", "nose", tuple(study.labels.xy[3, 0])))
    with pytest.raises(UserError, match="has no correction"):
        apply(study, path)
