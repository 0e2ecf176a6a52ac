"""The report in a real browser: it opens, sorts, filters, shows the right pair, and requests nothing."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

import synthetic_study
from frameworth import report
from frameworth.answers.further_labels import write_further_labels
from frameworth.attribution.label_checks import study_suspects
from frameworth.colours import keypoint_colours
from frameworth.labels.labels import distance, write_labels
from frameworth.report.pictures import Pictures
from frameworth.results.results import Results
from mending_page import CHROMIUM
from report_study import BREAKOUT, MARKUP, draw_grey_figures, page_of, with_hostile_names, write_reported_study

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Debian's package chromium is not installed"),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Results:
    study = write_reported_study(tmp_path_factory.mktemp("browser") / "walk", frames=48, halves=16, ladder_seeds=2)
    write_further_labels(study)
    study = Results(study.folder, study.options)
    page_of(study)
    return study


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Results:
    study = write_reported_study(tmp_path_factory.mktemp("hostile") / "walk", frames=16, halves=8, ladder_seeds=0)
    hostile = with_hostile_names(study)
    page_of(hostile)
    return hostile


@contextmanager
def opened(browser: Browser, study: Results, unfolded: bool = True, **options: Any) -> Iterator[Page]:
    """The study's page, once it is ready; afterwards, that it complained of nothing and asked for nothing.

    Its questions are unfolded unless the page is to be as it opens.
    """
    context = browser.new_context(**options)
    page, complaints, asked = context.new_page(), [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    address = (study.folder / "report.html").as_uri()
    page.goto(address)
    if options.get("java_script_enabled", True):
        page.wait_for_selector("html[data-ready=true]", timeout=60_000)
    if unfolded and options.get("java_script_enabled", True):
        page.evaluate("document.querySelectorAll('details.question').forEach((part) => { part.open = true; })")
        for part in ("frames", "influence", "mend"):
            page.wait_for_selector(f"#{part}[data-ready=true]", timeout=60_000)
    yield page
    assert complaints == []
    assert asked == [address]
    context.close()


@pytest.fixture
def page(browser: Browser, study: Results) -> Iterator[Page]:
    with opened(browser, study, viewport={"width": 1280, "height": 900}) as page:
        yield page


def test_the_first_screen_has_the_answer_the_curve_and_the_first_labels_and_all_else_is_folded(
    browser: Browser, study: Results
):
    with opened(browser, study, unfolded=False, viewport={"width": 1280, "height": 1000}) as page:
        first = [".answer", ".curve img", "#check", ".cards > li:first-child svg"]
        assert max(page.locator(part).first.bounding_box()["y"] for part in first) < 800
        assert page.locator("#check ~ .cards > li").count() == 8
        assert page.locator("details.question").count() == 10
        assert page.locator("details.question[open]").count() == 0
        assert not page.locator("#matrix").is_visible()
        assert page.evaluate("typeof window.Plotly") == "undefined"  # a third of a second, for plots nobody asked for
        page.click("#influence > summary")
        expect(page.locator("#matrix .xtitle")).to_be_visible()
        page.click("#frames > summary")
        page.locator("#gallery button.link").first.click()
        expect(page.locator("#pair h3")).to_be_visible()


@pytest.mark.long
def test_a_thousand_frames_keep_the_page_busy_for_less_than_a_second(browser: Browser, tmp_path: Path):
    study = write_reported_study(tmp_path / "walk", frames=1000, halves=16, ladder_seeds=0)
    page_of(study)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})  # of a processor: other work does not count
    page.goto((study.folder / "report.html").as_uri())
    page.wait_for_selector("html[data-ready=true]", timeout=60_000)
    took = {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}
    context.close()
    assert took["ProcessTime"] < 1


def test_a_first_frame_without_a_picture_leaves_the_others_their_own(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    study = write_reported_study(tmp_path / "walk", frames=16, halves=8, ladder_seeds=0)
    all_pictures = report.pictures

    def without_the_first(*arguments: Any) -> Pictures:
        made = all_pictures(*arguments)
        return dataclasses.replace(made, jpegs=("", *made.jpegs[1:]))

    monkeypatch.setattr(report, "pictures", without_the_first)
    page_of(study)
    with opened(browser, study) as page:
        shown = page.locator("#gallery > li[data-frame='2'] image").get_attribute("href")
        assert shown == "data:image/jpeg;base64," + all_pictures(study.labels.paths, [], 10**9).jpegs[2]
        assert page.locator("#gallery > li[data-frame='0'] image").count() == 0


def frames_shown(page: Page) -> list[int]:
    return [int(card.get_attribute("data-frame")) for card in page.locator("#gallery > li").all()]


def numbers(text: str) -> list[float]:
    return [float(part.replace("−", "-")) for part in re.findall(r"[+−-]?\d+\.?\d*(?:e[+−-]?\d+)?", text)]


def click_cell(page: Page, training: int, evaluated: int, ordered: bool = False) -> None:
    """Click the middle of a cell of the matrix, once it is `ordered` by frame number."""
    if not ordered:
        page.select_option("#order", "frame")
    # Not wait_for_function, as the page forbids to evaluate text as a script.
    page.wait_for_timeout(300)
    place = page.evaluate(
        """([training, evaluated]) => {
            const plot = document.getElementById("matrix"), { xaxis, yaxis } = plot._fullLayout;
            const data = JSON.parse(document.getElementById("data").textContent);
            const rows = [...data.matrix.rows].sort((a, b) => a - b);
            const { pool } = data.frames, all = [...pool.keys()];
            const columns = [...all.filter((f) => pool[f]), ...all.filter((f) => !pool[f])];
            plot.scrollIntoView({ behavior: "instant", block: "center" });
            const box = plot.getBoundingClientRect();
            return [box.x + xaxis._offset + xaxis.d2p(columns.indexOf(evaluated)),
                box.y + yaxis._offset + yaxis.d2p(rows.indexOf(training))];
        }""",
        [training, evaluated],
    )
    page.mouse.move(place[0] - 1, place[1] - 1)
    page.mouse.move(*place)
    page.mouse.click(*place)


def pair_numbers(page: Page) -> np.ndarray:
    """The table of the pair: per keypoint influence, its standard error, mean error with, and without."""
    rows = page.locator("#pair tbody tr").all()
    return np.array([[n for cell in row.locator("td").all() for n in numbers(cell.inner_text())] for row in rows])


def expected_numbers(study: Results, training: int, evaluated: int) -> np.ndarray:
    estimate = study.influence("error", "size-centred")
    error = distance(study.scores["consensus_pose"][:, evaluated].astype(float), study.labels.xy[evaluated])
    holds = study.inclusion[:, training]
    return np.column_stack(
        [
            estimate["value"][training, evaluated],
            estimate["standard_error"][training, evaluated],
            error[holds].mean(axis=0),
            error[~holds].mean(axis=0),
        ]
    )


def fully_labelled(study: Results, among: np.ndarray) -> list[int]:
    return [int(f) for f in np.flatnonzero(among) if np.isfinite(study.labels.xy[f]).all()]


def test_the_gallery_sorts_by_what_is_asked(page: Page, study: Results):
    """All labelled frames, held-out ones too; these have no value and come last where that is asked for."""
    table = study.label_checks
    expect(page.locator("#gallery > li")).to_have_count(24)
    assert frames_shown(page) == table["frame"].head(24).tolist()
    held_out = table.loc[table["split"] == "held-out", "frame"].iloc[0]
    assert held_out in frames_shown(page)
    card = page.locator(f'#gallery > li[data-frame="{held_out}"]')
    expect(card.locator(".verdict").last).to_have_text("held out")
    expect(card).to_contain_text("No network is trained on it")
    page.select_option("#sort", "value_harmful")
    wanted = study.frame_values.sort_values("value", ascending=False, kind="stable")["frame"].head(24).tolist()
    assert frames_shown(page) == wanted
    page.select_option("#sort", "frame")
    assert frames_shown(page) == sorted(table["frame"])[:24]
    page.click("#next")
    expect(page.locator("#page-number")).to_have_text("page 2 of 2")
    assert frames_shown(page) == sorted(table["frame"])[24:]


def test_the_gallery_filters_and_says_how_many_frames_are_left(page: Page, study: Results):
    table = study.label_checks
    verdicts = study.frame_values.set_index("frame")["verdict"].reindex(table["frame"])
    chosen = verdicts.index[verdicts == "check label"].tolist()
    page.select_option("#verdict", "check label")
    assert frames_shown(page) == chosen
    expect(page.locator("#gallery-said")).to_contain_text(f"{len(chosen)} of {len(table)} frames")
    assert page.get_attribute("#gallery-said", "aria-live") == "polite"
    page.select_option("#verdict", "")
    page.check("#flagged")
    assert frames_shown(page) == table.loc[table["flagged"], "frame"].tolist()
    page.uncheck("#flagged")
    page.select_option("#keypoint-out", label=study.labels.keypoints[3])
    assert frames_shown(page) == table.loc[table["keypoint"] == study.labels.keypoints[3], "frame"].head(24).tolist()


def test_a_card_draws_every_label_and_the_consensus_where_they_are(page: Page, study: Results):
    frame = fully_labelled(study, study.pool)[0]
    page.select_option("#sort", "frame")
    page.uncheck("#crop")
    card = page.locator(f'#gallery > li[data-frame="{frame}"]')
    assert card.locator("svg.frame").get_attribute("viewBox") == "0 0 128 96"
    for name, wanted in (
        ("labels", study.labels.xy[frame]),
        ("consensus", study_suspects(study).place[frame]),
    ):
        boxes = card.locator(f"path.{name}").evaluate_all(
            "paths => paths.map((path) => { const b = path.getBBox(); return [b.x, b.y, b.width, b.height]; })"
        )
        mark = 0.014 * 128
        sides = np.full_like(wanted, 2 * mark)
        np.testing.assert_allclose(boxes, np.hstack([wanted - mark, sides]), atol=0.05)
        strokes = card.locator(f"path.{name}").evaluate_all("paths => paths.map((p) => getComputedStyle(p).stroke)")
        colours = [f"rgb({', '.join(str(int(c[at : at + 2], 16)) for at in (1, 3, 5))})" for c in keypoint_colours(4)]
        assert strokes == colours


@pytest.mark.parametrize("held_out", [True, False])
def test_a_click_on_a_cell_shows_that_pair_with_its_numbers(page: Page, study: Results, held_out: bool):
    training = fully_labelled(study, study.pool)[-2]
    evaluated = fully_labelled(study, ~study.pool if held_out else study.pool)[3]
    click_cell(page, training, evaluated)
    expect(page.locator("#pair h3")).to_have_text(f"Training frame {training} → evaluated frame {evaluated}")
    shown, wanted = pair_numbers(page), expected_numbers(study, training, evaluated)
    np.testing.assert_allclose(shown[:, :2], wanted[:, :2], atol=0.051 * np.abs(wanted[:, 1]).max())
    np.testing.assert_allclose(shown[:, 2:], wanted[:, 2:], rtol=0.006, atol=0.02)
    holds = int(study.inclusion[:, training].sum())
    expect(page.locator("#pair .legend")).to_contain_text(f"{holds} subsets with frame {training}")
    detections = page.locator("#pair figure").nth(1)
    assert detections.locator("path.with").count() == holds
    assert detections.locator("path.without").count() == len(study.subsets) - holds


def test_zoomed_in_a_click_still_finds_its_cell_and_a_double_click_zooms_out(page: Page, study: Results):
    training, evaluated = fully_labelled(study, study.pool)[3], fully_labelled(study, study.pool)[5]
    click_cell(page, training, evaluated)
    box = page.locator("#matrix .nsewdrag").first.bounding_box()
    corner = box["x"] + 2, box["y"] + 2
    page.mouse.move(*corner)
    page.mouse.down()
    page.mouse.move(corner[0] + 0.4 * box["width"], corner[1] + 0.4 * box["height"], steps=4)
    page.mouse.up()
    span = "() => { const r = document.getElementById('matrix').layout.xaxis.range; return Math.abs(r[1] - r[0]); }"
    page.wait_for_timeout(300)
    assert page.evaluate(span) < 0.5 * len(study.pool)
    assert page.locator("#pair h3").inner_text() == f"Training frame {training} → evaluated frame {evaluated}"
    other = fully_labelled(study, study.pool)[4]
    click_cell(page, other, evaluated, ordered=True)
    expect(page.locator("#pair h3")).to_have_text(f"Training frame {other} → evaluated frame {evaluated}")
    page.wait_for_timeout(500)
    page.mouse.dblclick(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_timeout(500)
    assert page.evaluate(span) == len(study.pool)


def test_the_distractor_map_has_a_mark_for_every_network(page: Page, study: Results):
    training = int(study.frame_values["frame"].iloc[0])
    page.fill("#training", str(training))
    page.fill("#evaluated", "2")
    page.press("#evaluated", "Enter")
    of_network = study.rmse[study.rmse["kind"] == "network"]["subset"]
    holds = dict(zip(study.subsets["subset"], study.inclusion[:, training].tolist(), strict=True))
    marks = page.locator("#pair figure").nth(3)
    expect(marks.locator("path.with")).to_have_count(sum(holds[name] for name in of_network))
    expect(marks.locator("path.without")).to_have_count(sum(not holds[name] for name in of_network))


def test_the_matrix_is_worked_by_keys_alone(page: Page, study: Results):
    page.select_option("#order", "frame")
    page.focus("#matrix")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    training, evaluated = np.flatnonzero(study.pool)[[1, 2]]
    expect(page.locator("#pair h3")).to_have_text(f"Training frame {training} → evaluated frame {evaluated}")
    expect(page.locator("#cell-said")).to_contain_text(f"Training frame {training} on evaluated frame {evaluated}")


def test_a_pair_that_does_not_exist_is_refused_in_words(page: Page, study: Results):
    held_out, pool = int(np.flatnonzero(~study.pool)[0]), int(np.flatnonzero(study.pool)[0])
    for training, evaluated, words in ((held_out, 1, "is no training frame"), (pool, 999, "There is no frame 999")):
        page.fill("#training", str(training))
        page.fill("#evaluated", str(evaluated))
        page.click("#pair-form button")
        expect(page.locator("#pair-error")).to_contain_text(words)


def test_keypoint_and_score_change_what_is_read_from_the_matrix(page: Page, study: Results):
    training, evaluated = fully_labelled(study, study.pool)[0], fully_labelled(study, ~study.pool)[0]
    click_cell(page, training, evaluated)
    expect(page.locator("#pair h3")).to_contain_text(f"frame {training} →")
    for score in ("error", "confidence"):
        estimate = study.influence(score, "size-centred")
        index = [option.inner_text().split()[0] for option in page.locator("#score option").all()].index(score)
        page.select_option("#score", str(index))
        page.select_option("#keypoint", "2")
        cell = estimate["value"][training, evaluated, 2], estimate["standard_error"][training, evaluated, 2]
        expect(page.locator("#cell-said")).to_contain_text(study.labels.keypoints[2])
        page.wait_for_timeout(200)
        shown = numbers(page.locator("#cell-said").inner_text().split(": ")[1])[:2]
        assert shown == pytest.approx(np.array(cell), abs=float(0.051 * cell[1]))


def colours(page: Page) -> tuple[list[int], list[int]]:
    """Of the page and of the words in the matrix: red, green, blue."""
    script = "([e, name]) => getComputedStyle(document.querySelector(e))[name].match(/[0-9]+/g).map(Number)"
    return page.evaluate(script, ["body", "backgroundColor"]), page.evaluate(script, ["#matrix .xtitle", "fill"])


def test_dark_and_light_follow_the_system_even_while_the_page_is_open_and_paper_is_light(page: Page):
    words, pale = page.locator("#matrix .xtitle"), "rgb(230, 232, 234)"
    background, ink = colours(page)
    assert min(background) > 200 > 100 > max(ink)
    page.emulate_media(color_scheme="dark")
    expect(words).to_have_css("fill", pale)
    background, ink = colours(page)
    assert max(background) < 60 < 200 < min(ink)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(words).to_have_css("fill", "rgb(0, 0, 0)")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(words).to_have_css("fill", pale)


def test_names_that_try_to_be_markup_are_read_as_names(browser: Browser, hostile: Results):
    with opened(browser, hostile) as page:
        assert page.locator("#keypoint-out option").nth(1).inner_text().startswith("<img src=x onerror=")
        assert page.locator("#video option").nth(1).text_content() == BREAKOUT
        page.locator("#gallery button.link").first.click()
        expect(page.locator("#pair tbody th").nth(1)).to_have_text(BREAKOUT)
        assert page.locator("#pair tbody th").nth(0).text_content() == MARKUP
        page.select_option("#keypoint", "0")
        expect(page.locator("#cell-said")).to_contain_text("<img src=x onerror=")
        assert page.locator("img[src=x]").count() == 0
        assert page.evaluate("window.broken === undefined")


def test_without_scripts_answer_labels_table_and_figures_are_there(browser: Browser, study: Results):
    with opened(browser, study, java_script_enabled=False) as page:
        expect(page.locator(".answer")).to_contain_text(study.summary["statement"][0])
        assert page.locator("#check-" + str(study.summary["check_first"][0]) + " svg").is_visible()
        page.click("#table > summary")
        assert page.locator("#table tbody tr").first.is_visible()
        assert page.locator("noscript").inner_text()
        assert not page.locator("#gallery-controls").is_visible()


def test_print_opens_what_is_closed_and_leaves_out_what_is_to_be_worked(page: Page, study: Results):
    page.emulate_media(media="print")
    page.evaluate("document.getElementById('table').open = false")
    for part in ("#gallery-controls", "#pair-form"):
        assert not page.locator(part).is_visible()
    assert page.locator("#table tbody tr").first.bounding_box()["height"] > 5
    assert page.locator(".answer").is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_a_narrow_window_never_scrolls_sideways(browser: Browser, study: Results):
    with opened(browser, study, viewport={"width": 390, "height": 800}) as page:
        page.locator("#gallery button.link").first.click()
        expect(page.locator("#pair h3")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_every_control_has_a_name_and_every_picture_a_text(page: Page):
    page.locator("#gallery button.link").first.click()
    expect(page.locator("#pair h3")).to_be_visible()
    nameless = page.evaluate(
        """() => [...document.querySelectorAll(
                "select, input, button, svg[role=img], img, [role=region], [role=application]")]
            .filter((e) => !(e.labels?.length || e.getAttribute("aria-label") || e.alt || e.textContent.trim()))
            .map((e) => e.outerHTML.slice(0, 80))"""
    )
    assert nameless == []
    assert page.locator("table th:not([scope])").count() == 0


# From an event to the next frame that shows what it changed in the element watched.
MEASURE = """async ([act, watched]) => {
    const changed = new Promise((done) => {
        const observer = new MutationObserver(() => { observer.disconnect(); done(); });
        observer.observe(document.querySelector(watched),
            { childList: true, subtree: true, attributes: true, attributeFilter: ["href"] });
    });
    const start = performance.now();
    for (const [id, value] of act) {
        const element = document.getElementById(id);
        if (value === null) element.click();
        else { element.value = value; element.dispatchEvent(new Event("change", { bubbles: true })); }
    }
    await changed;
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    return performance.now() - start;
}"""  # fmt: skip


def milliseconds(page: Page, watched: str, *act: tuple[str, str | None]) -> float:
    took = page.evaluate(MEASURE, [[list(step) for step in act], watched])
    page.wait_for_timeout(300)  # what still follows is not to be taken for the next change
    return took


@pytest.fixture
def large_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Results:
    """A thousand frames of so many keypoints, with pictures that no JPEG makes small."""
    keypoints = request.param
    body = np.vstack([size * synthetic_study.BODY for size in (1, 0.8, 0.6, 0.4, 0.2)])[:keypoints]
    monkeypatch.setattr(synthetic_study, "KEYPOINTS", tuple(f"keypoint {k}" for k in range(keypoints)))
    monkeypatch.setattr(synthetic_study, "BODY", body)
    study = write_reported_study(tmp_path / "large", frames=1000, halves=48, ladder_seeds=4, members=1)
    draw_grey_figures(study, width=600)
    rng, paths = np.random.default_rng(0), []
    for number in range(8):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(rng.integers(0, 255, (480, 640, 3), dtype=np.uint8)).save(paths[-1])
    names = tuple(str(paths[frame % 8]) for frame in range(1000))
    write_labels(study.folder / "labels.h5", dataclasses.replace(study.labels, paths=names))
    return Results(study.folder, study.options)


@pytest.mark.long
@pytest.mark.parametrize("large_study", [8], indirect=True)
def test_a_thousand_frames_of_eight_keypoints_stay_small_and_quick(browser: Browser, large_study: Results):
    path = page_of(large_study)
    assert path.stat().st_size < 40_000_000
    with opened(browser, large_study, viewport={"width": 1280, "height": 900}) as page:
        expect(page.locator("#left-out")).to_contain_text("error in px only")
        pool = large_study.frame_values["frame"].tolist()
        held_out = np.flatnonzero(~large_study.pool).tolist()
        page.focus("#training")
        sorts = ("value_harmful", "frame", "memorization", "value_helpful", "suspicion")
        took = {
            "sort": [milliseconds(page, "#gallery", ("sort", by)) for by in sorts],
            "filter": [milliseconds(page, "#gallery", ("keypoint-out", number)) for number in ("1", "2", "", "3", "")],
            "keypoint": [milliseconds(page, "#matrix", ("keypoint", number)) for number in ("1", "8", "4", "8", "2")],
            "order": [milliseconds(page, "#matrix", ("order", by)) for by in ("frame", "value", "suspicion")],
            "pair": [
                milliseconds(page, "#pair", ("training", str(i)), ("evaluated", str(j)), ("show-pair", None))
                for i, j in zip(pool[3:8], held_out, strict=False)
            ],
        }
    print({name: [round(each) for each in times] for name, times in took.items()}, path.stat().st_size)
    medians = {name: float(np.median(times)) for name, times in took.items()}
    assert max(medians.values()) < 200, medians
