"""How a Sonarr or Radarr gets its download client entry, and how it is taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from threading import Thread
from typing import Any, Literal

import pytest
from flask import Flask
from werkzeug.serving import make_server

from qbdispatch.config.settings import ArrSettings
from qbdispatch.dispatch.arr_api import ArrApi, ArrError, ArrInvalid
from qbdispatch.dispatch.connecting import Change, Target, Unconnectable, carry_out, disconnect, plan, points_to
from tests.conftest import AppMaker, node_entry
from tests.rig.arr_entry import MASK
from tests.rig.scripted import ScriptedNode
from tests.rig.scripted_arr import ScriptedArr

Kind = Literal["sonarr", "radarr"]
ArrMaker = Callable[..., ScriptedArr]
Serve = Callable[..., str]
AUTH = {"username": "user", "password": "secret-pass"}
MEDIA = {"sonarr": "tv", "radarr": "movie"}


@pytest.fixture
def scripted_arr() -> Iterator[ArrMaker]:
    with ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(ScriptedArr(*args, **kwargs))


@pytest.fixture
def serve(make_app: AppMaker, scripted: Callable[..., ScriptedNode]) -> Iterator[Serve]:
    """Serves `/api/v2` over one node on loopback, with the given `auth`; answers its address."""
    node = scripted(name="n")
    with ExitStack() as stack:

        def start(**more: Any) -> str:
            return stack.enter_context(_Served(make_app([node_entry(node)], **more)))

        yield start


class _Served:
    """An app behind a real socket."""

    def __init__(self, app: Flask) -> None:
        self._server = make_server("127.0.0.1", 0, app, threaded=True)
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def api_of(arr: ScriptedArr) -> ArrApi:
    return ArrApi(ArrSettings(arr.kind, arr.kind, arr.url, arr.api_key))


def connect(arr: ScriptedArr, target: Target, name: str = "qbdispatch") -> None:
    carry_out(api_of(arr), plan(api_of(arr), target, name))


@pytest.mark.parametrize("kind", ["sonarr", "radarr"])
def test_a_new_entry_says_all_it_must_and_passes_its_test(scripted_arr: ArrMaker, serve: Serve, kind: Kind) -> None:
    """Address, credentials and category in the fields that this kind has, and none that it would drop."""
    arr, url = scripted_arr(kind), serve(auth=AUTH)
    made = plan(api_of(arr), Target(f"{url}/", **AUTH, category="shows"))
    assert made.is_new
    assert arr.entries == []
    assert carry_out(api_of(arr), made) == []
    values = arr.values("qbdispatch")
    assert (values["host"], values["port"]) == ("127.0.0.1", int(url.rpartition(":")[2]))
    assert (values["useSsl"], values["urlBase"] or "") == (False, "")
    assert (values["username"], values["password"]) == ("user", "secret-pass")
    assert values[f"{MEDIA[kind]}Category"] == "shows"
    assert arr.entries[0]["enable"] is True
    assert arr.entries[0]["configContract"] == "QBittorrentSettings"
    assert arr.dropped == set()
    assert points_to(arr.entries[0], url)


def test_what_will_change_is_said_before_and_no_secret_with_it(scripted_arr: ArrMaker, serve: Serve) -> None:
    """A field each, with both values; the password is masked on both sides."""
    arr, url = scripted_arr("sonarr"), serve(auth=AUTH)
    made = plan(api_of(arr), Target(url, **AUTH, category="tv"))
    shown = {change.field: (change.before, change.after) for change in made.changes}
    assert shown["host"] == ("localhost", "127.0.0.1")
    assert shown["tvCategory"] == ("tv-sonarr", "tv")
    assert shown["password"] == ("", MASK)
    assert shown["enable"] == ("false", "true")
    assert "secret-pass" not in str(made.changes)


def test_connecting_twice_changes_nothing(scripted_arr: ArrMaker, serve: Serve) -> None:
    """Though the password cannot be read back: its own test tells that what is stored is right."""
    arr, url = scripted_arr("sonarr"), serve(auth=AUTH)
    connect(arr, Target(url, **AUTH))
    before = [dict(entry) for entry in arr.entries]
    again = plan(api_of(arr), Target(url, **AUTH))
    assert (again.is_new, again.changes) == (False, ())
    assert arr.entries == before
    assert not any(method in ("PUT", "DELETE") for method, _ in arr.calls)


def test_a_password_that_no_longer_fits_is_replaced(scripted_arr: ArrMaker, serve: Serve) -> None:
    """Nothing else about the entry is touched, be it what its user has set."""
    arr, url = scripted_arr("sonarr"), serve(auth=AUTH)
    port = int(url.rpartition(":")[2])
    entry = arr.entry("qbdispatch", host="127.0.0.1", port=port, username="user", password="old", tvCategory="mine")
    entry |= {"priority": 7, "tags": [3], "removeCompletedDownloads": False}
    made = plan(api_of(arr), Target(url, **AUTH))
    assert made.changes == (Change("password", MASK, MASK),)
    carry_out(api_of(arr), made)
    assert arr.values("qbdispatch") | {"password": "secret-pass"} == arr.values("qbdispatch")
    assert (arr.values("qbdispatch")["tvCategory"], arr.entries[0]["priority"]) == ("mine", 7)
    assert (arr.entries[0]["tags"], arr.entries[0]["removeCompletedDownloads"]) == ([3], False)


def test_a_kept_password_survives_another_change(scripted_arr: ArrMaker, serve: Serve) -> None:
    """The mask is what *arr takes for "as it was"; here another category is asked for as well."""
    arr, url = scripted_arr("radarr"), serve(auth=AUTH)
    connect(arr, Target(url, **AUTH, category="one"))
    connect(arr, Target(url, **AUTH, category="two"))
    assert arr.values("qbdispatch")["movieCategory"] == "two"
    assert arr.values("qbdispatch")["password"] == "secret-pass"
    assert len(arr.entries) == 1


def test_credentials_that_are_no_longer_wanted_are_taken_out(scripted_arr: ArrMaker, serve: Serve) -> None:
    """An entry with a key may have neither user nor password in Sonarr."""
    arr, url = scripted_arr("sonarr"), serve(auth={"api_keys": ["the-key"]})
    port = int(url.rpartition(":")[2])
    arr.entry("qbdispatch", host="127.0.0.1", port=port, username="user", password="old")
    connect(arr, Target(url, api_key="the-key"))
    values = arr.values("qbdispatch")
    assert (values["username"] or "", values["password"] or "", values["apiKey"]) == ("", "", "the-key")


def test_radarr_has_no_field_for_a_key(scripted_arr: ArrMaker) -> None:
    """So that is said, and nothing is saved."""
    arr = scripted_arr("radarr")
    with pytest.raises(Unconnectable, match="no field for an API key"):
        plan(api_of(arr), Target("http://127.0.0.1:1", api_key="the-key"))


@pytest.mark.parametrize("password", ["wrong", ""])
def test_what_fails_its_test_is_not_saved(scripted_arr: ArrMaker, serve: Serve, password: str) -> None:
    """Neither a new entry nor a change to one."""
    arr, url = scripted_arr("sonarr"), serve(auth=AUTH)
    with pytest.raises(ArrInvalid, match=r"Username|Host"):
        connect(arr, Target(url, "user", password))
    assert arr.entries == []
    connect(arr, Target(url, **AUTH))
    with pytest.raises(ArrInvalid):
        connect(arr, Target("http://127.0.0.1:9", **AUTH))
    assert arr.values("qbdispatch")["port"] == int(url.rpartition(":")[2])


def test_a_warning_is_passed_on_and_does_not_stop_it(scripted_arr: ArrMaker, serve: Serve) -> None:
    """*arr answers its test with 400 for warnings too."""
    arr, url = scripted_arr("sonarr"), serve()
    arr.warns = "Torrent Queueing is disabled"
    warnings = carry_out(api_of(arr), plan(api_of(arr), Target(url)))
    assert [str(one) for one in warnings] == ["Torrent Queueing is disabled"]
    assert len(arr.entries) == 1


def test_a_category_that_it_refuses_is_named(scripted_arr: ArrMaker, serve: Serve) -> None:
    """In its own words."""
    arr, url = scripted_arr("sonarr"), serve()
    with pytest.raises(ArrInvalid, match="Can not contain"):
        connect(arr, Target(url, category="/tv/"))


def test_other_entries_are_never_touched(scripted_arr: ArrMaker, serve: Serve) -> None:
    """Neither by connecting nor by taking it back; one that points here already is named."""
    arr, url = scripted_arr("sonarr"), serve()
    mine = arr.entry("by hand", host="127.0.0.1", port=int(url.rpartition(":")[2]), password="mine")
    before = {**mine, "fields": [dict(row) for row in mine["fields"]]}
    made = plan(api_of(arr), Target(url))
    assert made.neighbours == ("by hand",)
    carry_out(api_of(arr), made)
    assert [one["name"] for one in arr.entries] == ["by hand", "qbdispatch"]
    assert disconnect(api_of(arr))
    assert arr.entries == [before]
    assert not disconnect(api_of(arr))


def test_an_entry_of_that_name_and_another_kind_is_left_alone(scripted_arr: ArrMaker) -> None:
    """Names count without regard to case, as they do there."""
    arr = scripted_arr("sonarr")
    arr.entry("QBdispatch")["implementation"] = "Transmission"
    with pytest.raises(Unconnectable, match="--entry"):
        plan(api_of(arr), Target("http://127.0.0.1:1"))
    with pytest.raises(Unconnectable, match="no qBittorrent"):
        disconnect(api_of(arr))
    assert len(arr.entries) == 1


def test_an_address_with_tls_and_a_prefix_is_taken_apart(scripted_arr: ArrMaker) -> None:
    """Without a port it is that of the scheme."""
    made = plan(api_of(scripted_arr("sonarr")), Target("https://qb.example.org/dispatch"), "other")
    values = {row["name"]: row["value"] for row in made.entry["fields"]}
    assert (values["host"], values["port"]) == ("qb.example.org", 443)
    assert (values["useSsl"], values["urlBase"]) == (True, "/dispatch")
    assert made.entry["name"] == "other"


def test_an_ipv6_address_keeps_its_brackets(scripted_arr: ArrMaker) -> None:
    """*arr writes host and port into a URL as they stand."""
    url = "http://[fd00::8]:8000"
    made = plan(api_of(scripted_arr("sonarr")), Target(url))
    assert {row["name"]: row["value"] for row in made.entry["fields"]}["host"] == "[fd00::8]"
    assert points_to(made.entry, url)


def test_a_wrong_key_is_an_error_with_its_remedy(scripted_arr: ArrMaker) -> None:
    """As /arr words it."""
    arr = scripted_arr("sonarr")
    api = ArrApi(ArrSettings("tv", "sonarr", arr.url, "wrong"))
    with pytest.raises(ArrError, match="copy it from Settings, General"):
        plan(api, Target("http://127.0.0.1:1"))
