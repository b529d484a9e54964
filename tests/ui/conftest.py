"""The real stack of `make demo` for a browser, once for a module, and pages that must not complain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from demo.stack import Stack, start
from tests.rig.availability import require
from tests.ui.browser import DESKTOP, chromium, require_browser

PageOpener = Callable[..., Page]


@pytest.fixture(scope="module")
def running() -> Iterator[Stack]:
    require_browser()
    require("4.5.2")
    with ExitStack() as cleanup:
        yield start(cleanup)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    require_browser()
    with chromium() as opened:
        yield opened


@pytest.fixture
def open_page(browser: Browser) -> Iterator[PageOpener]:
    """Opens an address, on a desk if nothing else is said; no page may complain in the console."""
    complaints: list[str] = []
    opened: list[Page] = []

    def open_one(address: str, **options: Any) -> Page:
        page = browser.new_page(**(options or DESKTOP))
        opened.append(page)
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        return page

    yield open_one
    for page in opened:
        page.close()
    assert complaints == []
