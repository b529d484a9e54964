"""Pictures of the dashboard for the documentation: `python -m tests.ui.screenshots [FOLDER]`, docs/images if not said.

Owns: a week in the life of four nodes. The nodes are real ones; their past, which nobody can wait for, is written
into the store as the leader would have.
"""

from __future__ import annotations

import math
import random
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import requests
from playwright.sync_api import Browser

from qbdispatch.dispatch.history import DAY_SECONDS, SAMPLE_SECONDS, THINNED_SECONDS, WEEK_SECONDS
from qbdispatch.store import samples
from qbdispatch.store.engine import Store
from qbdispatch.store.samples import Sample
from tests.conftest import node_entry
from tests.rig.disks import GIB
from tests.rig.dispatcher import REPOSITORY, Dispatcher
from tests.rig.processes import wait_until
from tests.rig.qbittorrent import RealNode
from tests.rig.scripted_server import LoopbackServer, json_answer
from tests.rig.swarm import Seeder, make_torrent
from tests.ui.browser import DESKTOP, PHONE, chromium

FREE_GIB = {"attic": 640, "cellar": 210, "garage": 120, "shed": 90}
VERSIONS = {"attic": "5.1.0", "cellar": "4.5.2", "garage": "5.1.0", "shed": "4.5.2"}
FINISHED = {"attic": (61, 44, 83, 38), "cellar": (120, 97, 55), "garage": (74, 31), "shed": (52, 18)}
FILMS = (
    "Big Buck Bunny",
    "Sintel",
    "Tears of Steel",
    "Cosmos Laundromat",
    "Spring",
    "Agent 327",
    "Charge",
    "Elephants Dream",
)
NEW = (
    ("Sintel.2010.2160p.BluRay.REMUX", 38, "movies"),
    ("Caminandes.S01.1080p", 6, "tv"),
    ("debian-12.7.0-amd64-DVD-1.iso", 4, "images"),
    ("Tears.of.Steel.2012.4K", 22, "movies"),
    ("Cosmos.Laundromat.2015.1080p", 9, "movies"),
)
PACES = {"attic": 9, "cellar": 2, "garage": 6, "shed": 0}
LARGEST_BYTES = 150 * 1024
TALL = DESKTOP | {"viewport": {"width": 1280, "height": 980}}
KEY = {"X-API-Key": "picture"}


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "docs/images"
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as cleanup:
        dispatcher, nodes = _stage(cleanup)
        _past(dispatcher)
        decision = _submissions(dispatcher)
        nodes["shed"].kill()
        wait_until(
            lambda: "refuses" in requests.get(dispatcher.url, headers=KEY, timeout=10).text, 20, "the page to say so"
        )
        browser = cleanup.enter_context(chromium())
        pages = {"dashboard": "/", "decision": f"/dashboard/decisions/{decision}", "node": "/dashboard/nodes/attic"}
        pages |= {"torrents": "/dashboard/torrents"}
        for name, path in pages.items():
            _take(browser, dispatcher.url + path, name, folder)
    return 0


def _stage(cleanup: ExitStack) -> tuple[Dispatcher, dict[str, RealNode]]:
    nodes = {
        name: cleanup.enter_context(RealNode(VERSIONS[name], size_gib=free, name=name))  # type: ignore[arg-type]
        for name, free in FREE_GIB.items()
    }
    for name, sizes in FINISHED.items():
        for number, size in enumerate(sizes):
            made = make_torrent(f"{FILMS[(number + len(name)) % len(FILMS)]}.{name}.mkv", size * GIB)
            with (nodes[name].disk.path / made.name).open("wb") as file:
                file.truncate(made.size_bytes)  # a hole, which takes no memory
            (nodes[name].disk.path / made.name).chmod(0o666)
            nodes[name].session().add(torrent=made.data, skip_checking="true", category="movies")
    seeder = cleanup.enter_context(Seeder(upload_bytes_per_second=3 * 2**20))
    for name in ("attic", "cellar"):
        shared = seeder.share(f"Spring.2019.{name}.mkv", 192 * 2**20)
        nodes[name].session().add(torrent=shared.data, category="movies")
        nodes[name].session().add_peer(shared.hash, str(shared.peer))
    sonarr = LoopbackServer(json_answer({"version": "4.0.15.2941"}))
    cleanup.callback(sonarr.close)
    config = {
        "dispatcher": {"max_downloads": 8, "admin_api_key": "picture"},
        "auth": {"username": "arr", "password": "picture"},
        "sync": {"interval_s": 1},
        "nodes": [node_entry(node, min_free_gb=20) for node in nodes.values()],
        "arr_instances": [
            {"name": name, "type": name, "url": f"http://127.0.0.1:{sonarr.port}/api/v3", "api_key": "k"}
            for name in ("sonarr", "radarr")
        ],
    }
    return cleanup.enter_context(Dispatcher(config, workers=2)), nodes


def _past(dispatcher: Dispatcher) -> None:
    """A week of samples, as if everything had come in step by step and something had been deleted now and then."""
    store, now, chance = Store(f"sqlite:///{dispatcher.store_path}"), time.time(), random.Random(5)
    with store.write() as connection:
        samples.purge(connection, before=now + 1)
        for name, free in FREE_GIB.items():
            samples.add(connection, _week(name, free * GIB, now, chance))
    store.close()


def _week(name: str, free: int, now: float, chance: random.Random) -> list[Sample]:
    """Backwards from now: free space falls by what comes in, and rises with each deletion."""
    taken, at, left = [], now - 5, float(free)
    falling = 24 * GIB / 3600 if name == "garage" else 0.0
    while at > now - WEEK_SECONDS:
        age = now - at
        step = SAMPLE_SECONDS if age < DAY_SECONDS else THINNED_SECONDS
        wave = max(0.0, math.sin(at / 2600 + len(name)) + 0.35 * math.sin(at / 311))
        pace = falling if age < 3 * 3600 and falling else wave * PACES[name] * 2**20
        taken.append(Sample(name, at, int(left), int(left * 0.96), int(pace * chance.uniform(0.8, 1.2)), 2))
        left += pace * step * 0.5
        if left > free * 1.3:
            left -= free * chance.uniform(0.2, 0.45)
        at -= step
    return taken


def _submissions(dispatcher: Dispatcher) -> str:
    """The last of these is the one whose decision is shown; answers that decision's id."""
    decision = ""
    for name, size, category in NEW:
        made = make_torrent(name, size * GIB)
        answer = requests.post(
            f"{dispatcher.url}/submit",
            headers=KEY,
            files={"torrent": made.data},
            data={"category": category},
            timeout=30,
        ).json()
        decision = answer["decision_id"]
    return decision


def _take(browser: Browser, address: str, name: str, folder: Path) -> None:
    for device, options in (("desktop", TALL), ("phone", PHONE)):
        for scheme in ("light", "dark"):
            page = browser.new_page(**options, color_scheme=scheme, extra_http_headers=KEY)
            page.goto(address)
            page.wait_for_timeout(500)
            path = folder / f"{name}-{device}-{scheme}.png"
            page.screenshot(path=path)
            page.close()
            size = path.stat().st_size
            print(f"{path.name}: {size // 1024} KiB{' too large' if size > LARGEST_BYTES else ''}")


if __name__ == "__main__":
    sys.exit(main())
