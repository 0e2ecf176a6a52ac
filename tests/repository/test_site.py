"""The site holds all pages, each in its navigation, and explains how to read every figure."""

from pathlib import Path

import pytest

from conftest import REPOSITORY
from tools.site import NAVIGATION, figures_page, pages, write_source


@pytest.fixture
def source(tmp_path: Path) -> Path:
    pictures = tmp_path / "figures"
    pictures.mkdir()
    (pictures / "learning_curve.png").write_bytes(b"picture")
    write_source(tmp_path / "source", pictures)
    return tmp_path / "source"


def test_every_page_is_in_the_navigation_once():
    listed = [f"{name}.md" for names in NAVIGATION.values() for name in names]
    assert sorted(listed) == sorted({"docs/figures.md", *pages()} - {"README.md"})


def test_pages_are_copied_as_they_are_and_the_first_one_has_the_navigation_added(source: Path):
    for name in pages():
        original, copied = ((folder / name).read_text() for folder in (REPOSITORY, source))
        assert copied.startswith(original)
        assert (copied == original) == (name != "README.md")


def test_every_figure_has_a_paragraph_and_those_that_the_demo_drew_a_picture(source: Path):
    page = (source / "docs" / "figures.md").read_text()
    captions = sorted((REPOSITORY / "workflow" / "report").glob("*.rst"))
    assert page.count("\n## ") == len(captions) > 20
    assert all(caption.read_text().strip() in page for caption in captions)
    assert page.count("](images/figures/") == 1
    assert (source / "docs" / "images" / "figures" / "learning_curve.png").read_bytes() == b"picture"
    assert "](images" not in figures_page(source / "nowhere")
