"""The report is one page that opens offline and shows text as text."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from frameworth.errors import UserError
from frameworth.figures import figure_names
from frameworth.files import write_csv, write_json
from frameworth.report import write_report
from frameworth.results import Results
from synthetic_study import write_study

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==")


class Parts(HTMLParser):
    """Tags in order, and those left open."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def study(tmp_path: Path) -> Results:
    study = write_study(tmp_path / "walk", frames=16, halves=8, ladder_seeds=0)
    (study.folder / "figures").mkdir()
    for name in figure_names(**study.options["figures"]):
        (study.folder / "figures" / f"{name}.png").write_bytes(PIXEL)
    return study


def page_of(study: Results) -> str:
    write_report(study, study.folder / "report.html")
    return (study.folder / "report.html").read_text()


def test_the_page_asks_for_nothing_from_outside(study: Results):
    page = page_of(study)
    assert not re.search(r"(https?:)?//\w", re.sub(r"base64,[\w+/=]*", "", page))
    parts = Parts()
    parts.feed(page)
    assert not parts.open
    assert not {tag for tag, _ in parts.tags} & {"script", "link", "iframe", "object"}
    pictures = [attributes for tag, attributes in parts.tags if tag == "img"]
    assert len(pictures) == len(figure_names(**study.options["figures"]))
    assert all(picture["src"].startswith("data:image/png;base64,") and picture["alt"] for picture in pictures)


def test_the_answer_comes_before_the_labels_to_check_the_figures_and_the_table(study: Results):
    page = page_of(study)
    places = [page.index(f'id="{part}"') for part in ("answer", "check", "figures", "frames")]
    assert places == sorted(places)
    first = [f"frame {frame}, <code>" for frame in study.summary["check_first"]]
    assert [page.index(text) for text in first] == sorted(page.index(text) for text in first)
    assert study.summary["statement"][0] in page
    assert page.count("<tr><td>") == len(study.frame_values)


def test_text_of_the_study_is_shown_as_text(study: Results):
    write_json(study.folder / "summary.json", {"statement": ["Check <script>alert('tail')</script> & more."]})
    values = pd.read_csv(study.folder / "frame_values.csv")
    write_csv(study.folder / "frame_values.csv", values.assign(video="<script>alert(1)</script>"))
    page = page_of(Results(study.folder, study.options))
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_a_study_without_a_summary_in_words_still_has_a_page(study: Results):
    write_json(study.folder / "summary.json", {})
    page = page_of(Results(study.folder, study.options))
    first = study.frame_values.sort_values("check_priority")["frame"].iloc[0]
    assert f"frame {first}, <code>" in page


def test_a_missing_figure_is_named(study: Results):
    (study.folder / "figures" / "memorization.png").unlink()
    with pytest.raises(UserError, match=r"memorization\.png"):
        page_of(study)
