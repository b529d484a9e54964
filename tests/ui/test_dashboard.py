"""The dashboard in Chromium over real nodes, used as a person would; the tests go on one from the other's state."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.rig.swarm import made_up_magnet
from tests.ui.browser import DESKTOP, PHONE
from tests.ui.conftest import Stack

pytestmark = pytest.mark.real
SERIOUS = {"serious", "critical"}


@pytest.fixture
def page(browser: Browser, running: Stack) -> Iterator[Page]:
    """The dashboard, freshly opened on a desk; it must not complain in the console."""
    opened = browser.new_page(**DESKTOP)
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(running.url)
    yield opened
    opened.close()
    assert complaints == []


def _place(running: Stack, name: str) -> str:
    body = {"magnet": made_up_magnet(name).magnet, "name": name, "size_estimate_gb": 1}
    answer = requests.post(f"{running.url}/submit", json=body, timeout=30).json()
    return str(answer["selected_node"])


def _node(page: Page, name: str) -> Any:
    return page.get_by_role("article", name=f"Node {name}")


def test_a_drained_node_is_avoided_and_used_again_after_resume(page: Page, running: Stack) -> None:
    """By its buttons, reached and pressed with the keyboard alone."""
    assert _place(running, "before") == "attic"
    drain = page.get_by_role("button", name="Drain attic")
    for _ in range(40):
        page.keyboard.press("Tab")
        if drain.evaluate("button => button === document.activeElement"):
            break
    expect(drain).to_be_focused()
    page.keyboard.press("Enter")
    expect(_node(page, "attic")).to_contain_text("Drained")
    assert _place(running, "meanwhile") == "cellar"
    page.get_by_role("button", name="Resume attic").click()
    expect(_node(page, "attic")).to_contain_text("Takes torrents")
    assert _place(running, "afterwards") == "attic"


def test_a_new_decision_appears_by_itself_and_opens(page: Page, running: Stack) -> None:
    """Without a reload, and what is open or has the focus stays so."""
    page.locator("#latest-summary").click()
    page.locator("#latest-link").focus()
    page.evaluate("window.notReloaded = true")
    _place(running, "The newest film")
    expect(page.locator("#latest-link")).to_have_text("The newest film", timeout=5000)
    assert page.evaluate("window.notReloaded") is True
    assert page.locator("#latest-details").get_attribute("open") is not None
    expect(page.locator("#latest-link")).to_be_focused()
    page.locator("#latest-link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The newest film")
    expect(page.get_by_text("ahead of cellar")).to_be_visible()
    expect(page.get_by_role("img", name="attic: score")).to_be_visible()


def test_a_torrent_is_previewed_submitted_and_found(page: Page, running: Stack) -> None:
    """From the form on the dashboard to the search."""
    made = made_up_magnet("Previewed")
    page.get_by_label("Magnet or address").fill(made.magnet)
    page.get_by_label("Size in GB").fill("5")
    page.get_by_role("button", name="Where would it go?").click()
    expect(page.get_by_role("heading", name="It would go to attic")).to_be_visible()
    page.get_by_role("button", name="Submit it").click()
    expect(page.get_by_text("Placed on attic")).to_be_visible()
    page.get_by_role("link", name="Torrents", exact=True).click()
    page.get_by_label("Name or hash").fill("previewed")
    page.keyboard.press("Enter")
    row = page.get_by_role("row", name="Previewed")
    expect(row).to_contain_text("attic")
    expect(row).to_contain_text("0 %")


def test_what_is_being_typed_stays_while_the_page_renews_itself(page: Page, running: Stack) -> None:
    """The form is no part of what is replaced."""
    page.get_by_label("Category").fill("half a wo")
    _place(running, "Another film")
    expect(page.locator("#latest-link")).to_have_text("Another film", timeout=5000)
    expect(page.get_by_label("Category")).to_have_value("half a wo")
    expect(page.get_by_label("Category")).to_be_focused()


def test_the_theme_is_switched_and_remembered(page: Page) -> None:
    """Without a reload; on the next page as well."""
    page.get_by_role("button", name="Switch between light and dark").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_without_script_all_of_it_is_there(browser: Browser, running: Stack) -> None:
    """Links and forms; draining and back."""
    page = browser.new_page(**DESKTOP, java_script_enabled=False, color_scheme="dark")
    page.goto(running.url)
    page.get_by_role("button", name="Drain garage").click()
    expect(_node(page, "garage")).to_contain_text("Drained")
    page.get_by_role("button", name="Resume garage").click()
    expect(_node(page, "garage")).to_contain_text("Takes torrents")
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing_serious(browser: Browser, running: Stack, scheme: Any, device: dict[str, Any]) -> None:
    """Contrast, names, order and structure on each page; and none is wider than its screen."""
    decision = requests.get(f"{running.url}/decisions?limit=1", timeout=10).json()[0]["decision_id"]
    paths = ("/", f"/dashboard/decisions/{decision}", "/dashboard/nodes/attic", "/dashboard/torrents")
    context = browser.new_context(**device, color_scheme=scheme, bypass_csp=True)  # axe is put into the page
    page = context.new_page()
    found = []
    for path in (*paths, "/dashboard/preview", "/dashboard/decisions/none", "/docs"):
        page.goto(f"{running.url}{path}")
        results = Axe().run(page).response
        found += [
            (path, one["id"], one["nodes"][0]["html"]) for one in results["violations"] if one["impact"] in SERIOUS
        ]
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, path
    context.close()
    assert found == []


def test_a_death_shows_within_five_seconds_without_a_reload(page: Page, running: Stack) -> None:
    """On top, as a sentence, announced to screen readers; and so does the return."""
    page.evaluate("window.notReloaded = true")
    running.nodes["garage"].kill()
    died_at = time.monotonic()
    warning = page.locator("#warnings").get_by_text("garage: does not answer")
    expect(warning).to_be_visible(timeout=10_000)
    took = time.monotonic() - died_at
    print(f"the death showed after {took:.1f} s")
    assert took < 5
    assert page.locator("#warnings").get_attribute("aria-live") == "polite"
    expect(_node(page, "garage")).to_contain_text("Does not answer")
    running.nodes["garage"].start()
    expect(warning).to_be_hidden(timeout=15_000)
    assert page.evaluate("window.notReloaded") is True
