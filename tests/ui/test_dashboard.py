"""The dashboard in Chromium over the stack of `make demo`, used as a person would. Each test finds it empty."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Locator, Page, expect

from demo.stack import Stack
from tests.rig.disks import GIB
from tests.rig.processes import wait_until
from tests.rig.swarm import made_up_magnet, make_torrent
from tests.ui import look
from tests.ui.browser import DESKTOP, NARROW, PHONE
from tests.ui.conftest import PageOpener

pytestmark = pytest.mark.real


@pytest.fixture(autouse=True)
def emptied(running: Stack) -> Iterator[None]:
    """What a test has placed takes up none of the few downloads that each node may have."""
    yield
    requests.post(f"{running.url}/api/v2/torrents/delete", data={"hashes": "all", "deleteFiles": "true"}, timeout=30)
    wait_until(lambda: not any(one["active_downloads"] for one in _nodes(running)), 20, "the nodes to be empty")


@pytest.fixture
def page(running: Stack, open_page: PageOpener) -> Page:
    """The dashboard, freshly opened on a desk."""
    return open_page(running.url)


def _nodes(running: Stack) -> Any:
    return requests.get(f"{running.url}/nodes", timeout=30).json()


def _place(running: Stack, name: str) -> str:
    body = {"magnet": made_up_magnet(name).magnet, "name": name, "size_estimate_gb": 1}
    answer = requests.post(f"{running.url}/submit", json=body, timeout=30).json()
    return str(answer["selected_node"])


def _every_page(running: Stack) -> list[str]:
    _place(running, "W" * 100)
    decision = requests.get(f"{running.url}/decisions?limit=1", timeout=10).json()[0]["decision_id"]
    paths = ["/", f"/dashboard/decisions/{decision}", "/dashboard/nodes/large", "/dashboard/torrents"]
    paths += ["/dashboard/preview", "/dashboard/arr", "/dashboard/decisions/none", "/docs"]
    return [f"{running.url}{path}" for path in paths]


def _node(page: Page, name: str) -> Locator:
    return page.get_by_role("article", name=f"Node {name}")


def test_a_drained_node_is_avoided_and_used_again_after_resume(page: Page, running: Stack) -> None:
    """By its buttons, reached and pressed with the keyboard alone."""
    assert _place(running, "before") == "large"
    drain = page.get_by_role("button", name="Drain large")
    for _ in range(40):
        page.keyboard.press("Tab")
        if drain.evaluate("button => button === document.activeElement"):
            break
    expect(drain).to_be_focused()
    page.keyboard.press("Enter")
    expect(_node(page, "large")).to_contain_text("Drained")
    assert _place(running, "meanwhile") == "medium"
    page.get_by_role("button", name="Resume large").click()
    expect(_node(page, "large")).to_contain_text("Takes torrents")
    assert _place(running, "afterwards") == "large"


def test_a_node_shows_all_its_figures(page: Page, running: Stack) -> None:
    """The bar with its parts in words, downloads of at most four, speed, latency, version and state."""
    _place(running, "A film")
    card = _node(page, "large")
    expect(card.get_by_role("img", name="Disk: 0 GB torrents, 0 GB to arrive, 1.0 GB claimed")).to_be_visible()
    for name in ("Torrents", "To arrive", "Claimed", "Free", "Kept free", "Paused", "Latency", "Version"):
        expect(card.get_by_role("term").filter(has_text=name).first).to_be_visible()
    expect(card).to_contain_text("1 of 4")
    expect(card).to_contain_text("Takes torrents")
    expect(card).to_contain_text(re.compile(r"\d ms"))
    expect(card).to_contain_text(re.compile(r"v[45]\.\d"))


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
    expect(page.get_by_text("large scored 1.00, ahead of medium with")).to_be_visible()
    for name in ("large", "medium", "small"):
        expect(page.get_by_role("img", name=f"{name}: score")).to_be_visible()
        expect(page.get_by_role("list", name=f"Filters that {name} passed").get_by_role("listitem")).to_have_count(10)
    expect(page.get_by_text("0 of at most 4 downloading")).to_have_count(3)


def test_a_torrent_is_previewed_submitted_and_found(page: Page, running: Stack) -> None:
    """From the form on the dashboard to the search."""
    made = made_up_magnet("Previewed")
    page.get_by_label("Magnet or address").fill(made.magnet)
    page.get_by_label("Size in GB").fill("5")
    page.get_by_role("button", name="Where would it go?").click()
    expect(page.get_by_role("heading", name="It would go to large")).to_be_visible()
    page.get_by_role("button", name="Submit it").click()
    expect(page.get_by_text("Placed on large")).to_be_visible()
    page.get_by_role("link", name="Torrents", exact=True).click()
    page.get_by_label("Name or hash").fill("previewed")
    page.keyboard.press("Enter")
    row = page.get_by_role("row", name="Previewed")
    expect(row).to_contain_text("large")
    expect(row).to_contain_text("0 %")


def test_an_uploaded_torrent_is_previewed_again_with_another_category_and_submitted(
    page: Page, running: Stack, tmp_path: Path
) -> None:
    """Its size is in it; the browser empties the field, and it need not be chosen again."""
    made = make_torrent("Uploaded", 350 * GIB)
    path = tmp_path / "uploaded.torrent"
    path.write_bytes(made.data)
    page.get_by_label("or a .torrent file").set_input_files(path)
    page.get_by_role("button", name="Where would it go?").click()
    expect(page.get_by_text("large was the only node that may take it.")).to_be_visible()
    expect(page.get_by_text("needs 350.0 GB above the floor of 20.0 GB")).to_have_count(2)
    expect(page.get_by_text("uploaded.torrent is kept until another is chosen.")).to_be_visible()
    page.get_by_label("Category").fill("films")
    page.get_by_role("button", name="Where would it go?").click()
    expect(page.get_by_role("heading", name="It would go to large")).to_be_visible()
    page.get_by_role("button", name="Submit it").click()
    expect(page.get_by_role("definition").filter(has_text="films")).to_be_visible()
    page.get_by_role("link", name=made.hash).click()
    expect(page.get_by_role("row", name="Uploaded")).to_contain_text("350 GB")


def test_a_refused_torrent_is_told_in_words(page: Page, running: Stack) -> None:
    """Which reason holds for how many nodes; never a code."""
    page.get_by_label("Magnet or address").fill(made_up_magnet("Too big").magnet)
    page.get_by_label("Size in GB").fill("5000")
    page.get_by_role("button", name="Where would it go?").click()
    expect(page.get_by_role("heading", name="No node may take it now")).to_be_visible()
    told = "No node may take it \N{EN DASH} too little room for this torrent: large, medium, small."
    expect(page.get_by_text(told)).to_be_visible()


def test_open_doors_are_noted(page: Page) -> None:
    """The demo has neither an admin key nor a login for clients."""
    expect(page.get_by_role("heading", level=1)).to_have_text("All is well")
    expect(page.locator("#warnings")).to_contain_text("This page is open")
    expect(page.locator("#warnings")).to_contain_text("The qBittorrent API is open")


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


def test_without_script_all_of_it_is_there(running: Stack, open_page: PageOpener) -> None:
    """Links and forms; draining and back."""
    page = open_page(running.url, **DESKTOP, java_script_enabled=False, color_scheme="dark")
    page.get_by_role("button", name="Drain small").click()
    expect(_node(page, "small")).to_contain_text("Drained")
    page.get_by_role("button", name="Resume small").click()
    expect(_node(page, "small")).to_contain_text("Takes torrents")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_page_is_readable(browser: Browser, running: Stack, scheme: Any, device: dict[str, Any]) -> None:
    """axe finds nothing serious, and none is wider than its screen."""
    assert look.faults(browser, _every_page(running), device, scheme) == []


def test_no_page_scrolls_sideways_on_a_narrow_phone(browser: Browser, running: Stack) -> None:
    """320 px, with a name that has no place to break."""
    assert look.too_wide(browser, _every_page(running), NARROW) == []


def test_a_death_shows_within_five_seconds_without_a_reload(page: Page, running: Stack) -> None:
    """On top, as a sentence, announced to screen readers; and so does the return."""
    page.evaluate("window.notReloaded = true")
    running.node("small").kill()
    died_at = time.monotonic()
    warning = page.locator("#warnings").get_by_text("small: does not answer")
    expect(warning).to_be_visible(timeout=10_000)
    took = time.monotonic() - died_at
    print(f"the death showed after {took:.1f} s")
    assert took < 5
    assert page.locator("#warnings").get_attribute("aria-live") == "polite"
    expect(_node(page, "small")).to_contain_text("Does not answer")
    running.node("small").start()
    expect(warning).to_be_hidden(timeout=15_000)
    assert page.evaluate("window.notReloaded") is True
