"""Mending labels on the report's page in a real browser, and applying the downloaded file to the project."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, expect
from test_report_in_browser import browser, large_study, milliseconds, opened, pytestmark  # noqa: F401

from frameworth.answers.corrections import apply_corrections
from frameworth.attribution.label_checks import study_suspects
from frameworth.labels.deeplabcut import read_project
from frameworth.results.results import Results
from mending_page import begin, download
from project_of_study import project_of
from report_study import page_of, write_reported_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("mending") / "walk"
    study = write_reported_study(folder, frames=24, halves=8, ladder_seeds=0)
    page_of(study)
    project_of(study, folder.parent / "project")
    return study


def order(study: Results) -> list[int]:
    return study.label_checks.dropna(subset="suspicion")["frame"].tolist()


def test_labels_are_mended_by_keys_alone_kept_over_a_reload_and_applied(browser: Browser, study: Results, tmp_path):  # noqa: F811
    first, second, third = order(study)[:3]
    keypoints = study.labels.keypoints
    first_keypoint, second_keypoint = (keypoints.index(study.label_checks["keypoint"][rank]) for rank in (0, 1))
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
        download(again, tmp_path / "corrections.csv")
    table = pd.read_csv(tmp_path / "corrections.csv", keep_default_na=False, na_values=[""])
    assert sorted(table["mark"]) == ["placed", "placed", "right"]
    lines, _ = apply_corrections(tmp_path / "corrections.csv", study.folder, study.folder.parent / "project")
    assert "2 corrected" in lines[0]
    copy = read_project(study.folder / "corrected_project")
    now = dict(zip(copy.images, copy.xy, strict=True))
    wanted = study.labels.xy[[first, second]].copy()
    wanted[0, first_keypoint] = study_suspects(study).place[first, first_keypoint]
    wanted[1, second_keypoint] += [10, -1]
    for frame, xy in zip((first, second), wanted, strict=True):
        np.testing.assert_allclose(now[study.frames["image"][frame]], xy, atol=1e-3)
    assert study.frames["image"][third] == table.loc[table["mark"] == "right", "image"].iloc[0]


def test_all_labels_of_a_frame_move_alike_and_two_are_exchanged_by_a_key_each_and_undone_by_one(
    browser: Browser,  # noqa: F811
    study: Results,
    tmp_path,
):
    first, second = order(study)[:2]
    names, labels, place = study.labels.keypoints, study.labels.xy, study_suspects(study).place
    keypoint = names.index(study.label_checks["keypoint"][1])
    far = np.linalg.norm(place[second] - labels[second, keypoint], axis=1)
    far[[k for k in range(len(names)) if k == keypoint or not np.isfinite(labels[second, k]).all()]] = np.inf
    partner = int(np.nanargmin(far))
    with opened(browser, study, unfolded=False) as page:
        begin(page)
        for key in ("a", "u", "a", "j", "e"):
            page.keyboard.press(key)
        expect(page.locator("#mend-count")).to_have_text("2 frames changed, 0 marked as right.")
        download(page, tmp_path / "corrections.csv")
    table = pd.read_csv(tmp_path / "corrections.csv").set_index(["image", "keypoint"])
    moved = table.loc[study.frames["image"][first]]
    by = np.nanmedian(place[first] - labels[first], axis=0)
    assert len(moved) == np.isfinite(labels[first]).all(axis=1).sum()
    np.testing.assert_allclose(
        moved[["x", "y"]].to_numpy() - moved[["was_x", "was_y"]].to_numpy(), [by] * len(moved), atol=1e-3
    )
    exchanged = table.loc[study.frames["image"][second]]
    assert set(exchanged.index) == {names[keypoint], names[partner]}
    np.testing.assert_allclose(
        exchanged.loc[names[keypoint], ["x", "y"]].to_numpy(float), labels[second, partner], atol=1e-3
    )
    np.testing.assert_allclose(
        exchanged.loc[names[partner], ["x", "y"]].to_numpy(float), labels[second, keypoint], atol=1e-3
    )


def test_a_label_is_dragged_by_the_mouse_and_one_undo_takes_the_whole_way_back(browser: Browser, study: Results):  # noqa: F811
    frame, keypoint = order(study)[0], study.label_checks["keypoint"][0]
    where = """([x, y]) => { const view = document.querySelector("#mend-view svg");
        view.scrollIntoView({ behavior: "instant", block: "center" });
        const at = new DOMPoint(x, y).matrixTransform(view.getScreenCTM()); return [at.x, at.y]; }"""
    with opened(browser, study, viewport={"width": 1280, "height": 900}) as page:
        label = study.labels.xy[frame, study.labels.keypoints.index(keypoint)]
        start, end = (page.evaluate(where, point.tolist()) for point in (label, label + np.array([-9, -6])))
        page.mouse.move(*start)
        page.mouse.down()
        page.mouse.move(*end, steps=5)
        page.mouse.up()
        expect(page.locator("#mend-about")).to_contain_text("Changed.")
        ((number, state),) = json.loads(page.evaluate("Object.values(localStorage)[0]"))
        assert number == frame
        np.testing.assert_allclose(next(iter(state["points"].values())), label + np.array([-9, -6]), atol=0.5)
        page.click("#mend-undo")
        expect(page.locator("#mend-count")).to_have_text("0 frames changed, 0 marked as right.")
        page.click("#mend-undo")
        expect(page.locator("#mend-said")).to_have_text("There is nothing to undo.")


# From the key that opens the part to the first picture that can be worked on.
OPENED = """async () => {
    const part = document.getElementById("mend"), start = performance.now();
    part.querySelector("summary").click();
    while (part.dataset.ready !== "true") await new Promise((done) => setTimeout(done));
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    return performance.now() - start;
}"""


@pytest.mark.long
@pytest.mark.parametrize("large_study", [17], indirect=True)
def test_a_thousand_frames_of_seventeen_keypoints_are_mended_without_waiting(browser: Browser, large_study: Results):  # noqa: F811
    page_of(large_study)
    with opened(browser, large_study, unfolded=False, viewport={"width": 1280, "height": 900}) as page:
        took = {"open": [page.evaluate(OPENED)]}
        for name, button in {"next": "mend-next", "keypoint": "mend-keypoint", "take": "mend-take"}.items():
            took[name] = [milliseconds(page, "#mend-view", (button, None)) for _ in range(15)]
        box = page.locator("#mend-view svg").bounding_box()
        sides = [float(side) for side in page.locator("#mend-view svg").get_attribute("viewBox").split()[2:]]
    print({name: [round(each) for each in times] for name, times in took.items()})
    assert took.pop("open")[0] < 1000
    medians = {name: float(np.median(times)) for name, times in took.items()}
    assert max(medians.values()) < 200, medians
    assert box["width"] / box["height"] == pytest.approx(sides[0] / sides[1], rel=0.01)  # no bars beside the picture
