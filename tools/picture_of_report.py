"""Make a picture of a report for the README; `make docs` does it for the demo. It needs Debian's chromium."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright


def picture(report: Path, out: Path) -> None:
    """Write a screenshot with the answer and the first labels to check."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 1230})
        page.goto(report.resolve().as_uri())
        page.wait_for_selector("html[data-ready=true]")
        page.screenshot(path=out)
        browser.close()


if __name__ == "__main__":
    picture(Path(sys.argv[1]), Path(sys.argv[2]))
