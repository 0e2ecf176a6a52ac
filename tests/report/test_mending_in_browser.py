"""Mending labels on the report's page in a real browser, and the file that it gives applied to the project."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect
from test_report_in_browser import browser, opened, pytestmark  # noqa: F401

from frameworth.answers.corrections import apply_corrections
from frameworth.attribution.label_checks import study_suspects
from frameworth.labels.deeplabcut import read_project
from frameworth.results.results import Results
from project_of_study import project_of
from report_study import page_of, write_reported_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("mending") / "walk"
    study = write_reported_study(folder, frames=24, halves=8, ladder_seeds=0)
    page_of(study)
    project_of(study, folder.parent / "project")
    return study


def begin(page: Page) -> None:
    """Open what mends by keys alone."""
    page.focus("#mend > summary")
    page.keyboard.press("Enter")
    page.wait_for_selector("#mend[data-ready=true]")
    page.keyboard.press("Tab")


def downloaded(page: Page, folder: Path) -> pd.DataFrame:
    with page.expect_download() as found:
        page.keyboard.press("d")
    found.value.save_as(folder / "corrections.csv")
    return pd.read_csv(folder / "corrections.csv", keep_default_na=False, na_values=[""])


def order(study: Results) -> list[int]:
    return study.label_checks.dropna(subset="suspicion")["frame"].tolist()


def test_labels_are_mended_by_keys_alone_kept_over_a_reload_and_applied(browser: Browser, study: Results, tmp_path):  # noqa: F811
    first, second, third = order(study)[:3]
    keypoints = study.labels.keypoints
    one, two = (keypoints.index(study.label_checks["keypoint"][rank]) for rank in (0, 1))
    with opened(browser, study, unfolded=False) as page:
        begin(page)
        for key in ("t", "j", "Shift+ArrowRight", "ArrowUp", "n", "Delete", "u", "j", "r"):
            page.keyboard.press(key)
        expect(page.locator("#mend-about")).to_contain_text("Marked as right")
        expect(page.locator("#mend-count")).to_have_text("2 frames changed, 1 marked as right.")
        again = page.context.new_page()
        again.goto(page.url)
        begin(again)
        expect(again.locator("#mend-count")).to_have_text("2 frames changed, 1 marked as right.")
        expect(again.locator("#mend-about")).to_contain_text("4 of ")  # it goes on where nothing was done yet
        table = downloaded(again, tmp_path)
    assert sorted(table["mark"]) == ["placed", "placed", "right"]
    said = apply_corrections(
        tmp_path / "corrections.csv",
        study.folder,
        study.folder.parent / "project",
        held_out={"fraction": 0.25, "by": "frame"},
        seed=1,
        keep_snapshots=True,
    )
    assert "2 corrected" in said[0]
    copy = read_project(study.folder / "corrected_project")
    now = dict(zip(copy.images, copy.xy, strict=True))
    wanted = study.labels.xy[[first, second]].copy()
    wanted[0, one] = study_suspects(study).place[first, one]
    wanted[1, two] += [10, -1]
    for frame, xy in zip((first, second), wanted, strict=True):
        np.testing.assert_allclose(now[study.frames["image"][frame]], xy, atol=1e-3)
    assert study.frames["image"][third] == table.loc[table["mark"] == "right", "image"].iloc[0]


def test_a_label_is_dragged_by_the_mouse_and_one_undo_takes_the_whole_way_back(browser: Browser, study: Results):  # noqa: F811
    frame, keypoint = order(study)[0], study.label_checks["keypoint"][0]
    where = """([x, y]) => { const view = document.querySelector("#mend-view svg");
        view.scrollIntoView({ behavior: "instant", block: "center" });
        const at = new DOMPoint(x, y).matrixTransform(view.getScreenCTM()); return [at.x, at.y]; }"""
    with opened(browser, study, viewport={"width": 1280, "height": 900}) as page:
        label = study.labels.xy[frame, study.labels.keypoints.index(keypoint)]
        start, end = (page.evaluate(where, point.tolist()) for point in (label, label + np.array([-9, 6])))
        page.mouse.move(*start)
        page.mouse.down()
        page.mouse.move(*end, steps=5)
        page.mouse.up()
        expect(page.locator("#mend-about")).to_contain_text("Changed.")
        ((number, state),) = json.loads(page.evaluate("Object.values(localStorage)[0]"))
        assert number == frame
        np.testing.assert_allclose(next(iter(state["points"].values())), label + np.array([-9, 6]), atol=0.5)
        page.click("#mend-undo")
        expect(page.locator("#mend-count")).to_have_text("0 frames changed, 0 marked as right.")
        page.click("#mend-undo")
        expect(page.locator("#mend-said")).to_have_text("There is nothing to undo.")
