"""Commands for those who run the service, and connecting from the shell."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from werkzeug.serving import make_server

from qbdispatch.passwords import PasswordCheck, hash_password
from tests.conftest import AppMaker, node_entry
from tests.rig.scripted import ScriptedNode
from tests.rig.scripted_arr import ScriptedArr
from tests.unit.cli.conftest import Run, document

Configure = Callable[..., Path]
NODE = {"name": "a", "url": "http://127.0.0.1:1"}


@pytest.fixture
def sonarr() -> Iterator[ScriptedArr]:
    with ScriptedArr("sonarr") as arr:
        yield arr


@pytest.fixture
def serve(make_app: AppMaker, scripted: Callable[..., ScriptedNode]) -> Iterator[Callable[..., str]]:
    """A service with this `auth` on loopback; answers its address."""
    with ExitStack() as stack:

        def start(**auth: Any) -> str:
            server = make_server("127.0.0.1", 0, make_app([node_entry(scripted(name="a"))], auth=auth), threaded=True)
            thread = Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            stack.callback(server.server_close)
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}"

        yield start


def _arrs(arr: ScriptedArr) -> dict[str, Any]:
    return {"arr_instances": [{"name": "tv", "type": "sonarr", "url": arr.url, "api_key": arr.api_key}]}


def test_a_password_is_asked_twice_and_hashed(run: Run) -> None:
    """Neither prompt nor password is on standard output; unlike ones are asked for again."""
    for given, arguments in (("secret\nsecret\n", []), ("secret\n", ["--stdin"]), ("a\nb\nsecret\nsecret\n", [])):
        hashed = run("hash-password", *arguments, input=given).stdout.strip()
        assert PasswordCheck().matches("secret", hashed)
    assert PasswordCheck().matches("x", document(run("hash-password", "--stdin", "--json", input="x"))["password_hash"])
    run("hash-password", "--stdin", input="\n", status=2)


def test_the_store_is_copied_to_a_file(run: Run, configure: Configure, tmp_path: Path) -> None:
    """Once; a second time only if that is wished for."""
    configure([NODE])
    run("drain", "a")
    target = tmp_path / "copy.sqlite3"
    assert run("backup", str(target)).stdout == f"wrote {target}\n"
    with closing(sqlite3.connect(target)) as copy:
        assert copy.execute("SELECT node, draining FROM node_states").fetchall() == [("a", 1)]
    assert "exists already" in run("backup", str(target), status=1).stderr
    assert document(run("backup", str(target), "--force", "--json")) == {"target": str(target)}


def test_sonarr_is_connected_and_disconnected(
    run: Run, configure: Configure, sonarr: ScriptedArr, serve: Callable[..., str]
) -> None:
    """With what will change shown before, nothing a second time, and no secret in any of it."""
    auth = {"username": "user", "password": "secret-pass"}
    url = serve(**auth)
    configure([NODE], auth=auth, **_arrs(sonarr))
    first = run("connect", "tv", "--url", url, "--category", "shows", "--yes").stdout
    assert "new download client qbdispatch" in first
    assert "password" in first
    assert "********" in first
    assert "secret-pass" not in first
    assert sonarr.values("qbdispatch")["tvCategory"] == "shows"
    again = document(run("connect", "tv", "--url", url, "--json", "--yes"))
    assert (again["status"], again["changes"]) == ("unchanged", [])
    assert run("disconnect", "tv", "--yes").stdout == "removed qbdispatch from tv\n"
    assert "nothing to do" in run("disconnect", "tv", "--yes").stdout
    assert sonarr.entries == []


def test_nothing_is_changed_unasked(run: Run, configure: Configure, sonarr: ScriptedArr) -> None:
    """Where nobody can be asked, --yes must be given; without an address there is nothing to connect to."""
    configure([NODE], **_arrs(sonarr))
    assert "add --yes" in run("connect", "tv", "--url", "http://127.0.0.1:9", status=2).stderr
    assert "give --url" in run("connect", "tv", "--yes", status=2).stderr
    assert "there are: tv" in run("disconnect", "other", "--yes", status=2).stderr
    assert sonarr.entries == []


def test_a_refusal_names_the_instance_and_changes_nothing(run: Run, configure: Configure, sonarr: ScriptedArr) -> None:
    """1, in the instance's own words."""
    configure([NODE], **_arrs(sonarr))
    shown = run("connect", "tv", "--url", "http://127.0.0.1:9", "--yes", status=1).stderr
    assert "tv refuses it, and nothing was changed: " in shown
    assert sonarr.entries == []


def test_a_password_known_by_its_hash_is_read_and_checked(
    run: Run, configure: Configure, sonarr: ScriptedArr, serve: Callable[..., str]
) -> None:
    """A wrong one goes nowhere."""
    auth = {"username": "user", "password_hash": hash_password("secret-pass")}
    url = serve(**auth)
    configure([NODE], auth=auth, **_arrs(sonarr))
    arguments = ["connect", "tv", "--url", url, "--yes", "--password-stdin"]
    assert "is not the password" in run(*arguments, input="wrong\n", status=1).stderr
    assert sonarr.calls == []
    run(*arguments, input="secret-pass\n")
    assert sonarr.values("qbdispatch")["password"] == "secret-pass"
