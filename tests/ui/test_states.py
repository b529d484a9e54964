"""What the demo does not show by itself: the same nodes behind a login, with a shared disk, a disk that fills, held
torrents, and a Sonarr and a Radarr of which one answers. Each test stands by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from demo.stack import Stack, configuration, start_nodes
from qbdispatch.store import samples
from qbdispatch.store.engine import Store
from qbdispatch.store.samples import Sample
from tests.rig.availability import require
from tests.rig.disks import GIB
from tests.rig.dispatcher import Dispatcher
from tests.rig.scripted_arr import ScriptedArr
from tests.rig.swarm import made_up_magnet
from tests.ui import look
from tests.ui.browser import DESKTOP, PHONE, require_browser
from tests.ui.conftest import PageOpener

pytestmark = pytest.mark.real
KEY = "a-key"
LOGGED_IN = {"X-API-Key": KEY}


@pytest.fixture(scope="module")
def running() -> Iterator[Stack]:
    require_browser()
    require("4.5.2")
    with ExitStack() as cleanup:
        nodes = start_nodes(cleanup)
        sonarr = cleanup.enter_context(ScriptedArr())
        config = configuration(nodes)
        config |= {
            "dispatcher": config["dispatcher"] | {"admin_api_key": KEY},
            "auth": {"username": "arr", "password": "arr"},
            "hold": {"enabled": True},
            "arr_instances": [
                {"name": "series", "type": "sonarr", "url": sonarr.url, "api_key": sonarr.api_key},
                {"name": "films", "type": "radarr", "url": "http://127.0.0.1:1", "api_key": "k"},
            ],
        }
        small, large, medium = config["nodes"]
        small["pool"] = medium["pool"] = "shelf"
        for node, real in ((small, nodes[0]), (large, nodes[1])):
            node["path_map"] = [{"from": real.save_path, "to": "/downloads"}]
        dispatcher = cleanup.enter_context(Dispatcher(config, workers=2))
        _fill(dispatcher, "large", 900, gib_an_hour=176)
        yield Stack(dispatcher, nodes)


def _fill(dispatcher: Dispatcher, name: str, free_gib: float, *, gib_an_hour: float) -> None:
    """An hour, as the leader would have written it."""
    store, now = Store(f"sqlite:///{dispatcher.store_path}"), time.time()
    past = [(now - 60 * ago, int((free_gib + gib_an_hour * ago / 60) * GIB)) for ago in range(60, 0, -1)]
    with store.write() as connection:
        samples.purge(connection, before=now + 1)
        samples.add(connection, [Sample(name, at, free, free, 2**20, 1) for at, free in past])
    store.close()


@pytest.fixture
def page(running: Stack, open_page: PageOpener) -> Page:
    """The dashboard, for who has logged in."""
    return open_page(running.url, **DESKTOP, extra_http_headers=LOGGED_IN)


def _submit(running: Stack, name: str, size_gb: float) -> Any:
    body = {"magnet": made_up_magnet(name).magnet, "name": name, "size_estimate_gb": size_gb}
    return requests.post(f"{running.url}/submit", json=body, headers=LOGGED_IN, timeout=30).json()


def test_the_key_lets_in_and_logging_out_ends_it(browser: Browser, running: Stack) -> None:
    """With the keyboard alone; a wrong key is told, and nothing of the nodes is shown without the right one."""
    page = browser.new_page(**DESKTOP)
    page.goto(running.url)
    expect(page.get_by_label("Admin key")).to_be_focused()
    assert "large" not in page.content()
    for key in ("wrong", KEY):
        page.get_by_label("Admin key").fill(key)
        page.keyboard.press("Enter")
        if key == "wrong":
            expect(page.get_by_role("alert")).to_contain_text("That is not the key.")
    expect(page.get_by_role("article", name="Node large")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Admin key")).to_be_visible()
    page.close()


def test_what_needs_somebody_is_on_top(page: Page) -> None:
    """A disk that fills and equal paths; no open doors, which are closed here."""
    warnings = page.locator("#warnings")
    expect(warnings).to_contain_text("large: full in about 5 h at the present rate")
    expect(warnings).to_contain_text("large: same path as another node")
    expect(warnings).to_contain_text("small: same path as another node")
    expect(warnings).not_to_contain_text("is open")
    expect(page.get_by_role("heading", level=1)).to_have_text("3 things need you")


def test_nodes_on_one_disk_show_it_as_one(page: Page) -> None:
    """With the figures of the smaller, since no more is certain."""
    for name, mate in (("small", "medium"), ("medium", "small")):
        card = page.get_by_role("article", name=f"Node {name}")
        expect(card).to_contain_text(f"One disk with {mate}")
        expect(card).to_contain_text("80 GB free for more")


def test_a_held_torrent_is_seen_opened_and_deleted(page: Page, running: Stack) -> None:
    """It appears by itself, on top as well."""
    assert _submit(running, "Too big for all", 5000)["status"] == "held"
    warning = page.locator("#warnings").get_by_role("link", name="1 torrent waits until a node has room")
    expect(warning).to_be_visible(timeout=5000)
    expect(page.locator("#latest")).to_contain_text("too little room for this torrent: large, medium, small")
    page.locator("#held").get_by_role("link", name="Too big for all").click()
    expect(page.get_by_text("Held until a node has room")).to_be_visible()
    page.go_back()
    page.get_by_role("button", name="Try now Too big for all").click()
    expect(page.locator("#held")).to_contain_text("Too big for all")
    page.get_by_role("button", name="Delete Too big for all").click()
    expect(page.get_by_role("heading", name="Held until a node has room")).to_be_hidden()
    expect(warning).to_be_hidden()


def test_sonarr_and_radarr_are_told_of_by_themselves_and_when_asked(page: Page) -> None:
    """Which answers with its version, and what is wrong with the other."""
    for _ in range(2):
        rows = page.locator("#arr").get_by_role("listitem")
        expect(rows.filter(has_text="series")).to_contain_text("Answers")
        expect(rows.filter(has_text="films")).to_contain_text("Does not answer as it should")
        ask = page.get_by_role("link", name="Ask them now")
        if ask.count():
            ask.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sonarr and Radarr")


def test_a_torrent_is_found_by_its_hash(page: Page, running: Stack) -> None:
    """By its beginning."""
    hash_ = _submit(running, "Findable", 1)["hash"]
    page.get_by_role("link", name="Torrents", exact=True).click()
    page.get_by_label("Name or hash").fill(hash_[:9].upper())
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="1 torrent for")).to_be_visible()
    expect(page.get_by_role("row", name="Findable")).to_contain_text(hash_[:12])


def test_a_nodes_history_is_drawn_and_told_as_a_table(page: Page) -> None:
    """Over a day and a week, with its floor."""
    page.get_by_role("link", name="History of large").click()
    for span in ("day", "week"):
        chart = page.get_by_role("img", name=f"Free space over the last {span}. Now 9")
        expect(chart).to_be_visible()
        assert chart.locator("polyline").count() == 1
        assert chart.locator(".floor-line").count() == 1
    page.get_by_text("As a table").first.click()
    assert page.get_by_role("table").first.get_by_role("row").count() > 12
    expect(page.get_by_text("At the present rate it is full in about 5 h.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_warnings_held_and_the_login_are_readable(
    browser: Browser, running: Stack, scheme: Any, device: dict[str, Any]
) -> None:
    """As every other page."""
    _submit(running, "Too big" + "W" * 90, 5000)
    pages = [f"{running.url}{path}" for path in ("/", "/dashboard/arr", "/dashboard/nodes/large")]
    assert look.faults(browser, pages, device, scheme, **LOGGED_IN) == []
    assert look.faults(browser, [running.url], device, scheme) == []
