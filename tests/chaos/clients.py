"""Clients: threads that add, list and delete through every door, and write down what they were told."""

from __future__ import annotations

import base64
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import requests

from tests.chaos.history import Call, History, Outcome, Tracked, Verb
from tests.rig.disks import GIB
from tests.rig.swarm import make_torrent

TIMEOUT_SECONDS = 90.0
_SHARES = (("add", 0.45), ("list", 0.25), ("sync", 0.20), ("delete", 0.10))
_PAUSE_SECONDS = (0.0, 0.5)
_SIZES_GIB = (0.5, 1, 3, 6, 12)
_REFUSALS = {503}
_SPELLINGS = ("file to /submit", "magnet to /submit", "base32 to /submit", "file to add", "magnet to add")


class Orders:
    """The torrents to be added, each by one client or by several at once in different spellings; made by the seed."""

    def __init__(self, history: History, seed: int) -> None:
        self._history = history
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._open: deque[tuple[Tracked, str]] = deque()
        self._made = 0

    def next(self) -> tuple[Tracked, str]:
        """The next torrent and how to spell it."""
        with self._lock:
            if not self._open:
                self._open.extend(self._new())
            return self._open.popleft()

    def _new(self) -> list[tuple[Tracked, str]]:
        size = int(self._random.choice(_SIZES_GIB) * GIB)
        made = make_torrent(f"chaos {self._made}", size, self._random.choice(("v1", "v1", "hybrid")))
        spellings = self._random.sample(_SPELLINGS, self._random.choice((1, 1, 2, 3, 4)))
        torrent = Tracked(self._made, made, size, spellings)
        self._made += 1
        self._history.follow(torrent)
        return [(torrent, spelling) for spelling in spellings]


class Client:
    """One thread that calls `url` until stopped."""

    def __init__(self, number: int, url: str, history: History, orders: Orders, seed: int) -> None:
        self._url = url
        self._history = history
        self._orders = orders
        self._random = random.Random(f"{seed} {number}")
        self._stop = threading.Event()
        self._rid = 0
        self._synced: set[str] = set()
        self._http = requests.Session()
        self._http.trust_env = False
        self._thread = threading.Thread(target=self._run, name=f"client-{number}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """No further call is begun."""
        self._stop.set()

    def join(self) -> None:
        """Wait for the last call."""
        if self._thread.is_alive():
            self._thread.join(TIMEOUT_SECONDS + 5)

    def _run(self) -> None:
        actions = {"add": self._add, "list": self._list, "sync": self._sync, "delete": self._delete}
        names, shares = [name for name, _ in _SHARES], [share for _, share in _SHARES]
        with self._http:
            while not self._stop.wait(self._random.uniform(*_PAUSE_SECONDS)):
                actions[self._random.choices(names, shares)[0]]()

    def _add(self) -> None:
        torrent, spelling = self._orders.next()
        what, _, door = spelling.partition(" to ")
        made = torrent.made
        file = {"torrents": (f"{torrent.number}.torrent", made.data)} if what == "file" else None
        magnet = _in_base32(made.magnet, torrent.hash) if what == "base32" else made.magnet
        if door == "/submit":
            estimate: dict[str, Any] = {} if file else {"magnet": magnet, "size_estimate_gb": torrent.size_bytes / GIB}
            estimate |= {"category": "chaos"}
            body = {"data": estimate, "files": {"torrent": file["torrents"]}} if file else {"json": estimate}
            call, _ = self._call("add", "POST", "/submit", _submitted, **body)
        else:
            fields = {"category": "chaos"} if file else {"urls": f"{magnet}&xl={torrent.size_bytes}"}
            call, _ = self._call("add", "POST", "/api/v2/torrents/add", _added, data=fields, files=file)
        self._history.called(call, torrent, spelling)

    def _list(self) -> None:
        call, answer = self._call("list", "GET", "/api/v2/torrents/info", _listed)
        self._history.called(call)
        if answer is not None and call.outcome is Outcome.DONE:
            listed = {row["hash"] for row in answer.json()}
            self._history.check_list(call.began, listed, "torrents/info")

    def _sync(self) -> None:
        call, answer = self._call("sync", "GET", "/api/v2/sync/maindata", _synced, params={"rid": self._rid})
        self._history.called(call)
        if answer is None or call.outcome is not Outcome.DONE:
            return
        document = answer.json()
        if document.get("full_update"):
            self._synced.clear()
        self._synced -= set(document.get("torrents_removed", ()))
        self._synced |= document.get("torrents", {}).keys()
        self._rid = document["rid"]
        self._history.check_list(call.began, self._synced, "sync/maindata")

    def _delete(self) -> None:
        torrent = self._history.choose_to_delete(self._random.random())
        if torrent is None:
            return
        fields = {"hashes": torrent.hash, "deleteFiles": "true"}
        while not self._stop.is_set():
            call, _ = self._call("delete", "POST", "/api/v2/torrents/delete", _deleted, data=fields)
            self._history.called(call, torrent)
            if call.outcome is Outcome.DONE:
                return
            self._stop.wait(0.5)

    def _call(
        self,
        verb: Verb,
        method: str,
        path: str,
        judge: Callable[[requests.Response], Outcome],
        **request: Any,
    ) -> tuple[Call, requests.Response | None]:
        """One call with a time-out, on a connection of its own so that any worker may get it."""
        began = time.time()
        headers = {"Connection": "close"}
        try:
            answer = self._http.request(method, self._url + path, headers=headers, timeout=TIMEOUT_SECONDS, **request)
        except requests.RequestException as error:
            return Call(verb, began, time.time(), Outcome.UNKNOWN, type(error).__name__), None
        ended = time.time()
        detail = "" if answer.ok and verb in ("list", "sync") else f"{answer.status_code} {answer.text[:400]}"
        return Call(verb, began, ended, _judged(answer, judge), detail), answer


def _judged(answer: requests.Response, judge: Callable[[requests.Response], Outcome]) -> Outcome:
    if answer.status_code in _REFUSALS and answer.text:
        return Outcome.REFUSED
    if answer.status_code in (502, 504) and "nginx" in answer.text:
        return Outcome.UNKNOWN
    try:
        return judge(answer) if answer.status_code == 200 else Outcome.WRONG
    except (ValueError, KeyError, TypeError):
        return Outcome.WRONG


def _submitted(answer: requests.Response) -> Outcome:
    return {"accepted": Outcome.ACCEPTED, "duplicate": Outcome.DUPLICATE}.get(answer.json()["status"], Outcome.WRONG)


def _added(answer: requests.Response) -> Outcome:
    return {"Ok.": Outcome.ACCEPTED, "Fails.": Outcome.REFUSED}.get(answer.text, Outcome.WRONG)


def _listed(answer: requests.Response) -> Outcome:
    return Outcome.DONE if all("hash" in row for row in answer.json()) else Outcome.WRONG


def _synced(answer: requests.Response) -> Outcome:
    return Outcome.DONE if "rid" in answer.json() else Outcome.WRONG


def _deleted(answer: requests.Response) -> Outcome:
    return Outcome.WRONG if answer.text else Outcome.DONE


def _in_base32(magnet: str, hash_: str) -> str:
    return magnet.replace(hash_, base64.b32encode(bytes.fromhex(hash_)).decode())
