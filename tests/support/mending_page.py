"""Mending labels on the page of a report with keys, as a user does in a browser."""

from __future__ import annotations

import shutil
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

CHROMIUM = shutil.which("chromium")


def begin(page: Page) -> None:
    """Open what mends by keys alone."""
    page.focus("#mend > summary")
    page.keyboard.press("Enter")
    page.wait_for_selector("#mend[data-ready=true]", timeout=60_000)
    page.keyboard.press("Tab")


def download(page: Page, path: Path) -> None:
    """Save the corrections as the browser downloads them."""
    with page.expect_download() as download_info:
        page.keyboard.press("d")
    download_info.value.save_as(path)


def take_the_networks_places(report: Path, frames: int, keypoints: int, path: Path) -> None:
    """Give every keypoint of the first frames the networks' place, and save the corrections at `path`."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(report.as_uri())
        page.wait_for_selector("html[data-ready=true]", timeout=60_000)
        begin(page)
        for _ in range(frames):
            for _ in range(keypoints):
                page.keyboard.press("t")
                page.keyboard.press("n")
            page.keyboard.press("j")
        download(page, path)
        browser.close()
