"""A browser in which tests open pages, and a page that is open in it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)


def started_browser() -> Iterator[Any]:
    """Debian's Chromium, driven by Playwright; skips the test where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no chromium; install it (apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@contextmanager
def opened(browser: Any, path: Path, width: int = 1000, **options: Any) -> Iterator[Any]:
    """A page in a window; every message and request is kept on `heard`."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    page = context.new_page()
    page.heard = []
    page.on("console", lambda message: page.heard.append(message.text))
    page.on("pageerror", lambda problem: page.heard.append(str(problem)))
    page.on("request", lambda request: page.heard.append(request.url))
    page.goto(path.as_uri())
    yield page
    context.close()
