"""What each command answers, for people and in JSON, and with which exit code."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from qbdispatch.config.loader import load_settings
from qbdispatch.dispatch.watcher import Watcher
from qbdispatch.services import build_services
from tests.conftest import node_entry
from tests.rig.scripted import ScriptedNode
from tests.rig.scripted_torrents import parse_file
from tests.rig.swarm import made_up_magnet, make_torrent
from tests.unit.cli.conftest import Run, document

Configure = Callable[..., Path]
NodeMaker = Callable[..., ScriptedNode]
GIB = 2**30


@pytest.fixture
def node(scripted: NodeMaker) -> ScriptedNode:
    return scripted(name="big", free_gib=900)


@pytest.fixture
def fleet(configure: Configure, node: ScriptedNode, scripted: NodeMaker) -> Path:
    """Two nodes that a service has polled once; the big one is preferred."""
    path = configure([node_entry(node), node_entry(scripted(name="small", free_gib=100))])
    poll(path)
    return path


def poll(path: Path) -> None:
    """What a running service's leader does."""
    services = build_services(load_settings(path, {}), serves=False)
    for access in services.fleet.members.values():
        Watcher(access, services.fleet, services.store, services.settings.sync, lambda _: True).tick()
    services.store.close()


def _put(node: ScriptedNode, name: str, **changes: Any) -> str:
    made = make_torrent(name, GIB)
    parsed = parse_file(made.data)
    assert parsed is not None
    node.put(parsed, **changes)
    return made.hash


@pytest.mark.usefixtures("fleet")
def test_nodes_are_asked_now(run: Run, node: ScriptedNode) -> None:
    """As GET /nodes has them; 1 as soon as one is away."""
    lines = run("nodes").stdout.splitlines()
    assert lines[0].split()[:3] == ["node", "reachable", "version"]
    assert lines[1].split()[:3] == ["big", "yes", "v5.1.0"]
    node.close()
    found = document(run("nodes", "--json", status=1))
    assert {one["name"]: one["reachable"] for one in found} == {"big": False, "small": True}


def test_torrents_are_found_by_name_hash_node_and_state(run: Run, fleet: Path, node: ScriptedNode) -> None:
    """Of all nodes, as last seen."""
    hash_ = _put(node, "A Film", state="stalledUP", progress=1)
    _put(node, "A Series", state="downloading")
    poll(fleet)

    def names(*arguments: str) -> list[str]:
        return [one["name"] for one in document(run("torrents", "--json", *arguments))]

    assert names() == ["A Film", "A Series"]
    assert names("film") == ["A Film"]
    assert names(hash_.upper()[:12]) == ["A Film"]
    assert names("--state", "downloading") == ["A Series"]
    assert names("--node", "small") == []
    assert "A Film" in run("torrents").stdout
    run("torrents", "--state", "nonsense", status=2)
    assert "there are: big, small" in run("torrents", "--node", "nobody", status=2).stderr


@pytest.mark.usefixtures("fleet")
def test_a_torrent_is_previewed_and_placed(run: Run, node: ScriptedNode, tmp_path: Path) -> None:
    """By magnet or file; preview sends nothing; a second time it is a duplicate."""
    made = make_torrent("film", GIB)
    file = tmp_path / "film.torrent"
    file.write_bytes(made.data)
    shown = document(run("preview", str(file), "--category", "movies", "--json"))
    assert (shown["status"], shown["selected_node"], shown["decision_id"]) == ("accepted", "big", None)
    assert node.adds == []
    placed = document(run("submit", str(file), "--category", "movies", "--name", "Film", "--json"))
    assert (placed["status"], placed["selected_node"], placed["hash"]) == ("accepted", "big", made.hash)
    assert [(hash_, fields["category"]) for hash_, fields in node.adds] == [(made.hash, "movies")]
    assert document(run("submit", str(file), "--json"))["status"] == "duplicate"
    assert "accepted" in run("submit", made_up_magnet("series").magnet, "--size-gb", "3").stdout
    assert len(node.adds) == 2

    newest = document(run("decisions", "--json"))
    assert [one["name"] for one in newest] == ["series", "Film"]
    assert newest[0]["size_gb"] == 3.0
    full = run("decisions", newest[1]["decision_id"]).stdout
    assert "free_space 1.00 x 1" in full
    assert "small" in full
    assert newest[1]["decision_id"] in run("decisions", "--limit", "2").stdout


@pytest.mark.usefixtures("fleet")
def test_what_no_node_takes_is_a_failure(run: Run) -> None:
    """With each node's reason."""
    result = run("submit", made_up_magnet("huge").magnet, "--size-gb", "5000", status=1)
    assert "insufficient_space" in result.stdout
    assert document(run("preview", made_up_magnet("huge").magnet, "--size-gb", "5000", "--json", status=1))[
        "status"
    ] == ("rejected")


def test_what_waits_for_room_is_listed_with_its_reason(run: Run, configure: Configure, node: ScriptedNode) -> None:
    """Oldest first; being held is no failure."""
    poll(configure([node_entry(node)], hold={"enabled": True}))
    assert document(run("held", "--json")) == []
    for name in ("first", "second"):
        placed = document(run("submit", made_up_magnet(name).magnet, "--name", name, "--size-gb", "5000", "--json"))
        assert (placed["status"], placed["selected_node"]) == ("held", None)
    found = document(run("held", "--json"))
    assert [(one["position"], one["name"], one["size_gb"]) for one in found] == [
        (1, "first", 5000),
        (2, "second", 5000),
    ]
    assert "insufficient_space" in found[0]["why"]
    assert found[0]["hash"] in run("held").stdout
    assert [one["node"] for one in document(run("torrents", "second", "--json"))] == [""]


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(
    "arguments",
    [
        ["submit", "magnet:?dn=nothing"],
        ["submit", "/nowhere.torrent"],
        ["submit", "x" * 5000],
        ["submit", made_up_magnet("a").magnet, "--category", "/tv"],
        ["submit", made_up_magnet("a").magnet, "--size-gb", "0"],
        ["submit", made_up_magnet("a").magnet, "--size-gb", "nan"],
        ["submit"],
        ["drain", "nobody"],
        ["nonsense"],
        ["check", "--url", "qbdispatch:8000"],
    ],
)
def test_what_is_not_understood_is_a_usage_error(run: Run, arguments: list[str]) -> None:
    """2, with what is wrong on standard error."""
    assert "Error: " in run(*arguments, status=2).stderr


@pytest.mark.usefixtures("fleet")
def test_a_file_that_is_not_there_is_named_as_such(run: Run) -> None:
    """Not as a link of the wrong kind."""
    assert "there is no such file" in run("submit", "film.torrent", status=2).stderr


@pytest.mark.parametrize(("command", "interrupted"), [("nodes", False), ("nodes", True), ("check", True)])
def test_a_hung_node_does_not_keep_the_process_from_ending(
    configure: Configure, command: str, interrupted: bool
) -> None:
    """Neither once the answer is given, nor at Ctrl-C; the node has 60 s for its answer."""
    with socket.socket() as hung:
        hung.bind(("127.0.0.1", 0))
        hung.listen()
        url = f"http://127.0.0.1:{hung.getsockname()[1]}"
        path = configure([{"name": "a", "url": url, "username": "u", "password": "p", "timeout_s": 60}])
        words = [sys.executable, "-m", "qbdispatch", "--config", str(path), command]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            called, _ = hung.accept()
            with called:
                if interrupted:
                    process.send_signal(signal.SIGINT)
                shown, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert (shown, said) == ("", "\nAborted!\n") if interrupted else "no answer within" in shown


def test_draining_and_resuming_is_seen_by_everybody(run: Run, fleet: Path, node: ScriptedNode) -> None:
    """It is in the store; resuming also ends the pause after a refused login."""
    assert document(run("drain", "big", "--json")) == {"name": "big", "draining": True}
    assert document(run("preview", made_up_magnet("a").magnet, "--json"))["selected_node"] == "small"
    with closing(sqlite3.connect(fleet.parent / "qbdispatch.sqlite3")) as store:
        store.execute("UPDATE sessions SET retry_at = 9e9, refusals = 1 WHERE node = 'big'")
        store.commit()
    assert run("resume", "big").stdout == "big gets torrents again\n"
    assert document(run("preview", made_up_magnet("a").magnet, "--json"))["selected_node"] == "big"
    with closing(sqlite3.connect(fleet.parent / "qbdispatch.sqlite3")) as store:
        assert store.execute("SELECT retry_at FROM sessions WHERE node = 'big'").fetchone() == (None,)


@pytest.mark.usefixtures("fleet")
def test_check_finds_nothing_wrong_or_says_what(run: Run, node: ScriptedNode) -> None:
    """0 and a sentence, else 1 and each finding with its remedy."""
    node.save_path = "/elsewhere"
    assert run("check").stdout == "All well: nothing was found.\n"
    assert document(run("check", "--json")) == {"findings": []}
    node.close()
    shown = run("check", status=1).stdout
    assert "error node big: " in shown
    assert "  -> start qBittorrent, or correct the port" in shown
    (found,) = document(run("check", "--json", status=1))["findings"]
    assert found.keys() == {"severity", "code", "about", "seen", "remedy"}
    assert (found["severity"], found["code"]) == ("error", "connection_refused")


def test_all_faults_of_the_configuration_are_named(run: Run, configure: Configure) -> None:
    """3, on standard error or in JSON; so is a file that is not there."""
    assert "cannot be used" in run("nodes", status=3).stderr
    configure([{"name": "a", "url": "nothing", "pasword": "hunter2"}])
    shown = run("check", status=3).stderr
    assert "nodes[0].url" in shown
    assert "did you mean password" in shown
    assert len(document(run("check", "--json", status=3))["faults"]) == 2
    assert "hunter2" not in shown


def test_a_store_that_cannot_be_opened_is_named(run: Run, configure: Configure, tmp_path: Path) -> None:
    """4."""
    nodes = [{"name": "a", "url": "http://127.0.0.1:1"}]
    configure(nodes, database_url=f"sqlite:///{tmp_path / 'missing' / 'store'}")
    assert "does not exist; create it" in run("nodes", status=4).stderr
    assert document(run("decisions", "--json", status=4))["status"] == "failed"


@pytest.mark.usefixtures("fleet")
def test_no_command_leads_or_leaves_a_thread(run: Run, fleet: Path) -> None:
    """The service goes on as if nobody had called."""
    for arguments in (["nodes"], ["torrents"], ["decisions"], ["preview", made_up_magnet("a").magnet]):
        run(*arguments)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("leader", "watch", "chore"))]
    with closing(sqlite3.connect(fleet.parent / "qbdispatch.sqlite3")) as store:
        assert store.execute("SELECT count(*) FROM leases").fetchone() == (0,)


def test_a_decision_that_is_not_there_is_a_failure(run: Run, configure: Configure) -> None:
    """1, and how to find those that are."""
    configure([{"name": "a", "url": "http://127.0.0.1:1"}])
    assert "lists the newest" in run("decisions", "nix", status=1).stderr


@pytest.mark.parametrize("value", ["1", ""])
def test_colour_is_for_terminals_that_want_it(
    run: Run, fleet: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """Never in a pipe; on a terminal (`color=True` stands for one) unless NO_COLOR is set."""
    assert "\x1b[" not in run("nodes").stdout
    monkeypatch.setenv("NO_COLOR", value)
    assert ("\x1b[" in run("nodes", color=True).stdout) is (value == "")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("qbdispatch drain s", {"small"}),
        ("qbdispatch torrents --node ", {"big", "small"}),
        ("qbdispatch dra", {"drain"}),
    ],
)
def test_a_shell_completes_commands_and_nodes(fleet: Path, words: str, expected: set[str]) -> None:
    """From the configuration that QBDISPATCH_CONFIG names, without opening the store."""
    assert completed(words, fleet) == expected


def completed(words: str, config: Path) -> set[str]:
    """What the shell is offered for the last of these words, by the command itself."""
    environment = os.environ | {
        "_QBDISPATCH_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
        "QBDISPATCH_CONFIG": str(config),
    }
    done = subprocess.run(
        [sys.executable, "-m", "qbdispatch"], env=environment, capture_output=True, text=True, check=True
    )
    return {line.split(",")[1] for line in done.stdout.splitlines()}


def test_names_cannot_steer_the_terminal(run: Run, fleet: Path, node: ScriptedNode) -> None:
    """Control characters of a torrent's name are replaced."""
    _put(node, "plain")
    for row in node.torrents_by_hash.values():
        row["name"] = "evil\x1b]0;title\x07name"
    poll(fleet)
    shown = run("torrents").stdout
    assert "evil\N{REPLACEMENT CHARACTER}]0;title" in shown
    assert "\x1b" not in shown
