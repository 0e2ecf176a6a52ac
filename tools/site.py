"""Prepare the pages for Sphinx: copies, with the navigation and a page of all figures; for `make site`.

It uses only Python's standard library, because the environment that builds the site has no packages of the project.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
NAVIGATION = {
    "Begin": ["docs/tutorial", "docs/for-deeplabcut-users", "docs/for-sleap-users", "docs/for-lightning-pose-users",
              "docs/using", "docs/how-to", "config/README"],
    "Understand": ["docs/what-it-can-tell", "docs/questions", "docs/figures", "docs/arms", "docs/videos",
                   "docs/mathematics", "docs/findings", "docs/validation"],
    "Run": ["docs/runs", "docs/cluster", "docs/performance", "docs/bad-inputs", "docs/reliability", "envs/README"],
    "Look inside": ["docs/interoperability", "docs/formats", "docs/developing", "docs/extending/estimator",
                    "docs/extending/method", "docs/extending/score", "docs/extending/figure", "docs/extending/engine",
                    "docs/extending/arm", "CHANGELOG"],
}  # fmt: skip
_COPIED = ("README.md", "CHANGELOG.md", "CITATION.cff", "config/README.md", "envs/README.md")
_SETTINGS = """project = "frameworth"
extensions = ["myst_parser"]
root_doc = "README"
html_theme = "furo"
html_title = "frameworth"
html_show_sphinx = False
html_copy_source = False
html_extra_path = ["first"]
myst_heading_anchors = 4
# Diagrams of mermaid are shown as their text: what draws them would come from the network.
suppress_warnings = ["misc.highlighting_failure"]
"""

_FIRST = '<!doctype html><title>frameworth</title><meta http-equiv="refresh" content="0; url=README.html">'


def pages() -> list[str]:
    """The Markdown pages of the site, relative to the repository, without the figures' page."""
    docs = [str(path.relative_to(REPOSITORY)) for path in sorted((REPOSITORY / "docs").rglob("*.md"))]
    return [*(name for name in _COPIED if name.endswith(".md")), *docs]


def figures_page(pictures: Path) -> str:
    """A page with a heading for each figure, its picture if `pictures` has it, and how to read it."""
    parts = [
        "# Figures, and how to read them",
        "Each lies in `results/{study}/figures/` as PNG and SVG, with the CSV that it is drawn from. Pictures are of "
        "the demo, where it was run before this site was built.",
    ]
    for caption in sorted((REPOSITORY / "workflow" / "report").glob("*.rst")):
        name = caption.stem
        parts.append(f"## {name.replace('_', ' ').capitalize()}")
        images = sorted(pictures.glob(f"{name}*.png"))
        if images:
            parts.append(f"![{name}](images/figures/{images[0].name})")
        parts.append(caption.read_text().strip())
    return "\n\n".join(parts) + "\n"


def write_source(folder: Path, pictures: Path) -> None:
    """Write the sources of the Sphinx site to `folder`, which is emptied first.

    Args:
        pictures: `results/demo/figures`; if it does not exist, figures have no pictures.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(REPOSITORY / "docs", folder / "docs")
    for name in _COPIED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(REPOSITORY / name, folder / name)
    (folder / "docs" / "images" / "figures").mkdir()
    for picture in pictures.glob("*.png"):
        shutil.copyfile(picture, folder / "docs" / "images" / "figures" / picture.name)
    (folder / "docs" / "figures.md").write_text(figures_page(pictures))
    (folder / "conf.py").write_text(_SETTINGS)
    (folder / "first").mkdir()
    (folder / "first" / "index.html").write_text(_FIRST)
    with (folder / "README.md").open("a") as home:
        for caption, names in NAVIGATION.items():
            listed = "\n".join(names)
            home.write(f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{listed}\n```\n")


if __name__ == "__main__":
    write_source(Path(sys.argv[1]), REPOSITORY / "results" / "demo" / "figures")
