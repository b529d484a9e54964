"""What can be said of pages without knowing what they are for: whether axe finds faults, and whether they fit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

SERIOUS = {"serious", "critical"}


def faults(browser: Browser, addresses: list[str], device: dict[str, Any], scheme: Any, **login: str) -> list[str]:
    """What axe finds serious of contrast, names, order and structure; and which page is wider than its screen."""
    found = []
    with _page(browser, device, color_scheme=scheme, extra_http_headers=login) as page:
        for address in addresses:
            page.goto(address)
            violations = [one for one in Axe().run(page).response["violations"] if one["impact"] in SERIOUS]
            found += [f"{address}: {one['id']}: {one['nodes'][0]['html']}" for one in violations]
            found += _sideways(page)
    return found


def too_wide(browser: Browser, addresses: list[str], device: dict[str, Any], **login: str) -> list[str]:
    """Which page is wider than its screen."""
    found = []
    with _page(browser, device, extra_http_headers=login) as page:
        for address in addresses:
            page.goto(address)
            found += _sideways(page)
    return found


@contextmanager
def _page(browser: Browser, device: dict[str, Any], **options: Any) -> Iterator[Page]:
    context = browser.new_context(**device, **options, bypass_csp=True)  # axe is put into the page
    yield context.new_page()
    context.close()


def _sideways(page: Page) -> list[str]:
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [f"{page.url}: {wider} px too wide"] if wider > 0 else []
